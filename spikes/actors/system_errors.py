"""What can go wrong between a caller and the actors.

    thespian.actors.ActorSystemFailure
     +-- BlockingCallInLoop   a blocking call came from the thread that would have to answer it
     +-- SystemIsShutDown     the actor system takes no more calls
     +-- Poisoned             the actor's handler raised; `details` is its traceback

A request that runs out of time raises the built-in `TimeoutError`.
"""

from typing import Any

from thespian.actors import ActorSystemFailure, PoisonMessage


class BlockingCallInLoop(ActorSystemFailure):
    """A blocking call was made on the actor system's own loop, where it could only wait for itself."""


class SystemIsShutDown(ActorSystemFailure):
    """The actor system was shut down, or is shutting down, and takes no more calls."""


class Poisoned(ActorSystemFailure):
    """The handler of the actor that was asked raised; the message was delivered once and will not be again."""

    def __init__(self, poison: PoisonMessage) -> None:
        failure = (poison.details or "").strip().rpartition("\n")[2]
        super().__init__(f"the handler of a message of type {type(poison.poisonMessage).__name__} raised {failure}")
        self.poison: Any = poison.poisonMessage
        """The message whose handler raised."""
        self.details = poison.details
        """The traceback of the handler, as text."""
