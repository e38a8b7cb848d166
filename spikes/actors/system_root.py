"""What stands behind the addresses that are always there: the system itself, and nobody."""

import itertools

from thespian.actors import ActorAddress, Thespian_StatusReq, ValidatedSource

from spikes.actors.system_refs import ActorRef, Runtime

_primary_numbers = itertools.count(1)


class SystemRef:
    """The actor system as a receiver, and as the parent of the actors that were created from outside."""

    __slots__ = ("_base", "address", "children")

    kind = "system"

    def __init__(self, base: Runtime, address: ActorAddress) -> None:
        self._base = base
        self.address = address
        self.children: dict[str, ActorRef] = {}

    def receive(self, message: object, sender: ActorAddress) -> bool:
        """Answer a status request, take a validated source; nothing else concerns the system."""
        if isinstance(message, Thespian_StatusReq):
            self._base.post(sender, self._base.status(self), self.address)
        elif isinstance(message, ValidatedSource):
            self._base.sourceValidated(message)
        return True

    def next_child_address(self) -> ActorAddress:
        """An address no actor of this process ever had, so that two systems never take mail for each other."""
        return ActorAddress(f"/A~{next(_primary_numbers)}")

    def adopt(self, child: ActorRef) -> None:
        """Have `child` as a child."""
        self.children[child.address.addressDetails] = child

    def abandon(self, child: ActorRef) -> None:
        """Have it no longer."""
        self.children.pop(child.address.addressDetails, None)


class Nobody:
    """Takes every message and does nothing: the sender of messages without one, and Thespian's "bad actor"."""

    __slots__ = ()

    kind = "nobody"

    def receive(self, message: object, sender: ActorAddress) -> bool:
        """Drop it."""
        return True
