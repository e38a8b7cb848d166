"""The rules of fields: both sides of every limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from spikes.domain import rules
from spikes.domain.times import from_rfc3339
from tests.domain.samples import NOTE, NOW

Rule = Callable[[Any, int], bool]

EMAIL_64 = "x" * 64
DOMAIN = ".".join(["d" * 63, "d" * 63, "d" * 57, "org"])
RIGHT: list[tuple[Rule, Any]] = [
    (rules.is_name, "a"),
    (rules.is_name, "x" * 100),
    (rules.is_name, "Ann-Marie O'Hara d\u2019Arc"),
    (rules.is_name, "Zoë Žižek"),
    (rules.is_name, "Zoe\u0308"),
    (rules.is_name, "मोहन"),
    (rules.is_name, "王小明"),
    (rules.is_email, "a@b.co"),
    (rules.is_email, "first.last+tag@sub.example.org"),
    (rules.is_email, "o'hara!#$%&*/=?^_`{|}~-@example.org"),
    (rules.is_email, f"{EMAIL_64}@example.org"),
    (rules.is_email, f"{EMAIL_64}@{DOMAIN}"),
    (rules.is_email, "a@xn--bcher-kva.example"),
    (rules.is_password, "Passw0r#"),
    (rules.is_password, "Pw0#" + "x" * 124),
    (rules.is_password, "Ä b c 9 - ü"),
    (rules.is_born, "2017-11-23"),
    (rules.is_born, "1900-01-01"),
    (rules.is_born, "2016-02-29"),
    (rules.is_bio, ""),
    (rules.is_bio, "x" * 2000),
    (rules.is_title, "x"),
    (rules.is_title, " x "),
    (rules.is_title, "😀" * 255),
    (rules.is_body, ""),
    (rules.is_body, "x" * 65_536),
    (rules.is_body, "é" * 32_768),
    (rules.is_tag_title, "x" * 50),
    (rules.is_tag_title, "😀" * 50),
    (rules.is_relation_title, "x" * 100),
    (rules.is_comment_body, ""),
    (rules.is_comment_body, "x" * 8_192),
    (rules.is_comment_body, "é" * 4_096),
    (rules.is_color, "000000"),
    (rules.is_color, "fFaA09"),
    (rules.are_stars, 0),
    (rules.are_stars, 5),
    (rules.is_version, 1),
    (rules.is_id, NOTE),
    (rules.is_id, NOTE.lower()),
    (rules.are_tags, []),
    (rules.are_tags, [f"{number:013}" for number in range(50)]),
    (rules.are_tags, [NOTE, NOTE.lower()] * 50),
    (rules.is_time, "2026-11-23T10:00:00"),
    (rules.is_future, "2026-11-23T10:00:00.001Z"),
]
WRONG: list[tuple[Rule, Any]] = [
    (rules.is_name, ""),
    (rules.is_name, "x" * 101),
    (rules.is_name, " "),
    (rules.is_name, "-'"),
    (rules.is_name, "Ann2"),
    (rules.is_name, "Ann\tB"),
    (rules.is_name, "Ann_B"),
    (rules.is_name, "Ann\0"),
    (rules.is_email, ""),
    (rules.is_email, "a.b.co"),
    (rules.is_email, "a@b"),
    (rules.is_email, "@b.co"),
    (rules.is_email, "a@"),
    (rules.is_email, "a@@b.co"),
    (rules.is_email, "a@b@c.co"),
    (rules.is_email, "a b@c.co"),
    (rules.is_email, ".a@b.co"),
    (rules.is_email, "a.@b.co"),
    (rules.is_email, "a..b@c.co"),
    (rules.is_email, "a@b..co"),
    (rules.is_email, "a@-b.co"),
    (rules.is_email, "a@b-.co"),
    (rules.is_email, "a@127.0.0.1"),
    (rules.is_email, "a@b.co\n"),
    (rules.is_email, "a\0@b.co"),
    (rules.is_email, "é@b.co"),
    (rules.is_email, f"{EMAIL_64}x@example.org"),
    (rules.is_email, f"a@{'d' * 64}.org"),
    (rules.is_email, f"{EMAIL_64}@{DOMAIN}".replace(".org", "d.org")),
    (rules.is_password, "Passw0#"),
    (rules.is_password, "Pw0#" + "x" * 125),
    (rules.is_password, "passw0r#"),
    (rules.is_password, "PASSW0R#"),
    (rules.is_password, "Password#"),
    (rules.is_password, "Passw0rd"),
    (rules.is_password, "Passw0rd#\0"),
    (rules.is_born, "2017-11-24"),
    (rules.is_born, "2030-01-01"),
    (rules.is_born, "1990-02-30"),
    (rules.is_born, "1990-2-3"),
    (rules.is_born, "19900203"),
    (rules.is_born, "1990-02-03T00:00"),
    (rules.is_born, "0000-01-01"),
    (rules.is_born, ""),
    (rules.is_bio, "x" * 2001),
    (rules.is_bio, "\0"),
    (rules.is_title, ""),
    (rules.is_title, " \t\n"),
    (rules.is_title, "x" * 256),
    (rules.is_title, "x\0"),
    (rules.is_body, "x" * 65_537),
    (rules.is_body, "é" * 32_768 + "x"),
    (rules.is_body, "\0"),
    (rules.is_tag_title, ""),
    (rules.is_tag_title, " "),
    (rules.is_tag_title, "x" * 51),
    (rules.is_tag_title, "x\0"),
    (rules.is_relation_title, ""),
    (rules.is_relation_title, "\t"),
    (rules.is_relation_title, "x" * 101),
    (rules.is_comment_body, "x" * 8_193),
    (rules.is_comment_body, "é" * 4_096 + "x"),
    (rules.is_comment_body, "\0"),
    (rules.is_color, ""),
    (rules.is_color, "00000"),
    (rules.is_color, "0000000"),
    (rules.is_color, "#00000"),
    (rules.is_color, "00000g"),
    (rules.is_color, "000000\n"),
    (rules.is_color, "\u0660" * 6),
    (rules.are_stars, -1),
    (rules.are_stars, 6),
    (rules.is_version, 0),
    (rules.is_version, -1),
    (rules.is_id, "x"),
    (rules.are_tags, ["x"]),
    (rules.are_tags, [f"{number:013}" for number in range(51)]),
    (rules.is_time, "tomorrow"),
    (rules.is_future, "2026-11-23T10:00:00.000Z"),
    (rules.is_future, "tomorrow"),
]


@pytest.mark.parametrize(("rule", "value"), RIGHT)
def test_what_keeps_the_rule_is_taken(rule: Rule, value: Any) -> None:
    assert rule(value, NOW)


@pytest.mark.parametrize(("rule", "value"), WRONG)
def test_what_breaks_the_rule_is_refused(rule: Rule, value: Any) -> None:
    assert not rule(value, NOW)


def test_the_longest_email_has_254_characters() -> None:
    assert len(f"{EMAIL_64}@{DOMAIN}") == 254


def test_the_ninth_birthday_counts_by_utc() -> None:
    birthday = from_rfc3339("2026-11-24T00:00:00Z")
    assert rules.is_born("2017-11-24", birthday)
    assert not rules.is_born("2017-11-24", birthday - 1)


def test_one_born_on_leap_day_is_nine_in_march() -> None:
    assert not rules.is_born("2016-02-29", from_rfc3339("2025-02-28T23:59:59Z"))
    assert rules.is_born("2016-02-29", from_rfc3339("2025-03-01T00:00:00Z"))
