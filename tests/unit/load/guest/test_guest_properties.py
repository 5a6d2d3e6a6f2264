"""Whatever comes in whatever order: a guest never raises, and tells each end once."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from guestd.load.guest import heard as h
from guestd.load.guest.actions import (
    OPENING,
    AskPersona,
    Finished,
    OpenGuestSession,
    SendChoice,
    SendFile,
    SendText,
    SendTyping,
    StepDone,
)
from guestd.load.guest.guest_run import GuestRun
from guestd.load.guest.instructions import compiled
from guestd.load.guest.virtual_guest import VirtualGuest
from guestd.load.plan.guests import PlannedGuest
from guestd.load.scenario import steps as s
from guestd.load.scenario.steps import Spread
from guestd.model.instants import NEVER
from tests.thoroughness import examples
from tests.unit.load.guest.guest_harness import PLACE, quick_replies, scenario, step

TEXTS = st.sampled_from(["hi", "x", "order #5", "PASS", "FAIL", "", "${guest.name}"])
TIMES = st.sampled_from([0.0, 0.5, 2.0, 7.0])
SPREADS = TIMES.map(lambda time_s: Spread("uniform", 0, time_s))
WITHIN = st.sampled_from([0.0, 1.0, 10.0])


def some(kind: type, **fields: Any) -> st.SearchStrategy[Any]:
    return st.builds(kind, place=st.just(PLACE), label=st.just(""), **fields)


SIMPLE = st.one_of(
    some(s.SayStep, text=TEXTS),
    some(s.TypeFor, time=SPREADS),
    some(s.Think, time=SPREADS),
    some(s.ExpectReply, containing=TEXTS, within_s=WITHIN, sender=st.sampled_from(["", "bot"])),
    some(s.Choose, number=st.integers(0, 3), within_s=WITHIN),
    some(s.AttachFile, size_bytes=st.just(5), within_s=WITHIN),
    some(s.SetAttributes, values=st.just({"a": "b"})),
    some(s.ExpectJoin, who=st.sampled_from(["", "bot", "human"]), within_s=WITHIN),
    some(s.ExpectDisconnect, within_s=WITHIN),
    some(s.DropConnection, within_s=WITHIN),
    some(s.EndConversation),
    some(s.TalkAsPersona, persona=TEXTS, goal=TEXTS, turns_max=st.integers(0, 2)),
)
STEPS = st.recursive(
    SIMPLE,
    lambda inner: some(
        s.Repeat,
        steps=st.lists(inner, max_size=3).map(tuple),
        times=st.integers(0, 3),
        for_s=TIMES,
        every_s=TIMES,
    ),
    max_leaves=6,
)
IDS = st.integers(1, 6).map(lambda n: f"5-{n}")
EVENTS = st.one_of(
    st.builds(h.Live, st.booleans()),
    st.just(h.Resting("reset")),
    st.builds(
        h.MessageHeard,
        st.just("m"),
        TEXTS,
        bot=st.booleans(),
        content=st.sampled_from([[], quick_replies("A"), [None], [{"contentType": "Card"}]]),
    ),
    st.builds(h.EchoHeard, IDS, st.just("p"), TEXTS),
    st.builds(h.PresenceHeard, st.sampled_from(["Join", "Disconnect", "Clear"]), st.booleans()),
    st.just(h.TypingHeard()),
    st.builds(h.Settled, IDS, st.sampled_from(["confirmed", "failed", "uncertain"])),
    st.builds(h.CommandRefused, IDS, st.just("not_ready"), st.just("lost")),
    st.just(h.GapHeard("x")),
    st.builds(h.PersonaSaid, TEXTS, st.sampled_from(["", "HTTP 500"])),
)
MOVES = st.lists(
    EVENTS | st.sampled_from(["deadline", "deadline", "deadline", "live", "stop"]), max_size=30
)


def run(guest: VirtualGuest, moves: list[Any], late_s: float) -> list[Any]:
    now = 100.0
    out: list[Any] = guest.begin(now, now)
    for move in moves:
        if move == "deadline":
            if guest.wake_at == NEVER:
                continue
            now = max(now, guest.wake_at + late_s)
            out += guest.deadline(now)
            assert guest.wake_at >= now
        elif move == "stop":
            out += guest.stop(now)
        else:
            now += 0.1
            out += guest.heard(h.Live(True) if move == "live" else move, now)
    out += guest.heard(h.SessionOver("finished"), now + 1)
    assert guest.heard(h.SessionOver("finished"), now + 2) == []
    return out


@settings(max_examples=examples(400))
@given(st.lists(STEPS, max_size=5), MOVES, st.sampled_from([0.0, 3.0]), st.sampled_from([0.0, 9.0]))
def test_any_events_end_in_one_finish(steps, moves, late_s, for_s):
    guest = VirtualGuest(
        PlannedGuest(5, "parcel-5", 0, 0, 7), compiled(scenario(*steps, for_s=for_s)), GuestRun("r")
    )
    out = run(guest, moves, late_s)
    (finished,) = (one for one in out if isinstance(one, Finished))
    assert out[-1] is finished and guest.outcome == finished.outcome and guest.is_over
    assert guest.wake_at == NEVER
    done = [one for one in out if isinstance(one, StepDone)]
    assert (finished.outcome == "failed") == any(one.failure for one in done)
    assert all(OPENING <= one.step < compiled(guest_scenario(guest)).steps for one in done)
    assert all(one.took_s >= 0 for one in done)
    told = [type(one) for one in out]
    assert told.count(OpenGuestSession) == 1


def guest_scenario(guest: VirtualGuest) -> Any:
    return guest._program.scenario


@settings(max_examples=examples(300))
@given(st.lists(SIMPLE, max_size=6), MOVES, st.sampled_from([0.0, 3.0]))
def test_every_step_that_was_begun_is_done_once(steps, moves, late_s):
    """Without rounds: no step twice, none before one that was never begun, and all that left a
    trace in what was asked for."""
    guest = VirtualGuest(
        PlannedGuest(5, "parcel-5", 0, 0, 7), compiled(scenario(*steps)), GuestRun("r")
    )
    out = run(guest, moves, late_s)
    times = Counter(one.step for one in out if isinstance(one, StepDone))
    assert set(times.values()) <= {1}
    numbers = sorted(set(times) - {OPENING})
    assert numbers == list(range(len(numbers)))
    kinds = [type(steps[number]) for number in numbers]
    for action, kind in ((SendText, s.SayStep), (SendFile, s.AttachFile), (AskPersona, None)):
        if kind is not None and s.TalkAsPersona not in kinds:
            assert sum(isinstance(one, action) for one in out) <= kinds.count(kind)
    assert all(one.command_id for one in out if isinstance(one, SendChoice | SendTyping))


@given(st.lists(STEPS, max_size=4), MOVES)
def test_the_same_seed_and_events_lead_to_the_same_actions(steps, moves):
    program = compiled(scenario(*steps))
    planned = PlannedGuest(5, "parcel-5", 0, 0, 7)
    one, other = (VirtualGuest(planned, program, GuestRun("r")) for _ in range(2))
    assert run(one, moves, 0.0) == run(other, moves, 0.0)


#: What a guest may keep that has said and heard a few lines and thinks now.
BYTES_AT_REST_MAX = 1536


def test_a_guest_at_rest_is_small():
    program = compiled(
        scenario(
            step(s.SayStep, text="hi"),
            step(s.ExpectReply, containing="x"),
            step(s.Repeat, every_s=30, steps=(step(s.SayStep, text="still here"),)),
        )
    )
    run_of_all, count = GuestRun("r"), 4000
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        guests = []
        for number in range(count):
            planned = PlannedGuest(number, f"parcel-{number}", 0, 0, number << 40)
            guest = VirtualGuest(planned, program, run_of_all)
            at = 1.5 + number / 7
            guest.begin(at, at)
            guest.heard(h.Live(True), at + 1)
            guest.heard(h.Settled(f"{number}-1", "confirmed"), at + 1.05)
            guest.heard(h.MessageHeard("m", "x", bot=True), at + 3)
            guest.heard(h.Settled(f"{number}-2", "confirmed"), at + 3.08)
            guests.append(guest)
        used = (tracemalloc.get_traced_memory()[0] - before) / count
    finally:
        tracemalloc.stop()
    assert {guest.state for guest in guests} == {"live"}
    assert used <= BYTES_AT_REST_MAX, used
