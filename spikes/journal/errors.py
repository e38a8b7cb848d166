"""Everything a journal can raise, and nothing else ever leaves one: driver exceptions stop at this boundary.

JournalError
├── AppendRefused            surely not stored, because the store's content speaks against it
│   ├── SequenceConflict     another writer was first at the expected sequence number
│   ├── ClaimTaken           a unique value belongs to another entity
│   └── DuplicateCommand     this client key was already used; carries where its result stands
├── JournalUnavailable       surely not stored (or not read), because the store can't be used now
│   └── DeadlinePassed       not sent at all: the command's time was over before its turn (rule C2)
├── FeedOverrun              a reader of the feed is too far behind to go on; it has to begin anew
├── OutcomeUnknown           may or may not be stored; only a fence can tell (rules S3, K2)
├── EventTooLarge            never can be stored; says which event, its size and the limit
└── JournalUnusable          the start must stop; the message says what is wrong and what would be right
    ├── UnknownScheme        the URL names no known plugin
    ├── JournalCorrupt       the file is not a journal, or a damaged one
    └── JournalTooNew        the store was written by a release that this one may not open (rule R4)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spikes.journal.port import Claim


class JournalError(Exception):
    """The root of all that a journal raises."""


class AppendRefused(JournalError):
    """Nothing of the append was stored, and the content of the store is the reason."""


class SequenceConflict(AppendRefused):
    """The stream's last sequence number is not the expected one: another writer was first."""

    def __init__(self, persistence_id: str, expected: int, actual: int) -> None:
        super().__init__(f"{persistence_id}: expected to follow event {expected}, but the stream is at {actual}")
        self.persistence_id = persistence_id
        self.expected = expected
        self.actual = actual


class ClaimTaken(AppendRefused):
    """A unique value that the append would take is held by another persistence id."""

    def __init__(self, claim: Claim, holder: str) -> None:
        super().__init__(f"the {claim.kind} is already taken by {holder}")
        self.claim = claim
        self.holder = holder


class DuplicateCommand(AppendRefused):
    """A command with this client key was stored before, as the events of `persistence_id` up to `sequence_nr`."""

    def __init__(self, persistence_id: str, sequence_nr: int, fingerprint: bytes) -> None:
        super().__init__(f"this command was already stored at {persistence_id} event {sequence_nr}")
        self.persistence_id = persistence_id
        self.sequence_nr = sequence_nr
        self.fingerprint = fingerprint


class JournalUnavailable(JournalError):
    """The store can't be used at the moment; surely nothing was stored."""


class DeadlinePassed(JournalUnavailable):
    """The deadline of the command was over before the append was sent; surely nothing was stored (rule C2)."""


class FeedOverrun(JournalError):
    """More has arrived since the last event that was read than the journal holds for its own process (rule K11)."""


class OutcomeUnknown(JournalError):
    """The append may or may not be stored, and the journal could not find out."""


class EventTooLarge(JournalError):
    """One event is larger than the journal takes, so it can never be stored."""

    def __init__(self, persistence_id: str, size: int, limit: int) -> None:
        super().__init__(f"{persistence_id}: an event of {size:,} bytes is over the limit of {limit:,} bytes")
        self.size = size
        self.limit = limit


class JournalUnusable(JournalError):
    """The journal can't be opened; the message says what is wrong and what would be right."""


class UnknownScheme(JournalUnusable):
    """The journal URL has a scheme that no plugin serves."""


class JournalCorrupt(JournalUnusable):
    """The file is no journal, or a damaged one."""


class JournalTooNew(JournalUnusable):
    """The store says that the oldest release that may open it is newer than this one (rule R4)."""
