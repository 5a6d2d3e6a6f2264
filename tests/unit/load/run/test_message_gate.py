"""The ceiling of messages a second over all guests of a process."""

from __future__ import annotations

from guestd.load.guest import actions as a
from guestd.load.run.message_gate import MessageGate


def text(number):
    return a.SendText(f"c{number}", f"text {number}")


def new_gate(per_s):
    performed = []
    return MessageGate(per_s, lambda guest, action: performed.append((guest, action))), performed


def test_messages_above_the_ceiling_wait_their_turn():
    gate, performed = new_gate(10.0)
    held = [gate.holds(number, text(number), 0.0) for number in range(5)]
    assert held == [False, True, True, True, True]
    gate.release(0.05)
    assert performed == []
    for at_s in (0.1, 0.2, 0.3):
        gate.release(at_s)
    assert [guest for guest, _ in performed] == [1, 2, 3]


def test_the_end_of_a_conversation_does_not_overtake_its_messages():
    gate, performed = new_gate(10.0)
    gate.holds(1, text(1), 0.0)
    assert gate.holds(1, text(2), 0.0) and gate.holds(1, a.EndSession("e1"), 0.0)
    assert not gate.holds(2, a.EndSession("e2"), 0.0)
    gate.release(0.1)
    assert [type(action) for _, action in performed] == [a.SendText, a.EndSession]
    assert not gate.holds(1, a.EndSession("e3"), 0.1)


def test_what_is_no_message_passes():
    gate, _ = new_gate(1.0)
    gate.holds(1, text(1), 0.0)
    gate.holds(1, text(2), 0.0)
    assert not gate.holds(1, a.Counted("sent"), 0.0)
