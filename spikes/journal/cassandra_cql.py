"""All the CQL there is: tables, indexes, and the statements that the journal runs (rules K of `docs/protocol.md`).

events      the streams, in buckets; written by conditional batches alone (K1, K3)
claims      unique values, and `commands` the client keys: conditional statements alone (K3, K7, K8)
intent      what a crash would leave half done (K6)
snapshot    the entity row by persistence id; `listing` the same row in each of its homes (K9)
buckets     which partitions a home has
feed        what happened lately, by whose feed it is in (K11)
"""

from __future__ import annotations

import enum
import functools
import uuid
from collections.abc import Mapping, Sequence

import msgspec


class Way(enum.Enum):
    """How a statement is sent: its consistency, and what may be done when no answer comes."""

    READ = "read"
    """At QUORUM; asked again as often as the settings say."""
    SERIAL = "serial"
    """A read that first finishes whatever conditional write is under way."""
    WRITE = "write"
    """At QUORUM, with its own timestamp, so that it may be sent again."""
    LWT = "lwt"
    """Conditional. Sent once; whoever gets no answer has to find out (K3, K4)."""


class Cql(msgspec.Struct, frozen=True):
    """One statement and how it is sent."""

    text: str
    way: Way


STREAM_BUCKET = 100_000
"""How many sequence numbers begin in one partition of a stream (rule K1)."""

INTENT_SHARDS = 64

FEED_TTL = 25 * 60 * 60
COMMAND_TTL = 49 * 60 * 60
"""Seconds until the store drops rows by itself; client keys are believed for a day, feeds are read for a day."""

_META_IDS = uuid.UUID("7d3a8a2e-5e0c-4f6b-9a55-1c7f0c1d5e10")


def meta_table(keyspace: str) -> str:
    """Return what creates the first table of a keyspace.

    Creations of a table with the same id are one table, so two processes at once can't tear it apart.
    """
    return f"{META_WITHOUT_ID} WITH id = {uuid.uuid5(_META_IDS, keyspace)}"


META_WITHOUT_ID = "CREATE TABLE IF NOT EXISTS meta (key text PRIMARY KEY, value text)"
"""For Astra, whose guardrails forbid the id."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE IF NOT EXISTS events (
            persistence_id text, bucket bigint, sequence_nr bigint,
            head bigint STATIC, epoch bigint STATIC,
            type text, metadata blob, payload blob, encoding text, key_id text, tags blob,
            taken frozen<list<blob>>, released frozen<list<blob>>,
            PRIMARY KEY ((persistence_id, bucket), sequence_nr))
        """,
        """
        CREATE TABLE IF NOT EXISTS claims (
            place blob, digest blob, kind text, holder text, stamp text, expected bigint,
            PRIMARY KEY (place, digest))
        """,
        """
        CREATE TABLE IF NOT EXISTS commands (
            id text PRIMARY KEY, holder text, stamp text, expected bigint, fingerprint blob, time bigint)
        """,
        """
        CREATE TABLE IF NOT EXISTS intent (
            shard int, minute bigint, id text, time bigint, attempts blob, PRIMARY KEY ((shard, minute), id))
        """,
        """
        CREATE TABLE IF NOT EXISTS snapshot (
            persistence_id text PRIMARY KEY,
            row_nr bigint, row_version int, digest blob, listed boolean, item blob, facts blob, places blob,
            sequence_nr bigint, state_version int, state blob, encoding text, key_id text)
        """,
        """
        CREATE TABLE IF NOT EXISTS listing (
            home text, bucket bigint, place blob, persistence_id text,
            gone boolean, sequence_nr bigint, state_version int, item blob, facts blob, terms set<text>,
            PRIMARY KEY ((home, bucket), place, persistence_id))
        WITH CLUSTERING ORDER BY (place DESC, persistence_id DESC)
        """,
        "CREATE CUSTOM INDEX IF NOT EXISTS listing_terms ON listing (VALUES(terms)) USING 'StorageAttachedIndex'",
        """
        CREATE TABLE IF NOT EXISTS buckets (home text, bucket bigint, PRIMARY KEY (home, bucket))
        WITH CLUSTERING ORDER BY (bucket DESC)
        """,
        f"""
        CREATE TABLE IF NOT EXISTS feed (
            home text, bucket bigint, position bigint, persistence_id text, sequence_nr bigint, event blob,
            PRIMARY KEY ((home, bucket), position, persistence_id, sequence_nr))
        WITH default_time_to_live = {FEED_TTL}
        """,
    ),
)
"""What each schema version adds to the one before; nothing is ever taken away (rule R4)."""

TABLES = ("events", "claims", "commands", "intent", "snapshot", "listing", "buckets", "feed")


def range_column(name: str) -> str:
    """Return the column of the listing that holds what lists ask ranges of."""
    return f"range_{name}"


