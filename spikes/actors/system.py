"""The actor system of the service: one region for each kind of entity, the journal's actor, and the housekeepers."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from thespian.actors import Actor, ActorAddress, ActorSystem, PoisonMessage

from spikes.actors.census import Branch, Census, Order, branch, census
from spikes.actors.environment import EntityEnvironment, Freshness, bound
from spikes.actors.feed import FeedHub
from spikes.actors.housekeeping import AccountSweeper, Begin, Housekeeper, KeyKeeper, SessionReaper
from spikes.actors.journal_actor import JournalActor
from spikes.actors.looking import LiveEntity, look_at
from spikes.actors.messages import Deliver, Passivate, Quiesce, RegionStatus
from spikes.actors.observing import UNANSWERED, CommandWatch, RuntimeWatch, is_fault
from spikes.actors.port import AskTimeout
from spikes.actors.region import Region, Routes
from spikes.actors.system_base import SystemIsShutDown, start_actor_system, system_base_of
from spikes.actors.timeouts import Timeouts
from spikes.journal.port import CommandKey, Journal
from spikes.persistence.behavior import EventSourcedBehavior
from spikes.persistence.identity import PersistenceId
from spikes.persistence.protocol import Envelope
from spikes.persistence.reply import Answer, HandlerFailed, StatusReply
from spikes.telemetry import metrics, tracing

HOUSEKEEPERS: tuple[type[Housekeeper], ...] = (SessionReaper, AccountSweeper, KeyKeeper)

GRACE = 0.25
"""How much longer than the command's deadline its answer is awaited, in seconds."""


class Limits(msgspec.Struct, frozen=True):
    """Times in seconds; `max_entities` counts entities of one kind in memory."""

    ask_timeout: float = 3.0
    max_entities: int = 100_000
    entity_idle: float = 600.0


