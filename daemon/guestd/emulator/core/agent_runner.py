"""Scripted agents: one step of one conversation at a time, each started by a timer."""

from __future__ import annotations

from ..agents.script import STEPS_WAITING_MAX
from .plain_messages import agent_answers
from .records import Effect, GuestSession, Json, ScriptedAgent, StartTimer
from .world import World

#: A first message that comes so soon was said before the greeting could be read, and is answered
#: by it.
GREETED_S = 1.0


def greet(world: World, session: GuestSession, now: float) -> list[Effect]:
    if session.agent is not None:
        session.agent.greeted_at = now
    return _enqueue(session, world.script.greeting, "")


def hear(
    world: World,
    session: GuestSession,
    text: str,
    payload: str = "",
    file: str = "",
    *,
    now: float,
) -> list[Effect]:
    """Called for each message of the guest. `file`: the name of the file in it. One that nothing
    fits is not answered if the greeting does that already."""
    agent = session.agent
    if agent is None:
        return []
    agent.heard += 1
    script = world.script
    if not script.rules and not script.default:
        return []
    steps = script.answer(text, payload, agent.heard, file)
    if steps is None:
        is_greeted = agent.heard == 1 and now - agent.greeted_at < GREETED_S
        steps = [] if is_greeted and script.greeting else script.default
    return _enqueue(session, steps, text, file)


def _enqueue(session: GuestSession, steps: list[Json], text: str, file: str = "") -> list[Effect]:
    agent = session.agent
    if agent is None or agent.silent or not steps or len(agent.steps) >= STEPS_WAITING_MAX:
        return []
    for step in steps:
        agent.steps.append((step, text or file, file))
    return _start_timer(session, agent, 0.0)


def _start_timer(session: GuestSession, agent: ScriptedAgent, delay_s: float) -> list[Effect]:
    if agent.busy:
        return []
    agent.busy = True
    return [StartTimer(delay_s, ("agent", session.token))]


def run_steps(world: World, token: str, now: float) -> list[Effect]:
    """Called when the timer fires."""
    session = world.sessions.get(token)
    agent = session.agent if session is not None else None
    if session is None or agent is None:
        return []
    agent.busy = False
    effects: list[Effect] = []
    delay_s = 0.0
    while agent.steps and delay_s == 0.0:
        step, heard, file = agent.steps.popleft()
        if "say" in step and session.dialect != "webchat":
            words = _filled(world, _said(agent, step), heard, file)
            effects += agent_answers(world, session, words, now, agent.nickname, agent.bot)
            continue
        more, delay_s = _run_step(world, session, agent, step, heard, file, now)
        effects += more
    if (agent.steps or delay_s) and session.agent is agent:
        effects += _start_timer(session, agent, delay_s)
    return effects


def _run_step(
    world: World,
    session: GuestSession,
    agent: ScriptedAgent,
    step: Json,
    heard: str,
    file: str,
    now: float,
) -> tuple[list[Effect], float]:
    if "wait_s" in step:
        return [], float(step["wait_s"])
    if "typing_s" in step:
        pause_s = float(step["typing_s"])
        return world.agent_types(session, now, max(1000, int(pause_s * 1000)), agent.bot), pause_s
    if "persona" in step:
        agent.nickname = step["persona"].get("nickname", agent.nickname)
        agent.bot = step["persona"].get("bot", agent.bot)
        return [], 0.0
    if "disconnect" in step:
        return world.agent_disconnects(session, now, step["disconnect"] or None), 0.0
    content = step.get("content")
    words = _said(agent, step)
    if "quick_replies" in step:
        words = str(step["quick_replies"]["text"])
        content = [
            {
                "contentType": "QuickReply",
                "quickReply": {"text": label, "payload": payload, "action": "Message"},
            }
            for label, payload in step["quick_replies"]["options"]
        ]
    words = _filled(world, words, heard, file)
    _, effects = world.agent_says(
        session, words, now, content=content, nickname=agent.nickname, bot=agent.bot
    )
    return effects, 0.0


def _filled(world: World, words: str, heard: str, file: str) -> str:
    words = words.replace("{file}", file).replace("{text}", heard)
    return words[: world.limits.agent_text_characters or None]


def _said(agent: ScriptedAgent, step: Json) -> str:
    """Of several texts each in its turn."""
    text = step.get("say", step.get("text", ""))
    if not isinstance(text, list):
        return str(text)
    agent.turn += 1
    return str(text[(agent.turn - 1) % len(text)])
