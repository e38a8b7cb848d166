"""Relations between notes and between users, over HTTP."""

from __future__ import annotations

from typing import Any

from tests.abilities import in_memory
from tests.web.conftest import Answer, Api, Person

NOBODYS = "0SAJWHS03CF2T"
BLOCKS = {"title": "blocks"}
NOW = "2026-11-23T10:00:00.000Z"


async def relate(api: Api, who: Person, note: dict[str, Any], target: dict[str, Any], **headers: str) -> Answer:
    return await api.put(f"/notes/{note['id']}/relations/{target['id']}", BLOCKS, who, **headers)


async def relations(api: Api, note: dict[str, Any], who: Person | None = None) -> list[tuple[str, str, str]]:
    answer = await api.get(f"/notes/{note['id']}/relations", who)
    assert answer.status == 200
    return [(each["direction"], each["title"], each["id"]) for each in answer.content]


async def test_shows_a_relation_on_both_sides(api: Api, ann: Person, bob: Person) -> None:
    one, two = await api.note(ann), await api.note(bob)
    answer = await relate(api, ann, one, two)
    said = {"title": "blocks", "direction": "out", "created": NOW}
    assert (answer.status, answer.content) == (200, {"id": two["id"], **said})
    assert (await api.get(f"/notes/{one['id']}/relations")).content == [answer.content]
    other = await api.get(f"/notes/{two['id'].lower()}/relations")
    assert other.content == [{**said, "id": one["id"], "direction": "in"}]


async def test_changes_the_title_of_a_relation(api: Api, ann: Person) -> None:
    one, two = await api.note(ann), await api.note(ann, "Other")
    await relate(api, ann, one, two)
    api.clock.pass_by(seconds=1)
    answer = await api.put(f"/notes/{one['id']}/relations/{two['id']}", {"title": "see also"}, ann)
    assert answer.content == {"id": two["id"], "title": "see also", "direction": "out", "created": NOW}
    assert await relations(api, two) == [("in", "see also", one["id"])]


async def test_ends_a_relation(api: Api, ann: Person, bob: Person) -> None:
    one, two = await api.note(ann), await api.note(bob)
    await relate(api, ann, one, two)
    path = f"/notes/{one['id']}/relations/{two['id']}"
    assert (await api.delete(path, bob)).status == 403
    answer = await api.delete(path, ann)
    assert (answer.status, answer.content) == (204, None)
    assert await relations(api, one) == await relations(api, two) == []
    assert (await api.delete(path, ann)).status == 404


async def test_relates_only_own_notes_to_what_may_be_seen(api: Api, ann: Person, bob: Person) -> None:
    one, hidden = await api.note(ann), await api.note(bob, access="Private")
    assert (await relate(api, bob, one, hidden)).status == 403
    assert (await relate(api, ann, one, hidden)).status == 404
    assert (await relate(api, ann, one, {"id": NOBODYS})).status == 404
    assert (await relate(api, ann, one, one)).status == 409
    assert (await relate(api, ann, {"id": NOBODYS}, one)).status == 404
    assert (await api.get(f"/notes/{hidden['id']}/relations", ann)).status == 404


async def test_shows_a_relation_to_those_who_may_see_both(api: Api, ann: Person, bob: Person) -> None:
    public, private = await api.note(ann), await api.note(ann, "Private", access="Private")
    await relate(api, ann, public, private)
    await relate(api, ann, private, public)
    for who in (None, bob):
        assert await relations(api, public, who) == []
    assert [way for way, _, _ in await relations(api, public, ann)] == ["out", "in"]


async def test_shows_none_to_or_from_the_trash(api: Api, ann: Person) -> None:
    one, two = await api.note(ann), await api.note(ann, "Other")
    await relate(api, ann, one, two)
    await relate(api, ann, two, one)
    await api.delete(f"/notes/{two['id']}", ann)
    assert await relations(api, one, ann) == []
    await api.post(f"/notes/{two['id']}/restore", {}, ann)
    assert len(await relations(api, one, ann)) == 2


