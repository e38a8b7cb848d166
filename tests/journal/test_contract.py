"""What every journal plugin must do. One file for all of them; optional abilities are skipped by name."""

from __future__ import annotations

import asyncio
import time

import pytest
from msgspec.structs import replace

from spikes.journal.errors import (
    ClaimTaken,
    DeadlinePassed,
    DuplicateCommand,
    EventTooLarge,
    JournalError,
    JournalUnavailable,
    SequenceConflict,
)
from spikes.journal.port import (
    COMMAND_RETENTION,
    LONGEST,
    MAX_EVENT_BYTES,
    PAGE,
    AnyOf,
    Append,
    Appended,
    AtLeast,
    AtMost,
    Claim,
    CommandKey,
    Cursor,
    Equal,
    HasTerm,
    Journal,
    Metadata,
    Query,
    RecordedCommand,
    RowVersion,
    Snapshot,
    Sort,
    StoredEvent,
    TextTerm,
    TypeFigures,
)
from spikes.journal.words import words
from tests.journal.samples import FIRST, KEY, SLUG, all_ids, append, current, event, ids, listing, row

pytestmark = pytest.mark.usefixtures("ability")


class TestAppend:
    async def test_answers_the_last_sequence_number(self, journal: Journal) -> None:
        assert await journal.append(append(count=3)) == Appended(3)
        assert await journal.append(append(after=3)) == Appended(4)

    async def test_keeps_every_field_of_an_event(self, journal: Journal) -> None:
        metadata = Metadata(7, "attempt", "ann", "request", "correlation", "causation", "command", "writer", "trace")
        stored = StoredEvent(1, "née@1", b"\x00\xff", metadata, ("a", "b"), "aes", "key-1")
        await journal.append(Append("note|1", 0, (stored,), row()))
        assert await journal.events("note|1") == (stored,)

    @pytest.mark.parametrize("after", [0, 1, 3])
    async def test_refuses_any_other_sequence_number(self, journal: Journal, after: int) -> None:
        await journal.append(append(count=2))
        with pytest.raises(SequenceConflict) as refused:
            await journal.append(append(after=after))
        assert (refused.value.expected, refused.value.actual) == (after, 2)

    async def test_lets_one_of_many_at_once_win(self, journal: Journal) -> None:
        answers = await asyncio.gather(*(journal.append(append()) for _ in range(9)), return_exceptions=True)
        assert answers.count(Appended(1)) == 1
        assert sum(isinstance(answer, SequenceConflict) for answer in answers) == 8

    async def test_stores_many_entities_at_once(self, journal: Journal) -> None:
        await asyncio.gather(*(journal.append(append(f"note|{n:03}", index=listing())) for n in range(300)))
        assert await journal.count(Query("note")) == 300

    async def test_refuses_an_event_that_is_too_large(self, journal: Journal) -> None:
        large = replace(event(), payload=bytes(MAX_EVENT_BYTES + 1))
        with pytest.raises(EventTooLarge):
            await journal.append(replace(append(), events=(large,)))

    async def test_refuses_a_row_its_schema_forbids(self, journal: Journal) -> None:
        bad = listing(created="yesterday")
        with pytest.raises(JournalError, match="created"):
            await journal.append(append(index=bad))
        assert await journal.events("note|1") == ()

    async def test_takes_streams_of_an_undeclared_kind(self, journal: Journal) -> None:
        await journal.append(append("cart|1"))
        assert (await journal.load("cart|1", 1)).snapshot == Snapshot(1, 1, b"state 1")

    async def test_is_refused_once_closed(self, journal: Journal) -> None:
        await journal.close()
        with pytest.raises(JournalUnavailable):
            await journal.append(append())


