"""From an actor class, or its name, to an instance."""

import inspect
import sys
import time
from collections.abc import Mapping
from functools import partial
from typing import Any, cast
from weakref import WeakKeyDictionary

from thespian.actors import Actor, ThespianGeneration
from thespian.system.sourceLoader import loadModuleFromHashSource
from thespian.system.utilis import actualActorClass


class ActorFactory:
    """Makes instances. What a class's `__init__` wants to be given is looked up once per class."""

    __slots__ = ("_capabilities", "_sources", "_wanted")

    def __init__(self, capabilities: dict[str, Any], sources: Mapping[str, bytes]) -> None:
        self._capabilities = capabilities
        self._sources = sources
        self._wanted: WeakKeyDictionary[type[Actor], tuple[str, ...]] = WeakKeyDictionary()

    def create(
        self, actor_class: type[Actor] | str, requirements: dict[str, Any] | None, source_hash: str | None
    ) -> Actor | None:
        """A new instance; None if the class refuses to live with the system's capabilities.

        Raises `InvalidActorSpecification`, `InvalidActorSourceHash`, ImportError, and what the class's `__init__` does.
        """
        found = actor_class if isinstance(actor_class, type) else self._find(actor_class, source_hash)
        check = getattr(found, "actorSystemCapabilityCheck", None)
        if check is not None and not check(self._capabilities, requirements or {}):
            return None
        wanted = self._wanted.get(found)
        if wanted is None:
            wanted = self._wanted[found] = arguments_wanted(found)
        if not wanted:
            return found()
        offered = {"capabilities": self._capabilities, "requirements": requirements}
        return cast(Actor, cast(Any, found)(**{name: offered[name] for name in wanted}))

    def _find(self, name: str, source_hash: str | None) -> type[Actor]:
        loader = partial(loadModuleFromHashSource, source_hash, self._sources) if source_hash else None
        return actualActorClass(name, loader)


def arguments_wanted(actor_class: type[Actor]) -> tuple[str, ...]:
    """Which of the arguments that Thespian offers to `__init__` this class takes by name."""
    names = inspect.signature(actor_class.__init__).parameters
    return tuple(name for name in ("capabilities", "requirements") if name in names)


def capabilities_of_this_base() -> dict[str, Any]:
    """What every Thespian system says of itself."""
    return {
        "Python Version": tuple(sys.version_info),
        "Thespian Generation": ThespianGeneration,
        "Thespian Version": str(int(time.time() * 1000)),
        "Thespian ActorSystem Name": "asyncioSystem",
        "Thespian ActorSystem Version": 1,
        "Thespian Watch Supported": False,
        "AllowRemoteActorSources": "No",
    }
