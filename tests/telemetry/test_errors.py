"""The error inbox: grouped, bounded, and without anything that people wrote."""

from __future__ import annotations

from itertools import count

import msgspec

from spikes.telemetry import metrics
from spikes.telemetry.errors import LONGEST, MOST_GROUPS, ErrorGroup, ErrorInbox


def test_alike_errors_are_one_group() -> None:
    inbox = ErrorInbox(count(1000).__next__)
    inbox.record("poison_message", "ValueError in Region", actor="a1")
    inbox.record("poison_message", "ValueError in Region", actor="a2")
    assert inbox.groups() == [
        ErrorGroup("poison_message", "ValueError in Region", 2, 1000, 1001, {"actor": "a2"}),
    ]


def test_the_group_seen_last_comes_first() -> None:
    inbox = ErrorInbox()
    for summary in ("first", "second", "first"):
        inbox.record("unexpected", summary)
    assert [group.summary for group in inbox.groups()] == ["first", "second"]
    assert inbox.total == 3


def test_beyond_the_limit_the_oldest_group_goes() -> None:
    inbox = ErrorInbox()
    for number in range(MOST_GROUPS):
        inbox.record("dead_letter", f"letter {number}")
    assert (len(inbox.groups()), inbox.dropped) == (MOST_GROUPS, 0)
    inbox.record("dead_letter", "one more")
    assert (len(inbox.groups()), inbox.dropped) == (MOST_GROUPS, 1)
    assert "letter 0" not in {group.summary for group in inbox.groups()}


def test_long_texts_are_cut_at_the_limit() -> None:
    inbox = ErrorInbox()
    inbox.record("unexpected", "x" * LONGEST, detail="y" * (LONGEST + 1))
    (group,) = inbox.groups()
    assert group.summary == "x" * LONGEST
    assert group.sample["detail"] == "y" * (LONGEST - 1) + "…"


def test_an_email_address_never_gets_in() -> None:
    inbox = ErrorInbox()
    inbox.record("unexpected", "no <ada@example.com>", detail="ada.lovelace+x@example.com: taken", empty=None)
    assert b"@" not in msgspec.json.encode(inbox.groups())
    assert inbox.groups()[0].sample == {"detail": "[hidden]: taken"}


def test_errors_are_counted_by_kind() -> None:
    before = metrics.sample("spikes_errors_total", {"kind": "conflict"}) or 0
    ErrorInbox().record("conflict", "note")
    assert metrics.sample("spikes_errors_total", {"kind": "conflict"}) == before + 1