class TestCommands:
    async def test_c1_a_repeated_attempt_is_its_own_success(self, journal: Journal) -> None:
        mine = append(attempt="mine", take=(SLUG,), command=KEY)
        await journal.append(mine)
        assert await journal.append(mine) == Appended(1)
        assert len(await journal.events("note|1")) == 1

    async def test_c1_holds_when_others_have_gone_on(self, journal: Journal) -> None:
        await journal.append(append(attempt="mine", count=2))
        await journal.append(append(after=2))
        assert await journal.append(append(attempt="mine", count=2)) == Appended(2)

    async def test_c2_an_append_after_its_deadline_is_not_sent(self, journal: Journal) -> None:
        with pytest.raises(DeadlinePassed):
            await journal.append(append(deadline=time.monotonic() - 1))
        assert await journal.events("note|1") == ()

    async def test_c4_the_client_key_comes_first(self, journal: Journal) -> None:
        await journal.append(append("note|2", take=(SLUG,), command=KEY))
        with pytest.raises(DuplicateCommand) as refused:
            await journal.append(append("note|1", after=9, take=(SLUG,), command=KEY))
        assert (refused.value.persistence_id, refused.value.sequence_nr) == ("note|2", 1)
        assert refused.value.fingerprint == b"fingerprint"

    async def test_c4_the_sequence_number_comes_before_claims(self, journal: Journal) -> None:
        await journal.append(append("note|2", take=(SLUG,)))
        with pytest.raises(SequenceConflict):
            await journal.append(append("note|1", after=9, take=(SLUG,)))

    async def test_a_refused_append_leaves_no_key(self, journal: Journal) -> None:
        with pytest.raises(SequenceConflict):
            await journal.append(append(after=9, command=KEY))
        assert await journal.command("key", 1_000) is None

    async def test_a_key_tells_where_its_result_stands(self, journal: Journal) -> None:
        await journal.append(append(count=2, command=KEY, time=1_000))
        assert await journal.command("key", 1_000) == RecordedCommand("note|1", 2, b"fingerprint")

    async def test_a_key_is_forgotten_after_a_day(self, journal: Journal) -> None:
        await journal.append(append(command=KEY, time=1_000))
        late = 1_001 + COMMAND_RETENTION
        assert await journal.command("key", late) is None
        await journal.append(append("note|2", command=KEY, time=late))
        assert await journal.command("key", late) == RecordedCommand("note|2", 1, b"fingerprint")

    async def test_old_keys_can_be_dropped(self, journal: Journal) -> None:
        await journal.append(append("note|1", command=CommandKey("old", b""), time=1_000))
        await journal.append(append("note|2", command=CommandKey("new", b""), time=2_000))
        assert await journal.forget_commands(before=2_000) == 1
        assert await journal.command("new", 2_000) is not None


class TestClaims:
    async def test_are_held_by_one_entity(self, journal: Journal) -> None:
        await journal.append(append("note|1", take=(SLUG,)))
        with pytest.raises(ClaimTaken) as refused:
            await journal.append(append("note|2", take=(Claim.of("slug", "free"), SLUG)))
        assert (refused.value.claim, refused.value.holder) == (SLUG, "note|1")
        assert await journal.holder(SLUG) == "note|1"

    async def test_a_refused_append_takes_none(self, journal: Journal) -> None:
        await journal.append(append("note|1", take=(SLUG,)))
        free = Claim.of("slug", "free")
        with pytest.raises(ClaimTaken):
            await journal.append(append("note|2", take=(free, SLUG)))
        assert await journal.holder(free) is None
        assert await journal.persistence_ids() == ("note|1",)

    async def test_can_be_taken_again_by_their_holder(self, journal: Journal) -> None:
        await journal.append(append(take=(SLUG,)))
        assert await journal.append(append(after=1, take=(SLUG,))) == Appended(2)

    async def test_are_free_after_their_release(self, journal: Journal) -> None:
        await journal.append(append(take=(SLUG,)))
        await journal.append(append(after=1, release=(SLUG,)))
        assert await journal.append(append("note|2", take=(SLUG,))) == Appended(1)

    async def test_are_not_released_by_others(self, journal: Journal) -> None:
        await journal.append(append(take=(SLUG,)))
        await journal.append(append("note|2", release=(SLUG,)))
        assert await journal.holder(SLUG) == "note|1"

    async def test_taken_and_released_at_once_stay_held(self, journal: Journal) -> None:
        await journal.append(append(take=(SLUG,)))
        await journal.append(append(after=1, take=(SLUG,), release=(SLUG,)))
        assert await journal.holder(SLUG) == "note|1"

    async def test_one_of_two_takers_at_once_wins(self, journal: Journal) -> None:
        takers = (journal.append(append(f"note|{n}", take=(SLUG,))) for n in range(5))
        answers = await asyncio.gather(*takers, return_exceptions=True)
        assert sum(isinstance(answer, ClaimTaken) for answer in answers) == 4

    def test_differ_by_kind_and_by_each_value(self) -> None:
        assert (
            len({Claim.of("a", "b", "c"), Claim.of("a", "bc"), Claim.of("b", "b", "c"), Claim.of("a", "b", "c")}) == 3
        )


