"""Adoption of prompts: analytics events are read page by page, counted and dropped (ASSIST-4).

Memory is bounded: `prompts_max` prompts are counted separately, all others together. An event that
cannot be read is left out and counted (`left_out`): an unexpected kind must not fail the report.
Progress is durable with each page, so a restart resumes where it was. A platform that repeats a
page token would be read for ever; Brent's cycle detection notices it with one token in memory
instead of all."""

from __future__ import annotations

from typing import Any, Self

from ..model.foreign import EVENT_COUNT_MAX, ID_CHARS_MAX
from ..model.ports import PlatformAnswer
from .operation import (
    InvalidPlatformAnswer,
    Operation,
    PlatformRequest,
    Transition,
)
from .requests import AdoptionRequest, WorkflowRequest
from .settings import OperationsSettings
from .workflow import Workflow, WorkflowContext, failed, succeeded

METRICS = ("viewed", "clicked", "dismissed")
PREFIX = "agent-assist.prompt."
TOKEN_CHARACTERS_MAX = 8192


class AdoptionWorkflow(Workflow):
    kind = "adoption"
    request_model = AdoptionRequest
    path, noun = "adoption", "Adoption"
    summary = "Compute adoption rates"
    outcome = "adoption.read"

    def __init__(self, settings: OperationsSettings) -> None:
        self._settings = settings

    @classmethod
    def create(cls, context: WorkflowContext) -> Self:
        return cls(context.settings)

    def begin(self, operation: Operation, request: WorkflowRequest) -> None:
        assert isinstance(request, AdoptionRequest)
        operation.step = "page"
        operation.data = {
            "counts": {},
            "others": [0, 0, 0],
            "token": "",
            "tortoise": "",
            "power": 1,
            "stride": 0,
        }
        operation.result = {"interval": request.interval, "pages": 0, "events": 0}

    def next_request(self, operation: Operation, now_ms: int) -> PlatformRequest | Transition:
        if operation.end_asked:
            return failed("given_up", "the report was cancelled on request")
        body: dict[str, Any] = {
            "interval": operation.request["interval"],
            "metricNames": [PREFIX + metric for metric in METRICS],
            "pageSize": operation.request["pageSize"],
            "entityIds": ["all"],
        }
        if operation.data["token"]:
            body["pageToken"] = operation.data["token"]
        return PlatformRequest("analytics.events", "adoption.page", body=body, acts=False)

    def answered(self, operation: Operation, answer: PlatformAnswer, now_ms: int) -> Transition:
        events = answer.body.get("events") or []
        token = answer.body.get("pageToken") or ""
        if (
            not isinstance(events, list)
            or not isinstance(token, str)
            or len(token) > TOKEN_CHARACTERS_MAX
        ):
            raise InvalidPlatformAnswer("the platform's answer is not a page of events")
        for event in events:
            if (found := _read(event)) is None:
                operation.result["left_out"] = operation.result.get("left_out", 0) + 1
            else:
                self._count(operation, *found)
        operation.result["pages"] += 1
        operation.result["events"] += len(events)
        if not token:
            return self._rates(operation)
        if _repeats(operation.data, token):
            endless = failed(
                "platform_malformed",
                "the platform repeats the same page token, so that the report would never end",
                "tell the platform's support",
            )
            endless.malformed = True
            return endless
        if operation.result["pages"] >= self._settings.adoption_pages_max:
            return failed(
                "too_large",
                f"more than {self._settings.adoption_pages_max} pages",
                "choose a shorter interval",
            )
        operation.data["token"] = token
        return Transition(step="page")

    def _count(self, operation: Operation, prompt: str, metric: int, value: int) -> None:
        counts = operation.data["counts"]
        if prompt not in counts and len(counts) >= self._settings.adoption_prompts_max:
            operation.data["others"][metric] += value
        else:
            counts.setdefault(prompt, [0, 0, 0])[metric] += value

    def _rates(self, operation: Operation) -> Transition:
        data, operation.data = operation.data, {}
        operation.result["prompts"] = {
            prompt: rates(*counts) for prompt, counts in data["counts"].items()
        }
        if any(data["others"]):
            operation.result["others"] = rates(*data["others"])
        everything = [*data["counts"].values(), data["others"]]
        operation.result["total"] = rates(
            *(sum(counts[n] for counts in everything) for n in range(3))
        )
        return succeeded()

    def end(self, operation: Operation, now_ms: int) -> Transition | None:
        return None

    def details(self, operation: Operation) -> dict[str, Any]:
        keys = ("interval", "pages", "events", "left_out")
        return {key: operation.result[key] for key in keys if key in operation.result}


def rates(viewed: int, clicked: int, dismissed: int) -> dict[str, float]:
    """Counts, and the rates per view, which are left out without a view."""
    found: dict[str, float] = {"viewed": viewed, "clicked": clicked, "dismissed": dismissed}
    if viewed:
        found["click_rate"] = round(clicked / viewed, 6)
        found["dismiss_rate"] = round(dismissed / viewed, 6)
    return found


def _read(event: Any) -> tuple[str, int, int] | None:
    """(prompt, index of the metric, count); None for an event of another kind, or without a valid
    prompt or count."""
    try:
        metric = METRICS.index(event["metricName"].removeprefix(PREFIX))
        prompt = event.get("promptId") or event.get("entityId")
        value = event.get("value", 1)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    is_count = type(value) is int and 0 <= value <= EVENT_COUNT_MAX
    if not isinstance(prompt, str) or len(prompt) > ID_CHARS_MAX or not is_count:
        return None
    return prompt, metric, value


def _repeats(data: dict[str, Any], token: str) -> bool:
    """Brent: the tortoise is put where the hare is, after 1, 2, 4, 8 … steps."""
    if token in (data["tortoise"], data["token"]):
        return True
    data["stride"] += 1
    if data["stride"] == data["power"]:
        data["tortoise"], data["power"], data["stride"] = token, data["power"] * 2, 0
    return False
