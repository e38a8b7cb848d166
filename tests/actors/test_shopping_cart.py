"""The shopping cart through real actors, over both embedded journals: nothing here knows of notes."""

from __future__ import annotations

from pathlib import Path

import pytest

from spikes.actors.system import EntitySystem
from spikes.journal import open_journal
from spikes.persistence.reply import Error, Success
from tests.persistence.test_shopping_cart import SHOPPING_CART, AddItem, AdjustQuantity, Checkout, Get


@pytest.mark.parametrize("scheme", ["memory:", "sqlite"])
async def test_a_cart_is_filled_checked_out_and_found_again(scheme: str, tmp_path: Path) -> None:
    journal = await open_journal(f"sqlite:///{tmp_path}/s.db" if scheme == "sqlite" else scheme, [SHOPPING_CART.schema])
    cart = SHOPPING_CART.persistence_id("ada")
    shop = EntitySystem.start(journal, [SHOPPING_CART])
    for command in (AddItem("socks", 2), AddItem("pens", 1), AdjustQuantity("socks", 3), Checkout()):
        assert isinstance((await shop.ask(cart, command)).status, Success)
    before = (await shop.ask(cart, Get())).status
    await shop.close()

    again = EntitySystem.start(journal, [SHOPPING_CART])
    assert (await again.ask(cart, Get())).status == before
    assert isinstance((await again.ask(cart, AddItem("more socks", 1))).status, Error)
    await again.close()
    await journal.close()
