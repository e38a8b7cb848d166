"""Actors and helpers for the tests of the system base."""

from collections.abc import Callable
from typing import Any

from thespian.actors import Actor, ActorAddress

from spikes.actors.system_base import ActorSystemBase

TIMEOUT = 30.0
"""Seconds a test waits for what comes at once if it comes at all."""


class Doer(Actor):
    """Remembers what it is sent, and calls what can be called, with itself and the sender."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def receiveMessage(self, msg: Any, sender: ActorAddress) -> None:  # noqa: N802
        """Remember, then do it."""
        self.seen.append(msg)
        if callable(msg):
            msg(self, sender)


class Echo(Actor):
    """Sends everything back."""

    def receiveMessage(self, msg: Any, sender: ActorAddress) -> None:  # noqa: N802
        """Answer with the message itself."""
        self.send(sender, msg)


class Unborn(Actor):
    """Can't be made."""

    def __init__(self) -> None:
        raise ValueError("never born")


def doer(base: ActorSystemBase, address: ActorAddress) -> Doer:
    """The actor behind an address."""
    for ref in base.actors():
        if ref.address == address and isinstance(ref.instance, Doer):
            return ref.instance
    raise LookupError(address)


def answer(reply: Callable[[Doer], object]) -> Callable[[Doer, ActorAddress], None]:
    """A message that makes a Doer answer with `reply` of itself."""
    return lambda me, sender: me.send(sender, reply(me))


def new_child(me: Doer, sender: ActorAddress) -> None:
    """A message that makes a Doer create a child and answer with its address."""
    me.send(sender, me.createActor(Doer))


def boom(me: Doer, sender: ActorAddress) -> None:
    """A message that fails."""
    raise ValueError("boom")


async def settle(base: ActorSystemBase) -> None:
    """Return when no message waits."""
    while True:
        callback, future = base.temporary_address(TIMEOUT)
        base.post(callback, None)
        await future
        if not base.mailbox_depth:
            return
