from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

class UpdateTroupeSettings:
    max_count: int | None
    idle_count: int | None
    def __init__(self, max_count: int | None = None, idle_count: int | None = None) -> None: ...

def troupe(max_count: int = 10, idle_count: int = 2) -> Callable[[type[T]], type[T]]: ...