def add_range(name: str) -> str:
    """Return what adds such a column; plainly, as not every Cassandra knows how to add it only if it is missing."""
    return f"ALTER TABLE listing ADD {range_column(name)} bigint"


def index_range(name: str) -> str:
    """Return what makes its index."""
    column = range_column(name)
    return f"CREATE CUSTOM INDEX IF NOT EXISTS listing_{column} ON listing ({column}) USING 'StorageAttachedIndex'"


def keyspace(name: str, datacenter: str, replication: int) -> str:
    """Return what creates the keyspace. Not for Astra, where only its console can."""
    return (
        f"CREATE KEYSPACE IF NOT EXISTS {name} WITH replication = "
        f"{{'class': 'NetworkTopologyStrategy', '{datacenter}': {replication}}}"
    )


_EVENT = "sequence_nr, type, metadata, payload, encoding, key_id, tags"
_LISTED = "place, persistence_id, gone, sequence_nr, item, facts"
_ROW = "row_nr, row_version, digest, listed, item, facts, places"
_SNAPSHOT = "sequence_nr, state_version, state, encoding, key_id"


def _marks(columns: str) -> str:
    return ", ".join("?" for _ in columns.split(","))


def statements(ranges: Sequence[str]) -> Mapping[str, Cql]:
    """Return every statement by name."""
    listing = "home, bucket, place, persistence_id, gone, sequence_nr, state_version, item, facts, terms"
    listing = ", ".join((listing, *map(range_column, ranges)))
    feed = "home, bucket, position, persistence_id, sequence_nr, event"
    put = "INSERT INTO {} ({}) VALUES ({}) USING TIMESTAMP ?".format
    stream = "persistence_id = ? AND bucket = ?"
    read, serial, write, lwt = (functools.partial(Cql, way=way) for way in (Way.READ, Way.SERIAL, Way.WRITE, Way.LWT))
    return {
        # -- streams
        "move_head": lwt(f"UPDATE events SET head = ? WHERE {stream} IF head = ? AND epoch = ?"),
        "put_event": lwt(
            f"INSERT INTO events (persistence_id, bucket, {_EVENT}, taken, released) "
            f"VALUES (?, ?, {_marks(_EVENT)}, ?, ?)"
        ),
        "bring_head": write(f"UPDATE events USING TIMESTAMP 1 SET head = ? WHERE {stream}"),
        "bring_event": write(
            f"INSERT INTO events (persistence_id, bucket, {_EVENT}, taken, released) "
            f"VALUES (?, ?, {_marks(_EVENT)}, ?, ?) USING TIMESTAMP 1"
        ),
        "fence": lwt(f"UPDATE events SET epoch = ? WHERE {stream} IF epoch = ?"),
        "head": read(f"SELECT head, epoch FROM events WHERE {stream} LIMIT 1"),
        "head_surely": serial(f"SELECT head, epoch FROM events WHERE {stream} LIMIT 1"),
        "events": read(f"SELECT {_EVENT} FROM events WHERE {stream} AND sequence_nr > ? LIMIT ?"),
        "metadata_surely": serial(f"SELECT metadata FROM events WHERE {stream} AND sequence_nr = ?"),
        "claimed": read(f"SELECT sequence_nr, taken, released FROM events WHERE {stream} AND sequence_nr > ? LIMIT ?"),
        "streams": read(
            "SELECT DISTINCT persistence_id, bucket, head FROM events WHERE token(persistence_id, bucket) > token(?, 0)"
        ),
        "all_streams": read("SELECT DISTINCT persistence_id, bucket, head FROM events"),
        # -- claims and client keys
        "take_claim": lwt(
            "INSERT INTO claims (place, digest, kind, holder, stamp, expected) VALUES (?, ?, ?, ?, ?, ?) IF NOT EXISTS"
        ),
        "take_over_claim": lwt(
            "UPDATE claims SET holder = ?, stamp = ?, expected = ? WHERE place = ? AND digest = ? "
            "IF holder = ? AND stamp = ?"
        ),
        "drop_claim": lwt("DELETE FROM claims WHERE place = ? AND digest = ? IF holder = ? AND stamp = ?"),
        "claim": serial("SELECT kind, holder, stamp, expected FROM claims WHERE place = ? AND digest = ?"),
        "claims": read("SELECT digest, holder FROM claims"),
        "take_command": lwt(
            "INSERT INTO commands (id, holder, stamp, expected, fingerprint, time) VALUES (?, ?, ?, ?, ?, ?) "
            f"IF NOT EXISTS USING TTL {COMMAND_TTL}"
        ),
        "take_over_command": lwt(
            f"UPDATE commands USING TTL {COMMAND_TTL} SET holder = ?, stamp = ?, expected = ?, fingerprint = ?, "
            "time = ? WHERE id = ? IF holder = ? AND stamp = ?"
        ),
        "drop_command": lwt("DELETE FROM commands WHERE id = ? IF holder = ? AND stamp = ?"),
        "command": serial("SELECT holder, stamp, expected, fingerprint, time FROM commands WHERE id = ?"),
        "commands": read("SELECT id, holder, stamp, time FROM commands"),
        # -- intents
        "put_intent": write("INSERT INTO intent (shard, minute, id, time, attempts) VALUES (?, ?, ?, ?, ?)"),
        "drop_intent": write("DELETE FROM intent WHERE shard = ? AND minute = ? AND id = ?"),
        "intents": read(
            "SELECT shard, minute, id, time, attempts FROM intent "
            f"WHERE shard IN ({', '.join(map(str, range(INTENT_SHARDS)))}) AND minute = ?"
        ),
        # -- rows
        "put_row": write(put("snapshot", f"persistence_id, {_ROW}", f"?, {_marks(_ROW)}")),
        "put_snapshot": write(put("snapshot", f"persistence_id, {_SNAPSHOT}", f"?, {_marks(_SNAPSHOT)}")),
        "put_row_and_snapshot": write(
            put("snapshot", f"persistence_id, {_ROW}, {_SNAPSHOT}", f"?, {_marks(_ROW)}, {_marks(_SNAPSHOT)}")
        ),
        "snapshot": read(f"SELECT {_SNAPSHOT}, row_nr, row_version FROM snapshot WHERE persistence_id = ?"),
        "row": read(
            f"SELECT {_ROW}, {_SNAPSHOT}, writetime(row_nr), writetime(sequence_nr) FROM snapshot "
            "WHERE persistence_id = ?"
        ),
        "standing": read("SELECT row_nr, row_version, places FROM snapshot WHERE persistence_id = ?"),
        "items": read("SELECT persistence_id, row_nr, listed, item FROM snapshot WHERE persistence_id IN ?"),
        "rows": read("SELECT persistence_id, row_nr, row_version, listed, facts, token(persistence_id) FROM snapshot"),
        "rows_after": read("SELECT persistence_id, row_version FROM snapshot WHERE token(persistence_id) > token(?)"),
        "put_listing": write(put("listing", listing, _marks(listing))),
        "listing": read(
            f"SELECT {_LISTED} FROM listing WHERE home = ? AND bucket = ? AND place = ? AND persistence_id = ?"
        ),
        "listings": read("SELECT home, bucket, place, persistence_id, gone, sequence_nr FROM listing"),
        "put_bucket": write("INSERT INTO buckets (home, bucket) VALUES (?, ?)"),
        "buckets": read("SELECT bucket FROM buckets WHERE home = ?"),
        # -- the feed
        "put_feed": write(f"INSERT INTO feed ({feed}) VALUES ({_marks(feed)})"),
        "feed": read(
            "SELECT position, persistence_id, sequence_nr, event FROM feed "
            "WHERE home = ? AND bucket = ? AND position > ? LIMIT ?"
        ),
        # -- the store
        "meta": serial("SELECT value FROM meta WHERE key = ?"),
        "put_meta": lwt("INSERT INTO meta (key, value) VALUES (?, ?) IF NOT EXISTS"),
        "change_meta": lwt("UPDATE meta SET value = ? WHERE key = ? IF value = ?"),
        "lock": lwt("INSERT INTO meta (key, value) VALUES ('lock', ?) IF NOT EXISTS USING TTL 120"),
        "unlock": lwt("DELETE FROM meta WHERE key = 'lock' IF value = ?"),
        "clock": read("SELECT toUnixTimestamp(now()) FROM system.local"),
    }


SETTING = Cql("SELECT value FROM system_views.settings WHERE name = ?", Way.READ)
"""Asks for one of a host's settings; not every Cassandra shows them."""


def listing_query(conditions: int, ranges: Sequence[tuple[str, str]], *, after: bool, ascending: bool) -> Cql:
    """Return the statement that reads one partition of a home.

    `conditions` is how many terms the rows must contain, `ranges` are columns with `>=` or `<=`. `after` begins behind
    a place. With any condition the order is the table's, newest first: an index can't be read the other way.
    """
    parts = ["home = ? AND bucket = ?"]
    if after:
        parts.append(f"(place, persistence_id) {'>' if ascending else '<'} (?, ?)")
    parts += ["terms CONTAINS ?"] * conditions
    parts += [f"{range_column(name)} {sign} ?" for name, sign in ranges]
    order = " ORDER BY place ASC, persistence_id ASC" if ascending else ""
    return Cql(f"SELECT {_LISTED} FROM listing WHERE {' AND '.join(parts)}{order} LIMIT ?", Way.READ)
