"""A simulated cluster: replicas of the same entities over one store, in which everything goes wrong in random order.

Everything random comes from one seed, so a failure can be repeated. The store is the plain meaning of the port; a
write can be stored or not before its answer is lost, stored late, or refused by its own first try.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from random import Random
from typing import Any

import msgspec
import pytest

from spikes.journal import errors
from spikes.journal.port import Append, Appended, Claim, CommandKey, Loaded, RecordedCommand, Snapshot, StoredEvent
from spikes.persistence import protocol as p
from spikes.persistence import reading
from spikes.persistence.behavior import Context, RetentionCriteria
from spikes.persistence.core import PersistentEntity
from spikes.persistence.effect import Effect
from spikes.persistence.reply import Answer, Error, OutcomeNotKnown, StatusReply, Success
from tests.persistence.samples import Add, AlreadyNamed, Do, Get, Ledger, LedgerCommand, Name, ledger

PAGE = 3
IDS = ("ledger|1", "ledger|2")


def refuse_name(state: Ledger, command: Any, claim: Claim, holder: str, context: Context) -> Effect[Any]:
    return Effect.reply(StatusReply.error(AlreadyNamed(holder)))


BEHAVIOR = ledger(retention=RetentionCriteria.snapshot_every(4), claim_handler=refuse_name)


class Store:
    """Streams, snapshots, claims and client keys of the whole cluster."""

    def __init__(self) -> None:
        self.streams: dict[str, list[StoredEvent]] = defaultdict(list)
        self.snapshots: dict[str, Snapshot] = {}
        self.claims: dict[Claim, str] = {}
        self.keys: dict[str, RecordedCommand] = {}

    def append(self, append: Append) -> None:
        """Store it, or raise what speaks against it (the order of checks is rule C4)."""
        stream = self.streams[append.persistence_id]
        if append.command is not None and append.command.id in self.keys:
            record = self.keys[append.command.id]
            raise errors.DuplicateCommand(record.persistence_id, record.sequence_nr, record.fingerprint)
        if append.expected_sequence_nr != len(stream):
            raise errors.SequenceConflict(append.persistence_id, append.expected_sequence_nr, len(stream))
        for claim in append.take:
            if self.claims.get(claim, append.persistence_id) != append.persistence_id:
                raise errors.ClaimTaken(claim, self.claims[claim])
        self._store(append, stream)

    def _store(self, append: Append, stream: list[StoredEvent]) -> None:
        stream.extend(append.events)
        for claim in append.release:
            self.claims.pop(claim)
        self.claims.update(dict.fromkeys(append.take, append.persistence_id))
        if append.row.snapshot is not None:
            self.snapshots[append.persistence_id] = append.row.snapshot
        if append.command is not None:
            self.keys[append.command.id] = RecordedCommand(
                append.persistence_id, append.sequence_nr, append.command.fingerprint
            )

    def load(self, persistence_id: str, to: int | None) -> Loaded:
        snapshot = self.snapshots.get(persistence_id)
        if snapshot is not None and to is not None and snapshot.sequence_nr > to:
            snapshot = None
        events = self.streams[persistence_id][snapshot.sequence_nr if snapshot else 0 : to]
        return Loaded(snapshot, tuple(events[:PAGE]), len(events) <= PAGE)

    def state(self, persistence_id: str, sequence_nr: int) -> Ledger:
        return BEHAVIOR.fold(BEHAVIOR.start(), self.streams[persistence_id][:sequence_nr]).state


class Replica:
    """One entity in the memory of one process, and what it waits for."""

    def __init__(self, persistence_id: str) -> None:
        self.core = PersistentEntity(BEHAVIOR, persistence_id, "writer", stash_capacity=6)
        self.question: p.Output | None = None
        self.commands: set[str] = set()


class Asked(msgspec.Struct):
    """A command, where it was sent, and what had been acknowledged there when it was."""

    envelope: p.Envelope
    persistence_id: str
    acknowledged: int
    answer: Answer | None = None
    crashed: bool = False


class Cluster:
    """Three replicas of each entity, driven by one seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.store = Store()
        self.at = 0.0
        self.asked: dict[str, Asked] = {}
        self.late: list[Append] = []
        self.acknowledged: dict[str, int] = defaultdict(int)
        self.faults = True
        self.replicas = [self.begin(persistence_id) for persistence_id in IDS for _ in range(3)]

    def begin(self, persistence_id: str, presumed_new: bool = False) -> Replica:
        replica = Replica(persistence_id)
        self.carry_out(replica, replica.core.start(presumed_new))
        return replica

    # ---- what happens

    def happen(self) -> None:
        """Let one random thing happen."""
        place = self.random.randrange(len(self.replicas))
        match self.random.choices(("ask", "answer", "late", "time", "crash", "leave"), (30, 100, 5, 8, 1, 1))[0]:
            case "ask":
                self.ask(self.replicas[place])
            case "answer":
                self.resolve(self.replicas[place])
            case "late":
                self.store_late()
            case "time":
                self.at += self.random.random()
            case "crash":
                self.crash(place)
            case "leave":
                self.carry_out(self.replicas[place], self.replicas[place].core.leave(self.at))

    def settle(self) -> None:
        """Let all end well: no more faults, every question is answered."""
        self.faults = False
        while open_ones := [replica for replica in self.replicas if replica.question is not None]:
            self.resolve(self.random.choice(open_ones))
        for replica in list(self.replicas):
            self.carry_out(replica, replica.core.leave(self.at))
        while self.late:
            self.store_late()

    def ask(self, replica: Replica, command: LedgerCommand | None = None) -> None:
        name, persistence_id = f"c{len(self.asked)}", replica.core.persistence_id
        envelope = p.Envelope(
            name,
            command or self.command(len(self.asked)),
            name,
            now=self.random.randrange(100),
            deadline=self.at + self.random.random() * 3,
            expected=self.sometimes(0.2, len(self.store.streams[persistence_id])),
            key=self.sometimes(0.3, CommandKey(f"k{self.random.randrange(8)}", b"")),
        )
        self.asked[name] = Asked(envelope, persistence_id, self.acknowledged[persistence_id])
        replica.commands.add(name)
        self.carry_out(replica, replica.core.step(p.Receive(envelope), self.at))

    def command(self, number: int) -> LedgerCommand:
        wait = Do(lambda state, _: Effect[Any].reply(Success(state)) if len(state.entries) % 2 else Effect.stash())
        unstash = Do(lambda state, _: Effect[Any].reply(Success(state)).then_unstash_all())
        add = Add(tuple(number * 10 + digit for digit in range(self.random.randint(1, 4))))
        name = Name(self.random.choice("abc"))
        return self.random.choices((add, Get(), name, wait, unstash), (10, 5, 3, 1, 2))[0]

    def sometimes(self, chance: float, value: Any) -> Any:
        return value if self.random.random() < chance else None

    def crash(self, place: int) -> None:
        replica = self.replicas[place]
        for name in replica.commands:
            self.asked[name].crashed = True
        if isinstance(replica.question, p.Write):
            self.late.append(replica.question.append)
        presumed_new = self.random.random() < 0.5  # mostly wrong: the fence must find out
        self.replicas[place] = self.begin(replica.core.persistence_id, presumed_new)
        if presumed_new:
            self.ask(self.replicas[place], Add((len(self.asked),)))

    def store_late(self) -> None:
        """Let an append arrive whose sender has given it up; the store decides as ever."""
        if self.late:
            with suppress(errors.AppendRefused):
                self.store.append(self.late.pop(self.random.randrange(len(self.late))))

    # ---- the driver

    def carry_out(self, replica: Replica, outputs: list[p.Output]) -> None:
        for output in outputs:
            match output:
                case p.Reply(name, answer):
                    self.answered(replica, str(name), answer)
                case p.Stop():
                    assert replica.core.is_idle
                    if replica in self.replicas:
                        self.replicas[self.replicas.index(replica)] = self.begin(replica.core.persistence_id)
                case p.Notify():
                    pass
                case _:
                    assert replica.question is None, "two questions at once"
                    assert not isinstance(output, p.Write) or self.at < (output.append.deadline or 0), "sent too late"
                    replica.question = output

    def resolve(self, replica: Replica) -> None:
        if replica.question is None:
            return
        question, replica.question = replica.question, None
        try:
            given: p.Input = p.Completed(self.look_up(question))
        except errors.JournalError as error:
            given = p.Failed(error)
        self.carry_out(replica, replica.core.step(given, self.at))

    def look_up(self, question: p.Output) -> Any:
        if self.faults and not isinstance(question, p.Write | p.Wait) and self.random.random() < 0.05:
            raise errors.JournalUnavailable("no answer")
        match question:
            case p.Load(persistence_id, _, to):
                return self.store.load(persistence_id, to)
            case p.ReadEvents(persistence_id, after):
                return tuple(self.store.streams[persistence_id][after : after + PAGE])
            case p.CheckCurrent(persistence_id, sequence_nr):
                return sequence_nr >= len(self.store.streams[persistence_id])
            case p.FindCommand(command_id):
                return self.store.keys.get(command_id)
            case p.Write(append):
                return self.write(append)
            case _:
                return None

    def write(self, append: Append) -> Appended:
        if append.deadline is not None and self.at >= append.deadline:
            raise errors.DeadlinePassed("too late")
        fault = self.random.choices(("none", "unavailable", "lost", "late", "stored", "again"), (70, 6, 6, 6, 6, 6))[0]
        match fault if self.faults else "none":
            case "unavailable":
                raise errors.JournalUnavailable("not sent")
            case "lost":
                raise errors.OutcomeUnknown("lost on the way there")
            case "late":
                self.late.append(append)
                raise errors.OutcomeUnknown("still on its way")
            case "stored":
                self.store.append(append)
                raise errors.OutcomeUnknown("lost on the way back")
            case "again":
                self.store.append(append)
        self.store.append(append)
        return Appended(append.sequence_nr)

    # ---- what must be true of every answer

    def answered(self, replica: Replica, name: str, answer: Answer) -> None:
        asked, core = self.asked[name], replica.core
        assert asked.answer is None, "a command was answered twice"
        asked.answer = answer
        replica.commands.discard(name)
        folded = core.folded
        assert folded.state == self.store.state(core.persistence_id, folded.sequence_nr)
        if isinstance(answer.status, Success):
            self.succeeded(asked, answer, answer.status.value)

    def succeeded(self, asked: Asked, answer: Answer, value: Ledger) -> None:
        """The value is the state at the number it names, and never older than what was acknowledged before."""
        assert value == self.store.state(answer.persistence_id, answer.sequence_nr)
        if not answer.replayed:
            assert answer.persistence_id == asked.persistence_id
            assert answer.sequence_nr >= asked.acknowledged, "a stale answer"
            number = self.acknowledged[asked.persistence_id]
            self.acknowledged[asked.persistence_id] = max(number, answer.sequence_nr)

    # ---- what must be true in the end

    def check(self) -> None:
        for asked in self.asked.values():
            self.check_answer(asked)
        for persistence_id, stream in self.store.streams.items():
            assert [event.sequence_nr for event in stream] == list(range(1, len(stream) + 1))
            times = [event.metadata.time for event in stream]
            assert times == sorted(times)
            self.check_snapshot(persistence_id)
        self.check_keys()
        names = [self.store.state(persistence_id, 99_999).name for persistence_id in IDS]
        assert names[0] is None or names[0] != names[1], "a unique value has two owners"

    def check_answer(self, asked: Asked) -> None:
        assert asked.crashed or asked.answer is not None, "a command was not answered"
        events = self.events_of(asked)
        wanted = len(asked.envelope.command.amounts) if isinstance(asked.envelope.command, Add) else 1
        assert len(events) in (0, wanted), "events of one effect were stored in part or twice"
        if asked.answer is None or isinstance(asked.envelope.command, Get | Do):
            return
        match asked.answer.status:
            case Success():
                assert bool(events) is not asked.answer.replayed
                self.check_place(asked, events)
            case Error(OutcomeNotKnown()):
                pass
            case Error(reason):
                assert events == [], f"answered {reason!r}, but stored"

    def check_place(self, asked: Asked, events: list[StoredEvent]) -> None:
        assert asked.answer is not None
        if events:
            assert events[-1].sequence_nr == asked.answer.sequence_nr
            assert asked.envelope.expected in (None, events[0].sequence_nr - 1)

    def check_keys(self) -> None:
        """Each client key led to the events of one command at one entity only."""
        commands = defaultdict(set)
        for persistence_id, stream in self.store.streams.items():
            for event in stream:
                commands[event.metadata.command_id].add((persistence_id, event.metadata.attempt_id))
        assert all(len(attempts) == 1 for key, attempts in commands.items() if key is not None)

    def check_snapshot(self, persistence_id: str) -> None:
        snapshot = self.store.snapshots.get(persistence_id)
        if snapshot is not None:
            assert BEHAVIOR.thaw(snapshot).state == self.store.state(persistence_id, snapshot.sequence_nr)

    def events_of(self, asked: Asked) -> list[StoredEvent]:
        attempts = f"{asked.envelope.id}."
        events = [event for stream in self.store.streams.values() for event in stream]
        return [event for event in events if event.metadata.attempt_id.startswith(attempts)]


@pytest.mark.parametrize("seed", range(60))
def test_no_order_of_faults_breaks_a_promise(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PAGE", PAGE)
    cluster = Cluster(seed)
    for _ in range(500):
        cluster.happen()
    cluster.settle()
    cluster.check()


def test_the_simulation_meets_every_kind_of_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PAGE", PAGE)
    kinds: set[str] = set()
    for seed in range(20):
        cluster = Cluster(1000 + seed)
        for _ in range(500):
            cluster.happen()
        statuses = [asked.answer.status for asked in cluster.asked.values() if asked.answer]
        kinds |= {type(each.reason if isinstance(each, Error) else each).__name__ for each in statuses}
        kinds |= {"replayed" for asked in cluster.asked.values() if asked.answer and asked.answer.replayed}
    met = {"Success", "replayed", "AlreadyNamed", "NotStored", "OutcomeNotKnown", "PreconditionFailed", "StashFull"}
    assert met <= kinds
