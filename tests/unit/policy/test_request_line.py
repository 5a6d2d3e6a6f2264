"""The line before the budgets of requests, in virtual time (SESS-5, HTTP-1)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guestd.model.ports import Urgency
from guestd.policy.request_line import NEVER, SPREAD_SHARE, RequestLine

COMMAND = Urgency()
BEAT = Urgency("heartbeat", 15.0)
URGENCIES = st.builds(
    Urgency,
    st.sampled_from(["command", "opening", "heartbeat", "housekeeping"]),
    st.floats(0.0, 120.0),
)


def walk(line, arrivals, until):
    """Let callers come at their times; [(when, client, place)] of all that were served before
    `until`."""
    served, now, coming = [], 0.0, sorted(arrivals, key=lambda one: one[0])
    while now < until:
        while coming and coming[0][0] <= now:
            at, urgency, only = coming.pop(0)
            line.ask(at, urgency, only)
        served += [(now, place.client, place) for place in line.serve(now)]
        now = max(now + 1e-6, min(coming[0][0] if coming else until, line.next_at(now), until))
    return served


@st.composite
def loads(draw):
    limits = draw(st.lists(st.integers(1, 30), min_size=1, max_size=3))
    clients = st.none() | st.integers(0, len(limits) - 1)
    arrivals = draw(st.lists(st.tuples(st.floats(0.0, 90.0), URGENCIES, clients), max_size=40))
    return limits, arrivals


@given(loads())
def test_http_1_no_client_makes_more_requests_in_any_minute_than_its_limit(load):
    limits, arrivals = load
    served = walk(RequestLine(limits), arrivals, 1e5)
    for client, limit in enumerate(limits):
        times = [at for at, who, _ in served if who == client]
        assert all(
            late >= early + 60.0 - 1e-6 for early, late in zip(times, times[limit:], strict=False)
        )


@given(loads())
def test_sess_5_everybody_has_a_turn(load):
    limits, arrivals = load
    served = walk(
        RequestLine(limits), arrivals, 90.0 + 60.0 * 41 / (SPREAD_SHARE * min(limits)) + 60.0
    )
    assert len(served) == len(arrivals)
    assert all(place.only in (None, client) for _, client, place in served)


@given(loads())
def test_sess_5_of_those_who_wait_for_the_same_the_earliest_deadline_is_first(load):
    """No call is served while another of its kind, with an earlier deadline, waits."""
    limits, arrivals = load
    served = [
        place
        for _, _, place in walk(RequestLine(limits), [(0.0, *rest) for _, *rest in arrivals], 1e5)
    ]
    for kind in {(place.is_spread, place.only) for place in served}:
        deadlines = [place.deadline for place in served if (place.is_spread, place.only) == kind]
        assert deadlines == sorted(deadlines)


def test_sess_5_a_command_goes_before_a_heartbeat_that_has_slack_and_after_one_that_has_none():
    line = RequestLine([20])
    for _ in range(20):
        line.ask(0.0, COMMAND)
    line.serve(0.0)
    with_slack, without = line.ask(50.0, BEAT), line.ask(1.0, BEAT)
    command = line.ask(55.0, COMMAND)
    served = [place for at in (60.0, 65.0) for place in line.serve(at)]
    assert served == [without, command, with_slack]


def test_sess_5_what_is_spread_leaves_a_tenth_of_a_minute_to_commands():
    line = RequestLine([300])
    for _ in range(600):
        line.ask(0.0, BEAT)
    served = walk(line, [], 59.9)
    commands = [line.ask(59.9, COMMAND) for _ in range(29)]
    assert (265 <= len(served) <= 270, line.serve(59.9)[:29]) == (True, commands)


def test_sess_5_of_two_clients_the_one_with_more_left_is_asked_as():
    line = RequestLine([10, 30])
    for _ in range(40):
        line.ask(0.0, COMMAND)
    first = [place.client for place in line.serve(0.0)]
    assert (first[:4].count(1), first.count(0), first.count(1)) == (3, 10, 30)


def test_http_1_a_client_that_was_told_to_wait_leaves_the_others_alone():
    line = RequestLine([10, 10])
    line.rest(0, 30.0)
    bound, free = line.ask(0.0, COMMAND, 0), line.ask(0.0, COMMAND)
    assert (line.serve(0.0), line.next_at(0.0)) == ([free], 30.0)
    assert line.serve(30.0) == [bound]


def test_http_1_a_client_without_a_token_is_not_asked_as():
    usable = {1}
    line = RequestLine([10, 20], usable.__contains__)
    assert (line.limit, line.earliest(0.0, 0)) == (20, NEVER)
    line.ask(0.0, COMMAND)
    assert [place.client for place in line.serve(0.0)] == [1]


def test_http_1_who_leaves_the_line_takes_no_turn():
    line = RequestLine([1])
    gone, here = line.ask(0.0, COMMAND), line.ask(0.0, COMMAND)
    line.leave(gone)
    assert (line.serve(0.0), len(line)) == ([here], 0)
