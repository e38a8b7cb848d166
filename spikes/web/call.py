"""One request on its way through the service: what the edge found out about it, and what handlers do with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from spikes.actors.port import Entities, Views
from spikes.domain.principal import Principal
from spikes.domain.refusals import IdTaken
from spikes.domain.tsid import parse_tsid
from spikes.domain.validation import Request, decode
from spikes.journal.port import CommandKey
from spikes.persistence.identity import PersistenceId
from spikes.persistence.reply import Answer, Busy, Error, Success
from spikes.settings import Settings
from spikes.telemetry.tracing import traceparent_of
from spikes.web import idempotency
from spikes.web.cloud import TagCloud
from spikes.web.errors import MAX_BODY, Problem, Refused, not_found, too_large
from spikes.web.listeners import Listeners
from spikes.web.media import media_of
from spikes.web.operation import JSON
from spikes.web.parameters import Values
from spikes.web.passwords import Passwords
from spikes.web.recognised import RecognisedTokens
from spikes.web.reply import Headers, Reply
from spikes.web.sources import Sources
from spikes.web.state import ServiceState
from spikes.web.transfers import Transfers

R = TypeVar("R", bound=Request)

DRAWS = 8
"""How often a new entity's id is drawn before giving up; even a second time is rare."""

JSON_TYPES = frozenset({"application/json", "application/json; charset=utf-8", "application/json;charset=utf-8"})


class Services(msgspec.Struct, frozen=True):
    """All that handlers reach beyond the request."""

    entities: Entities
    views: Views
    settings: Settings
    state: ServiceState
    sources: Sources
    passwords: Passwords
    in_flight: idempotency.InFlight
    recognised: RecognisedTokens
    listeners: Listeners
    transfers: Transfers = msgspec.field(default_factory=Transfers)
    cloud: TagCloud = msgspec.field(default_factory=TagCloud)


class Within(msgspec.Struct, frozen=True):
    """The body of a request that came within another one, and the named parts of its path."""

    content: bytes
    names: Mapping[str, str]


AskWithin = Callable[[web.Request, bytes, str], Awaitable[Reply]]
"""Serves a request that came within another one: its head, its body, and the id it gets."""


