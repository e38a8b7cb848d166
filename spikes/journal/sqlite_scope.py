"""The columns that narrow most searches, as words beside each text: whose it is is then found in the same pass.

A word is made of a column's name and value, by a digest: no text that people write or search for is like it.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping

from spikes.journal.port import AnyOf, Condition, Equal, RowSchema

COLUMN = "scope"
"""The column of the full text index that holds these words."""


def scope_text(schema: RowSchema, columns: Mapping[str, str | int | None]) -> str:
    """Return the words of one row."""
    return " ".join(scope_word(name, columns.get(name)) for name in schema.scope)


def part_text(scope: str, part: str) -> str:
    """Return the words of one part: those of its row, and for all parts but the first a word that tells them apart."""
    return f"{scope} {FURTHER}" if part else scope


@functools.lru_cache(4096, typed=True)
def scope_word(column: str, value: str | int | None) -> str:
    """Return the word for a column that has this value."""
    return "s" + hashlib.blake2b(f"{column}\0{value!r}".encode(), digest_size=10).hexdigest()


FURTHER = scope_word("part", 1)


def scope_match(schema: RowSchema, where: Iterable[Condition]) -> tuple[list[tuple[Condition, str]], list[Condition]]:
    """Return the conditions that can be part of a full text query, each in its language too, and the rest of them."""
    inside: list[tuple[Condition, str]] = []
    rest: list[Condition] = []
    for condition in where:
        text = _match(schema, condition)
        if text is None:
            rest.append(condition)
        else:
            inside.append((condition, text))
    return inside, rest


def _match(schema: RowSchema, condition: Condition) -> str | None:
    match condition:
        case Equal(column, value) if column in schema.scope:
            return f"{COLUMN} : {scope_word(column, value)}"
        case AnyOf(conditions) if conditions:
            texts = [_match(schema, each) for each in conditions]
            return None if None in texts else f"({' OR '.join(text for text in texts if text)})"
        case _:
            return None
