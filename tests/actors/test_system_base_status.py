"""Status requests, capabilities and loadable sources."""

import io
import logging
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import pytest
from thespian.actors import (
    Actor,
    ActorAddress,
    InvalidActorSourceHash,
    LoadedSource,
    Thespian_ActorStatus,
    Thespian_StatusReq,
    Thespian_SystemStatus,
    UnloadedSource,
    ValidatedSource,
    ValidateSource,
)
from thespian.system.messages.status import formatStatus

from spikes.actors.system_base import ActorSystemBase, start_actor_system, system_base_of
from tests.actors.system_base_actors import TIMEOUT, Doer, doer, new_child, settle


@pytest.fixture
async def base() -> AsyncIterator[ActorSystemBase]:
    base = system_base_of(start_actor_system({"flying": True}))
    yield base
    await base.aclose()


async def status_of(base: ActorSystemBase, address: ActorAddress) -> Any:
    return await base.request(address, Thespian_StatusReq(), TIMEOUT)


async def test_actor_status_names_class_parent_children(base: ActorSystemBase) -> None:
    parent = base.newPrimaryActor(Doer)
    child = await base.request(parent, new_child, TIMEOUT)
    status = await status_of(base, parent)
    assert isinstance(status, Thespian_ActorStatus)
    assert (status.actorClass, status.parentAddress) == ("Doer", base.system.systemAddress)
    assert status.childActors == [child]


async def test_actor_status_lists_messages_that_wait(base: ActorSystemBase) -> None:
    address, other = base.newPrimaryActor(Doer), base.newPrimaryActor(Doer)
    callback, future = base.temporary_address(TIMEOUT)
    base.post(address, Thespian_StatusReq(), callback)
    base.post(address, "first", other)
    base.post(other, "not mine")
    base.post(address, "second", other)
    assert (await future).pendingMessages == [(other, address, "first"), (other, address, "second")]


class Unspeakable:
    """Fails when it is shown."""

    def __str__(self) -> str:
        raise ValueError("no words")


async def test_actor_status_survives_messages_without_words(base: ActorSystemBase) -> None:
    address = base.newPrimaryActor(Doer)
    callback, future = base.temporary_address(TIMEOUT)
    base.post(address, Thespian_StatusReq(), callback)
    base.post(address, Unspeakable(), address)
    assert (await future).pendingMessages == [(address, address, "a Unspeakable that fails as text")]


async def test_actor_status_lists_its_own_wakeups(base: ActorSystemBase) -> None:
    sleeper, other = base.newPrimaryActor(Doer), base.newPrimaryActor(Doer)
    for address in (sleeper, other):
        base.post(address, lambda me, _: me.wakeupAfter(100))
    assert [address for address, _ in (await status_of(base, sleeper)).pendingWakeups] == [sleeper]


async def test_system_status_shows_the_whole_system(base: ActorSystemBase) -> None:
    named = base.newPrimaryActor(Doer, globalName="the one")
    base.post(named, lambda me, _: me.handleDeadLetters())
    status = await status_of(base, base.system.systemAddress)
    assert isinstance(status, Thespian_SystemStatus)
    assert (status.childActors, status.globalActors) == ([named], {"the one": named})
    assert (status.deadLetterHandler, status.capabilities["flying"]) == (named, True)


async def test_statuses_are_readable_by_thespians_tools(base: ActorSystemBase) -> None:
    text = io.StringIO()
    formatStatus(await status_of(base, base.system.systemAddress), tofd=text)
    formatStatus(await status_of(base, base.newPrimaryActor(Doer)), tofd=text)
    assert "Status of Doer Actor" in text.getvalue()


async def test_capabilities_are_set_and_removed(base: ActorSystemBase) -> None:
    base.post(base.newPrimaryActor(Doer), lambda me, _: me.updateCapability("swimming", 3))
    base.updateCapability("flying")
    await settle(base)
    assert (base.system.capabilities.get("swimming"), "flying" in base.system.capabilities) == (3, False)


def test_logging_is_left_alone_unless_told() -> None:
    handlers = list(logging.getLogger().handlers)
    system_base_of(start_actor_system()).shutdown()
    assert logging.getLogger().handlers == handlers


SOURCE = """
from thespian.actors import Actor
class Loaded(Actor):
    def receiveMessage(self, msg, sender):
        self.send(sender, "loaded " + msg)
"""


class Authority(Actor):
    """Lets everything through that is no poison."""

    def receiveMessage(self, msg: Any, sender: ActorAddress) -> None:  # noqa: N802
        match msg:
            case "begin":
                self.registerSourceAuthority()
            case ValidateSource(sourceHash=source_hash, sourceData=data):
                verdict = None if data == b"poison" else data
                self.send(sender, ValidatedSource(source_hash, verdict))


@pytest.fixture
async def listener(base: ActorSystemBase) -> ActorAddress:
    """An actor that hears of sources; there is an authority, too."""
    base.post(base.newPrimaryActor(Authority), "begin")
    address = base.newPrimaryActor(Doer)
    base.post(address, lambda me, _: me.notifyOnSourceAvailability())
    await settle(base)
    return address


def zipped(source: str) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("loadable.py", source)
    file.seek(0)
    return file


@pytest.mark.filterwarnings("ignore:HashRootLoader:ImportWarning")  # Thespian's loader is of Python 3.3
async def test_validated_source_makes_actors(base: ActorSystemBase, listener: ActorAddress) -> None:
    source_hash = base.loadActorSource(zipped(SOURCE))
    await settle(base)
    address = base.newPrimaryActor("loadable.Loaded", sourceHash=source_hash)
    assert await base.request(address, "hello", TIMEOUT) == "loaded hello"


async def test_sources_are_announced(base: ActorSystemBase, listener: ActorAddress) -> None:
    source_hash = base.loadActorSource(zipped(SOURCE))
    await settle(base)
    base.unloadActorSource(source_hash)
    await settle(base)
    heard = [message for message in doer(base, listener).seen if not callable(message)]
    assert heard == [LoadedSource(source_hash, ""), UnloadedSource(source_hash, "")]


@pytest.mark.parametrize("content", [b"poison", b"no zip file"])
async def test_refused_and_corrupt_sources_stay_out(
    base: ActorSystemBase, listener: ActorAddress, content: bytes
) -> None:
    source_hash = base.loadActorSource(io.BytesIO(content))
    await settle(base)
    with pytest.raises(InvalidActorSourceHash):
        base.newPrimaryActor("loadable.Loaded", sourceHash=source_hash)


async def test_without_authority_nothing_is_loaded(base: ActorSystemBase) -> None:
    source_hash = base.loadActorSource(zipped(SOURCE))
    await settle(base)
    with pytest.raises(InvalidActorSourceHash):
        base.newPrimaryActor("loadable.Loaded", sourceHash=source_hash)
