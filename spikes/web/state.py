"""What the service as a whole is doing; written by whoever starts and stops it, read by the health routes."""

from __future__ import annotations

import msgspec


class ServiceState(msgspec.Struct):
    """`recovered`: the journal is open. `draining`: the service is about to stop and wants no new requests."""

    recovered: bool = False
    draining: bool = False
    version: str = "unknown"
    built: str | None = None
