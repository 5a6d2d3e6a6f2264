"""The diagram in `states.py` and the table of moves say the same; and what the machine does is in
the table."""

from __future__ import annotations

import re
from random import Random

import pytest

from guestd.model import signals as s
from guestd.session import inputs as i
from guestd.session import states
from guestd.session.machine import _STEPS
from guestd.session.states import LEGAL, NEXT_STATE, IllegalInput, Move, State, next_state

from .test_session_walks import signal_of, step

ARROW = re.compile(r"─(\w+)▶")


def drawn() -> dict[tuple[State, Move], State]:
    """Each line of the diagram: states, an arrow with its move, a state, and so on."""
    found = {}
    for line in (states.__doc__ or "").splitlines():
        if not line.startswith("    ") or "▶" not in line:
            continue
        parts = [part.strip() for part in ARROW.split(line)]
        for sources, move, target in zip(parts[::2], parts[1::2], parts[2::2], strict=False):
            for source in sources.split(","):
                found[State(source.strip()), Move(move)] = State(target)
    return found


def test_the_diagram_is_the_table():
    assert drawn() == NEXT_STATE


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("move", list(Move))
def test_a_move_leads_where_the_table_says_or_is_a_bug(state, move):
    if (state, move) in NEXT_STATE:
        assert next_state(state, move) is NEXT_STATE[state, move]
    else:
        with pytest.raises(IllegalInput):
            next_state(state, move)


def test_each_state_can_be_reached_and_left():
    reached, new = {State.WAITING}, {State.WAITING}
    while new:
        new = {to for (state, _), to in NEXT_STATE.items() if state in new} - reached
        reached |= new
    assert reached == set(State)
    assert {state for state, move in NEXT_STATE if move is not Move.END} | {State.ENDED} == set(
        State
    )


def test_every_input_is_routed_and_ours_say_where_they_are_legal():
    for kind, (_, legal, _) in _STEPS.items():
        assert legal == LEGAL.get(kind)


@pytest.mark.parametrize("seed", range(30))
def test_the_machine_changes_its_state_along_the_table_only(new_table, seed, monkeypatch):
    """One input may mean several moves: lose the connection, and end for it."""
    moves = []

    def seen(state: State, move: Move) -> State:
        moves.append((state, move))
        return next_state(state, move)

    monkeypatch.setattr("guestd.session.machine.next_state", seen)
    table, rng = new_table(), Random(seed)
    table.feed(i.Opened())
    for n in range(120):
        before = table.machine.state
        moves.clear()
        step(table, rng, n)
        for state, move in moves:
            assert state is before and (state, move) in NEXT_STATE
            before = NEXT_STATE[state, move]
        assert table.machine.state is before
    table.feed(signal_of(s.Joined, rng))
