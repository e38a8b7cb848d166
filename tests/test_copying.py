"""A journal copied into another one, and exports of a journal that has its events stream by stream only."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from itertools import product
from pathlib import Path

import pytest

from spikes import lines, storing
from spikes.bootstrap import BEHAVIORS, open_store
from spikes.domain.tag.entity import title_claim
from spikes.domain.user.entity import email_claim
from spikes.journal.errors import JournalUnavailable
from spikes.journal.faulty import FaultyJournal
from spikes.journal.port import Append, EntityRow, Journal, PositionedEvent, StoredEvent
from spikes.lines import NotImportable, exported
from spikes.moving import Moved, copied, imported
from tests.histories import EMAIL, LAST, check_rows, live, name_tags
from tests.journal.plain import PlainJournal

Open = Callable[[str], Coroutine[None, None, FaultyJournal]]
KINDS = ["memory", "sqlite", "plain"]
CASSANDRA = pytest.param("cassandra", marks=pytest.mark.cassandra)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spikes.lines.WINDOW", 7)
    monkeypatch.setattr("spikes.moving.WINDOW", 7)


@pytest.fixture
async def new(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Open]:
    opened: list[Journal] = []

    async def open_new(kind: str) -> Journal:
        match kind:
            case "plain":
                return PlainJournal([behavior.schema for behavior in BEHAVIORS])
            case "cassandra":
                return await open_store(request.getfixturevalue("journal_on_cassandra"), migrate=True)
            case "sqlite":
                return await open_store(f"sqlite:///{tmp_path}/{len(opened)}.db")
        return await open_store("memory:")

    async def new(kind: str) -> FaultyJournal:
        opened.append(await open_new(kind))
        return FaultyJournal(opened[-1])

    yield new
    for journal in opened:
        await journal.close()


@pytest.fixture
async def source(new: Open) -> FaultyJournal:
    """A journal with a history, in the order that is hardest: that of a digest."""
    journal = await new("plain")
    await live(journal)
    return journal


async def copy(source: Journal, target: Journal) -> Moved:
    return await copied(source, target, BEHAVIORS)


async def import_(journal: Journal, export: bytes) -> Moved:
    return await imported(journal, BEHAVIORS, io.BytesIO(export))


async def whole(journal: Journal) -> bytes:
    return b"".join([line for some in [some async for _, some in exported(journal)] for line in some])


async def everything(journal: Journal) -> dict[tuple[str, int], StoredEvent]:
    found: list[PositionedEvent] = []
    while page := await journal.streams((found[-1].persistence_id, found[-1].event.sequence_nr) if found else ("", 0)):
        found += page
    return {(each.persistence_id, each.event.sequence_nr): each.event for each in found}


async def check(journal: Journal, source: Journal) -> None:
    """See that a journal has just what the other one has, with the rows of that."""
    assert await everything(journal) == await everything(source)
    await check_rows(journal)


async def refusal(source: Journal, target: Journal) -> str:
    with pytest.raises(NotImportable) as refused:
        await copy(source, target)
    return str(refused.value)


# -------------------------------------------------------------------------------------------------------------- copies


@pytest.mark.parametrize(
    ("begin", "to"),
    [
        *product(KINDS, KINDS),
        *(
            pytest.param(*pair, marks=pytest.mark.cassandra)
            for pair in (("sqlite", "cassandra"), ("cassandra", "sqlite"))
        ),
    ],
)
async def test_everything_is_copied(new: Open, begin: str, to: str) -> None:
    source, target = await new(begin), await new(to)
    await live(source)
    assert await copy(source, target) == Moved(34, 34)
    await check(target, source)
    assert await target.holder(email_claim(EMAIL)) == LAST


async def test_a_copy_says_how_far_it_is(new: Open, source: FaultyJournal) -> None:
    told: list[tuple[int, int | None]] = []
    await copied(source, await new("memory"), BEHAVIORS, lambda *so_far: told.append(so_far))
    assert told == sorted(told)
    assert (len(told) > 3, told[-1]) == (True, (34, 34))


@pytest.mark.parametrize("to", [*KINDS, CASSANDRA])
async def test_a_second_copy_finds_everything_there(new: Open, source: FaultyJournal, to: str) -> None:
    target = await new(to)
    await copy(source, target)
    assert (await copy(source, target)).known == 34
    await check(target, source)


@pytest.mark.parametrize("most", [1, 500])
@pytest.mark.parametrize(
    ("failing", "to"),
    [*((failing, "plain") for failing in range(1, 16, 2)), pytest.param(4, "cassandra", marks=pytest.mark.cassandra)],
)
async def test_an_interrupted_copy_goes_on(
    new: Open, source: FaultyJournal, failing: int, to: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "MOST_EVENTS", most)
    target = await new(to)
    target.fail("append", failing)
    for _ in range(failing):
        with suppress(JournalUnavailable):
            await copy(source, target)
    await copy(source, target)
    await check(target, source)
    assert await target.holder(email_claim(EMAIL)) == LAST


async def test_what_was_stored_since_comes_over(new: Open, source: FaultyJournal) -> None:
    target = await new("plain")
    await copy(source, target)
    await name_tags(source, ("A", "A"), ("B", "B"))
    assert await copy(source, target) == Moved(2, 36)
    await check(target, source)


@pytest.mark.parametrize("most", [1, 500])
@pytest.mark.parametrize(
    "since",
    [
        [("A", "X"), ("B", "A")],
        [("A", "X"), ("B", "A"), ("A", "B")],
        [("A", "X"), ("B", "A"), ("C", "B"), ("A", "C")],
        [("A", "X"), ("D", "A"), ("D", "Y"), ("B", "A"), ("C", "B"), ("B", "Z"), ("C", "A2"), ("E", "A"), ("A", "B")],
    ],
)
async def test_unique_values_that_changed_hands_since_come_over(
    new: Open, since: list[tuple[str, str]], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "MOST_EVENTS", most)
    source, target = await new("plain"), await new("plain")
    await name_tags(source, ("A", "A"), ("B", "B"), ("C", "C"))
    await copy(source, target)
    await name_tags(source, *since)
    await copy(source, target)
    await check(target, source)
    claims = [title_claim(title) for title in {title for _, title in since} | set("ABC")]
    assert [await target.holder(claim) for claim in claims] == [await source.holder(claim) for claim in claims]


async def test_long_streams_are_stored_in_parts(
    new: Open, source: FaultyJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "MOST_BYTES", 200)
    target = await new("memory")
    await copy(source, target)
    assert target.calls["append"] > len(await source.persistence_ids())
    await check(target, source)


@pytest.mark.parametrize("to", [*KINDS, CASSANDRA])
async def test_a_journal_with_another_entity_is_left_alone(new: Open, source: FaultyJournal, to: str) -> None:
    target = await new(to)
    await name_tags(target, ("A", "A"))
    before = await everything(target)
    assert (await refusal(source, target)).startswith("the journal has tag|A, which the other one has not")
    assert await everything(target) == before


async def test_a_journal_that_has_gone_on_is_refused(new: Open, source: FaultyJournal) -> None:
    await name_tags(source, ("A", "A"))
    target = await new("plain")
    await copy(source, target)
    await name_tags(target, ("A", "B"))
    assert "the journal has another event 2 of tag|A" in await refusal(source, target)


async def test_a_journal_is_not_copied_into_itself(source: FaultyJournal) -> None:
    assert (await refusal(source, source)).startswith("both are the same journal")


async def test_a_unique_value_that_two_have_is_refused(new: Open) -> None:
    source, other = await new("plain"), await new("plain")
    await name_tags(source, ("A", "A"))
    await name_tags(other, ("B", "A"))
    ((whose, _), event) = (await everything(other)).popitem()
    await source.append(Append(whose, 0, (event,), EntityRow(whose, 1, 1, None, None)))
    said = await refusal(source, await new("memory"))
    assert said in ("tag|A: the tag-title is already taken by tag|B", "tag|B: the tag-title is already taken by tag|A")


# ------------------------------------------------------------------------------------------- exports stream by stream


@pytest.mark.parametrize("to", [*KINDS, CASSANDRA])
async def test_an_export_by_streams_comes_back(new: Open, source: FaultyJournal, to: str) -> None:
    target = await new(to)
    assert await import_(target, await whole(source)) == Moved(34, 34)
    await check(target, source)
    assert await target.holder(email_claim(EMAIL)) == LAST


@pytest.mark.parametrize("begin", ["memory", "sqlite"])
async def test_an_export_as_it_happened_comes_into_a_plain_one(new: Open, begin: str) -> None:
    source, target = await new(begin), await new("plain")
    await live(source)
    assert await import_(target, await whole(source)) == Moved(34, 34)
    assert (await import_(target, await whole(source))).known == 34
    await check(target, source)


@pytest.mark.parametrize("failing", range(1, 16, 3))
async def test_an_interrupted_import_by_streams_goes_on(new: Open, source: FaultyJournal, failing: int) -> None:
    target, export = await new("plain"), await whole(source)
    target.fail("append", failing)
    for _ in range(failing):
        with suppress(JournalUnavailable):
            await import_(target, export)
    await import_(target, export)
    await check(target, source)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda export: b"".join(export.splitlines(True)[:-1]), "the last line is not that of an export"),
        (
            lambda export: export.replace(b'{"end":34}', b'{"end":35}'),
            "there are 34 events where the last line says 35",
        ),
        (lambda export: export + export.splitlines(True)[1], "the stream has a gap"),
        (lambda export: export.replace(b'{"end":34}', b'{"end":"all"}'), "line 36 is no end"),
    ],
)
async def test_a_wrong_end_is_named(
    new: Open, source: FaultyJournal, change: Callable[[bytes], bytes], said: str
) -> None:
    with pytest.raises(NotImportable) as refused:
        await import_(await new("memory"), change(await whole(source)))
    assert said in str(refused.value)


def test_one_stream_after_another_is_whole() -> None:
    made = [(number, whose, None) for number, whose in enumerate("aabbbc")]
    assert [len(some) for some in lines.whole_streams(made)] == [5, 1]  # type: ignore[arg-type]
