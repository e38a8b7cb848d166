"""Which journal a URL opens, and what is said of one that can't be opened."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from spikes.bootstrap import credentials_of
from spikes.journal import Credentials, open_journal
from spikes.journal.errors import JournalUnusable, UnknownScheme
from spikes.journal.memory import MemoryJournal
from spikes.settings import Settings

ME = Credentials("me", "hidden")


async def test_an_unknown_scheme_names_the_known_ones() -> None:
    for url in ("postgres://host", "spikes.db", ""):
        with pytest.raises(UnknownScheme, match=r"memory:.*sqlite:///.*cassandra://.*astra:///"):
            await open_journal(url)


@pytest.mark.parametrize("url", ["sqlite:", "sqlite:///", "sqlite://host/x.db", "sqlite:///data/"])
async def test_a_url_without_a_file_is_refused(url: str) -> None:
    with pytest.raises(JournalUnusable, match=r"sqlite:///data/spikes.db"):
        await open_journal(url)


async def test_three_slashes_are_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    journal = await open_journal("sqlite:///./data/spikes.db")
    await journal.close()
    assert (tmp_path / "data" / "spikes.db").exists()


async def test_credentials_are_ignored_where_none_are_needed() -> None:
    assert isinstance(await open_journal("memory:", (), ME), MemoryJournal)


@pytest.mark.parametrize("url", ["cassandra://host", "astra:///bundle.zip"])
async def test_a_wrong_url_is_told_before_a_driver_is_missed(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spikes.journal.cassandra", None)
    with pytest.raises(JournalUnusable, match=r"no keyspace is named|needs SPIKES_JOURNAL_USERNAME"):
        await open_journal(url)


def test_settings_hold_the_credentials_of_the_journal() -> None:
    assert credentials_of(Settings()) is None
    settings = Settings.from_environment({"SPIKES_JOURNAL_USERNAME": "me", "SPIKES_JOURNAL_PASSWORD": "hidden"})
    assert credentials_of(settings) == ME
    assert "hidden" not in repr(settings)
