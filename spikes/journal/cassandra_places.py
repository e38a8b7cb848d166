"""Where a row stands: its homes, partition and place in each, and the terms by which it is found there (rule K9)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from spikes.journal.port import EntityRow, Home, IndexPart, RowSchema
from spikes.journal.words import words

MOST_WORDS = 4_096
"""The most different words of a row that searches find it by: those that come first, title before body and comments."""

LONGEST_WORD = 100
"""Characters of a word that are compared; an index takes no longer terms."""

UNVALUED = -(2**63)
"""The bucket of rows without a value in the column that orders a home, and what stands for no value in a range."""

_SIGN = 1 << 63


class Place(msgspec.Struct, frozen=True, array_like=True):
    """One row's place in one home: the partition, and the key by which the partition is ordered."""

    home: str
    bucket: int
    key: bytes


class Facts(msgspec.Struct, frozen=True, array_like=True):
    """What conditions are checked against: the columns that have a value, and the terms."""

    columns: Mapping[str, str | int]
    terms: tuple[tuple[str, str], ...]

    def part(self) -> IndexPart:
        """Return them in the form that conditions ask."""
        return IndexPart(self.columns, b"", self.terms)


encode = msgspec.json.Encoder().encode
decode_places = msgspec.json.Decoder(tuple[Place, ...]).decode
decode_facts = msgspec.json.Decoder(Facts).decode


def facts_of(index: IndexPart) -> Facts:
    """Return what is kept of an index part for conditions."""
    columns = {name: value for name, value in sorted(index.columns.items()) if value is not None}
    return Facts(columns, tuple(sorted(set(index.terms))))


def home_name(kind: str, home: Home, value: str | int | None = None) -> str:
    """Return the name of a home: the kind, what decides who stands in it, and the column that orders it."""
    if home.column is None and home.term is None:
        return f"{kind}<{home.order}"
    sort = home.column if home.term is None else f"*{home.term}"
    return f"{kind}|{sort}={value if home.value is None else home.value}<{home.order}"


def places(kind: str, schema: RowSchema, index: IndexPart | None) -> tuple[Place, ...]:
    """Return where a row with this index part stands, in order and each once; nowhere if it is not listed."""
    if index is None:
        return ()
    found = (place for home in schema.homes for place in _in_home(kind, home, index))
    return tuple(sorted(set(found), key=lambda place: (place.home, place.bucket, place.key)))


def _in_home(kind: str, home: Home, index: IndexPart) -> Iterable[Place]:
    for value in _values(home, index):
        order = index.columns.get(home.order)
        yield Place(home_name(kind, home, value), bucket_of(home, order), key_of(order))


def _values(home: Home, index: IndexPart) -> Iterable[str | int | None]:
    if home.term is not None:
        return sorted({value for name, value in index.terms if name == home.term})
    if home.column is None:
        return (None,)
    value = index.columns.get(home.column)
    return () if value is None or home.value not in (None, value) else (value,)


def bucket_of(home: Home, order: str | int | None) -> int:
    """Return the partition of a home in which rows of this value stand."""
    if order is None:
        return UNVALUED
    return order // home.span if home.span and isinstance(order, int) else 0


def key_of(order: str | int | None) -> bytes:
    """Return bytes that are ordered as the values are."""
    if order is None:
        return b""
    return (order + _SIGN).to_bytes(8, "big") if isinstance(order, int) else order.encode("utf-8", "surrogatepass")


def value_of(key: bytes, bucket: int, declared: str) -> str | int | None:
    """Return the value that a key was made of."""
    if bucket == UNVALUED:
        return None
    return int.from_bytes(key, "big") - _SIGN if declared == "integer" else key.decode("utf-8", "surrogatepass")


# -------------------------------------------------------------------------------------------------------------- terms


def equality_columns(schema: RowSchema) -> frozenset[str]:
    """Return the columns that lists are narrowed by to one value: those that stand before the last in an index."""
    return frozenset(column for index in schema.indexes for column in index[:-1])


def column_term(column: str, value: str | int | None) -> str:
    """Return the indexed term for a value of a column, or for having none."""
    return f"c:{column}" if value is None else f"c:{column}={value}"


def term_term(name: str, value: str) -> str:
    """Return the indexed term for one of a row's terms."""
    return f"t:{name}={value}"


def word_term(word: str) -> str:
    """Return the indexed term for a word of the row's text."""
    return f"w:{word[:LONGEST_WORD]}"


def indexed_terms(schema: RowSchema, index: IndexPart) -> set[str]:
    """Return everything that an index finds the row by."""
    found = {column_term(name, index.columns.get(name)) for name in equality_columns(schema)}
    found.update(term_term(name, value) for name, value in index.terms)
    found.update(word_term(word) for word in _first_words(index))
    return found


def _first_words(index: IndexPart) -> Iterable[str]:
    found: dict[str, None] = {}
    for part in sorted(index.search):
        for text in index.search[part]:
            found.update(dict.fromkeys(words(text)))
        if len(found) >= MOST_WORDS:
            break
    return list(found)[:MOST_WORDS]


def ranged_values(ranges: Sequence[str], index: IndexPart | None) -> list[int]:
    """Return the values of the columns that lists ask ranges of, of all kinds."""
    columns = index.columns if index is not None else {}
    values = (columns.get(name) for name in ranges)
    return [value if isinstance(value, int) else UNVALUED for value in values]


# --------------------------------------------------------------------------------------------------- versions of rows


REVISIONS = 16


def timestamp(sequence_nr: int, state_version: int, revision: int = 0) -> int:
    """Return the timestamp of a row's cells: the newer version wins, whenever it is written (rule R2).

    `revision` tells apart rows of one version, which by R1 are the same: only what mends a damaged one raises it.
    """
    return (sequence_nr << 20) | (state_version << 4) | revision


def digest(row: EntityRow) -> bytes:
    """Return what two rows of one version are compared by: everything that lists and searches are made of."""
    index = row.index
    shown = None if index is None else (facts_of(index), index.item, sorted(index.search.items()))
    return hashlib.sha256(msgspec.msgpack.encode(shown)).digest()