class EntitySystem:
    """Every entity there is. Made by `EntitySystem.start` inside a running loop, which it then lives on."""

    def __init__(self, system: ActorSystem, journal: Journal, limits: Limits, now: Callable[[], int]) -> None:
        self._system = system
        self._base = system_base_of(system)
        self._journal = journal
        self._limits = limits
        self._now = now
        self._regions: dict[str, ActorAddress] = {}
        self._routes: dict[str, Routes] = {}
        self._watches: dict[str, CommandWatch] = {}
        self._timeouts = Timeouts(self._base.loop, limits.ask_timeout + GRACE)
        self.writer_id = secrets.token_hex(6)
        self._asked = 0
        self._journal_actor = self._create(JournalActor, journal=journal)
        self._behaviors: dict[str, EventSourcedBehavior[Any, Any, Any]] = {}
        self.feed = FeedHub(journal, self._behaviors)
        self._base.instrument(RuntimeWatch(), messages=False)
        self._readings = [
            metrics.MAILBOX.read_from(lambda: self._base.mailbox_depth),
            metrics.FEED_CLIENTS.read_from(lambda: self.feed.streams),
        ]

    @classmethod
    def start(
        cls,
        journal: Journal,
        behaviors: Sequence[EventSourcedBehavior[Any, Any, Any]],
        limits: Limits | None = None,
        now: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> EntitySystem:
        """Start the actors over an open journal. `now` gives milliseconds since the epoch."""
        self = cls(start_actor_system(), journal, limits or Limits(), now)
        freshness = Freshness(journal.is_current, journal.watch, journal.unwatch)
        for behavior in behaviors:
            self._behaviors[behavior.kind] = behavior
            environment = EntityEnvironment(
                behavior,
                self._journal_actor,
                freshness,
                self.writer_id,
                metrics.EntityMeters(behavior.kind),
                self._limits.max_entities,
                self._limits.entity_idle,
            )
            routes = self._routes[behavior.kind] = Routes()
            self._watches[behavior.kind] = CommandWatch(behavior.kind)
            self._read_counts(behavior.kind, routes)
            self._regions[behavior.kind] = self._create(Region, environment=environment, routes=routes)
        return self

    def _read_counts(self, kind: str, routes: Routes) -> None:
        self._readings += (
            metrics.ACTIVE.read_from(lambda: len(routes.children), kind),
            metrics.LIMIT.read_from(lambda: self._limits.max_entities, kind),
        )

    def keep_house(self, *housekeepers: type[Housekeeper]) -> None:
        """Start housekeepers; a process that only answers one question does without them."""
        given = {"entities": self, "journal": self._journal, "now": self._now, "ask_timeout": self._limits.ask_timeout}
        for housekeeper in housekeepers or HOUSEKEEPERS:
            self._base.post(self._create(housekeeper, **given), Begin())

    def _create(self, actor_class: type[Actor], **attributes: Any) -> ActorAddress:
        return self._system.createActor(bound(actor_class, **attributes))

    async def ask(
        self,
        entity: PersistenceId,
        command: object,
        *,
        principal: str | None = None,
        request_id: str | None = None,
        expected: int | None = None,
        key: CommandKey | None = None,
        new: bool = False,
        traceparent: str | None = None,
    ) -> Answer:
        """Let the entity handle a command and return its answer; see `Entities.ask`."""
        timeout, at = self._limits.ask_timeout, time.monotonic()
        step = tracing.now and tracing.now.command(str(entity), command, traceparent)
        callback, answer = self._base.temporary_address()
        self._timeouts.watch(answer)
        self._asked += 1
        envelope = Envelope(
            id=f"{self.writer_id}-{self._asked}",
            command=command,
            reply_to=callback,  # type: ignore[arg-type] # addresses are opaque beyond this room
            now=self._now(),
            deadline=at + timeout,
            principal=principal,
            request_id=request_id,
            expected=expected,
            key=key,
            asked=at,
            traceparent=step.traceparent if step else traceparent,
        )
        address = self._routes[entity.kind].use(entity.entity_id, at)
        if address is not None:
            self._base.post(address, envelope, callback)
        else:
            self._base.post(self._regions[entity.kind], Deliver(entity.entity_id, envelope, new), callback)
        watch = self._watches[entity.kind]
        outcome = UNANSWERED
        try:
            answered = self._answer(await answer, entity)
            outcome = watch.answered(envelope, answered, time.monotonic() - at)
        except TimeoutError:
            outcome = watch.timed_out(envelope, str(entity), time.monotonic() - at)
            raise AskTimeout(f"no answer within {timeout} s") from None
        finally:
            if step:
                step.end(failed=is_fault(outcome), **{"spikes.outcome": outcome})
        return answered

    def _answer(self, answer: Any, entity: PersistenceId) -> Answer:
        if isinstance(answer, PoisonMessage):
            failure = HandlerFailed("an actor on the way to the entity failed")
            return Answer(StatusReply.error(failure), 0, str(entity))
        return answer  # type: ignore[no-any-return]

    async def active(self, kind: str) -> int:
        """Return how many entities of a kind are in memory."""
        return await self._base.request(self._regions[kind], RegionStatus())  # type: ignore[no-any-return]

    async def is_active(self, entity: PersistenceId) -> bool:
        """Tell whether an entity is in memory."""
        status = RegionStatus(entity.entity_id)
        return bool(await self._base.request(self._regions[entity.kind], status))

    def passivate(self, entity: PersistenceId) -> bool:
        """Let an entity leave memory once it has finished what it does; tell whether it was there. Nothing is lost."""
        routes = self._routes.get(entity.kind)
        there = routes is not None and entity.entity_id in routes.children
        if there:
            self._base.post(self._regions[entity.kind], Passivate(entity.entity_id))
        return there

    def look(self, entity: PersistenceId) -> LiveEntity | None:
        """Return what is in memory of an entity; None if it is not. Nothing is asked, and nothing activated."""
        routes = self._routes.get(entity.kind)
        return None if routes is None else look_at(entity, routes, self._base.actorRegistry, time.monotonic())

    async def census(self, order: Order, limit: int) -> Census:
        """Look at all actors, in slices; the first `limit` of them in an order are named."""
        return await census(self._base, order, limit)

    def branch(self, address: str, start: int, limit: int) -> Branch | None:
        """Return an actor ("" is the system) and some of its children; None if there is no such actor."""
        return branch(self._base, address, start, limit)

    @property
    def live_actors(self) -> int:
        """How many actors there are in all."""
        return self._base.live_actors

    async def close(self) -> None:
        """Let what is being stored be stored, for as long as the ask timeout, then end the actors. May be repeated."""
        for leave in self._readings:
            leave()
        await self.feed.close()
        with suppress(TimeoutError, SystemIsShutDown):
            await self._base.request(self._journal_actor, Quiesce(), self._limits.ask_timeout)
        self._timeouts.close()
        await self._base.aclose()
