from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

def initializing_messages(
    initset: Sequence[tuple[Any, ...]], initdone: str | None = None, init_passthru: bool = False
) -> Callable[[type[T]], type[T]]: ...
