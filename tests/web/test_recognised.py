"""A token that was recognised a moment ago is not believed a moment too long, whatever process ends its session."""

from __future__ import annotations

import asyncio

import pytest

from spikes.actors.port import AskTimeout
from spikes.domain.principal import Principal
from spikes.journal.memory import MemoryJournal
from spikes.web.recognised import Recognised, RecognisedTokens
from tests.web.conftest import Api, Person, Start


@pytest.fixture
def on_one_file(url: str) -> None:
    if url == "memory:":
        pytest.skip("a journal in memory is of one process")


async def status(api: Api, who: Person) -> int:
    return (await api.get("/users/me", who)).status


async def test_the_user_is_asked_once_while_nothing_changes(api: Api, ann: Person) -> None:
    assert await status(api, ann) == 200
    before = api.journal.calls["load"]
    assert [await status(api, ann) for _ in range(3)] == [200] * 3
    assert api.journal.calls["load"] == before


async def test_many_at_once_ask_the_user_once(api: Api, ann: Person, url: str) -> None:
    let_a_moment_pass(api, url)
    before = api.journal.calls["check_current"]
    answers = await asyncio.gather(*(api.get("/stati", ann) for _ in range(20)))
    assert {answer.status for answer in answers} == {200}
    assert api.journal.calls["check_current"] - before <= 1


async def test_many_at_once_with_a_wrong_token_are_all_refused(api: Api, ann: Person) -> None:
    wrong = Person(ann.id, ann.email, ann.token[:-1] + ("A" if ann.token[-1] != "A" else "B"))
    answers = await asyncio.gather(*(api.get("/stati", wrong) for _ in range(20)))
    assert {answer.status for answer in answers} == {401}


def let_a_moment_pass(api: Api, url: str) -> None:
    """Where only a round trip could tell what others have stored, tokens are believed for half a second (rule K10)."""
    if url.startswith("cassandra:"):
        api.clock.pass_by(seconds=1)


@pytest.mark.usefixtures("on_one_file")
async def test_a_logout_elsewhere_counts_at_once(start: Start, url: str) -> None:
    here, there = await start(), await start()
    ann = await here.person("Ann")
    assert [await status(api, ann) for api in (here, there, here)] == [200] * 3
    assert (await there.post("/users/logout", None, ann)).status == 204
    let_a_moment_pass(here, url)
    assert await status(here, ann) == 401


@pytest.mark.usefixtures("on_one_file")
async def test_a_logout_elsewhere_counts_after_the_user_left_memory(start: Start) -> None:
    here, there = await start(max_entities=1), await start()
    ann = await here.person("Ann")
    again = await here.login("Ann")
    assert [await status(here, who) for who in (ann, again)] == [200, 200]
    await here.person("Bob")  # takes the one place in memory
    assert (await there.post("/users/logout", None, ann)).status == 204
    assert [await status(here, who) for who in (again, ann)] == [200, 401]


async def test_a_session_that_expires_is_not_recognised(start: Start) -> None:
    api = await start(token_ttl=60)
    ann = await api.person("Ann")
    assert await status(api, ann) == 200
    api.clock.pass_by(seconds=60)
    assert await status(api, ann) == 401


async def test_who_comes_meanwhile_waits_for_the_answer() -> None:
    tokens = RecognisedTokens(MemoryJournal())
    with tokens.asking("one"):
        waiting = asyncio.ensure_future(tokens.asked("one"))
        assert not (await asyncio.wait({waiting}, timeout=0.01))[0]
    assert (await waiting, await tokens.asked("one")) == (True, False)


async def test_who_waited_for_an_answer_that_came_too_late_waits_no_longer() -> None:
    tokens, waiting = RecognisedTokens(MemoryJournal()), []

    async def ask() -> None:
        with tokens.asking("one"):
            waiting.append(asyncio.ensure_future(tokens.asked("one")))
            await asyncio.wait(waiting, timeout=0.01)
            raise AskTimeout("no answer within 3 s")

    with pytest.raises(AskTimeout):
        await ask()
    with pytest.raises(AskTimeout):
        await waiting[0]
    assert not await tokens.asked("one")


def test_only_so_many_tokens_are_kept() -> None:
    tokens = RecognisedTokens(MemoryJournal(), capacity=2)
    for name in ("one", "two", "three"):
        tokens.remember(name, Recognised(Principal(name, "S"), f"user|{name}", 0, 10, 0.0))
    assert [tokens.find(name, 9, 0.0) is not None for name in ("one", "two", "three")] == [False, True, True]


def test_a_token_is_kept_until_its_time() -> None:
    tokens = RecognisedTokens(MemoryJournal())
    tokens.remember("one", Recognised(Principal("one", "S"), "user|one", 0, 10, 0.0))
    assert [tokens.find("one", now, 0.0) is not None for now in (9, 10, 9)] == [True, False, False]


class Remote(MemoryJournal):
    """A journal that can't tell without a round trip whether anything is the newest."""

    def is_current(self, persistence_id: str, sequence_nr: int) -> bool | None:
        return None


@pytest.mark.parametrize(("later", "believed"), [(0.49, True), (0.5, False)])
def test_k10_a_token_is_believed_for_half_a_second(later: float, believed: bool) -> None:
    tokens = RecognisedTokens(Remote())
    tokens.remember("one", Recognised(Principal("one", "S"), "user|one", 1, 10, 7.0))
    assert (tokens.find("one", 9, 7.0 + later) is not None) is believed
