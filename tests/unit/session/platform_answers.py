"""What the platform answers by itself, so that a machine can go on."""

from __future__ import annotations

from guestd.model import client_messages as m
from guestd.model import effects as e
from guestd.model import signals as s
from guestd.session import inputs as i


def answer_platform(table, effects, history):
    """Answer heartbeats and questions for a JWT as a healthy platform does, and every page asked
    for with `history`, an input or what makes one of a page's number."""
    for effect in effects:
        if isinstance(effect, e.Ping):
            table.feed(i.PongArrived())
        elif isinstance(effect, e.FetchHistory):
            given = history(effect.page_number) if callable(history) else history
            answer_platform(table, table.feed(given), history)
        elif isinstance(effect, e.Say) and isinstance(effect.message, m.Beat):
            table.feed(s.HeartbeatAnswered())
        elif isinstance(effect, e.Say) and isinstance(effect.message, m.AskJwt):
            answer_platform(table, table.feed(s.JwtGranted("jwt", 0.0)), history)