class TestFreshness:
    async def test_a_fold_is_current_until_something_follows(self, journal: Journal) -> None:
        journal.watch("note|1")
        await journal.append(append())
        assert await current(journal, "note|1", 1)
        await journal.append(append(after=1))
        assert not await current(journal, "note|1", 1)
        assert await current(journal, "note|1", 2)

    async def test_the_round_trip_says_the_same(self, journal: Journal) -> None:
        await journal.append(append(count=2))
        assert not await journal.check_current("note|1", 1)
        assert await journal.check_current("note|1", 2)
        assert await journal.check_current("note|none", 0)

    async def test_an_entity_watched_again_is_checked_again(self, journal: Journal) -> None:
        journal.watch("note|1")
        await journal.append(append())
        journal.unwatch("note|1")
        await journal.append(append(after=1))
        journal.watch("note|1")
        loaded = await journal.load("note|1", 1)
        assert await current(journal, "note|1", loaded.snapshot.sequence_nr if loaded.snapshot else 0)


class TestLoad:
    async def test_of_an_unknown_entity_is_empty(self, journal: Journal) -> None:
        loaded = await journal.load("note|1", 1)
        assert (loaded.snapshot, loaded.events, loaded.complete, loaded.row) == (None, (), True, None)

    async def test_gives_the_snapshot_and_what_follows(self, journal: Journal) -> None:
        await journal.append(append(index=listing()))
        bare = append(after=1)
        await journal.append(replace(bare, row=replace(bare.row, snapshot=None)))
        loaded = await journal.load("note|1", 1)
        assert loaded.snapshot == Snapshot(1, 1, b"state 1")
        assert loaded.events == bare.events
        assert loaded.row == RowVersion(2, 1)

    async def test_keeps_every_field_of_a_snapshot(self, journal: Journal) -> None:
        snapshot = Snapshot(1, 1, b"\x00\xff", "aes", "key-1")
        await journal.append(replace(append(), row=replace(row(), snapshot=snapshot)))
        assert (await journal.load("note|1", 1)).snapshot == snapshot

    @pytest.mark.parametrize("version", [1, 3])
    async def test_r3_trusts_no_snapshot_of_another_version(self, journal: Journal, version: int) -> None:
        await journal.append(append(count=2, version=2))
        loaded = await journal.load("note|1", version)
        assert loaded.snapshot is None
        assert len(loaded.events) == 2
        assert loaded.row == RowVersion(2, 2)

    async def test_can_end_in_the_past(self, journal: Journal) -> None:
        for after in range(3):
            await journal.append(append(after=after))
        loaded = await journal.load("note|1", 1, to=2)
        assert loaded.snapshot is None
        assert [each.sequence_nr for each in loaded.events] == [1, 2]

    async def test_says_that_there_is_more(self, journal: Journal) -> None:
        for after in range(0, PAGE, 500):
            await journal.append(append(after=after, count=500))
        await journal.append(append(after=PAGE))
        loaded = await journal.load("note|1", 9)
        assert len(loaded.events) == 10_000
        assert not loaded.complete
        assert [each.sequence_nr for each in await journal.events("note|1", after=10_000)] == [10_001]


class TestStreams:
    async def test_events_come_in_pages(self, journal: Journal) -> None:
        await journal.append(append(count=5))
        assert [each.sequence_nr for each in await journal.events("note|1", after=1, limit=2)] == [2, 3]

    async def test_streams_come_one_after_another(self, journal: Journal) -> None:
        for each in (append("note|b"), append("note|a"), append("note|b", after=1), append("user|1")):
            await journal.append(each)
        places = [(each.persistence_id, each.event.sequence_nr) for each in await journal.streams()]
        assert sorted(places) == [("note|a", 1), ("note|b", 1), ("note|b", 2), ("user|1", 1)]
        assert places.index(("note|b", 2)) == places.index(("note|b", 1)) + 1
        assert tuple(dict.fromkeys(whose for whose, _ in places)) == await journal.persistence_ids()

    @pytest.mark.parametrize("limit", [1, 2, 3, 9])
    async def test_streams_go_on_from_any_place(self, journal: Journal, limit: int) -> None:
        for each in (append("note|b", count=2), append("note|a", count=3), append("user|1")):
            await journal.append(each)
        whole, after = await journal.streams(), ("", 0)
        for start in range(len(whole) + 1):
            assert await journal.streams(after, limit) == whole[start : start + limit]
            after = (whole[start].persistence_id, whole[start].event.sequence_nr) if start < len(whole) else after

    @pytest.mark.needs("total_order")
    async def test_the_whole_stream_comes_in_order(self, journal: Journal) -> None:
        for pid, after in (("note|2", 0), ("note|1", 0), ("note|2", 1)):
            await journal.append(append(pid, after))
        whole = await journal.stream()
        assert [(each.persistence_id, each.event.sequence_nr) for each in whole] == [
            ("note|2", 1),
            ("note|1", 1),
            ("note|2", 2),
        ]
        assert await journal.stream(after=whole[0].position, limit=1) == (whole[1],)

    async def test_ids_come_in_pages_and_one_order(self, journal: Journal) -> None:
        for pid in ("user|1", "note|b", "note|a"):
            await journal.append(append(pid))
        whole = await journal.persistence_ids()
        assert sorted(whole) == ["note|a", "note|b", "user|1"]
        assert await journal.persistence_ids(limit=2) == whole[:2]
        assert await journal.persistence_ids(after=whole[1]) == whole[2:]


