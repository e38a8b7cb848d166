"""Comments, tags and relations."""

from __future__ import annotations

import uuid

import pytest

from tests.external.client import Client, Person, covers
from tests.external.conftest import Write


@covers("POST /notes/{tsid}/comments", "PUT /notes/{tsid}/comments", "PUT /notes/{tsid}/comments/{comment}")
def test_comments_are_written_and_changed_by_their_writers(
    client: Client, ann: Person, bob: Person, write: Write
) -> None:
    path = f"/notes/{write(access='Public')['id']}/comments"
    written = client.ask("POST", path, {"title": "Hm", "body": "Is that so?"}, bob)
    comment = written.content["comments"][-1]
    assert (written.status, comment["writer"], comment["stars"]) == (201, bob.id, 0)
    changed = client.ask("PUT", path, {**comment, "stars": 5}, bob)
    assert (changed.status, changed.content["comments"][-1]["stars"]) == (200, 5)
    again = client.ask("PUT", f"{path}/{comment['id']}", {"title": "Hm", "body": "I see"}, bob)
    assert again.content["comments"][-1]["body"] == "I see"
    assert client.ask("PUT", f"{path}/{comment['id']}", {"title": "Hm", "body": "Mine"}, ann).status == 403


@covers("DELETE /notes/{tsid}/comments/{comment}")
def test_a_removed_comment_with_answers_stays_as_a_place_holder(client: Client, ann: Person, write: Write) -> None:
    path = f"/notes/{write()['id']}/comments"
    first = client.ask("POST", path, {"title": "One", "body": ""}, ann).content["comments"][0]
    client.ask("POST", path, {"title": "Two", "body": "", "parent": first["id"]}, ann)
    left = client.ask("DELETE", f"{path}/{first['id']}", who=ann).content["comments"]
    assert [(comment["removed"], comment["title"]) for comment in left] == [(True, None), (False, "Two")]


@pytest.mark.parametrize(
    ("field", "value"), [("title", "x" * 256), ("body", "x" * 8_193), ("stars", 6), ("color", "red"), ("parent", "x")]
)
def test_a_wrong_field_of_a_comment_is_named(
    client: Client, ann: Person, write: Write, field: str, value: object
) -> None:
    answer = client.ask("POST", f"/notes/{write()['id']}/comments", {"title": "A", "body": "B", field: value}, ann)
    assert answer.status == 400
    assert [error["field"] for error in answer.content] == [f"Comment.{field}"]


@pytest.mark.parametrize(("field", "value"), [("title", "x" * 255), ("body", "x" * 8_192), ("stars", 5)])
def test_the_utmost_of_a_comment_is_taken(client: Client, ann: Person, write: Write, field: str, value: object) -> None:
    answer = client.ask("POST", f"/notes/{write()['id']}/comments", {"title": "A", "body": "B", field: value}, ann)
    assert answer.content["comments"][-1][field] == value


@covers("POST /tags", "GET /tags", "GET /tags/{tsid}", "PUT /tags", "PUT /tags/{tsid}", "DELETE /tags/{tsid}")
def test_tags_are_shared_and_changed_by_their_makers(client: Client, ann: Person, bob: Person) -> None:
    title = uuid.uuid4().hex
    made = client.ask("POST", "/tags", {"title": title}, ann)
    tag = made.content
    assert (made.status, made.headers["Location"], tag["color"]) == (201, f"/tags/{tag['id']}", "000000")
    taken = client.ask("POST", "/tags", {"title": title.upper()}, bob)
    assert (taken.status, taken.content["id"]) == (409, tag["id"])
    assert client.ask("GET", f"/tags/{tag['id']}").content == tag
    assert isinstance(client.ask("GET", "/tags").content, list)
    assert client.ask("PUT", "/tags", {**tag, "color": "ff0000"}, ann).content["color"] == "ff0000"
    assert client.ask("PUT", f"/tags/{tag['id']}", {"title": title}, bob).status == 403
    assert client.ask("DELETE", f"/tags/{tag['id']}", who=ann).status == 200
    assert client.ask("GET", f"/tags/{tag['id']}").status == 404


@covers("PUT /notes/{tsid}/tags/{tag}", "DELETE /notes/{tsid}/tags/{tag}", "GET /tags/cloud")
def test_notes_take_tags_and_let_them_go(client: Client, ann: Person, write: Write) -> None:
    tag = client.ask("POST", "/tags", {"title": uuid.uuid4().hex}, ann).content["id"]
    path = f"/notes/{write()['id']}/tags/{tag}"
    assert client.ask("PUT", path, who=ann).content["tags"] == [tag]
    cloud = {each["id"]: each["count"] for each in client.ask("GET", "/tags/cloud", who=ann).content}
    assert cloud[tag] == 1
    assert client.ask("DELETE", path, who=ann).content["tags"] == []


@covers(
    "PUT /notes/{tsid}/relations/{target}", "GET /notes/{tsid}/relations", "DELETE /notes/{tsid}/relations/{target}"
)
def test_relations_of_notes_show_on_both_sides(client: Client, ann: Person, write: Write) -> None:
    first, second = write()["id"], write()["id"]
    path = f"/notes/{first}/relations/{second}"
    assert client.ask("PUT", path, {"title": "blocks"}, ann).status == 200
    for note, other, direction in ((first, second, "out"), (second, first, "in")):
        (relation,) = client.ask("GET", f"/notes/{note}/relations", who=ann).content
        assert (relation["id"], relation["title"], relation["direction"]) == (other, "blocks", direction)
    assert client.ask("DELETE", path, who=ann).status == 204
    assert client.ask("GET", f"/notes/{second}/relations", who=ann).content == []


@covers("PUT /users/me/relations/{user}", "GET /users/me/relations", "DELETE /users/me/relations/{user}")
def test_people_relate_to_each_other(client: Client, ann: Person, bob: Person) -> None:
    path = f"/users/me/relations/{bob.id}"
    assert client.ask("PUT", path, {"title": "works with"}, ann).status == 200
    relations = client.ask("GET", "/users/me/relations", who=bob).content
    assert [relation["direction"] for relation in relations if relation["id"] == ann.id] == ["in"]
    assert client.ask("DELETE", path, who=ann).status == 204
