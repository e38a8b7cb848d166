"""Two journals on one Cassandra together answer random histories as the simple model does that is memory."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import NamedTuple

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from spikes.journal import open_journal
from spikes.journal.cassandra import open_cassandra
from spikes.journal.cassandra_target import target_of
from spikes.journal.port import Append, Claim, CommandKey, Journal
from tests.journal.rivals import HOMES
from tests.journal.samples import append, listing
from tests.journal.test_model import outcome

NAMES = ("a", "b", "c")


class Step(NamedTuple):
    """One append: by which journal, to whose stream, how far beside its end, and what it takes and lets go of."""

    journal: int
    name: str
    beside: int
    many: int
    take: list[str]
    release: list[str]
    key: str | None


STEPS = st.builds(
    Step,
    st.integers(0, 1),
    st.sampled_from(NAMES),
    st.sampled_from([0, 0, 0, 0, -1, 1]),
    st.integers(1, 2),
    st.lists(st.sampled_from("pq"), max_size=2, unique=True),
    st.lists(st.sampled_from("pq"), max_size=1),
    st.none() | st.sampled_from(["k1", "k2"]),
)


class History:
    """Places the steps of one example; its ids and values are used by no other."""

    def __init__(self, example: int) -> None:
        self._example = example
        self._ends = dict.fromkeys(NAMES, 0)

    def pid(self, name: str) -> str:
        return f"note|{self._example}-{name}"

    def claim(self, name: str) -> Claim:
        return Claim.of("slug", str(self._example), name)

    def key(self, name: str) -> str:
        return f"{self._example}-{name}"

    def placed(self, step: Step, attempt: str) -> Append:
        return append(
            self.pid(step.name),
            after=max(0, self._ends[step.name] + step.beside),
            count=step.many,
            attempt=attempt,
            index=listing(owner=attempt, created=1, item=attempt.encode()),
            take=tuple(map(self.claim, step.take)),
            release=tuple(map(self.claim, step.release)),
            command=CommandKey(self.key(step.key), b"f") if step.key else None,
        )

    async def told(self, steps: list[Step], journals: tuple[Journal, Journal]) -> list[object]:
        """Return what the journals answer, one step after another, and what is there in the end."""
        answers: list[object] = []
        for number, step in enumerate(steps):
            wanted = self.placed(step, f"attempt-{number}")
            answers.append(await outcome(journals[step.journal].append(wanted)))
            self._ends[step.name] = len(await journals[step.journal].events(self.pid(step.name)))
        for journal in journals:
            answers += [await journal.load(self.pid(name), 1) for name in NAMES]
            answers += [await journal.holder(self.claim(name)) for name in "pq"]
            answers += [await journal.command(self.key(name), 1_000) for name in ("k1", "k2")]
            answers += [sorted(row.item for row in await journal.listed([*map(self.pid, NAMES)]))]
        return answers


# The driver's threads draw random numbers whenever they like.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
def test_memory_and_two_on_cassandra_give_the_same_answers(journal_on_cassandra: str) -> None:
    numbers = itertools.count()
    with asyncio.Runner() as runner:
        target = target_of(journal_on_cassandra)
        here, there = (runner.run(open_cassandra(target, HOMES, migrate=True)) for _ in range(2))
        try:
            _compare(lambda steps: runner.run(_same(next(numbers), steps, (here, there))))
            assert runner.run(_verified(here, there)) == ()
        finally:
            runner.run(_closed(here, there))


def _compare(same: Callable[[list[Step]], None]) -> None:
    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to make a failure smaller would take minutes
    )
    @given(st.lists(STEPS, max_size=8))
    def compared(steps: list[Step]) -> None:
        same(steps)

    compared()


async def _same(number: int, steps: list[Step], journals: tuple[Journal, Journal]) -> None:
    memory = await open_journal("memory:", HOMES)
    expected = await History(number).told(steps, (memory, memory))
    assert await History(number).told(steps, journals) == expected


async def _verified(*journals: Journal) -> tuple[str, ...]:
    for journal in journals:
        await journal.settled()  # type: ignore[attr-defined] # of Cassandra's alone
    return await journals[0].verify()


async def _closed(*journals: Journal) -> None:
    for journal in journals:
        await journal.close()
