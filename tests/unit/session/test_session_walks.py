"""Random walks: whatever the platform says, in whatever order, the machine never raises and its
promises hold."""

from __future__ import annotations

from random import Random
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guestd.model import effects as e
from guestd.model import signals as s
from guestd.model.commands import Context, End, Reply, Send, Typing
from guestd.model.endings import Cause, Ending
from guestd.policy.reorder_delay import ReorderDelay
from guestd.session import inputs as i
from guestd.session.states import State
from tests.signal_fields import fields_of
from tests.thoroughness import examples

LINKED = (State.JOINING, State.LIVE, State.LEAVING)


def signal_of(kind: type, rng: Random) -> Any:
    """Any signal with plausible and implausible contents."""
    values: dict[str, Any] = {}
    for field in fields_of(kind):
        name = str(field.type)
        if "float" in name or "int" in name:
            values[field.name] = rng.choice([0, 1, 3.5, 400, 429, 503, 4006, 4011, -1])
        elif "bool" in name:
            values[field.name] = rng.random() < 0.5
        elif "dict" in name:
            values[field.name] = {}
        elif "list" in name:
            values[field.name] = []
        elif "tuple" in name:
            values[field.name] = ()
        else:
            values[field.name] = rng.choice(
                ["", "a", "b", "Inbound", "Outbound", "signedIn", "Disconnect", "\x00"]
            )
    return kind(**values)


SIGNALS = get_args(s.Signal)


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("kind", SIGNALS)
def test_every_signal_in_every_state(new_table, state, kind):
    for seed in range(8):
        table = new_table()
        if state is not State.WAITING:
            table.to(state)
        table.feed(signal_of(kind, Random(seed)))


def step(table: Any, rng: Random, n: int) -> None:
    machine = table.machine
    choice = rng.random()
    if choice < 0.35:
        table.feed(signal_of(rng.choice(SIGNALS), rng))
    elif choice < 0.45:
        message = rng.randrange(40)
        time = f"2027-05-31T09:00:00.{message // 2:03d}Z"
        direction = rng.choice([s.INBOUND, s.OUTBOUND])
        table.feed(s.MessageArrived(f"m{message}", direction, "Text", f"t{message}", time))
    elif choice < 0.6:
        command_id = f"c{rng.randrange(12)}"
        command = rng.choice(
            [
                Send(command_id, "hi"),
                Typing(command_id),
                Context(command_id, {"a": 1}),
                Reply(command_id, "Button", (("a", "b"),)),
            ]
        )
        table.feed(i.CommandGiven(command))
        if rng.random() < 0.8:
            table.feed(i.IntentDurable(command_id))
    elif choice < 0.75:
        table.pass_time(rng.choice([0.01, 0.5, 3.0, 20.0]))
    elif machine.state is State.WAITING:
        table.feed(i.Admitted())
    elif machine.state is State.DIALING:
        failed = i.DialFailed(Ending(Cause.UNREACHABLE))
        table.feed(failed if rng.random() < 0.2 else i.ConnectionOpened())
    elif machine.state is State.JOINING:
        table.feed(s.Joined(new_session=rng.random() < 0.5))
    elif machine.state in LINKED and choice < 0.8:
        table.feed(i.ConnectionEnded(Ending(Cause.LOST, 1006)))
    elif choice < 0.9:
        items = [
            s.MessageArrived(
                f"m{k}", s.OUTBOUND, "Text", f"t{k}", f"2027-05-31T09:00:00.{k // 2:03d}Z"
            )
            for k in range(5)
        ]
        table.feed(i.HistoryRead(list(reversed(items)), 1, rng.choice([0, 1, 2]), 5))
    elif choice < 0.93:
        table.feed(i.HistoryUnread("no", rng.random() < 0.5, rng.choice([None, 1.0])))
    elif n > 150 and choice > 0.99:
        table.feed(i.CommandGiven(End("end")), i.IntentDurable("end"))


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_promises_hold_on_any_walk(new_table, seed):
    rng = Random(seed)
    table = new_table(
        hold=ReorderDelay(rng.choice([0.0, 50.0]), 0.0, 500.0),
        seed=seed,
        inbox_held_max=8,
        inbox_remembered_max=64,
        outbox_commands_max=4,
        answers_kept_max=8,
    )
    table.feed(i.Opened())
    for n in range(250):
        step(table, rng, n)
        if table.machine.state is State.ENDED:
            break
    check_promises(table)


def check_promises(table: Any) -> None:
    seqs = [event.seq for event in table.events()]
    assert seqs == list(range(1, len(seqs) + 1))
    answered: dict[str, int] = {}
    for event in table.events("delivery"):
        answered[event.command_id] = answered.get(event.command_id, 0) + 1
    accepted = [event.command_id for event in table.events("accepted")]
    for command_id, count in answered.items():
        assert count <= accepted.count(command_id)
    finishes = [effect for effect in table.effects if isinstance(effect, e.Finish)]
    assert len(finishes) == (table.machine.state is State.ENDED)
    assert table.machine.conversation.inbound.inbox.held <= 8 + 1
