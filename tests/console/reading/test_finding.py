"""Entities are found by whatever an operator has at hand, in memory or not, whole or broken."""

from __future__ import annotations

import pytest

from spikes.bootstrap import BEHAVIORS
from spikes.console.finding import LONGEST, find
from spikes.domain.slug import slug_of
from spikes.domain.tag.command import CreateTag
from spikes.persistence.identity import PersistenceId
from tests.console.reading.damaging import EVERYWHERE
from tests.console.reading.world import ANN, NOTE, World, event, store
from tests.domain.samples import RED


async def found(world: World, text: str) -> list[tuple[str, str]]:
    return [(each.persistence_id, each.by) for each in await find(world.journal, BEHAVIORS, text)]


@pytest.mark.parametrize("text", [f"note|{NOTE}", NOTE, NOTE.lower(), f"  {NOTE} "])
async def test_a_note_is_found_by_its_id(world: World, text: str) -> None:
    await world.write()
    assert await found(world, text) == [(f"note|{NOTE}", "id")]


@EVERYWHERE
async def test_finding_activates_nothing(world: World) -> None:
    await store(world.journal, f"note|{NOTE}", event(1))
    before = world.entities.live_actors
    assert await found(world, NOTE) == [(f"note|{NOTE}", "id")]
    assert world.entities.live_actors == before


@EVERYWHERE
@pytest.mark.parametrize("text", ["ann@example.org", "ANN@EXAMPLE.ORG"])
async def test_a_user_is_found_by_e_mail(world: World, text: str) -> None:
    user = await world.register()
    assert (user, "e-mail") in await found(world, text)


@pytest.mark.parametrize("access", ["Public", "Private"])
async def test_a_note_is_found_by_its_slug(world: World, access: str) -> None:
    note = await world.write("A secret plan", access=access)
    (listed,) = await world.journal.listed([note])
    slug = slug_of(0, "A secret plan", NOTE).partition("-")[2]
    day = listed.item.decode().partition('"slug":"')[2][:8]
    assert (note, "slug") in await found(world, f"{day}-{slug}")


@EVERYWHERE
async def test_a_note_is_found_by_words_of_its_title(world: World) -> None:
    note = await world.write("Wochenend-Pläne für den Garten")
    assert await found(world, "garten PLANE") == [(note, "words")]


async def test_a_tag_is_found_by_its_title(world: World) -> None:
    await world.entities.ask(PersistenceId.of("tag", RED), CreateTag(RED, "Deep Red", "ff0000"), principal=ANN)
    assert (f"tag|{RED}", "title of a tag") in await found(world, "deep  red")


async def test_entities_of_unknown_kinds_are_found_by_id(world: World) -> None:
    await store(world.journal, "gadget|x", event(1))
    assert await found(world, "gadget|x") == [("gadget|x", "id")]


@pytest.mark.parametrize(
    "text", ["", "   ", "note|", "|", "nothing|here", NOTE, "nobody@example.org", "<script>\0\u202e"]
)
async def test_what_is_not_there_is_not_found(world: World, text: str) -> None:
    assert await found(world, text) == []


async def test_a_text_to_find_has_a_limit(world: World) -> None:
    assert await found(world, "x" * LONGEST) == []
    with pytest.raises(ValueError, match="at most 500 characters, not 501"):
        await found(world, "x" * (LONGEST + 1))