class TestLists:
    @pytest.fixture(autouse=True)
    async def notes(self, journal: Journal) -> None:
        await journal.append(append("note|a", index=listing(created=1, due=30, status="New", terms=(("tag", "x"),))))
        await journal.append(append("note|b", index=listing(created=2, status="Doing", terms=(("tag", "y"),))))
        await journal.append(append("note|c", index=listing(created=2, due=10, terms=(("tag", "x"), ("tag", "y")))))
        await journal.append(append("note|hidden"))

    async def test_are_sorted_newest_first(self, journal: Journal) -> None:
        assert await ids(journal) == ["c", "b", "a"]

    async def test_can_be_sorted_the_other_way(self, journal: Journal) -> None:
        assert await ids(journal, sort=Sort("created")) == ["a", "b", "c"]

    @pytest.mark.parametrize("descending", [True, False])
    async def test_rows_without_a_value_come_last(self, journal: Journal, descending: bool) -> None:
        assert (await ids(journal, sort=Sort("due", descending)))[-1] == "b"

    @pytest.mark.parametrize("limit", [1, 2, 3, 50])
    @pytest.mark.parametrize("descending", [True, False])
    @pytest.mark.parametrize("column", ["created", "due", "status"])
    async def test_pages_follow_without_gap(self, journal: Journal, limit: int, descending: bool, column: str) -> None:
        sort = Sort(column, descending)
        assert await all_ids(journal, sort=sort, limit=limit) == await ids(journal, sort=sort)
        assert len(await ids(journal, sort=sort)) == 3

    @pytest.mark.parametrize("descending", [True, False])
    @pytest.mark.parametrize("column", ["created", "due", "status"])
    async def test_rows_can_be_skipped(self, journal: Journal, column: str, descending: bool) -> None:
        sort = Sort(column, descending)
        whole = await ids(journal, sort=sort)
        for offset in range(5):
            assert await ids(journal, sort=sort, offset=offset) == whole[offset:]
            assert await ids(journal, sort=sort, offset=offset, limit=1) == whole[offset : offset + 1]

    async def test_show_item_and_event_number(self, journal: Journal) -> None:
        first = (await journal.query(Query("note", limit=1))).rows[0]
        assert (first.persistence_id, first.sequence_nr, first.item) == ("note|c", 1, b"item")

    async def test_the_last_page_has_no_next(self, journal: Journal) -> None:
        assert (await journal.query(Query("note", limit=3))).next is None
        assert (await journal.query(Query("note", limit=2))).next == Cursor(2, "note|b")

    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            (Equal("created", 2), "bc"),
            (Equal("due", None), "b"),
            (Equal("status", "New"), "a"),
            (AtLeast("due", 30), "a"),
            (AtMost("due", 29), "c"),
            (AtLeast("created", 0), "abc"),
            (HasTerm("tag", "x"), "ac"),
            (HasTerm("other", "x"), ""),
            (AnyOf((Equal("created", 1), HasTerm("tag", "y"))), "abc"),
            (AnyOf((AnyOf((Equal("due", 10),)), Equal("status", "New"))), "ac"),
            (AnyOf(()), ""),
        ],
    )
    async def test_can_be_filtered(self, journal: Journal, condition: Equal, expected: str) -> None:
        assert sorted(await ids(journal, where=(condition,))) == list(expected)
        assert await journal.count(Query("note", where=(condition,))) == len(expected)

    async def test_all_conditions_must_hold(self, journal: Journal) -> None:
        assert await ids(journal, where=(HasTerm("tag", "x"), HasTerm("tag", "y"))) == ["c"]

    async def test_counts_ignore_the_page(self, journal: Journal) -> None:
        assert await journal.count(Query("note", limit=1, after=Cursor(2, "note|b"))) == 3

    async def test_columns_can_be_added_up(self, journal: Journal) -> None:
        assert await journal.total("note", "due") == 40
        assert await journal.total("user", "notes") == 0

    @pytest.mark.needs("exact_counts")
    async def test_statistics_count_what_is_listed(self, journal: Journal) -> None:
        figures = await journal.statistics()
        assert (figures.events, figures.listed, figures.approximate) == (4, {"note": 3, "user": 0}, False)

    async def test_statistics_name_every_kind(self, journal: Journal) -> None:
        figures = await journal.statistics()
        assert figures.listed.keys() == {"note", "user"}
        assert figures.appends == 4
        assert not figures.approximate  # there are few

    @pytest.mark.parametrize(
        "query",
        [
            Query("tag"),
            Query("note", where=(Equal("colour", 1),)),
            Query("note", where=(AnyOf((AtLeast("colour", 1),)),)),
            Query("note", where=(Equal("created", "1"),)),
            Query("note", where=(AtMost("created", 2**63),)),
            Query("note", sort=Sort("colour")),
            Query("note", sort=None),
            Query("note", offset=-1),
            Query("note", limit=0),
            Query("note", after=Cursor("one", "note|a")),
            Query("user", text=(TextTerm(("word",)),)),
        ],
    )
    async def test_refuse_what_the_schema_lacks(self, journal: Journal, query: Query) -> None:
        with pytest.raises(ValueError, match=r"note|tag|user|relevance|created|colour"):
            await journal.query(query)

    async def test_totals_refuse_a_text_column(self, journal: Journal) -> None:
        with pytest.raises(ValueError, match="title"):
            await journal.total("note", "title")


