"""Users' texts are masked until revealed, secrets always."""

from __future__ import annotations

from typing import Any

import pytest

from spikes.console.masking import DEEPEST, SECRET, mask, masked, plain, pretty

NOTE = {
    "id": "0MZ4A1B2C3ABC",
    "title": "Divorce",
    "status": "New",
    "tags": ["0MZ4A1B2C3RED"],
    "due": None,
    "created": 7,
}


def test_users_texts_are_masked_and_ids_are_not() -> None:
    assert masked(NOTE) == {**NOTE, "title": mask("Divorce")}


def test_revealed_texts_are_shown_as_they_are() -> None:
    assert masked(NOTE, revealed=True) == NOTE


@pytest.mark.parametrize("name", ["password_hash", "token_hash"])
def test_secrets_are_not_revealed(name: str) -> None:
    assert masked({"sessions": [{name: "5f4dcc3b"}]}, revealed=True) == {"sessions": [{name: SECRET}]}


@pytest.mark.parametrize("value", ["my dear diary", "<b>", "x" * 41, "\u202e", "naïve", ""])
def test_what_only_claims_to_be_an_id_is_masked(value: str) -> None:
    assert masked({"id": value}) == {"id": mask(value)}


def test_names_of_fields_are_masked_where_they_are_texts() -> None:
    assert masked({"my dear diary": 1}) == {mask("my dear diary"): 1}


def test_what_nobody_declared_is_masked() -> None:
    assert masked(["loose", {"invented": "text", "deep": [["text"]]}]) == [
        mask("loose"),
        {"invented": mask("text"), "deep": [[mask("text")]]},
    ]


def test_endless_nesting_is_cut_off() -> None:
    nested: Any = "x"
    for _ in range(10 * DEEPEST):
        nested = [nested]
    assert "\u2026" in str(masked(nested))


def test_json_is_indented_and_escaped_by_templates_only() -> None:
    assert pretty({"a": "<script>"}) == '{\n  "a": "<script>"\n}'


def test_a_state_that_can_not_be_shown_is_named() -> None:
    assert plain(object())["type"] == "object"
