"""The answers to Thespian's status requests, as `thespian.shell` and consoles read them."""

from collections.abc import Iterable
from typing import Any

from thespian.actors import ActorAddress
from thespian.system.messages.status import Thespian_ActorStatus, Thespian_SystemStatus
from thespian.system.timing import ExpirationTimer

from spikes.actors.system_dispatch import Dispatcher
from spikes.actors.system_refs import ActorRef
from spikes.actors.system_registry import Registry
from spikes.actors.system_sources import Sources


def actor_status(ref: ActorRef, admin: ActorAddress, dispatcher: Dispatcher) -> Thespian_ActorStatus:
    """One actor: its class, parent, children, pending wakeups, and the messages that wait for it."""
    status = Thespian_ActorStatus(ref.address, ref.kind, admin, ref.parent.address, ref.source_hash)
    add_children(status, (ref.children or {}).values())
    status.addWakeups([(ref.address, ExpirationTimer(timer.remaining)) for timer in ref.timers or ()])
    add_pending(status, ref.address, dispatcher)
    return status


def system_status(
    registry: Registry, capabilities: dict[str, Any], sources: Sources, dispatcher: Dispatcher
) -> Thespian_SystemStatus:
    """The whole system: its primary actors, global names, capabilities, dead letter handler and sources."""
    root = registry.root
    status = Thespian_SystemStatus(root.address, capabilities=dict(capabilities), inShutdown=registry.closing)
    add_children(status, root.children.values())
    add_pending(status, root.address, dispatcher)
    for name, address in registry.names.items():
        status.addGlobalActor(name, address)
    status.setDeadLetterHandler(registry.dead_letter_handler)
    status.setNotifyHandlers(sources.listeners)
    status.sourceAuthority = sources.authority
    status.loadedSources = [(source_hash, "") for source_hash in sources.loaded]
    return status


def add_children(status: Thespian_ActorStatus | Thespian_SystemStatus, children: Iterable[ActorRef]) -> None:
    """List the living children."""
    for child in children:
        status.addChild(child.address)


def add_pending(
    status: Thespian_ActorStatus | Thespian_SystemStatus, address: ActorAddress, dispatcher: Dispatcher
) -> None:
    """List the messages that wait for `address`."""
    for sender, message in dispatcher.pending(address):
        status.addPendingMessage(sender, address, text_of(message))


def text_of(message: object) -> str:
    """The message as text; of one that can't even be shown, its type."""
    try:
        return str(message)
    except Exception:  # noqa: BLE001 - it is the message's own code that fails, and it is named
        return f"a {type(message).__name__} that fails as text"
