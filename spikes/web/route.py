"""One row of the route table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from spikes.web.call import Call
from spikes.web.operation import Operation
from spikes.web.parameters import Parameter
from spikes.web.reply import Reply

ID = "[0-9A-Za-z]{13}"
IDS = dict.fromkeys(("tsid", "comment", "tag", "target", "user"), ID)
PATTERNS = {**IDS, "slug": "[0-9]{8}-[0-9a-z-]+", "asset": "[0-9a-z.-]+"}
"""What the named parts of a path look like; any other path is not found."""


class Route(msgspec.Struct, frozen=True):
    """One method of one path. An `open` one needs no token; a bad token is refused there too.

    Where a `ticket` will do, the query may hold one instead of a token. One that stands `alone` can't be asked for
    within a batch.

    A route for GET serves HEAD as well. `parameters` are all that the query may hold. `doc` is what /openapi.json
    says of it beyond that; a route without one is a mistake that a test finds.
    """

    method: str
    path: str
    handler: Callable[[Call], Awaitable[Reply]]
    open: bool = False
    ticket: bool = False
    alone: bool = False
    parameters: tuple[Parameter, ...] = ()
    doc: Operation | None = None

    @property
    def name(self) -> str:
        """The route as tables and messages name it: `GET /notes/{tsid}`."""
        return f"{self.method} {self.path}"
