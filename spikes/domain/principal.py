"""Who asks."""

from __future__ import annotations

import msgspec


class Principal(msgspec.Struct, frozen=True):
    """An authenticated user, and the session whose token came with the request."""

    user_id: str
    session_id: str
