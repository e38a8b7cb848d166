"""Rate limits: how much one caller may ask of this process in a minute, as token buckets.

A bucket starts full and fills evenly, so a client may ask for a whole minute's worth at once and then at the even rate.
It is kept as one number, the moment at which it is full again (the generic cell rate algorithm).

Why not the library `limits`: its in-memory storage looks through all its keys in a task of its own after nearly every
hit (5.8 on CPython 3.11: 0.04 ms for one client, 1.4 ms for 10,000), keeps a key for every address that ever comes
within a minute, without bound, and goes by the wall clock. Here a hit costs a microsecond or two whatever their number.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from spikes.settings import Settings
from spikes.web.addresses import ClientAddress
from spikes.web.call import Call
from spikes.web.errors import Problem
from spikes.web.reply import Headers

WINDOW = 60
"""The time in which an empty bucket fills, in seconds."""

CAPACITY = 50_000
"""How many buckets of one policy are kept; the one that was used longest ago goes first, which only fills it."""

SECOND = 1_000_000
"""Buckets count in whole microseconds: then so many drops fill them exactly."""


class Policy(msgspec.Struct, frozen=True):
    """How many requests of one sort may come in a minute."""

    name: str
    quota: int

    @property
    def header(self) -> str:
        """The policy as the header `RateLimit-Policy` has it (draft-ietf-httpapi-ratelimit-headers, from 8 to 11)."""
        return f'"{self.name}";q={self.quota};w={WINDOW}'


READS = Policy("reads", 3000)
WRITES = Policy("writes", 600)
LOGINS = Policy("logins", 20)
REGISTRATIONS = Policy("registrations", 10)

BY_ADDRESS = {"/users/login": LOGINS, "/users": REGISTRATIONS}
"""What is posted here is limited by the client's address, whoever asks."""

UNLIMITED = frozenset({"/liveness", "/readiness"})
"""What a supervisor asks for: to be told to wait would look like an illness."""


class Buckets:
    """The buckets of one policy, by key."""

    def __init__(self, policy: Policy, capacity: int = CAPACITY) -> None:
        self.policy = policy
        self._capacity = capacity
        self._header = ("RateLimit-Policy", policy.header)
        self._drop = WINDOW * SECOND // policy.quota
        self._full_at: OrderedDict[str, int] = OrderedDict()

    def take(self, key: str, now: float) -> Headers:
        """Take one from a bucket at a monotonic time in seconds; return the headers that tell what is left.

        Raises a 429, which takes nothing, when it is empty.
        """
        moment = int(now * SECOND)
        missing = max(self._full_at.get(key, 0) - moment, 0) + self._drop
        if missing > WINDOW * SECOND:
            raise self._empty(missing)
        self._full_at[key] = moment + missing
        self._full_at.move_to_end(key)
        if len(self._full_at) > self._capacity:
            self._full_at.popitem(last=False)
        return self._headers((WINDOW * SECOND - missing) // self._drop, missing)

    def __len__(self) -> int:
        """Return how many buckets there are."""
        return len(self._full_at)

    def _headers(self, left: int, missing: int) -> Headers:
        state = f'"{self.policy.name}";r={left};t={-(-missing // SECOND)}'
        return (self._header, ("RateLimit", state))

    def _empty(self, missing: int) -> Problem:
        seconds = -(-(missing - WINDOW * SECOND) // SECOND)
        headers = (("Retry-After", str(seconds)), *self._headers(0, missing - self._drop))
        message = f"there may be {self.policy.quota} {self.policy.name} a minute; the next in {seconds} s"
        return Problem(429, "too_many_requests", message, headers)


class RateLimits:
    """All limits of one process; with `SPIKES_RATE_LIMITS=off` there are none."""

    def __init__(self, settings: Settings) -> None:
        self._on = settings.rate_limits
        self._address = ClientAddress(settings.trusted_proxies)
        self._buckets = {policy.name: Buckets(policy) for policy in (READS, WRITES, LOGINS, REGISTRATIONS)}

    def count(self, call: Call) -> Headers:
        """Count a request: for its principal, or for the address of a client that says nothing of who it is.

        Returns headers for the answer; raises a 429.
        """
        if not self._on or call.route in UNLIMITED:
            return ()
        method = call.request.method
        policy = BY_ADDRESS.get(call.route) if method == "POST" else None
        if policy is None:
            policy = READS if method in {"GET", "HEAD", "OPTIONS"} else WRITES
            if call.principal is not None:
                return self._take(policy, call.principal.user_id, call)
        return self._take(policy, self._address.of(call.request), call)

    def _take(self, policy: Policy, key: str, call: Call) -> Headers:
        return self._buckets[policy.name].take(key, call.services.sources.monotonic())
