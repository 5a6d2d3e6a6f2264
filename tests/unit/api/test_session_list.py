"""A list of guest sessions: filtered and sorted before it is cut into pages."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from guestd.api.control.attention import ATTENTION_WORDS, attention_of
from guestd.api.control.session_list import select
from guestd.api.control.session_schemas import SessionQuery
from guestd.api.problems import Problem
from guestd.model.overview import SessionLine

NOW = 1_700_000_000_000


def line(n, name=None, state="live", activity=0, **more):
    return SessionLine(f"s{n:04d}", name or f"guest-{n}", state, 1, NOW + activity, **more)


def query(**given):
    return SessionQuery.model_validate_strings({key: str(one) for key, one in given.items()})


def chosen(lines, sort="id", **given):
    found = select(lines, query(sort=sort, **given), sort, NOW)
    return [one.session_id for one in found.lines]


def pages_of(lines_of_page, sort, limit):
    """All pages, each of the lines that there are when it is asked for."""
    seen, after = [], ""
    for lines in lines_of_page:
        found = select(lines, query(sort=sort, limit=limit, after=after), sort, NOW)
        seen += [one.session_id for one in found.lines]
        after = found.next
        if after is None:
            return seen
    raise AssertionError("there are more pages")


class TestFilter:
    LINES = (
        line(1, "ana", "live", attributes={"tier": "gold"}),
        line(2, "bob", "resting", attributes={"tier": "silver"}),
        line(3, "Anatol", "waiting"),
    )

    @pytest.mark.parametrize(
        ("asked", "found"),
        [
            ({"q": "ana"}, ["s0001", "s0003"]),
            ({"q": "TIER:gold"}, ["s0001"]),
            ({"q": "ana gold"}, ["s0001"]),
            ({"q": "s0002"}, ["s0002"]),
            ({"q": "nothing"}, []),
            ({"state": "live,resting"}, ["s0001", "s0002"]),
            ({"name": "ana"}, ["s0001"]),
            ({"ids": "s0003,s0001,unknown"}, ["s0001", "s0003"]),
            ({"ids": "s0003,s0001", "state": "live"}, ["s0001"]),
        ],
    )
    def test_what_is_asked_for_is_found(self, asked, found):
        assert chosen(self.LINES, **asked) == found

    def test_the_counts_are_of_all_states_and_the_total_of_the_wanted(self):
        found = select(self.LINES, query(q="s0", state="live", limit=1), "id", NOW)
        assert found.counts == {"live": 1, "resting": 1, "waiting": 1}
        assert (found.total, found.next) == (1, None)

    def test_it_is_filtered_before_it_is_cut(self):
        lines = [line(n, state="resting" if n % 100 == 0 else "live") for n in range(1000)]
        assert len(chosen(lines, state="resting", limit=10)) == 10

    @pytest.mark.parametrize(
        ("asked", "field"),
        [
            ({"state": "live,sleeping"}, "state"),
            ({"ids": ",".join(f"s{n}" for n in range(101))}, "ids"),
            ({"ids": "a b"}, "ids"),
            ({"fields": "name,token"}, "fields"),
            ({"sort": "size"}, "sort"),
            ({"ended": "maybe"}, "ended"),
            ({"q": "x" * 201}, "q"),
        ],
    )
    def test_what_cannot_be_asked_is_refused_by_its_field(self, asked, field):
        with pytest.raises(ValidationError) as refused:
            query(**asked)
        assert refused.value.errors()[0]["loc"][0] == field


class TestOrder:
    def test_by_activity_and_by_opening_newest_first(self):
        lines = [line(n, activity=n % 3, opened_ms=n) for n in range(4)]
        assert chosen(lines, "activity") == ["s0002", "s0001", "s0000", "s0003"]
        assert chosen(lines, "opened") == ["s0003", "s0002", "s0001", "s0000"]

    def test_by_name(self):
        lines = [line(1, "zoe"), line(2, "ana"), line(3, "ana")]
        assert chosen(lines, "name") == ["s0002", "s0003", "s0001"]

    def test_those_that_need_attention_come_first_the_longest_first(self):
        lines = [
            line(1),
            line(2, state="resting", state_since_ms=NOW - 1_000),
            line(3, state="resting", state_since_ms=NOW - 9_000),
            line(4, uncertain=1),
            line(5, waiting=1, waiting_since_ms=NOW - 6_000, state_since_ms=NOW - 90_000),
            line(6, waiting=1, waiting_since_ms=NOW - 7_000, state_since_ms=NOW - 8_000),
        ]
        found = chosen(lines, "attention")
        assert found == ["s0004", "s0003", "s0002", "s0006", "s0005", "s0001"]

    def test_those_that_need_none_follow_by_last_activity(self):
        lines = [
            line(1, activity=5),
            line(2, activity=9),
            line(3, activity=7),
            line(4, uncertain=1),
        ]
        assert chosen(lines, "attention") == ["s0004", "s0002", "s0003", "s0001"]

    def test_only_those_that_need_attention_for_one_of_these_reasons(self):
        lines = [line(1), line(2, uncertain=1), line(3, unanswered_since_ms=NOW - 6_000)]
        assert chosen(lines, attention="unanswered,unconfirmed") == ["s0003"]
        assert chosen(lines, attention=",".join(ATTENTION_WORDS)) == ["s0002", "s0003"]


class TestAttention:
    @pytest.mark.parametrize(
        ("one", "word"),
        [
            (line(1), ""),
            (line(1, waiting=1, activity=-9_000, waiting_since_ms=NOW - 5_000), ""),
            (line(1, waiting=1, waiting_since_ms=NOW - 5_001), "unconfirmed"),
            (line(1, unanswered_since_ms=NOW - 5_000), ""),
            (line(1, unanswered_since_ms=NOW - 5_001), "unanswered"),
            (
                line(
                    1,
                    unanswered_since_ms=NOW - 6_000,
                    waiting=1,
                    waiting_since_ms=NOW - 9_000,
                ),
                "unanswered",
            ),
            (line(1, uncertain=2, state="resting"), "uncertain"),
            (line(1, state="resting", state_since_ms=NOW), "down"),
            (line(1, state="dialing", attempt=3, state_since_ms=NOW), "down"),
            (line(1, state="dialing", state_since_ms=NOW - 5_000), ""),
            (line(1, state="waiting", state_since_ms=NOW - 5_001), "connecting"),
            (line(1, state="leaving", state_since_ms=NOW - 5_001), "leaving"),
            (line(1, state="ended", uncertain=1), ""),
        ],
    )
    def test_a_word_for_what_does_not_get_on(self, one, word):
        assert attention_of(one, NOW) == word


class TestCursor:
    @pytest.mark.parametrize("sort", ["id", "activity", "name", "opened", "attention"])
    def test_all_pages_have_each_once(self, sort):
        lines = [line(n, f"n{n % 5}", activity=n % 7, opened_ms=n % 3) for n in range(25)]
        seen = pages_of([lines] * 9, sort, 3)
        assert sorted(seen) == [one.session_id for one in lines] and seen == chosen(lines, sort)

    @pytest.mark.parametrize("sort", ["id", "activity", "name", "opened", "attention"])
    def test_each_that_stays_is_seen_once_while_others_come_and_go(self, sort):
        stays = [line(n, activity=n % 7, opened_ms=n) for n in range(0, 40, 2)]
        come = [line(n, activity=n % 7, opened_ms=n) for n in range(1, 40, 2)]
        turns = [stays + come[k : k + 10] for k in range(10)] * 2
        seen = pages_of(turns, sort, 4)
        wanted = {one.session_id for one in stays}
        assert sorted(one for one in seen if one in wanted) == sorted(wanted)

    def test_a_cursor_whose_row_has_gone_goes_on_behind_it(self):
        lines = [line(n, activity=-n) for n in range(6)]
        found = select(lines, query(limit=2, sort="activity"), "activity", NOW)
        left = [one for one in lines if one.session_id not in ("s0001", "s0002")]
        assert chosen(left, "activity", after=found.next) == ["s0003", "s0004", "s0005"]

    @pytest.mark.parametrize("sort", ["id", "activity"])
    @pytest.mark.parametrize("after", ["x", "%%%", "W10", "WyJuYW1lIiwxLCJhIl0", "é", "=" * 9])
    def test_what_is_no_cursor_of_this_order_is_refused_by_its_field(self, after, sort):
        with pytest.raises(Problem) as refused:
            select([line(1)], query(sort=sort, after=after), sort, NOW)
        assert (refused.value.status, refused.value.field) == (422, "query.after")

    def test_a_cursor_of_another_order_is_refused(self):
        found = select([line(1), line(2)], query(limit=1, sort="opened"), "opened", NOW)
        for sort in ("activity", "id"):
            with pytest.raises(Problem):
                select([line(1)], query(sort=sort, after=found.next), sort, NOW)
