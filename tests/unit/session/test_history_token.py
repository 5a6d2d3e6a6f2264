"""The token that a session's history is read with, for someone outside the session."""

from __future__ import annotations

import pytest

from guestd.model import client_messages as m
from guestd.model import effects as e
from guestd.model import signals as s
from guestd.session import inputs as i
from guestd.session.inbound import JWT_USED_S
from guestd.session.states import State


def told(effects):
    return [one.jwt for one in effects if isinstance(one, e.JwtKnown)]


def asked(effects):
    says = [one.message for one in effects if isinstance(one, e.Say)]
    return sum(isinstance(one, m.AskJwt) for one in says)


def test_a_live_session_asks_the_platform_and_tells_once(table):
    table.to(State.LIVE)
    assert asked(table.feed(i.JwtWanted())) == 1
    assert told(table.feed(s.JwtGranted("jwt", 0.0))) == ["jwt"]
    assert told(table.feed(s.JwtGranted("later", 0.0))) == []


def test_a_token_that_is_young_enough_is_told_at_once(table):
    table.to(State.LIVE)
    table.feed(i.JwtWanted(), s.JwtGranted("jwt", 0.0))
    table.now += JWT_USED_S - 1
    again = table.feed(i.JwtWanted())
    assert told(again) == ["jwt"] and not asked(again)
    table.now += 1
    assert asked(table.feed(i.JwtWanted())) == 1


@pytest.mark.parametrize("state", [one for one in State if one is not State.LIVE])
def test_without_a_connection_that_takes_requests_nothing_is_asked(table, state):
    table.to(state)
    wanted = table.feed(i.JwtWanted())
    assert not asked(wanted) and not told(wanted)


def test_a_lost_connection_takes_the_question_with_it(table, make_lost):
    table.to(State.LIVE).feed(i.JwtWanted(), make_lost())
    table.rejoin()
    assert told(table.feed(s.JwtGranted("jwt", 0.0))) == []


def test_reading_a_gap_goes_on_beside_it(table, make_text):
    table.to(State.LIVE).feed(make_text(1), s.Garbage("x"), i.JwtWanted())
    granted = table.feed(s.JwtGranted("jwt", 0.0))
    assert told(granted) == ["jwt"]
    assert any(isinstance(one, e.FetchHistory) for one in granted)
