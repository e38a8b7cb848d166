"""Reports of what nobody expected to Sentry: type, place and ids, without what people wrote.

Off without a DSN. The text of an exception may quote anybody, so none is sent; nor are local variables, requests, users
or anything that the SDK would collect by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from spikes import __version__
from spikes.settings import SettingError
from spikes.telemetry.scrubbing import HIDDEN, scrubbed

if TYPE_CHECKING:  # the extra `sentry`; without a DSN nothing of it is imported
    from sentry_sdk.transport import Transport
    from sentry_sdk.types import Event, Hint

LAST_REPORTS = 1.0
"""Seconds that are waited at the end for the last reports to be sent."""

COLLECTED = ("breadcrumbs", "extra", "modules", "request", "server_name", "user")
"""Parts of an event that are of no use here, or tell too much."""


class Reporting:
    """What sends reports, with a client of its own: nothing is hooked into the process."""

    def __init__(self, dsn: str, transport: Transport | None = None) -> None:
        """Raises SettingError without the SDK. `transport` stands for the one over HTTP."""
        try:
            from sentry_sdk import Client
            from sentry_sdk.utils import event_from_exception
        except ModuleNotFoundError:
            raise SettingError("SPIKES_SENTRY_DSN needs: pip install 'spikes[sentry]'") from None
        self._client = Client(
            dsn=dsn,
            transport=transport,
            release=f"spikes@{__version__}",
            default_integrations=False,
            auto_enabling_integrations=False,
            include_local_variables=False,
            max_breadcrumbs=0,
            before_send=without_texts,
        )
        self._event_of = event_from_exception

    def report(self, problem: BaseException, line: str, ids: Mapping[str, object]) -> None:
        """Send one exception; `line` is the log line that tells of it."""
        event, hint = self._event_of(problem, client_options=self._client.options)
        event["tags"] = {"line": line, **{name: str(value) for name, value in ids.items() if value is not None}}
        self._client.capture_event(event, hint=hint)

    def close(self) -> None:
        """Send the last reports, if that takes no longer than `LAST_REPORTS`."""
        self._client.close(timeout=LAST_REPORTS)


def without_texts(event: Event, _: Hint) -> Event:
    """Return what may be sent of an event: no texts of exceptions, no variables, no addresses."""
    kept: Any = {name: value for name, value in event.items() if name not in COLLECTED}
    for problem in kept.get("exception", {}).get("values", ()):
        problem["value"] = HIDDEN
        for frame in problem.get("stacktrace", {}).get("frames", ()):
            frame.pop("vars", None)
    return _scrubbed(kept)  # type: ignore[no-any-return]


def _scrubbed(value: Any) -> Any:
    match value:
        case str():
            return scrubbed(value)
        case dict():
            return {name: _scrubbed(each) for name, each in value.items()}
        case list() | tuple():
            return [_scrubbed(each) for each in value]
    return value


now: Reporting | None = None
"""What sends reports; None without a DSN."""


def set_up(dsn: str | None) -> None:
    """Turn reports on if there is a DSN. Raises SettingError if they can't be."""
    global now
    now = None if dsn is None else Reporting(dsn)
