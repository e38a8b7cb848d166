"""A small behaviour and a way to talk with the core, for all tests of this room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from spikes.journal.errors import JournalError
from spikes.journal.port import Append, Claim, CommandKey, IndexPart, Loaded, RowSchema, StoredEvent
from spikes.persistence import protocol as p
from spikes.persistence.behavior import Context, EventSourcedBehavior, Folded
from spikes.persistence.codec import EventCodec
from spikes.persistence.core import PersistentEntity
from spikes.persistence.drafting import Drafter
from spikes.persistence.effect import Effect
from spikes.persistence.reply import Answer, Error, StatusReply, Success


class Added(msgspec.Struct, frozen=True):
    amount: int


class Named(msgspec.Struct, frozen=True):
    name: str


LedgerEvent = Added | Named


class Ledger(msgspec.Struct, frozen=True):
    entries: tuple[int, ...] = ()
    name: str | None = None


class Add(msgspec.Struct, frozen=True):
    amounts: tuple[int, ...]


class Name(msgspec.Struct, frozen=True):
    name: str


class Get(msgspec.Struct, frozen=True):
    pass


class Do(msgspec.Struct, frozen=True):
    """Decides whatever the test wants."""

    decide: Callable[[Ledger, Context], Effect[Any]]


LedgerCommand = Add | Name | Get | Do
LedgerBehavior = EventSourcedBehavior[LedgerCommand, LedgerEvent, Ledger]


class AlreadyNamed(msgspec.Struct, frozen=True):
    holder: str


def command_handler(state: Ledger, command: LedgerCommand, context: Context) -> Effect[LedgerEvent]:
    match command:
        case Add(amounts):
            return Effect[LedgerEvent].persist(*map(Added, amounts)).then_reply(StatusReply.success)
        case Name(name):
            return Effect[LedgerEvent].persist(Named(name)).then_reply(StatusReply.success)
        case Get():
            return Effect.reply(StatusReply.success(state))
        case Do(decide):
            return decide(state, context)


def event_handler(state: Ledger, event: LedgerEvent) -> Ledger:
    match event:
        case Added(amount):
            return msgspec.structs.replace(state, entries=(*state.entries, amount))
        case Named(name):
            return msgspec.structs.replace(state, name=name)


def unique(state: Ledger) -> tuple[Claim, ...]:
    return () if state.name is None else (Claim.of("name", state.name),)


def row(state: Ledger, sequence_nr: int) -> IndexPart:
    search = {f"entry {place}": (str(amount),) for place, amount in enumerate(state.entries)}
    return IndexPart({"name": state.name}, str(sequence_nr).encode(), search=search)


LEDGER: LedgerBehavior = EventSourcedBehavior(
    schema=RowSchema("ledger", state_version=3, columns={"name": "text"}, text=("amount",)),
    empty_state=Ledger(),
    state_type=Ledger,
    events=EventCodec({"added@1": Added, "named@1": Named}),
    command_handler=command_handler,
    event_handler=event_handler,
    unique=unique,
    row=row,
)

KEY = CommandKey("key", b"fingerprint")


def ledger(**changes: Any) -> LedgerBehavior:
    """Return the ledger, with some of its parts changed."""
    return msgspec.structs.replace(LEDGER, **changes)


def appended(
    before: Folded[Ledger], *events: LedgerEvent, by: str = "other.0", time: int = 0, behavior: LedgerBehavior = LEDGER
) -> Append:
    """Return the append that another writer would make."""
    context = Context(time, by)
    drafter = Drafter[Any, LedgerEvent, Ledger](behavior, "ledger|1", "other")
    return drafter.draft(before, events, p.Envelope("other", None), context).append


def stored(*events: LedgerEvent, after: int = 0, by: str = "other.0", time: int = 0) -> tuple[StoredEvent, ...]:
    """Return events as another writer would have stored them."""
    return appended(Folded(Ledger(), after), *events, by=by, time=time).events


class Talk:
    """Plays the driver: gives inputs to one entity and keeps what comes back."""

    def __init__(
        self,
        *history: StoredEvent,
        behavior: LedgerBehavior = LEDGER,
        capacity: int = 10,
        recover: bool = True,
        new: bool = False,
    ) -> None:
        self.core = PersistentEntity(behavior, "ledger|1", "me", capacity)
        self.at = 0.0
        self.outputs: list[p.Output] = self.core.start(presumed_new=new)
        self._commands = 0
        if recover and not new:
            self.complete(Loaded(None, history))
            self.outputs.clear()

    def receive(self, command: LedgerCommand, **envelope: Any) -> Talk:
        """Let a command come; they are named c1, c2, ..."""
        self._commands += 1
        name = f"c{self._commands}"
        return self._step(p.Receive(p.Envelope(name, command, name, **envelope)))

    def complete(self, *results: Any) -> Talk:
        """Answer the open question, and those that follow."""
        for result in results:
            self._step(p.Completed(result))
        return self

    def fail(self, error: JournalError) -> Talk:
        """Fail the open question."""
        return self._step(p.Failed(error))

    def decide(self, command: LedgerCommand, **envelope: Any) -> Talk:
        """Let a command come to a fold that is current."""
        return self.receive(command, **envelope).complete(True)

    def _step(self, given: p.Input) -> Talk:
        self.outputs += self.core.step(given, self.at)
        return self

    def answers(self) -> dict[str, Answer]:
        """Return all answers so far, by the name of the command; raises AssertionError if one was answered twice."""
        replies = [output for output in self.outputs if isinstance(output, p.Reply)]
        answers = {str(reply.reply_to): reply.answer for reply in replies}
        assert len(answers) == len(replies), "a command was answered twice"
        return answers

    @property
    def value(self) -> Any:
        """The value of the last answer."""
        status = list(self.answers().values())[-1].status
        assert isinstance(status, Success), status
        return status.value

    @property
    def refusal(self) -> Any:
        """The reason of the last answer."""
        status = list(self.answers().values())[-1].status
        assert isinstance(status, Error), status
        return status.reason

    @property
    def last(self) -> Any:
        """The last output."""
        return self.outputs[-1]

    @property
    def written(self) -> Append:
        """The last append."""
        return [output for output in self.outputs if isinstance(output, p.Write)][-1].append
