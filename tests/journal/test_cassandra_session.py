"""The session with the driver: what one statement answers page by page."""

from __future__ import annotations

from spikes.journal import open_journal
from spikes.journal.cassandra import CassandraJournal
from tests.journal.samples import SCHEMAS


async def test_scan_of_many_pages_comes_to_its_end(journal_on_cassandra: str) -> None:
    journal = await open_journal(journal_on_cassandra, SCHEMAS, migrate=True)
    assert isinstance(journal, CassandraJournal)
    ids = [f"plain|{number}" for number in range(5)]
    for persistence_id in ids:
        await journal.session.run("fence", 1, persistence_id, 0, None)
    pages = [page async for page in journal.session.scan("all_streams", page=2)]
    assert sorted(row[0] for page in pages for row in page) == ids
    assert len(pages) >= 3
    await journal.close()