async def test_leads_through_all_pages(api: Api, ann: Person) -> None:
    middle, others = await api.note(ann), [await api.note(ann, f"{number}") for number in range(4)]
    for other in others:
        api.clock.pass_by(seconds=1)
        await relate(api, ann, middle, other)
    for number in range(4):
        api.clock.pass_by(seconds=1)
        await relate(api, ann, await api.note(ann, f"Later {number}"), middle)
    wanted = await relations(api, middle)
    assert [way for way, _, _ in wanted] == ["out"] * 4 + ["in"] * 4
    for limit in (1, 2, 3, 4, 5, 8):
        seen, following, pages = [], f"/notes/{middle['id']}/relations?limit={limit}", 0
        while following:
            answer = await api.get(following)
            seen += [(each["direction"], each["title"], each["id"]) for each in answer.content]
            following, pages = answer.headers.get("Link", "")[1:].partition(">")[0], pages + 1
        assert seen == wanted
        assert pages == -(-8 // limit)


async def test_ends_with_the_own_relations_if_there_are_no_others(api: Api, ann: Person) -> None:
    one, two = await api.note(ann), await api.note(ann, "Other")
    await relate(api, ann, one, two)
    assert "Link" not in (await api.get(f"/notes/{one['id']}/relations?limit=1")).headers


@in_memory
async def test_names_bad_titles_and_parameters(api: Api, ann: Person) -> None:
    one, two = await api.note(ann), await api.note(ann, "Other")
    path = f"/notes/{one['id']}/relations"
    for title, status in (("t" * 101, 400), ("t" * 100, 200), ("", 400)):
        assert (await api.put(f"{path}/{two['id']}", {"title": title}, ann)).status == status
    for query in ("limit=0", "limit=201", "cursor=x", "zzz=1"):
        assert (await api.get(f"{path}?{query}")).code == "bad_query"


async def test_relates_at_one_version_and_once_under_one_key(api: Api, ann: Person) -> None:
    one, two = await api.note(ann), await api.note(ann, "Other")
    seen = (await api.get(f"/notes/{one['id']}")).headers["ETag"]
    first = await relate(api, ann, one, two, If_Match=seen, Idempotency_Key="k")
    await api.delete(f"/notes/{two['id']}", ann)
    again = await relate(api, ann, one, two, If_Match=seen, Idempotency_Key="k")
    assert (again.status, again.content) == (200, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (await relate(api, ann, one, await api.note(ann, "Third"), If_Match=seen)).status == 412


async def test_relates_users(api: Api, ann: Person, bob: Person) -> None:
    answer = await api.put(f"/users/me/relations/{bob.id.lower()}", {"title": "knows"}, ann)
    said = {"title": "knows", "direction": "out", "created": NOW}
    assert (answer.status, answer.content) == (200, {"id": bob.id, **said})
    assert (await api.get("/users/me/relations", ann)).content == [answer.content]
    assert (await api.get("/users/me/relations", bob)).content == [{**said, "id": ann.id, "direction": "in"}]


async def test_relates_only_users_who_are_there(api: Api, ann: Person, bob: Person) -> None:
    assert (await api.put(f"/users/me/relations/{NOBODYS}", {"title": "knows"}, ann)).status == 404
    assert (await api.put(f"/users/me/relations/{ann.id}", {"title": "knows"}, ann)).status == 409
    await api.put(f"/users/me/relations/{bob.id}", {"title": "knows"}, ann)
    await api.put(f"/users/me/relations/{ann.id}", {"title": "knows"}, bob)
    await api.delete("/users", bob)
    assert (await api.get("/users/me/relations", ann)).content == []
    assert (await api.put(f"/users/me/relations/{bob.id}", {"title": "knew"}, ann)).status == 404


async def test_ends_a_relation_of_users(api: Api, ann: Person, bob: Person) -> None:
    await api.put(f"/users/me/relations/{bob.id}", {"title": "knows"}, ann, Idempotency_Key="k")
    assert (await api.delete(f"/users/me/relations/{bob.id}", ann)).status == 204
    assert (await api.delete(f"/users/me/relations/{bob.id}", ann)).status == 404
    assert (await api.get("/users/me/relations", bob)).content == []
    again = await api.put(f"/users/me/relations/{bob.id}", {"title": "knows"}, ann, Idempotency_Key="k")
    assert (again.status, again.headers["Idempotency-Replayed"]) == (200, "true")