class TestSearch:
    @pytest.fixture(autouse=True)
    async def notes(self, journal: Journal) -> None:
        await self.put(journal, "note|a", {"": ("Äpfel und Birnen", "made in Zürich"), "c1": ("", "sweet pears")})
        await self.put(journal, "note|b", {"": ("Pears", "pears, pears!"), "c1": ("", "and an apple")})

    @staticmethod
    async def put(journal: Journal, pid: str, search: dict[str, tuple[str, ...]], after: int = 0) -> None:
        await journal.append(append(pid, after, index=listing(search, created=ord(pid[-1]))))

    async def find(self, journal: Journal, *terms: TextTerm) -> list[str]:
        found = await ids(journal, text=terms, sort=Sort("created"))
        assert await journal.count(Query("note", text=terms)) == len(found)
        return found

    async def test_finds_words_without_case_and_accents(self, journal: Journal) -> None:
        assert await self.find(journal, TextTerm(("apfel",))) == ["a"]
        assert await self.find(journal, TextTerm(("ZURICH",))) == ["a"]

    async def test_each_term_may_be_in_another_part(self, journal: Journal) -> None:
        assert await self.find(journal, TextTerm(("zürich",)), TextTerm(("sweet",))) == ["a"]
        assert await self.find(journal, TextTerm(("zürich",)), TextTerm(("apple",))) == []

    @pytest.mark.needs("phrase")
    async def test_words_of_a_term_stand_together(self, journal: Journal) -> None:
        assert await self.find(journal, TextTerm(("sweet", "pears"))) == ["a"]
        assert await self.find(journal, TextTerm(("pears", "sweet"))) == []
        assert await self.find(journal, TextTerm(("birnen", "made"))) == []

    @pytest.mark.needs("prefix")
    async def test_a_prefix_may_go_on(self, journal: Journal) -> None:
        assert await self.find(journal, TextTerm(("pea",), prefix=True)) == ["a", "b"]
        assert await self.find(journal, TextTerm(("sweet", "pe"), prefix=True)) == ["a"]
        assert await self.find(journal, TextTerm(("pea",))) == []

    @pytest.mark.needs("ranking")
    @pytest.mark.parametrize("limit", [1, 2])
    async def test_the_best_match_comes_first(self, journal: Journal, limit: int) -> None:
        assert await all_ids(journal, text=(TextTerm(("pears",)),), sort=None, limit=limit) == ["b", "a"]

    @pytest.mark.parametrize(
        "text", ['"', "'", "a\0b", 'x" OR "', "NEAR(", "*", "^pears -", "{title} : x", "", "(", "ﬀ"]
    )
    @pytest.mark.parametrize("prefix", [False, True])
    @pytest.mark.parametrize("sort", [Sort("created"), None])
    async def test_no_text_is_an_error(self, journal: Journal, text: str, prefix: bool, sort: Sort | None) -> None:
        query = Query("note", text=(TextTerm((text,), prefix),), sort=sort)
        if self.is_within_abilities(journal, text, prefix, sort):
            assert await journal.count(query) == len((await journal.query(query)).rows)
        else:
            with pytest.raises(ValueError, match="journal"):
                await journal.query(query)

    @staticmethod
    def is_within_abilities(journal: Journal, text: str, prefix: bool, sort: Sort | None) -> bool:
        wanted = {"ranking": sort is None, "prefix": prefix and words(text), "phrase": len(words(text)) > 1}
        return all(ability in journal.capabilities for ability, needed in wanted.items() if needed)

    async def test_a_term_without_words_asks_nothing(self, journal: Journal) -> None:
        assert await self.find(journal, TextTerm(("&!",)), TextTerm(("sweet",))) == ["a"]
        assert await self.find(journal, TextTerm(("&!",), prefix=True)) == ["a", "b"]

    async def test_forgets_the_text_that_was_before(self, journal: Journal) -> None:
        await self.put(journal, "note|a", {"": ("Nuts", "")}, after=1)
        assert await self.find(journal, TextTerm(("apfel",))) == []
        assert await self.find(journal, TextTerm(("sweet",))) == []
        assert await self.find(journal, TextTerm(("nuts",))) == ["a"]

    async def test_forgets_what_is_not_listed_any_more(self, journal: Journal) -> None:
        await journal.append(append("note|a", after=1))
        assert await self.find(journal, TextTerm(("sweet",))) == []

    async def test_a_hint_saves_work_but_not_correctness(self, journal: Journal) -> None:
        search = {"": ("Nuts", ""), "c2": ("", "salty")}
        hinted = listing(search, changed=frozenset({"", "c1", "c2"}), base=FIRST, created=97)
        await journal.append(append("note|a", after=1, index=hinted))
        assert await self.find(journal, TextTerm(("sweet",))) == []
        assert await self.find(journal, TextTerm(("salty",))) == ["a"]

    async def test_a_hint_on_another_base_is_not_trusted(self, journal: Journal) -> None:
        hinted = listing({"": ("Nuts", "")}, changed=frozenset(), base=RowVersion(7, 1), created=97)
        await journal.append(append("note|a", after=1, index=hinted))
        assert await self.find(journal, TextTerm(("nuts",))) == ["a"]


