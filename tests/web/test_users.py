"""Accounts and profiles over HTTP."""

from __future__ import annotations

import pytest

from tests.abilities import in_memory
from tests.web.conftest import PASSWORD, Api, Person, Start, account

LONG_DOMAIN = "a@" + "b123456." * 40
PROFILE = ["id", "name", "email", "joined", "born", "bio", "notes"]


async def test_registers_an_account(api: Api) -> None:
    answer = await api.post("/users", {**account("Ann"), "bio": "I write."})
    assert answer.status == 201
    assert answer.headers["Location"] == f"/users/{answer.content['id']}"
    assert list(answer.content) == PROFILE
    assert answer.content | {"id": 0} == {
        "id": 0,
        "name": "Ann",
        "email": "ann@example.org",
        "joined": "2026-11-23T10:00:00.000Z",
        "born": "1990-05-17",
        "bio": "I write.",
        "notes": 0,
    }


async def test_refuses_an_email_in_use(api: Api, ann: Person) -> None:
    answer = await api.post("/users", {**account("Ann"), "email": "ANN@example.org"})
    assert (answer.status, answer.code) == (409, "conflict")
    assert answer.content["message"] == "email ANN@example.org already in use"


@in_memory
async def test_names_every_bad_field(api: Api) -> None:
    answer = await api.post("/users", {"name": "A1", "email": "x", "password": "secret", "bio": 1, "age": 3})
    assert answer.status == 400
    assert answer.fields == ["User.name", "User.email", "User.password", "User.born", "User.bio", "User.age"]


@in_memory
async def test_never_echoes_a_password(api: Api) -> None:
    answer = await api.post("/users", {**account("Ann"), "password": "hunter2"})
    assert answer.fields == ["User.password"]
    assert "hunter2" not in str(answer.content)


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("name", "n" * 100, "n" * 101),
        ("name", "n", ""),
        ("email", "a@" + "b" * 63 + ".org", "a@" + "b" * 64 + ".org"),
        ("email", f"{LONG_DOMAIN[:252]}ab", f"{LONG_DOMAIN[:252]}abc"),
        ("email", "a" * 64 + "@b.org", "a" * 65 + "@b.org"),
        ("password", "Secret-1", "Secre-1"),
        ("password", "Secret-1" + "x" * 120, "Secret-1" + "x" * 121),
        ("bio", "b" * 2000, "b" * 2001),
        ("born", "2017-11-23", "2017-11-24"),
    ],
)
async def test_holds_the_limits(api: Api, field: str, good: str, bad: str) -> None:
    assert (await api.post("/users", {**account("Ann"), field: bad})).fields == [f"User.{field}"]
    assert (await api.post("/users", {**account("Ann"), field: good})).status == 201


@in_memory
async def test_shows_a_hundred_characters_of_a_wrong_value(api: Api) -> None:
    (error,) = (await api.post("/users", {**account("Ann"), "name": "1" * 101})).content
    assert error["error"].startswith(f"invalid: {'1' * 100};")


@in_memory
async def test_opens_no_account_where_registration_is_closed(start: Start) -> None:
    api = await start(registration="closed")
    answer = await api.post("/users", account("Ann"))
    assert (answer.status, answer.code) == (403, "registration_closed")


async def test_shows_the_own_account(api: Api, ann: Person) -> None:
    await api.note(ann, access="Private")
    me = (await api.get("/users/me", ann)).content
    assert (me["id"], me["email"], me["born"], me["notes"]) == (ann.id, ann.email, "1990-05-17", 1)
    assert (await api.get(f"/users/{ann.id}", ann)).content == me


@pytest.mark.parametrize("anonymous", [True, False])
async def test_shows_others_only_what_is_public(api: Api, ann: Person, bob: Person, anonymous: bool) -> None:
    await api.note(ann, access="Private")
    await api.note(ann, title="Public")
    seen = (await api.get(f"/users/{ann.id.lower()}", None if anonymous else bob)).content
    assert list(seen) == PROFILE
    assert (seen["name"], seen["email"], seen["born"], seen["notes"]) == ("Ann", None, None, 1)


@in_memory
@pytest.mark.parametrize("user", ["0SAN0000000000", "0000000000000", "me2", "UUUUUUUUUUUUU"])
async def test_finds_nobody_where_nobody_is(api: Api, user: str) -> None:
    answer = await api.get(f"/users/{user}")
    assert (answer.status, answer.code) == (404, "not_found")


