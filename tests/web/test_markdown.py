"""Notes as Markdown files with front matter."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikes.domain.note.response import NoteItem
from spikes.domain.rules import BODY_RULE, TITLE_RULE
from spikes.domain.times import from_rfc3339
from spikes.domain.tsid import parse_tsid
from spikes.web.importing import PROBES, identities
from spikes.web.markdown import Document, NotImportable, read, write

HARD = 20_000
"""Characters in a row that took hours while the expression for headings could match them in many ways."""

ID = "0SAJWHS03CF2T"
THEN = from_rfc3339("2021-03-04T05:06:07Z")

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
titles = texts.filter(lambda text: TITLE_RULE.check(text, 0))


def front(*lines: str) -> Document:
    return read("a.md", "\n".join(("---", *lines, "---", "Text")).encode())


@given(titles, texts.filter(lambda text: not text.startswith("\ufeff")), st.lists(titles, max_size=3, unique=True))
def test_what_was_written_is_read(title: str, body: str, tags: list[str]) -> None:
    times = ("2021-03-04T05:06:07.000Z",) * 2
    note = NoteItem(ID, ID, title, body, "slug", times[0], "Doing", "Public", (), 0, *times, 7, None)
    document = read("x.md", write(note, tags))
    assert (document.title, document.body, document.id) == (title, body, ID)
    assert (document.status, document.access, document.due, document.created) == ("Doing", "Public", THEN, THEN)
    assert document.tags == tuple(dict.fromkeys(tag.strip().removeprefix("#") for tag in tags if tag.strip(" #")))
    assert document.ignored == ()


@given(st.binary(max_size=200) | texts.map(lambda text: f"---\n{text}\n---\n".encode()))
def test_anything_is_read_or_refused(content: bytes) -> None:
    try:
        document = read("a.md", content)
    except NotImportable:
        return
    assert TITLE_RULE.check(document.title, 0)
    assert BODY_RULE.check(document.body, 0)


@pytest.mark.parametrize(
    ("path", "content", "title"),
    [
        ("a.md", "---\ntitle: Front\n---\n# Heading", "Front"),
        ("a.md", "---\ntitle: 2021-03-04\n---\n", "2021-03-04"),
        ("a.md", "---\nTitle: 'It''s'\n---\n", "It's"),
        ("a.md", "---\ntitle:\n---\nText\n\n## Heading ##\n# Next", "Heading"),
        ("a.md", "---\ntitle: [a]\n---\n# Heading", "Heading"),
        ("folder/My file.v2.md", "Text #no heading\n#\n", "My file.v2"),
        ("a.md", f"# {'x' * 300}", "x" * 255),
        ("a.md", "\ufeff# Heading\r\nText", "Heading"),
        ("a.md", "# C#\nText", "C#"),
        ("a.md", "# C # #\t\r\nText", "C #"),
        ("a.md", "# ##\nText", "a"),
    ],
)
def test_the_title_is_the_first_there_is(path: str, content: str, title: str) -> None:
    assert read(path, content.encode()).title == title


@pytest.mark.parametrize(
    "text",
    [
        "---\nno front matter",
        "---\na: [\n---\nText",
        "---\n- a\n---\nText",
        "---\nJust a line\n---\nText",
        "Text\n---\na: 1\n---\n",
        "---\n" + "[" * 5000 + "\n---\n",
        "---\n&a [*a, *b]\n---\n",
    ],
)
def test_what_only_looks_like_front_matter_is_text(text: str) -> None:
    assert read("a.md", text.encode()).body == text


@pytest.mark.parametrize(
    "written",
    [
        "created: 2021-03-04T05:06:07Z",
        "created: 2021-03-04 05:06:07",
        "date: 2021-03-04 06:06:07 +0100",
        'created_at: "2021-03-04T07:06:07+02:00"',
        "Created: 2021-03-04T05:06:07.000Z\ndate: 2020-01-01",
    ],
)
def test_times_are_read_as_tools_write_them(written: str) -> None:
    assert front(written).created == THEN


def test_a_date_is_its_first_moment() -> None:
    assert front("date: 2021-03-04").created == from_rfc3339("2021-03-04T00:00:00Z")


def test_what_can_not_be_taken_over_is_named() -> None:
    lines = ("id: 7", "status: Someday", "access: [Public]", "due: tomorrow", "date: long ago")
    document = front(*lines)
    assert document.ignored == ("id", "due", "status", "access", "created")
    assert (document.id, document.status, document.access, document.due) == (None, "New", "Private", None)


@pytest.mark.parametrize(
    ("written", "tags"),
    [
        ("tags: [Red, '#blue', Red, '']", ("Red", "blue")),
        ("tags:\n- Red wine\n- [x]\n- blue", ("Red wine", "blue")),
        ("tags: Red wine, blue", ("Red wine", "blue")),
        ("tags: red blue", ("red", "blue")),
        ("tags: {a: b}", ()),
    ],
)
def test_tags_are_read_as_tools_write_them(written: str, tags: tuple[str, ...]) -> None:
    assert front(written).tags == tags


# ---------------------------------------------------------------------------------------------------------- identities


def ids(document: Document, owner: str = "A", digest: bytes = b"d") -> list[str]:
    return list(identities(owner, digest, document))


@pytest.mark.parametrize("created", [None, 0, THEN, THEN + 1, from_rfc3339("2021-03-04T00:00Z"), 10**14])
def test_identities_are_always_the_same(created: int | None) -> None:
    document = Document("T", "B", created=created)
    assert ids(document) == ids(document)
    assert len(set(ids(document))) == PROBES
    assert [parse_tsid(i) for i in ids(document)] == ids(document)
    assert set(ids(document)).isdisjoint(ids(document, owner="B"))
    assert set(ids(document)).isdisjoint(ids(document, digest=b"e"))


def test_an_id_in_the_file_goes_first_and_decides() -> None:
    document = Document("T", "B", id=ID)
    assert ids(document)[0] == ID
    assert ids(document) == ids(document, digest=b"moved and changed")


@given(st.sets(st.binary(min_size=1), min_size=50, max_size=50))
def test_many_files_of_one_day_have_ids_of_their_own(digests: set[bytes]) -> None:
    document = Document("T", "B", created=from_rfc3339("2021-03-04T00:00Z"))
    assert len({next(identities("A", digest, document)) for digest in digests}) == 50


@pytest.mark.parametrize("line", ["# a{0}#{0}b", "# {1}x", "# {0}x", "#{0}", "# a{0}{1}{0}"])
def test_reads_no_heading_in_many_ways(line: str) -> None:
    content = line.format(" " * HARD, "#" * HARD).encode()
    started = time.process_time()
    read("a.md", content)
    assert time.process_time() - started < 1
