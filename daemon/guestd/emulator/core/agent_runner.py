"""The scripted agents at work: one step of one conversation at a time, by appointment with the
door's scheduler."""

from __future__ import annotations

from ..agents.script import STEPS_WAITING_MAX
from .records import AgentSeat, Effect, GuestSession, Json, Later
from .world import World


def greet(world: World, session: GuestSession) -> list[Effect]:
    return _give_work(session, world.script.greeting, "")


def hear(world: World, session: GuestSession, text: str, payload: str) -> list[Effect]:
    """The guest said something."""
    seat = session.agent
    if seat is None:
        return []
    seat.heard += 1
    return _give_work(session, world.script.answer(text, payload, seat.heard), text)


def _give_work(session: GuestSession, steps: list[Json], text: str) -> list[Effect]:
    seat = session.agent
    if seat is None or seat.silent or not steps or len(seat.steps) >= STEPS_WAITING_MAX:
        return []
    seat.steps.extend({**step, "heard": text} for step in steps)
    return _appointment(session, seat, 0.0)


def _appointment(session: GuestSession, seat: AgentSeat, delay_s: float) -> list[Effect]:
    if seat.busy:
        return []
    seat.busy = True
    return [Later(delay_s, ("agent", session.token))]


def do_next_step(world: World, token: str, now: float) -> list[Effect]:
    """The appointment has come."""
    session = world.sessions.get(token)
    seat = session.agent if session is not None else None
    if session is None or seat is None:
        return []
    seat.busy = False
    effects: list[Effect] = []
    delay_s = 0.0
    while seat.steps and delay_s == 0.0:
        more, delay_s = _do(world, session, seat, seat.steps.popleft(), now)
        effects += more
    if (seat.steps or delay_s) and session.agent is seat:
        effects += _appointment(session, seat, delay_s)
    return effects


def _do(
    world: World, session: GuestSession, seat: AgentSeat, step: Json, now: float
) -> tuple[list[Effect], float]:
    if "wait_s" in step:
        return [], float(step["wait_s"])
    if "typing_s" in step:
        pause_s = float(step["typing_s"])
        return world.agent_types(session, now, max(1000, int(pause_s * 1000)), seat.bot), pause_s
    if "persona" in step:
        seat.nickname = step["persona"].get("nickname", seat.nickname)
        seat.bot = step["persona"].get("bot", seat.bot)
        return [], 0.0
    if "disconnect" in step:
        return world.agent_disconnects(session, now, step["disconnect"] or None), 0.0
    content = step.get("content")
    words = str(step.get("say", step.get("text", "")))
    if "quick_replies" in step:
        words = str(step["quick_replies"]["text"])
        content = [
            {
                "contentType": "QuickReply",
                "quickReply": {"text": label, "payload": payload, "action": "Message"},
            }
            for label, payload in step["quick_replies"]["options"]
        ]
    words = words.replace("{text}", step["heard"])[: world.limits.agent_text_characters or None]
    _, effects = world.agent_says(
        session, words, now, content=content, nickname=seat.nickname, bot=seat.bot
    )
    return effects, 0.0