class TestRows:
    async def test_terms_are_those_of_the_last_row(self, journal: Journal) -> None:
        await journal.append(append(index=listing(created=1, terms=(("tag", "x"), ("tag", "y"), ("tag", "x")))))
        await journal.append(append(after=1, index=listing(created=1, terms=(("tag", "y"), ("tag", "z")))))
        assert await ids(journal, where=(HasTerm("tag", "x"),)) == []
        assert await ids(journal, where=(HasTerm("tag", "y"), HasTerm("tag", "z"))) == ["1"]

    async def test_an_entity_can_leave_and_enter_lists(self, journal: Journal) -> None:
        index = listing({"": ("Nuts", "")}, created=1, terms=(("tag", "x"),))
        await journal.append(append(index=index))
        await journal.append(append(after=1))
        assert await ids(journal) == []
        await journal.append(append(after=2, index=index))
        assert await ids(journal, where=(HasTerm("tag", "x"),), text=(TextTerm(("nuts",)),)) == ["1"]

    async def test_r2_an_older_row_never_replaces_a_newer_one(self, journal: Journal) -> None:
        await journal.append(append(count=2, index=listing(created=2, item=b"new"), version=2))
        for nr, version in ((1, 2), (1, 3), (2, 1)):
            assert await journal.replace_rows([row(nr=nr, version=version, index=listing(item=b"old"))]) == 0
        assert (await journal.query(Query("note"))).rows[0].item == b"new"
        assert (await journal.load("note|1", 2)).snapshot == Snapshot(2, 2, b"state 2")

    async def test_r2_an_append_leaves_a_newer_row(self, journal: Journal) -> None:
        await journal.append(append())
        ahead = row(nr=9, index=listing({"": ("Nuts", "")}, created=9, item=b"ahead", terms=(("tag", "x"),)))
        await journal.replace_rows([ahead])
        await journal.append(append(after=1, index=listing({"": ("Figs", "")}, created=9, terms=(("tag", "y"),))))
        assert (await journal.query(Query("note", where=(HasTerm("tag", "x"),)))).rows[0].item == b"ahead"
        assert await ids(journal, text=(TextTerm(("figs",)),)) == []
        assert (await journal.load("note|1", 1)).row == RowVersion(9, 1)

    async def test_r2_a_newer_version_replaces_the_same_event(self, journal: Journal) -> None:
        await journal.append(append(index=listing(created=1)))
        assert await journal.replace_rows([row(index=listing(created=5), version=2)]) == 1
        assert await ids(journal, where=(Equal("created", 5),)) == ["1"]

    async def test_r1_the_same_row_again_differs_in_nothing(self, journal: Journal) -> None:
        index = listing({"": ("Nuts", ""), "c": ("", "x")}, created=1, terms=(("b", "2"), ("a", "1")))
        await journal.append(append(index=index))
        assert await journal.replace_rows([row(index=replace(index, terms=(("a", "1"), ("b", "2"))))]) == 0

    @pytest.mark.parametrize(
        "other",
        [
            listing({"": ("Nuts", "")}, created=2, terms=(("a", "1"),)),
            listing({"": ("Nuts", "")}, created=1, terms=(("a", "2"),)),
            listing({"": ("Figs", "")}, created=1, terms=(("a", "1"),)),
            listing({"": ("Nuts", ""), "c": ("", "")}, created=1, terms=(("a", "1"),)),
            listing({"": ("Nuts", "")}, created=1, terms=(("a", "1"),), item=b"else"),
            None,
        ],
    )
    async def test_a_recomputed_row_that_differs_is_counted(self, journal: Journal, other: object) -> None:
        index = listing({"": ("Nuts", "")}, created=1, terms=(("a", "1"),))
        await journal.append(append(index=index))
        await journal.append(append("note|2", index=index))
        rows = [row(index=other), row("note|2", index=index)]  # type: ignore[arg-type]
        assert await journal.replace_rows(rows) == 1
        assert await journal.replace_rows(rows) == 0

    async def test_a_snapshot_that_differs_is_counted(self, journal: Journal) -> None:
        await journal.append(append())
        other = replace(row(), snapshot=Snapshot(1, 1, b"other"))
        assert await journal.replace_rows([other]) == 1
        assert (await journal.load("note|1", 1)).snapshot == other.snapshot

    async def test_missing_rows_can_be_made(self, journal: Journal) -> None:
        await journal.append(append("note|1"))
        new = [row("note|2", index=listing({"": ("Nuts", "")}, created=1)), row("note|3", index=listing(created=2))]
        assert await journal.replace_rows(new) == 2
        assert await ids(journal, text=(TextTerm(("nuts",)),)) == ["2"]

    async def test_r3_rows_of_older_versions_can_be_listed(self, journal: Journal) -> None:
        for pid, version in (("note|a", 1), ("note|b", 2), ("note|c", 3), ("user|d", 1)):
            await journal.append(append(pid, version=version))
        stale = await journal.stale_rows("note", 3, limit=9)
        assert sorted(stale) == ["note|a", "note|b"]
        assert await journal.stale_rows("note", 3, limit=1) == stale[:1]
        assert await journal.stale_rows("nothing", 3, limit=9) == ()


