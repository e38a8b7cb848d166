from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

T = TypeVar("T")

def transient(exit_delay: timedelta = ...) -> Callable[[type[T]], type[T]]: ...
def transient_idle(exit_delay: timedelta = ...) -> Callable[[type[T]], type[T]]: ...
