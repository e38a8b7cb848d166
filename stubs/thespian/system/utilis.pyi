from collections.abc import Callable
from typing import Any

from thespian.actors import Actor

def actualActorClass(
    actorClass: type[Actor] | str, sourceHashLoader: Callable[[str, str], Any] | None = None
) -> type[Actor]: ...
