"""The URLs of Cassandra and Astra: what they say, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikes.journal.cassandra_target import ASTRA_OPTIONS, OPTIONS, Credentials, Host, Target, target_of
from spikes.journal.errors import JournalUnusable

ME = Credentials("me", "hidden")
BUNDLE = "astra:///secure-connect.zip"


def refusal(url: str, credentials: Credentials | None = ME) -> str:
    with pytest.raises(JournalUnusable) as refused:
        target_of(url, credentials)
    return str(refused.value)


def test_a_host_and_a_keyspace_are_enough() -> None:
    target = target_of("cassandra://db/notes")
    assert target == Target(hosts=(("db", 9042),), keyspace="notes")
    assert (target.scope, target.replication, target.tls, target.dc) == ("global", 3, False, None)
    assert (target.read_retries, target.in_flight, target.request_timeout) == (1, 1024, 2.5)


def test_every_option_has_its_place() -> None:
    tls = "tls=on&ca=/etc/ca%201.pem&cert=c.pem&key=k.pem"
    limits = "read_retries=0&in_flight=4096&request_timeout=0.1"
    target = target_of(f"cassandra://db/notes?dc=paris&scope=local&replication=5&{tls}&{limits}", ME)
    expected = Target(
        hosts=(("db", 9042),),
        keyspace="notes",
        credentials=ME,
        dc="paris",
        scope="local",
        replication=5,
        tls=True,
        ca="/etc/ca 1.pem",
        cert="c.pem",
        key="k.pem",
        read_retries=0,
        in_flight=4_096,
        request_timeout=0.1,
    )
    assert target == expected


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ("a,b:1,c", (("a", 9042), ("b", 1), ("c", 9042))),
        ("10.0.0.1:65535", (("10.0.0.1", 65535),)),
        ("[::1]", (("::1", 9042),)),
        ("[::1]:9142,[2001:db8:0::7]", (("::1", 9142), ("2001:db8::7", 9042))),
        ("a,a:9042,a:9043", (("a", 9042), ("a", 9043))),
    ],
)
def test_hosts_are_separated_by_commas(hosts: str, expected: tuple[Host, ...]) -> None:
    assert target_of(f"cassandra://{hosts}/notes").hosts == expected


@pytest.mark.parametrize(
    "host", ["", "a,", "a:", "a:0", "a:65536", "a:b", "::1", "[::1", "[::zz]", "[a]", "a b", "-a", "[::1]9042", "a:1:2"]
)
def test_a_wrong_host_is_named_with_what_is_right(host: str) -> None:
    said = refusal(f"cassandra://{host}/notes")
    assert ("is wrong: it must be a name or an IP address (IPv6 in brackets)" if host else "no host is named") in said


@pytest.mark.parametrize("url", ["cassandra://db", "cassandra://db/", "cassandra://db?dc=a", "cassandra://db/?dc=a"])
def test_a_missing_keyspace_is_told(url: str) -> None:
    assert "no keyspace is named; cassandra://host1,host2:9042/spikes would be right" in refusal(url)


@pytest.mark.parametrize("keyspace", ["Notes", "1a", "_a", "a-b", "a/b", "a b", "é", "a" * 49, "system", "system_auth"])
def test_a_wrong_keyspace_is_told_everywhere(keyspace: str) -> None:
    for url in (f"cassandra://db/{keyspace}", f"{BUNDLE}?keyspace={quote(keyspace)}"):
        assert f"keyspace={keyspace!r} is wrong: it must be 1 to 48 of a-z, 0-9 and _" in refusal(url)


def test_the_longest_keyspace_is_right() -> None:
    assert target_of("cassandra://db/" + "a" * 48).keyspace == "a" * 48


def test_the_documentation_has_every_option() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "cassandra.md").read_text()
    for name, kind in {**OPTIONS, **ASTRA_OPTIONS}.items():
        assert any(f"`{name}`" in line and f"| {kind.right} |" in line for line in page.splitlines()), name


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("scope=world", "scope='world' is wrong: it must be one of global, local"),
        ("replication=0", "replication='0' is wrong: it must be a whole number from 1 to 100 (nodes)"),
        ("replication=101", "it must be a whole number from 1 to 100"),
        ("tls=maybe", "tls='maybe' is wrong: it must be on or off"),
        ("dc=", "dc='' is wrong: it must be the name of a data centre"),
        ("ca=", "ca='' is wrong: it must be the path of a PEM file"),
        ("read_retries=6", "read_retries='6' is wrong: it must be a whole number from 0 to 5"),
        ("in_flight=0", "in_flight='0' is wrong: it must be a whole number from 1 to 4096"),
        ("in_flight=4097", "it must be a whole number from 1 to 4096"),
        ("request_timeout=nan", "request_timeout='nan' is wrong: it must be a number from 0.1 to 60 (seconds)"),
        ("request_timeout=60.1", "it must be a number from 0.1 to 60"),
        ("scop=local", "'scop' is no option here; the nearest is scope, all are dc, scope"),
        ("dc=a&dc=b", "dc is given twice"),
        ("dc=a&", "'' is no option here"),
        ("scope=local", "scope=local needs dc"),
        ("ca=a.pem", "ca, cert and key need tls=on"),
        ("tls=on&cert=a.pem", "cert and key are only right together"),
    ],
)
def test_a_wrong_option_is_named_with_what_is_right(query: str, said: str) -> None:
    assert said in refusal(f"cassandra://db/notes?{query}")


def test_astra_is_found_by_its_bundle() -> None:
    target = target_of("astra:////etc/spikes/my%20db.zip", ME)
    assert (target.bundle, target.keyspace, target.hosts) == ("/etc/spikes/my db.zip", "spikes", ())
    assert (target.scope, target.tls, target.credentials) == ("local", True, ME)
    assert target_of(f"{BUNDLE}?keyspace=notes&in_flight=9", ME).keyspace == "notes"


@pytest.mark.parametrize("url", ["astra:", "astra:///", "astra://bundle.zip", "astra:///etc/", "astra:///?keyspace=a"])
def test_astra_without_a_bundle_is_told(url: str) -> None:
    assert "no bundle is named; astra:///path/secure-connect.zip" in refusal(url)


@pytest.mark.parametrize("option", ["dc=a", "scope=local", "tls=on", "replication=3", "ca=a"])
def test_astra_decides_for_itself_where_data_is(option: str) -> None:
    assert "is no option here" in refusal(f"{BUNDLE}?{option}")


def test_astra_without_credentials_is_told() -> None:
    assert "Astra needs SPIKES_JOURNAL_USERNAME and SPIKES_JOURNAL_PASSWORD" in refusal(BUNDLE, None)


def test_no_secret_is_ever_shown() -> None:
    assert "hidden" not in repr(target_of("cassandra://db/notes", ME))
    for url in (
        "cassandra://me:hidden@db/notes",
        "cassandra://me:hidden@[::1/notes",
        "cassandra://db/a?password=hidden",
    ):
        said = refusal(url)
        assert "hidden" not in said
        assert "@" not in url or "go into SPIKES_JOURNAL_USERNAME and SPIKES_JOURNAL_PASSWORD" in said


@given(
    st.lists(st.tuples(st.from_regex(r"[a-z][a-z0-9-]{0,9}[a-z]", fullmatch=True), st.integers(1, 65_535)), min_size=1),
    st.from_regex(r"[a-r][a-z0-9_]{0,47}", fullmatch=True),
    st.integers(0, 5),
    st.floats(0.1, 60),
)
def test_what_is_written_is_read(hosts: list[Host], keyspace: str, retries: int, timeout: float) -> None:
    places = ",".join(f"{host}:{port}" for host, port in hosts)
    target = target_of(f"cassandra://{places}/{keyspace}?read_retries={retries}&request_timeout={timeout}")
    assert target.hosts == tuple(dict.fromkeys(hosts))
    assert (target.keyspace, target.read_retries, target.request_timeout) == (keyspace, retries, timeout)


@given(st.sampled_from(["cassandra:", "cassandra://", "cassandra://db/notes?", "astra:///", f"{BUNDLE}?"]), st.text())
def test_no_url_is_an_unforeseen_error(start: str, rest: str) -> None:
    try:
        target = target_of(start + rest, ME)
    except JournalUnusable:
        return
    assert bool(target.hosts) != bool(target.bundle)
