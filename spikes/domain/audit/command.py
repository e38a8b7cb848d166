"""What an audit can be told to do."""

from __future__ import annotations

import msgspec


class NoteAction(msgspec.Struct, frozen=True):
    """Keep what an operator is about to do; see `OperatorActed`. Answered with None."""

    action: str
    subject: str
    reason: str
    role: str
    client: str


AuditCommand = NoteAction
