"""Agent-assist prompts (ASSIST-1, 2): what an agent has on the screen, and for how long.

A prompt takes its place when it is accepted, is shown `delayMs` later, and leaves it
`autoDismissMs` after it was accepted, or when the admin API makes the agent click or dismiss it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..core.ids import draw_uuid, iso
from ..core.records import Json
from ..core.stores import BoundedStore
from . import checks
from .analytics import CLICKED, DISMISSED, VIEWED, Analytics
from .calls import PlatformCall, PlatformRefusal, PlatformResponse, not_found, wrong
from .messaging import MessagingConversations
from .world_view import ConversationWorld

TRIGGERS = ("keyword", "sentiment", "duration", "confidence")
TRIGGERS_MAX = 5


@dataclass(slots=True)
class InjectedPrompt:
    id: str
    conversation_id: str
    prompt_id: str
    accepted: float
    shown: float
    leaves: float
    key: str

    def describe(self, now: float) -> Json:
        status = "PENDING" if now < self.shown else "SHOWN" if now < self.leaves else "DISMISSED"
        return {
            "id": self.id,
            "conversationId": self.conversation_id,
            "promptId": self.prompt_id,
            "status": status,
            "dateCreated": iso(int(self.accepted * 1000)),
        }


class InjectedPrompts:
    def __init__(
        self, world: ConversationWorld, conversations: MessagingConversations, analytics: Analytics
    ) -> None:
        self._world = world
        self._conversations = conversations
        self._analytics = analytics
        self._prompts: BoundedStore[InjectedPrompt] = BoundedStore(world.settings.records_max)
        self._on_screen: dict[str, list[InjectedPrompt]] = {}

    def __iter__(self) -> Iterator[InjectedPrompt]:
        return iter(self._prompts)

    def get(self, injection_id: str) -> InjectedPrompt | None:
        return self._prompts.get(injection_id)

    # ------------------------------------------------------------------ the routes

    def inject(self, call: PlatformCall) -> PlatformResponse:
        conversation_id = checks.uuid(call.body, "conversationId")
        prompt_id = checks.uuid(call.body, "promptId")
        _check_triggers(call.body)
        delay_ms = checks.number(call.body, "displaySettings.delayMs", 500, 5000)
        most = checks.whole(call.body, "displaySettings.maxConcurrentPrompts", 1, 3)
        dismiss_ms = checks.number(call.body, "displaySettings.autoDismissMs", 10_000, 60_000)
        if checks.find(call.body, "webhookUrl") is not None:
            checks.url(call.body["webhookUrl"], "webhookUrl", ("https://", "http://"))
        checks.an_object(call.body, "contextData", {})
        if not self._is_running(conversation_id, call.now):
            raise not_found("running conversation", conversation_id)
        on_screen = self._screen(conversation_id, call.now)
        if len(on_screen) >= most:
            message = f"The agent shows {len(on_screen)} prompts, {most} is the maximum"
            raise PlatformRefusal(
                409, "prompts.at.maximum", message, "displaySettings.maxConcurrentPrompts"
            )
        leaves = call.now + dismiss_ms / 1000.0
        shown = call.now + delay_ms / 1000.0
        injection_id = draw_uuid(self._world.rng)
        prompt = InjectedPrompt(
            injection_id, conversation_id, prompt_id, call.now, shown, leaves, call.key
        )
        self._prompts.put(prompt.id, prompt)
        self._on_screen[conversation_id] = [*on_screen, prompt]
        self._analytics.schedule(prompt.id, conversation_id, prompt_id, shown, leaves)
        return PlatformResponse(prompt.describe(call.now), created=("prompt", prompt.id))

    def show(self, call: PlatformCall) -> PlatformResponse:
        found = self._prompts.get(call.path["id"])
        if found is None:
            raise not_found("prompt injection", call.path["id"])
        return PlatformResponse(found.describe(call.now))

    def search(self, call: PlatformCall) -> PlatformResponse:
        number, size = checks.page(call.query)
        wanted = call.query.get("conversationId")
        found = [one for one in self._prompts if wanted in (None, one.conversation_id)]
        page = [one.describe(call.now) for one in found[(number - 1) * size : number * size]]
        return PlatformResponse(
            {"entities": page, "total": len(found), "pageNumber": number, "pageSize": size}
        )

    # ------------------------------------------------------------------ the agent

    def act(self, prompt: InjectedPrompt, metric: str, now: float) -> None:
        """The agent views, clicks or dismisses a prompt now, whatever was scheduled."""
        self._analytics.cancel_scheduled(prompt.id, now)
        self._analytics.record(metric, now, prompt.id, prompt.conversation_id, prompt.prompt_id)
        if metric != VIEWED:
            prompt.leaves = min(prompt.leaves, now)

    # ------------------------------------------------------------------ the screen

    def _screen(self, conversation_id: str, now: float) -> list[InjectedPrompt]:
        on_screen = [one for one in self._on_screen.pop(conversation_id, ()) if now < one.leaves]
        if len(self._on_screen) > self._world.settings.records_max:
            self._on_screen = {
                name: found for name, found in self._on_screen.items() if found[-1].leaves > now
            }
        if on_screen:
            self._on_screen[conversation_id] = on_screen
        return on_screen

    def _is_running(self, conversation_id: str, now: float) -> bool:
        messaging = self._conversations.get(conversation_id, now)
        if messaging is not None:
            return messaging.ended is None
        session = self._world.conversations.get(conversation_id)
        running = session.conversation if session is not None else None
        return running is not None and running.id == conversation_id


def _check_triggers(body: Any) -> None:
    triggers = checks.a_list(body, "triggerConditions")
    if len(triggers) > TRIGGERS_MAX:
        raise wrong("triggerConditions", f"are {len(triggers)}, the limit is {TRIGGERS_MAX}")
    for n in range(len(triggers)):
        place = f"triggerConditions[{n}]"
        checks.one_of(body, f"{place}.type", TRIGGERS)
        value = checks.find(body, f"{place}.value")
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise wrong(f"{place}.value", "must be a string or a number")
        if checks.find(body, f"{place}.threshold") is not None:
            checks.number(body, f"{place}.threshold", 0, 1)


ACTS = {"viewed": VIEWED, "clicked": CLICKED, "dismissed": DISMISSED}
