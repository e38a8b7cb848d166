"""Decoding requests: what is right, and how everything wrong is named at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikes.domain.note.request import CreateNoteRequest, UpdateNoteRequest
from spikes.domain.user.request import LoginRequest, RegisterRequest, UpdateUserRequest
from spikes.domain.validation import Invalid, NotJson, Request, Rule, decode
from tests.domain.samples import NOW

REQUESTS = [RegisterRequest, LoginRequest, UpdateUserRequest, CreateNoteRequest, UpdateNoteRequest]


class Order(Request, frozen=True):
    """A request to try the decoder with."""

    item_name: str
    count: int = 1
    code: str | None = None

    rules: ClassVar[Mapping[str, Rule]] = {
        "item_name": Rule("not empty", lambda value, now: value != ""),
        "count": Rule("1 to 9", lambda value, now: 1 <= value <= 9, later=lambda value, now: value <= 5),
        "code": Rule("four characters", lambda value, now: len(value) == 4, secret=True),
    }


def problems(body: bytes, request_type: type[Request] = Order) -> dict[str, str]:
    with pytest.raises(Invalid) as raised:
        decode(request_type, body, "Order", NOW)
    return {error.field: error.error for error in raised.value.fields}


def test_a_right_request_is_decoded() -> None:
    assert decode(Order, b'{"itemName": "x", "count": 9}', "Order", NOW) == Order(item_name="x", count=9)


def test_every_bad_field_is_named_once() -> None:
    assert problems(b'{"count": "many", "code": "12345", "colour": "red"}') == {
        "Order.itemName": "missing",
        "Order.count": "invalid: many; right is 1 to 9",
        "Order.code": "invalid: ***; right is four characters",
        "Order.colour": "unknown field",
    }


def test_a_broken_rule_and_a_wrong_type_are_named_together() -> None:
    assert problems(b'{"itemName": "", "count": 1.5}') == {
        "Order.itemName": "invalid: ; right is not empty",
        "Order.count": "invalid: 1.5; right is 1 to 9",
    }


@pytest.mark.parametrize("code", ["12345", 12345, ["secret"], {"secret": 1}])
def test_a_secret_is_never_repeated(code: Any) -> None:
    assert "***" in problems(msgspec.json.encode({"itemName": "x", "code": code}))["Order.code"]


def test_a_null_where_none_may_be_is_invalid() -> None:
    assert problems(b'{"itemName": null}') == {"Order.itemName": "invalid: null; right is not empty"}


def test_a_null_keeps_every_rule_of_an_optional_field() -> None:
    assert decode(Order, b'{"itemName": "x", "code": null}', "Order", NOW).code is None


def test_a_shown_value_is_cut_at_100() -> None:
    assert (
        problems(msgspec.json.encode({"itemName": ["x" * 200]}))["Order.itemName"]
        == f'invalid: ["{"x" * 98}; right is not empty'
    )


def test_a_field_name_is_cut_and_a_flood_is_stopped() -> None:
    named = problems(msgspec.json.encode({"itemName": "x"} | {f"{number:0200}": 1 for number in range(1000)}))
    assert len(named) <= 101
    assert max(map(len, named)) <= 106


def test_what_the_entity_judges_is_named_only_with_others() -> None:
    assert decode(Order, b'{"itemName": "x", "count": 7}', "Order", NOW).count == 7
    assert set(problems(b'{"itemName": "", "count": 7}')) == {"Order.itemName", "Order.count"}


def test_the_last_of_two_equal_keys_counts() -> None:
    assert decode(Order, b'{"itemName": 5, "itemName": "x"}', "Order", NOW) == Order(item_name="x")
    assert set(problems(b'{"itemName": "x", "itemName": 5}')) == {"Order.itemName"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is not JSON"),
        (b"{", "the body is not JSON"),
        (b"nope", "the body is not JSON"),
        (b'{"itemName": "x"} {}', "trailing characters"),
        (b'{"itemName": 5, "count": }', "the body is not JSON"),
        (b'{"itemName": 5} x', "trailing characters"),
        (b"[]", "one JSON object"),
        (b'"x"', "one JSON object"),
        (b"null", "one JSON object"),
        (b'{"itemName": "\xff"}', "not UTF-8"),
        (b'{"itemName": 5, "code": "\xff"}', "not UTF-8"),
        (b'{"itemName": "\\ud800 is half"}', "surrogate"),
        (b'{"itemName": "\\udc00 is half"}', "surrogate"),
        (b'{"itemName": ' + b"[" * 100_000, "nested too deeply"),
        (b'{"more": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'\xef\xbb\xbf{"itemName": "x"}', "the body is not JSON"),
    ],
)
def test_what_is_no_json_object_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(NotJson, match=message):
        decode(Order, body, "Order", NOW)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@pytest.mark.parametrize("request_type", REQUESTS)
@given(data=st.data())
def test_any_json_is_decoded_or_refused(request_type: type[Request], data: st.DataObject) -> None:
    names = [field.encode_name for field in msgspec.structs.fields(request_type)]
    body = msgspec.json.encode(data.draw(st.dictionaries(st.sampled_from(names) | st.text(), json_values)))
    try:
        decode(request_type, body, "X", NOW)
    except Invalid as invalid:
        fields = [error.field for error in invalid.fields]
        assert fields
        assert len(fields) == len(set(fields))


@given(st.binary(max_size=50))
def test_any_bytes_are_decoded_or_refused(body: bytes) -> None:
    with pytest.raises((Invalid, NotJson)):
        decode(Order, body, "Order", NOW)
