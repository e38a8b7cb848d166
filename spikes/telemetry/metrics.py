"""What is measured, under the names that dashboards and alert rules know it by.

Label values are route templates, kinds of entities, plugins and words of our own, never ids: their number must not grow
with the data. Times are in seconds. What a request, a command and a read of the journal change are `tallies`; the rest
are prometheus-client's own objects.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Info, PlatformCollector, ProcessCollector, generate_latest

from spikes import __version__
from spikes.telemetry.tallies import Count, Readings, Spreads, Tally

REGISTRY = CollectorRegistry()

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
FINE_SECONDS = (0.0001, 0.00025, 0.0005, *SECONDS)
SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""What `exposition` is."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Methods that are label values; whatever else a client may send counts as OTHER."""


def _tally(name: str, meaning: str, *labels: str) -> Tally:
    return Tally(name, meaning, labels, REGISTRY)


def _spreads(name: str, meaning: str, *labels: str, bounds: Sequence[float] = SECONDS) -> Spreads:
    return Spreads(name, meaning, labels, bounds, REGISTRY)


def _readings(name: str, meaning: str, *labels: str) -> Readings:
    return Readings(name, meaning, labels, REGISTRY)


REQUESTS = _tally("spikes_http_requests", "Requests answered, those within a batch too", "method", "route", "status")
REQUEST_SECONDS = _spreads("spikes_http_request_seconds", "From a request to its answer", "method", "route")

COMMANDS = _tally("spikes_commands", "Commands answered, by what came of them", "kind", "outcome")
COMMAND_SECONDS = _spreads("spikes_command_seconds", "From asking an entity to its answer", "kind", bounds=FINE_SECONDS)
QUEUE_SECONDS = _spreads("spikes_command_queue_seconds", "How long commands waited", "kind", bounds=FINE_SECONDS)
CONFLICTS = _tally("spikes_conflicts", "Appends refused because another writer was first", "kind")
RETRIES = _tally("spikes_retries", "Commands run again after a refused append", "kind")

ACTIVE = _readings("spikes_entities_active", "Entities in memory", "kind")
LIMIT = _readings("spikes_entities_limit", "Most entities that may be in memory", "kind")
ACTIVATIONS = _tally("spikes_activations", "Entities brought into memory", "kind")
PASSIVATIONS = _tally("spikes_passivations", "Entities that left memory", "kind")
RECOVERY_SECONDS = _spreads("spikes_recovery_seconds", "From an entity's start until it can decide", "kind")
RECOVERY_EVENTS = _spreads("spikes_recovery_events", "Events folded in a recovery", "kind", bounds=(0, *SIZES))

APPEND_SECONDS = _spreads("spikes_append_seconds", "How long the journal took to append", "plugin")
READ_SECONDS = _spreads(
    "spikes_read_seconds", "How long the journal took to read", "plugin", "operation", bounds=FINE_SECONDS
)
GROUP_SIZE = _spreads("spikes_append_group_size", "Appends committed together", "plugin", bounds=SIZES)

MAILBOX = _readings("spikes_mailbox_messages", "Messages between actors that wait")
FEED_CLIENTS = _readings("spikes_feed_clients", "Streams of the live feed that are open")
LOOP_LAG = _spreads("spikes_loop_lag_seconds", "How late the event loop was", bounds=SECONDS)
DRAINING = _readings("spikes_draining", "1 while the process is about to end")

DEAD_LETTERS = Counter("spikes_dead_letters", "Messages to actors that are no more", registry=REGISTRY)
POISON_MESSAGES = Counter("spikes_poison_messages", "Messages that an actor failed on", registry=REGISTRY)
ERRORS = Counter("spikes_errors", "Entries in the error inbox", ["kind"], registry=REGISTRY)
Info("spikes_build", "What is running", registry=REGISTRY).info(
    {"version": __version__, "python": platform.python_version()}
)
PROCESS = ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)


def known_method(method: str) -> str:
    """Return the label value of a method."""
    return method if method in METHODS else "OTHER"


class RequestMeter:
    """The numbers of one method (a label value) of one route."""

    __slots__ = ("_labels", "_seconds", "_statuses")

    def __init__(self, method: str, route: str) -> None:
        self._labels = (method, route)
        self._seconds = REQUEST_SECONDS.child(*self._labels)
        self._statuses: dict[int, Count] = {}

    def note(self, status: int, seconds: float) -> None:
        """Count one answered request."""
        count = self._statuses.get(status)
        if count is None:
            count = self._statuses[status] = REQUESTS.child(*self._labels, str(status))
        count.value += 1
        self._seconds.observe(seconds)


class CommandMeter:
    """The numbers of the commands of one kind of entity."""

    __slots__ = ("_kind", "_outcomes", "_seconds")

    def __init__(self, kind: str, outcomes: Iterable[str] = ()) -> None:
        """`outcomes` are there from the start, so that the first one is a growth that an alert can see."""
        self._kind = kind
        self._seconds = COMMAND_SECONDS.child(kind)
        self._outcomes = {outcome: COMMANDS.child(kind, outcome) for outcome in outcomes}

    def note(self, outcome: str, seconds: float) -> None:
        """Count one answered command; `outcome` is a word of ours."""
        count = self._outcomes.get(outcome)
        if count is None:
            count = self._outcomes[outcome] = COMMANDS.child(self._kind, outcome)
        count.value += 1
        self._seconds.observe(seconds)


class EntityMeters:
    """The numbers of the entities of one kind, apart from those of their commands' answers."""

    __slots__ = ("activations", "conflicts", "passivations", "queue", "recovery_events", "recovery_seconds", "retries")

    def __init__(self, kind: str) -> None:
        self.activations = ACTIVATIONS.child(kind)
        self.passivations = PASSIVATIONS.child(kind)
        self.conflicts = CONFLICTS.child(kind)
        self.retries = RETRIES.child(kind)
        self.queue = QUEUE_SECONDS.child(kind)
        self.recovery_seconds = RECOVERY_SECONDS.child(kind)
        self.recovery_events = RECOVERY_EVENTS.child(kind)


def exposition() -> bytes:
    """Return all numbers of this process in the text format of Prometheus."""
    return generate_latest(REGISTRY)


def sample(name: str, labels: Mapping[str, str] | None = None) -> float | None:
    """Return one number by its name in the exposition, as `spikes_conflicts_total`; None where there is none yet."""
    return REGISTRY.get_sample_value(name, dict(labels or {}))
