"""Housekeeping: expired sessions, accounts under removal (rule C9), old client keys; and what goes wrong meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from spikes.actors import housekeeping
from spikes.actors.environment import bound
from spikes.actors.housekeeping import AccountSweeper, Housekeeper, KeyKeeper, SessionReaper
from spikes.actors.port import AskTimeout
from spikes.actors.system import HOUSEKEEPERS, EntitySystem, Limits
from spikes.bootstrap import BEHAVIORS
from spikes.domain.note.command import CreateNote, GetNote
from spikes.domain.user.command import GetUser, ListSessions, Login, Register, RemoveUser
from spikes.journal import open_journal
from spikes.journal.faulty import FaultyJournal
from spikes.journal.port import COMMAND_RETENTION, CommandKey, Equal, Journal, Query
from spikes.persistence.identity import PersistenceId
from spikes.persistence.reply import Answer, Success
from tests.abilities import in_memory
from tests.cassandra.plugin import PATIENCE, OpenJournal

H = TypeVar("H", bound=Housekeeper)

START = 1_800_000_000_000
HOUR = 3_600_000
SCHEMAS = [behavior.schema for behavior in BEHAVIORS]


class Clock:
    """Two clocks that stand still until they are moved: of the wall in milliseconds, and monotonic in seconds."""

    def __init__(self) -> None:
        self.wall = START
        self.seconds = 0.0

    def now(self) -> int:
        return self.wall

    def monotonic(self) -> float:
        return self.seconds

    def pass_by(self, seconds: float) -> None:
        self.wall += int(seconds * 1000)
        self.seconds += seconds


class House:
    """Entities over a journal, and housekeepers that make a round when they are told to."""

    def __init__(self, journal: Journal, clock: Clock, entities: EntitySystem, limits: Limits) -> None:
        self.journal = journal
        self.clock = clock
        self.entities = entities
        self.limits = limits

    def keeper(self, actor_class: type[H], **more: Any) -> H:
        attributes = {"entities": self.entities, "journal": self.journal, "ask_timeout": self.limits.ask_timeout}
        clock = {"now": self.clock.now, "monotonic": self.clock.monotonic}
        return bound(actor_class, **{**attributes, **clock, **more})()  # type: ignore[return-value]

    async def ask(self, kind: str, entity_id: str, command: object, principal: str | None = None) -> Answer:
        return await self.entities.ask(PersistenceId.of(kind, entity_id), command, principal=principal)

    async def user(self, user_id: str) -> None:
        register = Register(user_id, "Ann", f"{user_id}@example.com", "hash", "1990-12-31")
        assert isinstance((await self.ask("user", user_id, register)).status, Success)

    async def login(self, user_id: str, session: str = "S1", lasts: int = HOUR) -> None:
        opened = await self.ask("user", user_id, Login(session, session, self.clock.wall + lasts, None, "hash"))
        assert isinstance(opened.status, Success)

    async def note(self, owner: str, note_id: str) -> None:
        create = CreateNote(note_id, note_id, "Body", None, "New", "Public", ())
        assert isinstance((await self.ask("note", note_id, create, owner)).status, Success)

    async def remove(self, user_id: str) -> None:
        assert isinstance((await self.ask("user", user_id, RemoveUser(), user_id)).status, Success)

    async def exists(self, kind: str, entity_id: str) -> bool:
        command = GetUser() if kind == "user" else GetNote()
        return isinstance((await self.ask(kind, entity_id, command)).status, Success)

    async def is_removed(self, user_id: str) -> bool:
        """Tell whether the removal of an account is finished."""
        page = await self.journal.query(Query("user", (Equal("removing", 1),), limit=200))
        return f"user|{user_id}" not in {row.persistence_id for row in page.rows}

    async def sessions(self, user_id: str) -> int:
        total = await self.journal.total("user", "sessions")
        listed = (await self.ask("user", user_id, ListSessions(), user_id)).status
        assert isinstance(listed, Success)
        assert len(listed.value) <= total
        return total


Open = Callable[..., House]


@pytest.fixture
async def kept(journal_url: str, open_any: OpenJournal) -> AsyncIterator[Journal]:
    """The journal of a house."""
    journal = await open_any(journal_url, SCHEMAS)
    yield journal
    await journal.close()


@pytest.fixture
async def open_house(kept: Journal) -> AsyncIterator[Open]:
    """Start entities over `kept`, unless another journal is given; they end with the test."""
    opened: list[EntitySystem] = []

    def start(journal: Journal | None = None, clock: Clock | None = None, limits: Limits | None = None) -> House:
        journal, clock, limits = journal or kept, clock or Clock(), limits or Limits(PATIENCE)
        entities = EntitySystem.start(journal, BEHAVIORS, limits, clock.now)
        opened.append(entities)
        return House(journal, clock, entities, limits)

    yield start
    for entities in opened:
        await entities.close()


# ------------------------------------------------ sessions


async def test_the_reaper_ends_what_has_expired(open_house: Open) -> None:
    house = open_house()
    await house.user("ANN")
    await house.login("ANN", "S1")
    await house.login("ANN", "S2", lasts=2 * HOUR)
    house.clock.pass_by(3600)
    await house.keeper(SessionReaper).round()
    assert await house.sessions("ANN") == 1


async def test_the_reaper_leaves_alone_what_has_not_expired(open_house: Open) -> None:
    house = open_house()
    await house.user("ANN")
    await house.login("ANN")
    await house.keeper(SessionReaper).round()
    assert await house.sessions("ANN") == 1


async def test_one_round_reaps_however_many_have_expired(open_house: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "BATCH", 3)
    house = open_house()
    for number in range(10):
        await house.user(f"U{number}")
        await house.login(f"U{number}")
    house.clock.pass_by(3600)
    await house.keeper(SessionReaper).round()
    assert await house.sessions("U9") == 0


class Unanswered:
    """Entities of which one never answers."""

    def __init__(self, entities: EntitySystem, silent: str) -> None:
        self.entities = entities
        self.silent = silent

    async def ask(self, entity: PersistenceId, command: object) -> Answer:
        if str(entity) == self.silent:
            raise AskTimeout("no answer")
        return await self.entities.ask(entity, command)


async def test_a_user_who_does_not_answer_keeps_no_other_from_being_reaped(open_house: Open) -> None:
    house = open_house()
    for user, lasts in ("ANN", 1000), ("BOB", 2000):
        await house.user(user)
        await house.login(user, lasts=lasts)
    house.clock.pass_by(3600)
    await house.keeper(SessionReaper, entities=Unanswered(house.entities, "user|ANN")).round()
    assert await house.sessions("BOB") == 1


# ------------------------------------------------ accounts under removal


async def test_c9_notes_go_first_and_the_account_after_two_empty_looks(open_house: Open) -> None:
    house = open_house()
    await house.user("ANN")
    await house.note("ANN", "N1")
    await house.remove("ANN")
    sweeper = house.keeper(AccountSweeper)
    await sweeper.round()
    assert not await house.exists("note", "N1")
    await sweeper.round()
    assert not await house.is_removed("ANN")
    house.clock.pass_by(60)
    await sweeper.round()
    assert await house.is_removed("ANN")


async def test_c9_others_keep_their_notes(open_house: Open) -> None:
    house = open_house()
    for user, note in ("ANN", "N1"), ("BOB", "N2"):
        await house.user(user)
        await house.note(user, note)
    await house.remove("ANN")
    await house.keeper(AccountSweeper).round()
    assert not await house.exists("note", "N1")
    assert await house.exists("note", "N2")


async def test_c9_a_note_that_lands_late_is_removed_too(open_house: Open) -> None:
    house = open_house()
    await house.user("ANN")
    await house.remove("ANN")
    sweeper = house.keeper(AccountSweeper)
    await sweeper.round()
    await house.note("ANN", "LATE")
    house.clock.pass_by(60)
    await sweeper.round()
    assert not await house.exists("note", "LATE")
    await sweeper.round()
    assert not await house.is_removed("ANN")
    house.clock.pass_by(60)
    await sweeper.round()
    assert await house.is_removed("ANN")


async def test_c9_the_looks_are_further_apart_than_any_deadline(open_house: Open) -> None:
    house = open_house(limits=Limits(ask_timeout=60))
    await house.user("ANN")
    await house.remove("ANN")
    sweeper = house.keeper(AccountSweeper)
    await sweeper.round()
    house.clock.pass_by(60)
    await sweeper.round()
    assert not await house.is_removed("ANN")
    house.clock.pass_by(60)
    await sweeper.round()
    assert await house.is_removed("ANN")


@in_memory
async def test_c9_a_clock_that_is_set_does_not_shorten_the_wait(open_house: Open) -> None:
    house = open_house()
    await house.user("ANN")
    await house.remove("ANN")
    sweeper = house.keeper(AccountSweeper)
    await sweeper.round()
    house.clock.wall += HOUR
    await sweeper.round()
    assert not await house.is_removed("ANN")


async def test_c9_a_crash_in_the_middle_only_delays(
    open_house: Open, kept: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "BATCH", 2)
    journal, clock = FaultyJournal(kept), Clock()
    first = open_house(journal, clock)
    await first.user("ANN")
    for number in range(5):
        await first.note("ANN", f"N{number}")
    await first.remove("ANN")
    gate = journal.delay("append")
    crashing = asyncio.create_task(first.keeper(AccountSweeper).round())
    await asyncio.wait_for(gate.arrived.wait(), 5)
    crashing.cancel()
    gate.release()
    await asyncio.wait({crashing})
    second = open_house(journal, clock)
    sweeper = second.keeper(AccountSweeper)
    for _ in range(3):
        await sweeper.round()
        clock.pass_by(60)
    assert await second.is_removed("ANN")
    assert not any([await second.exists("note", f"N{number}") for number in range(5)])


@pytest.mark.parametrize("fails", ["query", "append", "load"])
async def test_c9_a_journal_that_fails_only_delays(open_house: Open, kept: Journal, fails: str) -> None:
    journal = FaultyJournal(kept)
    house = open_house(journal)
    for user in "ANN", "BOB":
        await house.user(user)
        await house.note(user, f"{user}1")
        await house.remove(user)
    restarted = open_house(journal, house.clock)
    sweeper = restarted.keeper(AccountSweeper)
    journal.fail(fails, times=2)
    for _ in range(6):
        await sweeper._guarded_round()
        house.clock.pass_by(60)
    assert await restarted.is_removed("ANN")
    assert await restarted.is_removed("BOB")
    assert not await restarted.exists("note", "ANN1")


@pytest.mark.parametrize(("stuck", "other"), [("ANN", "BOB"), ("BOB", "ANN")])
async def test_c9_an_account_that_is_stuck_keeps_no_other_from_its_end(
    open_house: Open, stuck: str, other: str
) -> None:
    house = open_house()
    for user in "ANN", "BOB":
        await house.user(user)
        await house.note(user, f"{user}1")
        await house.remove(user)
    sweeper = house.keeper(AccountSweeper, entities=Unanswered(house.entities, f"note|{stuck}1"))
    for _ in range(3):
        await sweeper._guarded_round()
        house.clock.pass_by(60)
    assert await house.is_removed(other)
    assert not await house.is_removed(stuck)


@in_memory
async def test_c9_two_processes_may_sweep_at_once(open_house: Open, tmp_path: Path) -> None:
    url, clock = f"sqlite:///{tmp_path}/spikes.db", Clock()
    journals = [await open_journal(url, SCHEMAS) for _ in range(2)]
    one, other = (open_house(journal, clock) for journal in journals)
    await one.user("ANN")
    for number in range(20):
        await one.note("ANN", f"N{number}")
    await one.remove("ANN")
    sweepers = [house.keeper(AccountSweeper) for house in (one, other)]
    for _ in range(3):
        await asyncio.gather(*(sweeper.round() for sweeper in sweepers))
        clock.pass_by(60)
    assert await one.is_removed("ANN")
    assert not any([await other.exists("note", f"N{number}") for number in range(20)])
    for house, journal in zip((one, other), journals, strict=True):
        await house.entities.close()
        assert await journal.verify() == ()
        await journal.close()


# ------------------------------------------------ client keys


async def test_a_client_key_is_forgotten_after_its_time(open_house: Open) -> None:
    house = open_house()
    key = CommandKey("key", b"print")
    register = Register("ANN", "Ann", "ann@example.com", "hash", "1990-12-31")
    await house.entities.ask(PersistenceId.of("user", "ANN"), register, key=key)
    keeper = house.keeper(KeyKeeper)
    house.clock.pass_by(COMMAND_RETENTION / 1000)
    await keeper.round()
    assert await house.journal.command("key", START) is not None
    house.clock.pass_by(1)
    await keeper.round()
    by_itself = "keys_expire" in house.journal.capabilities
    assert (await house.journal.command("key", START) is not None) is by_itself


# ------------------------------------------------ the rounds


class Rounds(Housekeeper):
    """Fails in its first rounds, in several ways; a signal comes with the round after."""

    period = 0.001
    left: asyncio.Queue[BaseException | None]
    over: asyncio.Event

    async def round(self) -> None:
        problem = self.left.get_nowait()
        if problem is not None:
            raise problem
        self.over.set()


@in_memory
async def test_a_round_that_fails_is_followed_by_the_next(open_house: Open) -> None:
    house, queue, over = open_house(), asyncio.Queue[BaseException | None](), asyncio.Event()
    for problem in (AskTimeout("late"), ZeroDivisionError(), asyncio.CancelledError(), None, None):
        queue.put_nowait(problem)
    house.entities.keep_house(bound(Rounds, left=queue, over=over))  # type: ignore[arg-type]
    await asyncio.wait_for(over.wait(), 5)


@in_memory
async def test_closing_ends_a_round_under_way(open_house: Open, kept: Journal) -> None:
    journal = FaultyJournal(kept)
    gate = journal.delay("query")
    house = open_house(journal)
    house.entities.keep_house(AccountSweeper)
    await asyncio.wait_for(gate.arrived.wait(), 5)
    await asyncio.wait_for(house.entities.close(), 5)


async def test_the_service_keeps_house_by_itself(open_house: Open) -> None:
    house = open_house()
    await house.user("ANN")
    await house.login("ANN")
    house.clock.pass_by(3600)
    house.entities.keep_house()
    async with asyncio.timeout(20):
        while await house.sessions("ANN"):
            pass
    assert set(HOUSEKEEPERS) == {SessionReaper, AccountSweeper, KeyKeeper}
