from __future__ import annotations

from guestd.api.console_tickets import (
    TICKET_LIFE_S,
    TICKETS_MAX,
    ConsoleAccess,
    ConsoleTickets,
)


def test_a_ticket_is_good_for_once_and_for_a_minute():
    now = 1000.0
    tickets = ConsoleTickets(lambda: now)
    first, second, late = tickets.issue(), tickets.issue(), tickets.issue()
    assert len({first, second, late}) == 3 and len(first) >= 43
    assert tickets.redeem(first) and not tickets.redeem(first)
    now += TICKET_LIFE_S - 0.1
    assert tickets.redeem(second)
    now += 0.1
    assert not tickets.redeem(late)
    assert not tickets.redeem("") and not tickets.redeem("\ud800")


def test_the_oldest_gives_way_when_there_are_too_many():
    tickets = ConsoleTickets(lambda: 0.0)
    drawn = [tickets.issue() for _ in range(TICKETS_MAX + 1)]
    assert not tickets.redeem(drawn[0])
    assert all(tickets.redeem(one) for one in drawn[1:])


def test_the_tokens_are_not_in_the_repr():
    assert "secret" not in repr(ConsoleAccess(str, "secret", "secret"))
