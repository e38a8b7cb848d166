"""Callback addresses: where the answer to one request goes. A future is behind each, not an actor."""

import asyncio
import itertools
from typing import Any

from thespian.actors import ActorAddress

from spikes.actors.system_dispatch import Receiver
from spikes.actors.system_errors import SystemIsShutDown

_numbers = itertools.count(1)


class Callback:
    """One answer, into one future."""

    __slots__ = ("_name", "_receivers", "_timer", "future")

    kind = "callback"

    def __init__(
        self, name: str, future: asyncio.Future[Any], receivers: dict[object, Receiver], timeout: float | None
    ) -> None:
        self._name = name
        self._receivers = receivers
        self.future = future
        self._timer = None if timeout is None else future.get_loop().call_later(timeout, self._expire, timeout)
        receivers[name] = self
        future.add_done_callback(self._done)

    def receive(self, message: object, sender: ActorAddress) -> bool:
        """Finish the future; once it is finished, whatever comes is a dead letter."""
        if self.future.done():
            return False
        self.future.set_result(message)
        return True

    def fail(self, error: Exception) -> None:
        """End without an answer."""
        if not self.future.done():
            self.future.set_exception(error)
            self.future.exception()  # whoever awaits it still gets it; if nobody does, that is no reason to complain

    def _expire(self, timeout: float) -> None:
        self.fail(TimeoutError(f"no answer within {timeout:g} s"))

    def _done(self, _: asyncio.Future[Any]) -> None:
        self._receivers.pop(self._name, None)
        if self._timer is not None:
            self._timer.cancel()


def open_callback(
    loop: asyncio.AbstractEventLoop, receivers: dict[object, Receiver], timeout: float | None
) -> tuple[ActorAddress, asyncio.Future[Any]]:
    """A new address, unlike any of this process, and its future."""
    name, future = f"System:Callback~{next(_numbers)}", loop.create_future()
    Callback(name, future, receivers, timeout)
    return ActorAddress(name), future


def close_callbacks(receivers: dict[object, Receiver]) -> None:
    """Let everybody who still waits for an answer know that there will be none."""
    for receiver in list(receivers.values()):
        if isinstance(receiver, Callback):
            receiver.fail(SystemIsShutDown("the actor system was shut down"))
