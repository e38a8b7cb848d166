"""Akka's well-known shopping cart, to show that the room is general (pekko-samples, ShoppingCart)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from spikes.journal.port import RowSchema
from spikes.persistence.behavior import Context, EventSourcedBehavior
from spikes.persistence.codec import EventCodec
from spikes.persistence.effect import Effect
from spikes.persistence.reply import StatusReply
from spikes.persistence.testkit import BehaviorTestKit

# ---- commands


class AddItem(msgspec.Struct, frozen=True):
    item: str
    quantity: int


class RemoveItem(msgspec.Struct, frozen=True):
    item: str


class AdjustQuantity(msgspec.Struct, frozen=True):
    item: str
    quantity: int


class Checkout(msgspec.Struct, frozen=True):
    pass


class Get(msgspec.Struct, frozen=True):
    pass


Command = AddItem | RemoveItem | AdjustQuantity | Checkout | Get

# ---- events


class ItemAdded(msgspec.Struct, frozen=True):
    item: str
    quantity: int


class ItemRemoved(msgspec.Struct, frozen=True):
    item: str


class QuantityAdjusted(msgspec.Struct, frozen=True):
    item: str
    quantity: int


class CheckedOutAt(msgspec.Struct, frozen=True):
    time: int


Event = ItemAdded | ItemRemoved | QuantityAdjusted | CheckedOutAt

# ---- state


class Open(msgspec.Struct, frozen=True, tag=True):
    items: dict[str, int] = {}


class CheckedOut(msgspec.Struct, frozen=True, tag=True):
    items: dict[str, int]
    time: int


Cart = Open | CheckedOut

# ---- handlers


def command_handler(cart: Cart, command: Command, context: Context) -> Effect[Event]:
    match cart:
        case Open():
            return open_cart(cart, command, context)
        case CheckedOut():
            return checked_out_cart(cart, command)


def open_cart(cart: Open, command: Command, context: Context) -> Effect[Event]:
    match command:
        case Get():
            return summary(cart)
        case AddItem(item, _) if item in cart.items:
            return refuse(f"{item} was already added")
        case AddItem(_, quantity) | AdjustQuantity(_, quantity) if quantity <= 0:
            return refuse("the quantity must be greater than zero")
        case RemoveItem(item) | AdjustQuantity(item) if item not in cart.items:
            return refuse(f"{item} is not in the cart")
        case Checkout() if not cart.items:
            return refuse("an empty cart can't be checked out")
        case AddItem(item, quantity):
            return store(ItemAdded(item, quantity))
        case RemoveItem(item):
            return store(ItemRemoved(item))
        case AdjustQuantity(item, quantity):
            return store(QuantityAdjusted(item, quantity))
        case Checkout():
            return store(CheckedOutAt(context.now))


def checked_out_cart(cart: CheckedOut, command: Command) -> Effect[Event]:
    return summary(cart) if isinstance(command, Get) else refuse("the cart is checked out")


def store(event: Event) -> Effect[Event]:
    return Effect[Event].persist(event).then_reply(StatusReply.success)


def summary(cart: Cart) -> Effect[Event]:
    return Effect.reply(StatusReply.success(cart))


def refuse(reason: str) -> Effect[Event]:
    return Effect.reply(StatusReply.error(reason))


def event_handler(cart: Cart, event: Event) -> Cart:
    match event:
        case ItemAdded(item, quantity) | QuantityAdjusted(item, quantity):
            return Open({**cart.items, item: quantity})
        case ItemRemoved(removed):
            return Open({item: quantity for item, quantity in cart.items.items() if item != removed})
        case CheckedOutAt(time):
            return CheckedOut(cart.items, time)


SHOPPING_CART: EventSourcedBehavior[Command, Event, Cart] = EventSourcedBehavior(
    schema=RowSchema("cart", state_version=1),
    empty_state=Open(),
    state_type=Cart,
    events=EventCodec(
        {
            "item-added@1": ItemAdded,
            "item-removed@1": ItemRemoved,
            "quantity-adjusted@1": QuantityAdjusted,
            "checked-out@1": CheckedOutAt,
        }
    ),
    command_handler=command_handler,
    event_handler=event_handler,
)

# ---- the tests


def cart(*commands: Command) -> BehaviorTestKit[Command, Any, Cart]:
    kit = BehaviorTestKit(SHOPPING_CART, "1")
    for command in commands:
        kit.run(command)
    return kit


def test_an_item_is_added() -> None:
    outcome = cart().run(AddItem("socks", 2))
    assert (outcome.events, outcome.value) == ((ItemAdded("socks", 2),), Open({"socks": 2}))


def test_an_item_is_removed() -> None:
    assert cart(AddItem("socks", 2), AddItem("hat", 1)).run(RemoveItem("socks")).value == Open({"hat": 1})


def test_a_quantity_is_adjusted() -> None:
    assert cart(AddItem("socks", 2)).run(AdjustQuantity("socks", 5)).value == Open({"socks": 5})


def test_a_cart_is_checked_out() -> None:
    assert cart(AddItem("socks", 2)).run(Checkout(), now=9).value == CheckedOut({"socks": 2}, 9)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (AddItem("socks", 1), "socks was already added"),
        (AddItem("hat", 0), "the quantity must be greater than zero"),
        (AdjustQuantity("socks", -1), "the quantity must be greater than zero"),
        (AdjustQuantity("hat", 1), "hat is not in the cart"),
        (RemoveItem("hat"), "hat is not in the cart"),
    ],
)
def test_what_makes_no_sense_is_refused(command: Command, reason: str) -> None:
    outcome = cart(AddItem("socks", 2)).run(command)
    assert (outcome.refusal, outcome.events) == (reason, ())


def test_an_empty_cart_is_not_checked_out() -> None:
    assert cart().run(Checkout()).refusal == "an empty cart can't be checked out"


@pytest.mark.parametrize("command", [AddItem("hat", 1), RemoveItem("socks"), AdjustQuantity("socks", 1), Checkout()])
def test_a_checked_out_cart_stays_as_it_is(command: Command) -> None:
    assert cart(AddItem("socks", 2), Checkout()).run(command).refusal == "the cart is checked out"


def test_a_checked_out_cart_can_be_read() -> None:
    assert cart(AddItem("socks", 2), Checkout()).run(Get()).value == CheckedOut({"socks": 2}, 0)


def test_a_cart_keeps_its_state_after_a_restart() -> None:
    kit = cart(AddItem("socks", 2), AddItem("hat", 1), AdjustQuantity("hat", 3), RemoveItem("socks"))
    assert kit.restart() == kit.run(Get()).value == Open({"hat": 3})
    kit.run(Checkout(), now=9)
    assert kit.restart() == CheckedOut({"hat": 3}, 9)