class Call:
    """A request, who asks (`principal`, None for an anonymous one), and the values of its query parameters.

    `rate` are headers that say how much more may be asked. `recheck` finds out again who asks, if anybody said so.
    `ask_within` serves a request that came within this one; what that one doesn't have itself is in its `within`.
    `traceparent` is the span that its commands belong to.
    """

    __slots__ = (
        *("ask_within", "principal", "query", "rate", "recheck", "request", "request_id", "route", "services"),
        *("traceparent", "within"),
    )

    def __init__(
        self, services: Services, request: web.Request, route: str, request_id: str, within: Within | None = None
    ) -> None:
        self.services = services
        self.request = request
        self.route = route
        self.request_id = request_id
        self.principal: Principal | None = None
        self.query: Values = {}
        self.rate: Headers = ()
        self.recheck: Callable[[Call], Awaitable[Principal | None]] | None = None
        self.ask_within: AskWithin | None = None
        self.within = within
        self.traceparent = traceparent_of(request.headers)

    @property
    def user_id(self) -> str | None:
        """Who asks, if anybody said so."""
        return None if self.principal is None else self.principal.user_id

    @property
    def caller(self) -> Principal:
        """Who asks, on a route that needs a token."""
        if self.principal is None:
            raise TypeError(f"{self.route} is open: it has no caller")
        return self.principal

    def header(self, name: str) -> str | None:
        """Return a header of the request."""
        return self.request.headers.get(name)

    def in_path(self, name: str) -> str:
        """Return a part of the path, by its name in the route."""
        return (self.request.match_info if self.within is None else self.within.names)[name]

    def tsid(self, name: str = "tsid") -> str:
        """Return an id in the path, in upper case; raises a 404 for what can't be one."""
        try:
            return parse_tsid(self.in_path(name))
        except ValueError:
            raise not_found("such an id") from None

    def number(self, name: str) -> int:
        """Return a query parameter that is a number."""
        value = self.query[name]
        assert isinstance(value, int)
        return value

    def text(self, name: str) -> str | None:
        """Return a query parameter that is a text, None if it was not given."""
        value = self.query[name]
        assert value is None or isinstance(value, str)
        return value

    async def body(self, request_type: type[R], name: str, media: str = JSON) -> R:
        """Read and decode the body; raises Invalid, NotJson, or the Problem of a body that is no JSON of 1 MiB."""
        return decode(request_type, await self.content(media), name, self.services.sources.now())

    async def content(self, media: str = JSON, limit: int = MAX_BODY) -> bytes:
        """Read the body; raises the Problem of one of another media type, or of more than `limit` bytes."""
        if self.header("Content-Type") not in JSON_TYPES or media != JSON:
            self._check_content_type(media)
        if (self.request.content_length or 0) > limit:
            raise too_large(limit)
        return await self._read(limit)

    async def body_or_none(self, request_type: type[R], name: str) -> R:
        """Read and decode the body as `body` does; no body at all counts as {}."""
        if await self._read():
            return await self.body(request_type, name)
        return decode(request_type, b"{}", name, self.services.sources.now())

    async def _read(self, limit: int = MAX_BODY) -> bytes:
        """Read the body. One that takes its time may outlive the session or the account: who asks is checked again."""
        if self.within is not None:
            return self.within.content
        came_at_once = self.request.content.is_eof()
        request = self.request if limit == MAX_BODY else self.request.clone(client_max_size=limit)
        try:
            content = await request.read()
        except web.HTTPRequestEntityTooLarge:
            raise too_large(limit) from None
        if self.recheck is not None and not came_at_once:
            self.principal = await self.recheck(self)
        return content

    async def ask(
        self,
        kind: str,
        entity_id: str,
        command: object,
        expected: int | None = None,
        key: CommandKey | None = None,
        new: bool = False,
    ) -> Answer:
        """Ask an entity in the caller's name; raises Refused, AskTimeout. Cancelling this cancels no command."""
        answer = await self.services.entities.ask(
            PersistenceId(kind, entity_id),
            command,
            principal=self.user_id,
            request_id=self.request_id,
            expected=expected,
            key=key,
            new=new,
            traceparent=self.traceparent,
        )
        if isinstance(answer.status, Error):
            raise Refused(answer.status.reason)
        return answer

    async def create(self, kind: str, command: Callable[[str], object], key: CommandKey | None) -> Answer:
        """Ask a new entity, as `ask` does; an id that turns out to be taken is drawn again."""
        return await self.with_new_id(lambda drawn: self.ask(kind, drawn, command(drawn), key=key, new=True))

    async def with_new_id(self, ask: Callable[[str], Awaitable[Answer]]) -> Answer:
        """Ask with an id that was drawn just now; one that turns out to be taken is drawn again."""
        for _ in range(DRAWS):
            try:
                return await ask(self.services.sources.ids.next())
            except Refused as refused:
                if not isinstance(refused.reason, IdTaken):
                    raise
        raise Refused(Busy("every id that was drawn is taken"))

    @staticmethod
    def value(answer: Answer) -> Any:
        """Return what the entity answered with."""
        assert isinstance(answer.status, Success)
        return answer.status.value

    @staticmethod
    def repeated(answer: Answer) -> Headers:
        """Return the header that marks an answer that was given before."""
        return (idempotency.REPLAYED,) if answer.replayed else ()

    def once(self, *asked: object, who: str | None = None) -> AbstractContextManager[CommandKey | None]:
        """Hold the request's Idempotency-Key, if it has one, while its command runs.

        `asked` is what tells this request from another one: no secrets, since its hash is stored. `who` stands for the
        principal where there is none yet.
        """
        scope = (who or self.caller.user_id, self.request.method, self.route)
        key = idempotency.command_key(self.header(idempotency.HEADER), scope, asked)
        return self.services.in_flight.only(key)

    def _check_content_type(self, media: str) -> None:
        if media_of(self.request) != (media, "utf-8"):
            raise Problem(415, "unsupported_media_type", f"Content-Type must be {media}, in UTF-8")