class TestNews:
    """What the live feed asks."""

    @pytest.fixture(autouse=True)
    def listening(self, journal: Journal) -> None:
        journal.listen(frozenset({"ann"}))

    @staticmethod
    def of_ann(after: int = 0, pid: str = "note|1") -> Append:
        return append(pid, after, index=listing(owner="ann", created=1))

    @pytest.mark.needs("total_order")
    async def test_the_head_is_the_position_of_the_last_event(self, journal: Journal) -> None:
        assert await journal.head() == 0
        await journal.append(append(count=2))
        assert await journal.head() == (await journal.stream())[-1].position

    async def test_what_happened_since_the_head_is_read(self, journal: Journal) -> None:
        await journal.append(self.of_ann())
        head = await journal.head()
        for each in (self.of_ann(1), append("user|ann"), self.of_ann(2)):
            await journal.append(each)
        told = await journal.stream(head)
        places = [(each.persistence_id, each.event.sequence_nr) for each in told]
        assert list(dict.fromkeys(places))[-3:] == [("note|1", 2), ("user|ann", 1), ("note|1", 3)]
        assert sorted({each.position for each in told}) == [each.position for each in told]
        assert head < told[0].position <= told[-1].position <= await journal.head()

    async def test_a_page_of_news_goes_on_behind_the_last(self, journal: Journal) -> None:
        head = await journal.head()
        for after in range(3):
            await journal.append(self.of_ann(after))
        whole = await journal.stream(head)
        assert await journal.stream(head, limit=2) == whole[:2]
        assert await journal.stream(whole[1].position) == whole[2:]

    async def test_news_of_others_can_be_asked_for(self, journal: Journal) -> None:
        head = await journal.head()
        await journal.append(append("note|2", index=listing(owner="bob", created=1)))
        told = await journal.stream(head, homes=frozenset({"bob"}))
        assert {each.persistence_id for each in told} == {"note|2"}

    async def test_what_is_there_already_is_not_waited_for(self, journal: Journal) -> None:
        head = await journal.head()
        await journal.append(self.of_ann())
        await asyncio.wait_for(journal.wait_for_more(head), 5)

    async def test_an_append_ends_the_wait_of_all(self, journal: Journal) -> None:
        head = await journal.head()
        waiting = [asyncio.ensure_future(journal.wait_for_more(head)) for _ in range(2)]
        await asyncio.sleep(0)
        assert not any(each.done() for each in waiting)
        await journal.append(self.of_ann())
        await asyncio.wait_for(asyncio.gather(*waiting), 5)

    @pytest.mark.needs("total_order")
    async def test_a_wait_for_later_events_goes_on(self, journal: Journal) -> None:
        waiting = asyncio.ensure_future(journal.wait_for_more(1))
        await asyncio.sleep(0)
        await journal.append(append())
        await journal.wait_for_more(0)
        assert not waiting.done()
        await journal.append(append(after=1))
        await asyncio.wait_for(waiting, 5)

    async def test_a_refused_append_does_not_end_the_wait(self, journal: Journal) -> None:
        waiting = asyncio.ensure_future(journal.wait_for_more(await journal.head()))
        await asyncio.sleep(0)
        with pytest.raises(SequenceConflict):
            await journal.append(self.of_ann(7))
        assert not waiting.done()
        waiting.cancel()

    async def test_the_end_of_the_journal_ends_the_wait(self, journal: Journal) -> None:
        waiting = asyncio.ensure_future(journal.wait_for_more(await journal.head()))
        await asyncio.sleep(0)
        await journal.close()
        with pytest.raises(JournalUnavailable):
            await asyncio.wait_for(waiting, 5)

    async def test_rows_are_found_by_id_as_far_as_they_are_listed(self, journal: Journal) -> None:
        await journal.append(append("note|1", index=listing(item=b"one")))
        await journal.append(append("note|2", count=2))
        await journal.append(append("note|3", count=3, index=listing(item=b"three")))
        found = await journal.listed(("note|3", "note|2", "note|1", "note|3", "nobody|1", "nothing"))
        assert {(row.persistence_id, row.sequence_nr, row.item) for row in found} == {
            ("note|1", 1, b"one"),
            ("note|3", 3, b"three"),
        }
        assert await journal.listed(()) == ()


