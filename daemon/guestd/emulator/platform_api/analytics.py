"""What agents did with prompts (ASSIST-4): events, queried page by page.

When a prompt is accepted, the seeded `Random` decides what the agent will do: view it or not, click
it or not. Each event has a time, and a query sees those whose time has passed. A page token names
the position after an event, so that events that appear in between shift nothing: every event is
returned once."""

from __future__ import annotations

import base64
import hashlib
import json
from bisect import bisect_left, insort

from ..core.ids import iso
from ..core.records import Json
from . import checks
from .calls import PlatformCall, PlatformResponse, wrong
from .world_view import WorldBase

VIEWED, CLICKED, DISMISSED = METRICS = (
    "agent-assist.prompt.viewed",
    "agent-assist.prompt.clicked",
    "agent-assist.prompt.dismissed",
)
PAGE_MAX = 100


class Analytics:
    def __init__(self, world: WorldBase) -> None:
        self._world = world
        self._most = 3 * world.settings.records_max
        self._events: list[
            tuple[int, int, Json]
        ] = []  # (ms, number, event), in order; the oldest go first
        self._count = 0

    # ------------------------------------------------------------------ events

    def record(
        self, metric: str, at: float, injection_id: str, conversation_id: str, prompt_id: str
    ) -> Json:
        self._count += 1
        ms = int(at * 1000)
        event = {
            "eventId": f"event-{self._count}",
            "metricName": metric,
            "timestamp": iso(ms),
            "injectionId": injection_id,
            "conversationId": conversation_id,
            "promptId": prompt_id,
            "value": 1,
        }
        insort(self._events, (ms, self._count, event))
        if len(self._events) > self._most:
            del self._events[: self._most // 10 + 1]
        return event

    def schedule(
        self, injection_id: str, conversation_id: str, prompt_id: str, shown: float, leaves: float
    ) -> None:
        rng, settings = self._world.rng, self._world.settings
        looks, clicks, moment = rng.random(), rng.random(), rng.random()
        if looks >= settings.prompts_viewed:
            return
        self.record(VIEWED, shown, injection_id, conversation_id, prompt_id)
        if clicks < settings.prompts_clicked:
            self.record(
                CLICKED, shown + moment * (leaves - shown), injection_id, conversation_id, prompt_id
            )
        else:
            self.record(DISMISSED, leaves, injection_id, conversation_id, prompt_id)

    def cancel_scheduled(self, injection_id: str, now: float) -> None:
        """Remove the scheduled events of this prompt that are still in the future."""
        ms = int(now * 1000)
        start = bisect_left(self._events, (ms, 0))
        self._events[start:] = [
            one for one in self._events[start:] if one[2]["injectionId"] != injection_id
        ]

    def until(self, now: float) -> list[Json]:
        """All events up to `now`, oldest first."""
        return [
            event
            for _, _, event in self._events[: bisect_left(self._events, (int(now * 1000) + 1, 0))]
        ]

    # ------------------------------------------------------------------ the query

    def query(self, call: PlatformCall) -> PlatformResponse:
        start, end = _interval(checks.text(call.body, "interval"))
        names = checks.a_list(call.body, "metricNames")
        if not names:
            raise wrong("metricNames", "must not be empty")
        for n in range(len(names)):
            checks.one_of(call.body, f"metricNames[{n}]", METRICS)
        size = checks.whole(call.body, "pageSize", 1, PAGE_MAX, PAGE_MAX)
        entities = checks.a_list(call.body, "entityIds", [])
        wanted = {checks.text(call.body, f"entityIds[{n}]") for n in range(len(entities))} - {"all"}
        question = _fingerprint(start, end, sorted(set(names)), sorted(wanted))
        place = _place(call.body.get("pageToken"), question) or (start, 0)
        page: list[tuple[int, int, Json]] = []
        for one in self._events[bisect_left(self._events, place) :]:
            if one[0] >= end or one[0] > int(call.now * 1000) or len(page) > size:
                break
            event = one[2]
            if event["metricName"] in names and (
                not wanted or wanted & {event["promptId"], event["injectionId"]}
            ):
                page.append(one)
        more = {"pageToken": _token(page[size - 1], question)} if len(page) > size else {}
        return PlatformResponse(
            {"events": [event for _, _, event in page[:size]], "pageSize": size, **more}
        )


def _interval(given: str) -> tuple[int, int]:
    """`start/end` → milliseconds; the end is not part of it."""
    start, slash, end = given.partition("/")
    if not slash:
        raise wrong("interval", "must be start/end")
    found = (
        int(checks.instant(start, "interval") * 1000),
        int(checks.instant(end, "interval") * 1000),
    )
    if found[0] >= found[1]:
        raise wrong("interval", "must end after its start")
    return found


def _fingerprint(*question: object) -> str:
    return hashlib.sha256(json.dumps(question).encode()).hexdigest()[:16]


def _token(last: tuple[int, int, Json], question: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([last[0], last[1] + 1, question]).encode()).decode()


def _place(token: object, question: str) -> tuple[int, int] | None:
    if token is None:
        return None
    try:
        ms, number, asked = json.loads(base64.urlsafe_b64decode(str(token)))
    except (ValueError, TypeError):
        raise wrong("pageToken", "is none of ours") from None
    if asked != question or not isinstance(ms, int) or not isinstance(number, int):
        raise wrong("pageToken", "belongs to another query")
    return ms, number
