"""Log lines: one JSON object a line on standard error, or coloured text where someone is looking at a terminal.

structlog is the front; what libraries write through the standard library's `logging` comes out in the same form. A line
is one write, so that the lines of several processes on one pipe don't mix.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import msgspec
import structlog

from spikes.settings import Settings

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def set_up(settings: Settings, **fields: Any) -> None:
    """Set up logging as `settings` say; `fields` are put on every line of this process."""
    level = LEVELS[settings.log_level]
    if _for_people(settings):
        renderers: list[structlog.typing.Processor] = [structlog.dev.ConsoleRenderer()]
        factory: Any = structlog.PrintLoggerFactory(sys.stderr)
    else:
        renderers = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_json)]
        factory = structlog.BytesLoggerFactory(sys.stderr.buffer)
    structlog.configure(
        processors=[*_common(fields), *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_ToStructlog()], level=level, force=True)
    logging.captureWarnings(True)


def _common(fields: dict[str, Any]) -> list[structlog.typing.Processor]:
    def add_fields(_: Any, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {**fields, **line}

    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        add_fields,
    ]


def _for_people(settings: Settings) -> bool:
    return settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())


def _json(line: structlog.typing.EventDict, **_: Any) -> bytes:
    return msgspec.json.encode(line, enc_hook=repr)


class _ToStructlog(logging.Handler):
    """Hands the standard library's records on to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            log = structlog.get_logger(logger=record.name)
            log.log(min(record.levelno, logging.CRITICAL), record.getMessage(), exc_info=record.exc_info)
        except Exception:  # noqa: BLE001 - a log line must never stop what it tells about
            self.handleError(record)
