"""Slugs."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikes.domain.slug import is_slug, slug_of, with_suffix
from spikes.domain.times import EARLIEST, LATEST
from tests.domain.samples import NOTE, NOW

titles = st.text(max_size=255)
times = st.integers(EARLIEST, LATEST)


@given(times, titles)
def test_a_slug_has_only_letters_digits_hyphens(created: int, title: str) -> None:
    slug = slug_of(created, title, NOTE)
    assert re.fullmatch(r"[0-9]{8}(-[a-z0-9]+)+", slug)
    assert len(slug) <= 80


@given(times, titles)
def test_slugs_are_known_as_such_with_or_without_suffix(created: int, title: str) -> None:
    slug = slug_of(created, title, NOTE)
    assert is_slug(slug)
    assert is_slug(with_suffix(slug, NOTE))


@given(titles)
def test_case_does_not_matter_to_ascii(title: str) -> None:
    ascii_title = title.encode("ascii", "ignore").decode()
    assert slug_of(NOW, ascii_title.upper(), NOTE) == slug_of(NOW, ascii_title, NOTE)


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("My first note", "my-first-note"),
        ("  C'est  déjà l'été!  ", "c-est-deja-l-ete"),
        ("Straße, Smørrebrød & Ærø", "strasse-smoerrebroed-aeroe"),
        ("STRAẞE", "strasse"),
        ("a--b__c", "a-b-c"),
        ("e\u0301 decomposed", "e-decomposed"),
        ("İstanbul", "istanbul"),
        ("\uff12\uff10\uff12\uff16 \ufb01ne", "2026-fine"),
        ("\u210cello", "hello"),
        ("日本語", NOTE.lower()),
        ("日本語 2", "2"),
        ("!?", NOTE.lower()),
    ],
)
def test_a_slug_is_the_date_and_the_words(title: str, words: str) -> None:
    assert slug_of(NOW, title, NOTE) == f"20261123-{words}"


def test_a_long_slug_is_cut_at_80() -> None:
    assert slug_of(NOW, "x" * 255, NOTE) == "20261123-" + "x" * 71


def test_a_cut_leaves_no_hyphen_behind() -> None:
    assert slug_of(NOW, "x" * 70 + " y", NOTE) == "20261123-" + "x" * 70


def test_the_suffix_is_the_end_of_the_id() -> None:
    assert with_suffix("20261123-x", NOTE) == "20261123-x-3abc"


@pytest.mark.parametrize(
    "text", ["", "20261123", "20261123-", "2026-x", "20261123-X", "20261123-a--b", NOTE, "20261123-" + "x" * 77]
)
def test_other_texts_are_no_slugs(text: str) -> None:
    assert not is_slug(text)
