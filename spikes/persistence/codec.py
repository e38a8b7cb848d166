"""Events to bytes and back: chosen names with versions, and upcasters from old versions to the present one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from spikes.journal.port import StoredEvent

E = TypeVar("E")

_NAME = re.compile(r"[^@\s]+@[1-9][0-9]*", re.ASCII)

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]


class UndecodableEvent(Exception):
    """A stored event can't be read: its type is unknown, or its payload does not fit (never skipped)."""

    def __init__(self, sequence_nr: int, type_name: str, problem: str) -> None:
        super().__init__(f"event {sequence_nr} of type {type_name!r} can't be decoded: {problem}")
        self.sequence_nr = sequence_nr
        self.type_name = type_name


class EventCodec(Generic[E]):
    """The event types of one behaviour.

    `types` maps the present name and version (`note-created@2`) to its class; `upcasters` maps every older one
    (`note-created@1`) to the next name in its chain and a function from the old JSON object to the next one.
    Raises ValueError at once if a name is malformed, a class stands twice, or a chain ends nowhere.
    """

    def __init__(
        self,
        types: Mapping[str, type[E]],
        upcasters: Mapping[str, tuple[str, Upcaster]] | None = None,
    ) -> None:
        self._upcasters = dict(upcasters or {})
        self._names: dict[type[E], str] = {cls: name for name, cls in types.items()}
        self._decoders = {name: msgspec.json.Decoder(cls) for name, cls in types.items()}
        self._types = dict(types)
        self._encoder = msgspec.json.Encoder()
        if len(self._names) != len(types):
            raise ValueError("an event class must have one name only")
        for name in (*types, *self._upcasters):
            self._check_name(name)
        for name in self._upcasters:
            self._chain(name)

    @property
    def names(self) -> tuple[str, ...]:
        """All type names that can be read: the present ones, then those with an upcaster."""
        return (*self._types, *self._upcasters)

    def encode(self, event: E) -> tuple[str, bytes]:
        """Return the type name and the payload; raises TypeError for an event of an undeclared class."""
        name = self._names.get(type(event))
        if name is None:
            raise TypeError(f"{type(event).__name__} is not an event of this behaviour; declare it in its EventCodec")
        return name, self._encoder.encode(event)

    def decode(self, stored: StoredEvent) -> E:
        """Return the event in its present form; raises UndecodableEvent."""
        decoder = self._decoders.get(stored.type)
        try:
            if decoder is None or stored.encoding is not None:
                return self._decode_other(stored)
            return decoder.decode(stored.payload)
        except Exception as problem:  # an upcaster may raise anything
            raise UndecodableEvent(stored.sequence_nr, stored.type, str(problem) or repr(problem)) from problem

    def _decode_other(self, stored: StoredEvent) -> E:
        if stored.encoding is not None:
            raise ValueError(f"its encoding {stored.encoding!r} is not known here")
        if stored.type not in self._upcasters:
            raise ValueError(f"the known types are {', '.join(sorted(self.names))}")
        name, content = stored.type, msgspec.json.decode(stored.payload, type=dict[str, Any])
        while name in self._upcasters:
            name, upcaster = self._upcasters[name]
            content = upcaster(content)
        return msgspec.convert(content, self._types[name])

    def _chain(self, start: str) -> None:
        seen, name = {start}, start
        while name in self._upcasters:
            name = self._upcasters[name][0]
            if name in seen:
                raise ValueError(f"the upcasters of {start} run in a circle")
            seen.add(name)
        if name not in self._types:
            raise ValueError(f"the upcasters of {start} end at {name}, which is no present event type")

    def _check_name(self, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"an event type is named like 'note-created@1', not {name!r}")
        base, _, version = name.partition("@")
        if name in self._types and name in self._upcasters:
            raise ValueError(f"{name} is a present event type and has an upcaster; it can only be one")
        if int(version) > 1 and f"{base}@{int(version) - 1}" not in self._upcasters:
            raise ValueError(f"{name} has no upcaster from {base}@{int(version) - 1}: events stored then can't be read")
