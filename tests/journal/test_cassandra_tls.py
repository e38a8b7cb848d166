"""Connections that are encrypted, to a real node: large answers come whole, and nobody is believed without a reason."""

from __future__ import annotations

import subprocess
from pathlib import Path

import msgspec
import pytest

from spikes.journal import open_journal
from spikes.journal.errors import JournalUnusable
from tests.cassandra.jars import java
from tests.cassandra.plugin import PATIENCE, StartCassandra
from tests.cassandra.shared import Contact
from tests.journal.samples import SCHEMAS, append, event

LARGE = 3 * 1024 * 1024
"""Bytes that fit into no buffer of a socket, and into many records of TLS."""


def keytool(folder: Path, *arguments: str) -> str:
    """Run the tool that comes with Java over a key store in the folder; return what it says."""
    tool = Path(java() or "java").resolve().with_name("keytool")
    store = ("-keystore", str(folder / "keys"), "-storepass", "of a test", "-alias", "node")
    return subprocess.run([tool, *arguments, *store], check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.fixture
def encrypted(tmp_path: Path, start_cassandra: StartCassandra) -> Contact:
    """A node that speaks TLS with who wants it; `ca.pem` beside it vouches for it."""
    named = ("-dname", "CN=127.0.0.1", "-ext", "san=ip:127.0.0.1", "-validity", "2")
    keytool(tmp_path, "-genkeypair", "-keyalg", "EC", "-storetype", "PKCS12", *named)
    (tmp_path / "ca.pem").write_text(keytool(tmp_path, "-exportcert", "-rfc"))
    options = {"enabled": True, "optional": True, "keystore": str(tmp_path / "keys"), "keystore_password": "of a test"}
    node = start_cassandra(commitlog_sync="periodic", client_encryption_options=options)
    return Contact(node.host, node.port)


async def test_large_events_come_whole_over_tls(encrypted: Contact, tmp_path: Path, new_keyspace: str) -> None:
    with pytest.raises(JournalUnusable, match="certificate verify failed"):
        await open_journal(encrypted.url(new_keyspace, tls="on"), SCHEMAS, migrate=True)
    url = encrypted.url(new_keyspace, tls="on", ca=tmp_path / "ca.pem", request_timeout=PATIENCE)
    journal = await open_journal(url, SCHEMAS, migrate=True)
    payload = bytes(range(256)) * (LARGE // 256)
    await journal.append(msgspec.structs.replace(append("plain|1"), events=(event(payload=payload),)))
    (stored,) = await journal.events("plain|1")
    assert stored.payload == payload
    await journal.close()


@pytest.mark.parametrize("given", [{"ca": "/nowhere/ca.pem"}, {"cert": "/nowhere/c.pem", "key": "/nowhere/k.pem"}])
async def test_a_file_that_is_not_there_is_named(given: dict[str, str]) -> None:
    with pytest.raises(JournalUnusable, match=next(iter(given.values()))):
        await open_journal(Contact("127.0.0.1", 9).url("notes", tls="on", **given), SCHEMAS)
