"""Log lines: one JSON object a line on standard error, or coloured text where someone is looking at a terminal.

structlog is the front; what libraries write through the standard library's `logging` comes out in the same form. A line
is one write, so that the lines of several processes on one pipe don't mix; if nobody reads them any more, they are lost
and the service goes on.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
import structlog

from spikes.settings import Settings

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


_watchers: list[Callable[[dict[str, Any]], None]] = []


def watch(watcher: Callable[[dict[str, Any]], None]) -> None:
    """Show each line to `watcher` before it is written, from now on. It must be quick and change nothing."""
    if watcher not in _watchers:
        _watchers.append(watcher)


class Threshold:
    """The least important lines that are written. It can be changed while the service runs."""

    def __init__(self) -> None:
        self.name = "info"
        self.number = LEVELS[self.name]

    def set(self, name: str) -> None:
        """Write lines of this level and above from now on, the libraries' too."""
        self.name, self.number = name, LEVELS[name]
        logging.getLogger().setLevel(self.number)


threshold = Threshold()
"""The one of this process."""


def _adjustable() -> type[Any]:
    """Return a logger that looks at the threshold at each line: structlog's own keep the level they began with."""
    everything = structlog.make_filtering_bound_logger(logging.DEBUG)

    def gated(name: str, number: int) -> Callable[..., Any]:
        write = getattr(everything, name)

        def method(self: Any, event: str, *args: Any, **fields: Any) -> Any:
            return write(self, event, *args, **fields) if number >= threshold.number else None

        return method

    return type("Adjustable", (everything,), {name: gated(name, number) for name, number in LEVELS.items()})


def set_up(settings: Settings, **fields: Any) -> None:
    """Set up logging as `settings` say; `fields` are put on every line of this process."""
    if _for_people(settings):
        renderers: list[structlog.typing.Processor] = [structlog.dev.ConsoleRenderer()]
    else:
        renderers = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_json)]
    structlog.configure(
        processors=[*_common(fields), *renderers],
        wrapper_class=_adjustable(),
        logger_factory=_Lines,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_ToStructlog()], force=True)
    threshold.set(settings.log_level)
    logging.captureWarnings(True)


def _common(fields: dict[str, Any]) -> list[structlog.typing.Processor]:
    def in_order(_: Any, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {"time": line.pop("time"), "level": line.pop("level"), "event": line.pop("event"), **fields, **line}

    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        in_order,
        _shown_to_watchers,
    ]


def _shown_to_watchers(_: Any, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    for watcher in _watchers:
        try:
            watcher(line)  # type: ignore[arg-type] # it is the dictionary that in_order made
        except Exception as problem:  # noqa: BLE001 - a log line must never stop what it tells about
            line["not_noticed"] = type(problem).__name__
    return line


def _for_people(settings: Settings) -> bool:
    return settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())


def _json(line: structlog.typing.EventDict, **_: Any) -> bytes:
    return msgspec.json.encode(line, enc_hook=repr)


class _Lines:
    """Writes each line to standard error, or drops it."""

    def __init__(self, *_: Any) -> None:
        self._descriptor = 2

    def msg(self, line: str | bytes) -> None:
        """Write one line."""
        with suppress(OSError):
            os.write(self._descriptor, (line if isinstance(line, bytes) else line.encode()) + b"\n")

    log = debug = info = warning = error = critical = exception = msg


MALFORMED = "HttpProcessingError"
"""What aiohttp raises for what is no HTTP, and tells as an error, with the address and a piece of the request. Anybody
may send that, a token in it too: it is no error of ours, and only that it came is written."""


class _ToStructlog(logging.Handler):
    """Hands the standard library's records on to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            problem = record.exc_info[1] if record.exc_info else None
            if any(each.__name__ == MALFORMED for each in type(problem).__mro__):
                structlog.get_logger().info("malformed_request", library=record.name, problem=type(problem).__name__)
                return
            level = min(record.levelno, logging.CRITICAL)
            structlog.get_logger().log(level, record.getMessage(), library=record.name, exc_info=record.exc_info)
        except Exception:  # noqa: BLE001 - a log line must never stop what it tells about
            self.handleError(record)