async def test_changes_only_what_is_given(api: Api, ann: Person) -> None:
    before = (await api.get("/users/me", ann)).content
    answer = await api.put("/users", {"id": ann.id.lower(), "bio": "New"}, ann)
    assert answer.status == 200
    assert answer.content == {**before, "bio": "New"}
    assert (await api.put("/users", {"bio": None, "name": "Anna"}, ann)).content == {**before, "name": "Anna"}


async def test_changes_nobody_elses_account(api: Api, ann: Person, bob: Person) -> None:
    answer = await api.put("/users", {"id": bob.id, "bio": "Ha"}, ann)
    assert (answer.status, answer.code) == (403, "forbidden")


async def test_ends_all_other_sessions_with_a_new_password(api: Api, ann: Person) -> None:
    other = await api.login("Ann")
    answer = await api.put("/users", {"password": "Another-1", "currentPassword": PASSWORD}, ann)
    assert answer.status == 200
    assert (await api.get("/users/me", other)).status == 401
    assert (await api.get("/users/me", ann)).status == 200
    assert (await api.login("Ann", "Another-1")).id == ann.id


async def test_checks_the_current_password_if_given(api: Api, ann: Person) -> None:
    answer = await api.put("/users", {"password": "Another-1", "currentPassword": "Wrong-123"}, ann)
    assert (answer.status, answer.code) == (400, "wrong_credentials")
    assert (await api.login("Ann")).id == ann.id


async def test_removes_the_own_account(api: Api, ann: Person) -> None:
    answer = await api.delete("/users", ann)
    assert (answer.status, answer.content["id"]) == (200, ann.id)
    assert (await api.get("/users/me", ann)).status == 401
    assert (await api.get(f"/users/{ann.id}")).status == 404
    assert (await api.get("/users")).content == []


async def test_frees_the_email_of_a_removed_account(api: Api, ann: Person) -> None:
    await api.delete("/users", ann)
    assert (await api.person("Ann")).id != ann.id


async def test_lists_profiles_newest_first(api: Api, ann: Person, bob: Person) -> None:
    await api.note(ann, access="Private")
    listed = (await api.get("/users", ann)).content
    assert [(user["name"], user["email"], user["notes"]) for user in listed] == [
        ("Bob", None, 0),
        ("Ann", "ann@example.org", 1),
    ]
    assert [list(user) for user in listed] == [PROFILE, PROFILE]


async def test_pages_profiles_by_start_and_count(api: Api, ann: Person, bob: Person) -> None:
    first = await api.get("/users?count=1")
    assert [user["name"] for user in first.content] == ["Bob"]
    assert first.headers["Link"] == '</users?start=1&count=1>; rel="next"'
    second = await api.get("/users?start=1&count=1")
    assert [user["name"] for user in second.content] == ["Ann"]
    assert "Link" not in second.headers


async def test_shows_ten_profiles_unless_told(api: Api) -> None:
    for letter in "abcdefghijk":
        await api.post("/users", {**account("Ann"), "email": f"{letter}@example.org"})
    assert len((await api.get("/users")).content) == 10
    assert len((await api.get("/users?count=200")).content) == 11


@in_memory
@pytest.mark.parametrize("query", ["start=-1", "count=0", "count=201", "count=x", "limit=5", "count=1&count=2"])
async def test_names_bad_parameters_of_the_list(api: Api, query: str) -> None:
    answer = await api.get(f"/users?{query}")
    assert (answer.status, answer.code) == (400, "bad_query")
    assert query.partition("=")[0] in answer.content["message"]


FARTHEST = pytest.param("start=9007199254740992", marks=pytest.mark.needs("exact_counts"))


@pytest.mark.parametrize("query", ["start=0", "count=1", "count=200", FARTHEST, "start=10000", ""])
async def test_takes_parameters_within_bounds(api: Api, query: str) -> None:
    assert (await api.get(f"/users?{query}")).status == 200


async def test_draws_another_id_where_one_is_taken(start: Start, url: str) -> None:
    if url == "memory:":
        pytest.skip("a journal in memory is of one process")
    here, there = await start(), await start()  # both draw the same ids
    ann, bob = await here.person("Ann"), await there.person("Bob")
    assert ann.id != bob.id
    assert {user["id"] for user in (await here.get("/users")).content} == {ann.id, bob.id}
