"""Whether the console may change anything, and that an operator means what is typed."""

from __future__ import annotations

from spikes.console.guard import Refusal
from spikes.console.page import BadRequest, PageContext


def check_writes(context: PageContext) -> None:
    """Raise Refusal unless SPIKES_CONSOLE_WRITES allows changes."""
    if not context.inside.settings.console_writes:
        raise Refusal(403, "the console may change nothing here: SPIKES_CONSOLE_WRITES=1 would allow it")


def check_typed(context: PageContext, expected: str) -> None:
    """Raise BadRequest unless the confirmation is what it must be, letter by letter."""
    if context.form.get("confirmation", "").strip() != expected:
        raise BadRequest(f"confirmation is wrong: to do this, type {expected[:100]}")
