"""Who may have the token that a guest session's history is read with, and when."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from guestd.session import inputs as i
from guestd.session.states import State
from guestd.supervisor.history_tokens import SessionHistoryTokens


def session(state, fed):
    return SimpleNamespace(machine=SimpleNamespace(state=state), feed=fed.append)


def test_a_live_session_is_asked_and_the_last_who_asks_is_told_once():
    fed, told = [], []
    tokens = SessionHistoryTokens({"s": session(State.LIVE, fed)})
    assert tokens.ask("s", lambda jwt: told.append(("first", jwt)))
    assert tokens.ask("s", lambda jwt: told.append(("last", jwt)))
    tokens.known("s", "jwt")
    tokens.known("s", "jwt")
    assert fed == [i.JwtWanted(), i.JwtWanted()] and told == [("last", "jwt")]


@pytest.mark.parametrize("state", [one for one in State if one is not State.LIVE])
def test_without_a_connection_no_token_is_promised(state):
    fed = []
    tokens = SessionHistoryTokens({"s": session(state, fed)})
    assert not tokens.ask("s", lambda jwt: None) and not tokens.ask("gone", lambda jwt: None)
    assert fed == []


def test_who_forgot_the_question_is_not_told():
    told = []
    tokens = SessionHistoryTokens({"s": session(State.LIVE, [])})
    tokens.ask("s", told.append)
    tokens.forget("s")
    tokens.known("s", "jwt")
    assert told == []
