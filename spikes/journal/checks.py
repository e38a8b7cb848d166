"""What every plugin checks in the same way before it touches its store."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from spikes.journal.errors import EventTooLarge, JournalError
from spikes.journal.port import MAX_EVENT_BYTES, AnyOf, Append, Condition, EntityRow, HasTerm, IndexPart, Query
from spikes.journal.port import RowSchema as Schema

_KIND = re.compile(r"(?!sqlite)[a-z][a-z0-9_-]{0,40}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
_INTEGERS = range(-(2**63), 2**63)


def kind_of(persistence_id: str) -> str:
    """Return the kind of entity that an id belongs to: what stands before the separator."""
    return persistence_id.partition("|")[0]


def by_kind(schemas: Sequence[Schema]) -> dict[str, Schema]:
    """Return the schemas by kind. Raises ValueError for a name that can't be one, or an index of unknown columns."""
    for schema in schemas:
        check_schema(schema)
    return {schema.kind: schema for schema in schemas}


def check_schema(schema: Schema) -> None:
    """Refuse names that no store could take: they become the names of tables and columns."""
    if not _KIND.fullmatch(schema.kind):
        raise ValueError(f"{schema.kind!r} can't be a kind: lower case letters, digits, - and _, please")
    for name in (*schema.columns, *schema.text):
        if not _NAME.fullmatch(name):
            raise ValueError(f"{schema.kind}: {name!r} can't be a column: lower case letters, digits and _, please")
    for name in schema.counted:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{schema.kind}: {name!r} can't be counted: lower case letters, digits and _, please")
    counted = (columns for lists in schema.counted.values() for columns in lists)
    for name in (name for columns in (*schema.indexes, schema.scope, *counted) for name in columns):
        if name not in schema.columns:
            raise ValueError(f"{schema.kind}: an index, the scope or a count names {name!r}, which is not a column")
    for name in schema.ranges:
        if schema.columns.get(name) != "integer":
            raise ValueError(f"{schema.kind}: ranges name {name!r}, which is not an integer column")
    for column in (schema.feed, *(home.column for home in schema.homes)):
        if column and column not in schema.columns:
            raise ValueError(f"{schema.kind}: a home or the feed names {column!r}, which is not a column")


def check_append(append: Append, schemas: Mapping[str, Schema]) -> None:
    """Refuse what never can be stored. Raises EventTooLarge, or JournalError for a row that its schema forbids."""
    for event in append.events:
        if len(event.payload) > MAX_EVENT_BYTES:
            raise EventTooLarge(append.persistence_id, len(event.payload), MAX_EVENT_BYTES)
    check_row(append.row, schemas)


def check_row(row: EntityRow, schemas: Mapping[str, Schema]) -> None:
    """Refuse a row with columns, types or texts that its schema doesn't declare, by a JournalError."""
    if row.index is None:
        return
    schema = schemas.get(kind_of(row.persistence_id))
    if schema is None:
        raise JournalError(f"{row.persistence_id}: no schema was declared for rows of this kind")
    _check_index(row.persistence_id, row.index, schema)


def _check_index(persistence_id: str, index: IndexPart, schema: Schema) -> None:
    columns = schema.columns
    for name, value in index.columns.items():
        declared = columns.get(name)
        if declared is None or not (value is None or _fits(value, declared)):
            raise JournalError(f"{persistence_id}: column {name} = {value!r} is not in the schema of {schema.kind}")
    for part, texts in index.search.items():
        if len(texts) != len(schema.text):
            raise JournalError(f"{persistence_id}: part {part!r} has {len(texts)} texts instead of {len(schema.text)}")


def _fits(value: object, declared: str) -> bool:
    if declared == "text":
        return isinstance(value, str)
    return isinstance(value, int) and value in _INTEGERS


def check_query(query: Query, schemas: Mapping[str, Schema]) -> Schema:
    """Return the schema of the queried kind. Raises ValueError that names what the schema doesn't have."""
    schema = schemas.get(query.kind)
    if schema is None:
        raise ValueError(f"no rows of kind {query.kind!r} are declared")
    _check_conditions(query.where, schema)
    if query.sort is not None:
        column_type(schema, query.sort.column)
    elif not query.text:
        raise ValueError("sorting by relevance needs a text to search for")
    if query.text and not schema.text:
        raise ValueError(f"rows of kind {query.kind!r} have no text to search")
    _check_cursor(query, schema)
    if query.offset not in range(2**63) or query.limit not in range(1, 2**31):
        raise ValueError(f"no list of kind {query.kind!r} has {query.limit} rows from {query.offset} on")
    return schema


def _check_conditions(conditions: Iterable[Condition], schema: Schema) -> None:
    for condition in conditions:
        if isinstance(condition, AnyOf):
            _check_conditions(condition.conditions, schema)
        elif not isinstance(condition, HasTerm):
            _check_value(schema, condition.column, condition.value)


def _check_cursor(query: Query, schema: Schema) -> None:
    if query.after is None:
        return
    if query.sort is not None:
        _check_value(schema, query.sort.column, query.after.value)
    elif not isinstance(query.after.value, int) or query.after.value not in _INTEGERS:
        raise ValueError("the cursor of a list by relevance has a whole number")


def _check_value(schema: Schema, column: str, value: object) -> None:
    declared = column_type(schema, column)
    if value is not None and not _fits(value, declared):
        raise ValueError(f"column {column!r} of {schema.kind!r} is of type {declared}; {value!r} is not")


def column_type(schema: Schema, column: str) -> str:
    """Return the declared type. Raises ValueError if there is no such column."""
    if column not in schema.columns:
        raise ValueError(f"rows of kind {schema.kind!r} have no column {column!r}")
    return schema.columns[column]


def check_total(kind: str, column: str, schemas: Mapping[str, Schema]) -> None:
    """Raises ValueError unless `column` is an integer column of a declared kind."""
    if kind not in schemas or schemas[kind].columns.get(column) != "integer":
        raise ValueError(f"rows of kind {kind!r} have no integer column {column!r}")
