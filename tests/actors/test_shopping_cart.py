"""The shopping cart through real actors, over every journal: nothing here knows of notes."""

from __future__ import annotations

from spikes.actors.system import EntitySystem, Limits
from spikes.persistence.reply import Error, Success
from tests.cassandra.plugin import PATIENCE, OpenJournal
from tests.persistence.test_shopping_cart import SHOPPING_CART, AddItem, AdjustQuantity, Checkout, Get


async def test_a_cart_is_filled_checked_out_and_found_again(journal_url: str, open_any: OpenJournal) -> None:
    journal = await open_any(journal_url, [SHOPPING_CART.schema])
    cart = SHOPPING_CART.persistence_id("ada")
    shop = EntitySystem.start(journal, [SHOPPING_CART], Limits(ask_timeout=PATIENCE))
    for command in (AddItem("socks", 2), AddItem("pens", 1), AdjustQuantity("socks", 3), Checkout()):
        assert isinstance((await shop.ask(cart, command)).status, Success)
    before = (await shop.ask(cart, Get())).status
    await shop.close()

    again = EntitySystem.start(journal, [SHOPPING_CART], Limits(ask_timeout=PATIENCE))
    assert (await again.ask(cart, Get())).status == before
    assert isinstance((await again.ask(cart, AddItem("more socks", 1))).status, Error)
    await again.close()
    await journal.close()
