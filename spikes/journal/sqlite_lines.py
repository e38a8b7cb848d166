"""From appends to the lines of the inbox: what goes where, without a look at the store.

An append has one line with everything, one more for each further event, and one for each search part that changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter

from msgspec.structs import astuple

from spikes.journal.checks import kind_of
from spikes.journal.port import Append, EntityRow, RowSchema, StoredEvent
from spikes.journal.sqlite_append import encode
from spikes.journal.sqlite_inbox import Line
from spikes.journal.sqlite_rows import encoded_terms
from spikes.journal.sqlite_search import UNLISTED, digest_of, indexed_texts, text_columns

_NO_EVENT: Line = (None,) * 9
_NO_CLAIMS: Line = (None,) * 4
_NO_COMMAND: Line = (None,) * 2
_NO_SNAPSHOT: Line = (None,) * 5
_NO_ROW: Line = (None,) * 9
_NO_PART: Line = (None,) * 2

_age = itemgetter(0)  # ids of entities mostly grow with time


class Clerk:
    """Writes the lines of appends, with room for so many columns and texts in each."""

    def __init__(self, schemas: Sequence[RowSchema], columns: int, texts: int) -> None:
        self._forms = {each.kind: _Form(each, columns, texts) for each in schemas}
        self._no_form = (None,) * (columns + texts)

    def lines(self, appends: Sequence[Append]) -> list[Line] | None:
        """Return the lines of a group, in order; None if there are none for one of it."""
        lines: list[Line] = []
        parts: list[Line] = []
        for append in appends:
            if not self._write(append, lines, parts):
                return None
        if not parts:
            return lines
        if len({append.persistence_id for append in appends}) < len(appends):
            return None  # The parts of an entity are for its last row, whichever that is.
        # Last, and by age: the full text index writes out what it has gathered when an older text follows a newer one.
        return lines + sorted(parts, key=_age)

    def _write(self, append: Append, lines: list[Line], parts: list[Line]) -> bool:
        persistence_id, number, row = append.persistence_id, append.expected_sequence_nr, append.row
        if row.persistence_id != persistence_id or row.sequence_nr != append.sequence_nr:
            return False
        claims = _claims(append)
        form = self._forms.get(kind_of(persistence_id))
        listing = form.listing(append, parts) if form else (None, row.sequence_nr, *_NO_ROW[2:], *self._no_form)
        if claims is None or listing is None:
            return False
        key = append.command
        command: Line = (key.id, key.fingerprint) if key else _NO_COMMAND
        snapshot = astuple(row.snapshot) if row.snapshot else _NO_SNAPSHOT
        first = append.events[0]
        lines.append((persistence_id, number, *_event(first), *claims, *command, *snapshot, *listing))
        for event in append.events[1:]:
            number += 1
            nothing = _NO_CLAIMS + _NO_COMMAND + _NO_SNAPSHOT + _NO_ROW + self._no_form
            lines.append((persistence_id, number, *_event(event), *nothing))
        return first.sequence_nr == append.expected_sequence_nr + 1 and append.events[-1].sequence_nr == number + 1


class _Form:
    """What the lines of one kind of row have in which place."""

    def __init__(self, schema: RowSchema, columns: int, texts: int) -> None:
        self._kind = schema.kind
        self._columns = tuple(schema.columns)
        self._schema = schema
        self._no_columns = (None,) * columns
        self._no_more_columns = (None,) * (columns - len(schema.columns))
        self._no_texts: Line = (None,) * texts
        self._no_more_texts = (None,) * (texts - len(text_columns(schema)))

    def listing(self, append: Append, parts: list[Line]) -> Line | None:
        """Return the part of a line that is the row; add the lines of further search parts to `parts`."""
        row = append.row
        index = row.index or UNLISTED
        base = None
        first, texts = _NO_PART, self._no_texts
        if self._schema.text:
            search = indexed_texts(self._schema, index)
            changed = iter(search) if append.expected_sequence_nr == 0 else _changed(row)
            if changed is None:
                return None
            if append.expected_sequence_nr == 0 and search:
                part = next(changed)
                first, texts = (part, digest_of(search[part])), (*search[part], *self._no_more_texts)
            parts += [self._part(row, part, search.get(part)) for part in changed]
            base = index.base.sequence_nr if index.base else None
        terms = encoded_terms(row.index)
        if "\\u0000" in terms:
            return None  # which SQLite's JSON functions take for the end of the text
        columns = index.columns
        return (
            self._kind,
            row.sequence_nr,
            row.state_version,
            base,
            int(row.index is not None),
            terms,
            index.item if row.index else None,
            *first,
            *[columns.get(name) for name in self._columns],
            *self._no_more_columns,
            *texts,
        )

    def _part(self, row: EntityRow, part: str, texts: tuple[str, ...] | None) -> Line:
        """Return the line of a part, which goes if it has no texts any more."""
        return (
            row.persistence_id,
            *_NO_EVENT[1:],
            *(_NO_CLAIMS + _NO_COMMAND + _NO_SNAPSHOT),
            self._kind,
            *_NO_ROW[3:],
            part,
            digest_of(texts) if texts else None,
            *self._no_columns,
            *((*texts, *self._no_more_texts) if texts else self._no_texts),
        )


def _claims(append: Append) -> Line | None:
    """Return two claims to take and two to release; None if there are more."""
    take, release = append.take, append.release
    if not (take or release):
        return _NO_CLAIMS
    if len(take) > 2 or len(release) > 2:
        return None
    taken = [claim.digest for claim in take]
    released = [claim.digest for claim in release]
    return (*taken, *_NO_CLAIMS[len(taken) + 2 :], *released, *_NO_CLAIMS[len(released) + 2 :])


def _event(event: StoredEvent) -> Line:
    metadata, tags = event.metadata, event.tags
    return (
        event.type,
        metadata.time,
        encode(metadata).decode(),
        event.payload,
        event.encoding,
        event.key_id,
        encode(tags).decode() if tags else None,
    )


def _changed(row: EntityRow) -> Iterator[str] | None:
    """Return the search parts that are to be written if the stored row is the one that the hint speaks of."""
    index = row.index
    if index is None:
        return iter(())  # All parts go, without being named.
    if index.base is None or index.base.state_version != row.state_version or index.changed is None:
        return None
    return iter(index.changed)
