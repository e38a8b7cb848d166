"""Event types have chosen names and versions; what was ever stored can be read for good."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from spikes.journal.port import Metadata, StoredEvent
from spikes.persistence.codec import EventCodec, UndecodableEvent


class Created(msgspec.Struct, frozen=True):
    title: str
    stars: int
    tags: tuple[str, ...] = ()


class Removed(msgspec.Struct, frozen=True):
    pass


def with_stars(old: dict[str, Any]) -> dict[str, Any]:
    return {**old, "stars": 0}


def with_title(old: dict[str, Any]) -> dict[str, Any]:
    return {"title": old["name"], "stars": old["stars"]}


CODEC = EventCodec[Any](
    {"note-created@3": Created, "note-removed@1": Removed},
    {"note-created@1": ("note-created@2", with_stars), "note-created@2": ("note-created@3", with_title)},
)

GOLDEN = {
    ("note-created@1", b'{"name":"a"}'): Created("a", 0),
    ("note-created@2", b'{"name":"a","stars":5}'): Created("a", 5),
    ("note-created@3", b'{"title":"a","stars":5,"tags":["x"]}'): Created("a", 5, ("x",)),
    ("note-removed@1", b"{}"): Removed(),
}
"""The bytes of every version ever stored. They are never changed, only added to."""


def event(type_name: str, payload: bytes) -> StoredEvent:
    return StoredEvent(7, type_name, payload, Metadata(0, "a.0"))


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden[0])
def test_golden_bytes_are_read(golden: tuple[str, bytes]) -> None:
    assert CODEC.decode(event(*golden)) == GOLDEN[golden]


def test_present_events_are_written_as_golden_bytes() -> None:
    assert CODEC.encode(Created("a", 5, ("x",))) == ("note-created@3", b'{"title":"a","stars":5,"tags":["x"]}')
    assert CODEC.encode(Removed()) == ("note-removed@1", b"{}")


def test_every_readable_name_has_golden_bytes() -> None:
    assert {name for name, _ in GOLDEN} == set(CODEC.names)


def test_an_event_of_no_declared_class_is_not_encoded() -> None:
    with pytest.raises(TypeError, match="Metadata is not an event of this behaviour"):
        CODEC.encode(Metadata(0, ""))


@pytest.mark.parametrize(
    ("type_name", "payload"),
    [("note-created@4", b"{}"), ("note-created@1", b"{}"), ("note-created@1", b"[]"), ("note-removed@1", b"{")],
)
def test_what_cannot_be_decoded_is_named_by_number_and_type(type_name: str, payload: bytes) -> None:
    with pytest.raises(UndecodableEvent, match=f"event 7 of type '{type_name}' can't be decoded") as raised:
        CODEC.decode(event(type_name, payload))
    assert (raised.value.sequence_nr, raised.value.type_name) == (7, type_name)


def test_an_upcaster_that_raises_makes_the_event_undecodable() -> None:
    codec = EventCodec[Any]({"a@2": Removed}, {"a@1": ("a@2", lambda old: old["no"].such)})
    with pytest.raises(UndecodableEvent):
        codec.decode(event("a@1", b'{"no":1}'))


def test_a_version_without_upcaster_stops_the_start() -> None:
    with pytest.raises(ValueError, match="note-created@3 has no upcaster from note-created@2"):
        EventCodec[Any]({"note-created@3": Created}, {"note-created@1": ("note-created@3", with_stars)})


def test_a_chain_that_ends_nowhere_stops_the_start() -> None:
    with pytest.raises(ValueError, match="end at a@2, which is no present event type"):
        EventCodec[Any]({"b@1": Removed}, {"a@1": ("a@2", dict)})


def test_a_chain_that_runs_in_a_circle_stops_the_start() -> None:
    with pytest.raises(ValueError, match="circle"):
        EventCodec[Any]({"b@1": Removed}, {"a@1": ("c@1", dict), "c@1": ("a@1", dict)})


@pytest.mark.parametrize("name", ["created", "created@", "@1", "created@0", "created@01", "created@x", "cre ated@1"])
def test_a_name_without_a_version_stops_the_start(name: str) -> None:
    with pytest.raises(ValueError, match="named like 'note-created@1'"):
        EventCodec[Any]({name: Removed})


def test_a_present_type_with_an_upcaster_stops_the_start() -> None:
    with pytest.raises(ValueError, match="can only be one"):
        EventCodec[Any]({"a@1": Removed, "b@1": Created}, {"a@1": ("b@1", dict)})


def test_a_class_with_two_names_stops_the_start() -> None:
    with pytest.raises(ValueError, match="one name only"):
        EventCodec[Any]({"a@1": Removed, "b@1": Removed})
