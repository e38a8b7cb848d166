"""Where a Cassandra is, what is kept where on it, and how it is talked to: the URL of a journal, read.

    cassandra://db1,db2:9142,[::1]/spikes?dc=paris&scope=local      hosts with their ports, a keyspace, options
    astra:///path/secure-connect.zip?keyspace=spikes                Astra by its bundle; four slashes begin at the root

No driver is needed here, so a wrong URL is told before one is looked for.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import unquote

import msgspec

from spikes.journal.errors import JournalUnusable
from spikes.kinds import Kind, address, choice, matching, number, switch
from spikes.settings import without_credentials

PORT = 9042
"""Where a Cassandra listens unless told."""

KEYSPACE = "spikes"
"""The keyspace on Astra unless told."""

RIGHT = "cassandra://host1,host2:9042/spikes would be right"
RIGHT_ASTRA = "astra:///path/secure-connect.zip?keyspace=spikes would be right"

Host = tuple[str, int]
"""A name or an IP address, and a port."""


class Credentials(msgspec.Struct, frozen=True):
    """By what a service is known to its Cassandra. On Astra: client id and secret, or `token` and the token."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials(username={self.username!r}, password='***')"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where the journal is and how it is reached. Exactly one of `hosts` and `bundle` (a path) is given.

    `dc` is the name of the local data centre; without one it is that of whichever host answers first. `scope` is rule
    K12. `replication` is how many nodes of that data centre keep each row of a keyspace that is made now. `in_flight`
    is how many requests may be under way at once, `request_timeout` how long one may take, in seconds; a read that
    failed is tried `read_retries` times more. `keyspace` needs no quotes unless it is a word of CQL.
    """

    keyspace: str
    hosts: tuple[Host, ...] = ()
    bundle: str | None = None
    credentials: Credentials | None = None
    dc: str | None = None
    scope: Literal["global", "local"] = "global"
    replication: int = 3
    tls: bool = False
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    read_retries: int = 1
    in_flight: int = 1024
    request_timeout: float = 2.5


def _keyspace(text: str) -> str:
    if not re.fullmatch("[a-z][a-z0-9_]{0,47}", text) or text.startswith("system"):
        raise ValueError
    return text


def _host(text: str) -> Host:
    found = re.fullmatch(r"(\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?", text)
    if found is None or int(found[2] or PORT) not in range(1, 65_536):
        raise ValueError
    return address(found[1]), int(found[2] or PORT)


_HOST = Kind(f"a name or an IP address (IPv6 in brackets), with a colon and the port if that is not {PORT}", _host)
_NAME = Kind("1 to 48 of a-z, 0-9 and _, a letter first, and none of Cassandra's own (system...)", _keyspace)
_PATH = matching("the path of a PEM file", "[^\0]+")

MOST_IN_FLIGHT = 4096
"""One connection has 32,768 places for answers, and one that never came keeps its own until the connection is given up.
Where none is free, the driver would hold up the loop until one is."""

_EVERYWHERE: Mapping[str, Kind] = {
    "read_retries": number(int, 0, 5),
    "in_flight": number(int, 1, MOST_IN_FLIGHT),
    "request_timeout": number(float, 0.1, 60, "(seconds)"),
}
OPTIONS: Mapping[str, Kind] = {
    "dc": matching("the name of a data centre", r"[\w.-]{1,255}"),
    "scope": choice("global", "local"),
    "replication": number(int, 1, 100, "(nodes)"),
    "tls": switch("on or off"),
    "ca": _PATH,
    "cert": _PATH,
    "key": _PATH,
    **_EVERYWHERE,
}
ASTRA_OPTIONS: Mapping[str, Kind] = {"keyspace": _NAME, **_EVERYWHERE}


def target_of(url: str, credentials: Credentials | None = None) -> Target:
    """Return what a `cassandra:` or `astra:` URL says. Raises JournalUnusable with what would be right."""
    place, _, query = url.partition("?")
    scheme, _, rest = place.partition(":")
    try:
        return (_astra if scheme == "astra" else _cassandra)(rest, query, credentials)
    except ValueError as problem:
        raise JournalUnusable(f"{without_credentials(url)!r}: {problem}") from None


def _cassandra(rest: str, query: str, credentials: Credentials | None) -> Target:
    servers, slash, keyspace = rest.removeprefix("//").partition("/")
    if "@" in servers:
        raise ValueError("names and passwords go into SPIKES_JOURNAL_USERNAME and SPIKES_JOURNAL_PASSWORD")
    if not rest.startswith("//") or not servers:
        raise ValueError(f"no host is named; {RIGHT}")
    if not slash or not keyspace:
        raise ValueError(f"no keyspace is named; {RIGHT}")
    hosts = tuple(dict.fromkeys(_value("host", server, _HOST) for server in servers.split(",")))
    options = _options(query, OPTIONS)
    target = Target(hosts=hosts, keyspace=_value("keyspace", keyspace, _NAME), credentials=credentials, **options)
    _check_together(target)
    return target


def _astra(rest: str, query: str, credentials: Credentials | None) -> Target:
    bundle = unquote(rest.removeprefix("///"))
    if not rest.startswith("///") or not bundle or bundle.endswith("/"):
        raise ValueError(f"no bundle is named; {RIGHT_ASTRA}")
    if credentials is None:
        raise ValueError(
            "Astra needs SPIKES_JOURNAL_USERNAME and SPIKES_JOURNAL_PASSWORD: "
            "client id and secret, or the word token and a token that begins with AstraCS:"
        )
    options: dict[str, Any] = {"keyspace": KEYSPACE, **_options(query, ASTRA_OPTIONS)}
    return Target(bundle=bundle, credentials=credentials, scope="local", tls=True, **options)


def _options(query: str, kinds: Mapping[str, Kind]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in query.split("&") if query else ():
        name, _, text = part.partition("=")
        if name not in kinds:
            nearest = difflib.get_close_matches(name, kinds, n=1, cutoff=0)[0]
            raise ValueError(f"{name!r} is no option here; the nearest is {nearest}, all are {', '.join(kinds)}")
        if name in found:
            raise ValueError(f"{name} is given twice; give only one of them")
        found[name] = _value(name, unquote(text), kinds[name])
    return found


def _value(name: str, text: str, kind: Kind) -> Any:
    try:
        return kind.parse(text)
    except ValueError:
        raise ValueError(f"{name}={text!r} is wrong: it must be {kind.right}") from None


def _check_together(target: Target) -> None:
    if target.scope == "local" and target.dc is None:
        raise ValueError("scope=local needs dc, the name of the one data centre that all replicas of the service use")
    if not target.tls and (target.ca or target.cert or target.key):
        raise ValueError("ca, cert and key need tls=on")
    if bool(target.cert) != bool(target.key):
        raise ValueError("cert and key are only right together")
