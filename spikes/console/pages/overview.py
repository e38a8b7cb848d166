"""Overview: how the service does now, and did in the last 15 minutes."""

from __future__ import annotations

import msgspec

from spikes.console.page import Page, PageContext


class Overview(msgspec.Struct, frozen=True):
    """What the page shows."""

    workers: int


async def page(context: PageContext) -> Page:
    """GET /: how the service does."""
    return Page("overview.html", Overview(len(await context.peers.ask("snapshot"))), "Overview")