class TestService:
    async def test_a_healthy_journal_has_nothing_to_report(self, journal: Journal) -> None:
        index = listing({"": ("Nuts", ""), "c": ("", "x")}, created=1, terms=(("a", "1"),))
        for after in range(3):
            await journal.append(append(after=after, index=index if after != 1 else None, take=(SLUG,)))
        assert await journal.verify() == ()
        await journal.ping()

    async def test_it_can_be_closed_twice(self, journal: Journal) -> None:
        await journal.close()
        await journal.close()
        with pytest.raises(JournalUnavailable):
            await journal.ping()

    async def test_what_was_taken_in_is_stored_at_close(self, journal: Journal) -> None:
        waiting = [asyncio.ensure_future(journal.append(append(f"note|{n}"))) for n in range(20)]
        await asyncio.sleep(0)
        await journal.close()
        assert await asyncio.gather(*waiting) == [Appended(1)] * 20

    async def test_an_abandoned_append_harms_nobody(self, journal: Journal) -> None:
        abandoned = asyncio.ensure_future(journal.append(append("note|1")))
        await asyncio.sleep(0)
        abandoned.cancel()
        assert await journal.append(append("note|2")) == Appended(1)


class TestSurvey:
    async def test_counts_types_and_names_the_longest_streams(self, journal: Journal) -> None:
        other = replace(event(1), type="note-made@1")
        await journal.append(append("note|1", count=3, time=5_000))
        await journal.append(append("note|1", after=3, time=9_000))
        await journal.append(replace(append("note|2"), events=(other,)))
        survey = await journal.survey(30)
        assert survey.types == (
            TypeFigures("note-changed@1", 4, 5_000, 9_000),
            TypeFigures("note-made@1", 1, 1_000, 1_000),
        )
        assert (survey.longest, survey.events, survey.streams) == ((("note|1", 4), ("note|2", 1)), 5, 2)
        assert survey.complete

    async def test_names_only_so_many_long_streams(self, journal: Journal) -> None:
        await asyncio.gather(*(journal.append(append(f"note|{number:02}")) for number in range(LONGEST + 1)))
        survey = await journal.survey(30)
        assert survey.longest == tuple((f"note|{number:02}", 1) for number in range(LONGEST))

    async def test_ends_when_its_time_is_over(self, journal: Journal) -> None:
        await journal.append(append())
        assert (await journal.survey(0)).complete is False

    async def test_of_nothing_is_empty(self, journal: Journal) -> None:
        survey = await journal.survey(30)
        assert (survey.events, survey.types, survey.longest, survey.complete) == (0, (), (), True)

    async def test_status_tells_of_the_store_at_once(self, journal: Journal) -> None:
        status = journal.status()
        assert status.plugin in ("memory", "sqlite", "cassandra")
        assert status.waiting == 0
        assert all(host.up and host.connections for host in status.hosts)
        assert bool(status.hosts) == (status.plugin == "cassandra")
