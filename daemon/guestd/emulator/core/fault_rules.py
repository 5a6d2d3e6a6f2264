"""The rules of faults: the kinds there are, and how a rule is written.

A rule names a kind and how often it applies:

    {"kind": "drop", "rate": 0.01}                     one chance in a hundred, at each occasion
    {"kind": "duplicate", "every": 10}                 every tenth occasion
    {"kind": "mute", "every": 10, "count": 3}          the same, and three times in all
    {"kind": "half_open", "count": 1, "token": "…"}    the first occasion of this token, once
    {"kind": "reset", "every": 2, "path": "/api/v2/interactions", "method": "POST", "when": "after"}
    … "after_s": 5, "for_s": 60                        only within this span after the plan was set
    … "guest": "ana"                                   only where this guest is concerned
    … "sender": "agent", "once_per_session": true      only the agent's messages, each guest's once

Occasions: `in` a frame from a guest, `out` a frame of the conversation to a guest, `upgrade` a
WebSocket upgrade, `rest` a REST call, `time` a message getting its time, `moment` anything that the
emulator would answer."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Occasion = Literal["in", "out", "upgrade", "rest", "history", "time", "moment"]

#: kind → (the occasion it applies to, what it does)
KINDS: dict[str, tuple[Occasion, str]] = {
    "drop": (
        "in",
        "abort the TCP connection; `when`: before, after (the request is done) or random",
    ),
    "drop_out": ("out", "abort the TCP connection instead of delivering a frame"),
    "half_open": ("in", "the connection goes silent both ways and TCP stays up"),
    "close": ("in", "close cleanly with `code`"),
    "kick": ("in", "ConnectionClosedEvent"),
    "throttle": ("in", "answer a message with 429 and `retry_after_s`; it is not accepted"),
    "expired_session": ("in", "the session expires"),
    "delay": (
        "out",
        "deliver a frame `ms_min`..`ms` later; the frames of a connection keep their order",
    ),
    "reorder": (
        "out",
        "hold a message back 0..`ms`, so that later ones overtake it; never one of equal time",
    ),
    "swap": (
        "out",
        (
            "hold a message back until the next one has overtaken it; if none comes within"
            " `within_s`, it is delivered and not counted"
        ),
    ),
    "duplicate": ("out", "deliver a frame twice"),
    "malformed": ("out", "broken JSON: `mode` extra (beside the frame) or replace (instead of it)"),
    "binary": ("out", "an extra binary frame"),
    "invalid_utf8": ("out", "an extra text frame that is not UTF-8"),
    "oversize": ("out", "an extra frame of `bytes` (10 MB)"),
    "deep_json": ("out", "an extra frame nested `depth` (100,000) deep"),
    "mute": ("out", "a message is not delivered; history has it if `recorded`"),
    "equal_times": ("time", "a message gets the same channel.time as the one before"),
    "stall": ("moment", "nothing is answered for `ms`; what comes waits"),
    "refuse_upgrade": ("upgrade", "answer the upgrade with `status`"),
    "http_status": (
        "rest",
        "answer a call under `path` with `status`; `when`: after it acted, else before; `form`",
    ),
    "slow_rest": ("rest", "answer a call under `path` after `ms`"),
    "reset": (
        "rest",
        (
            "lose the answer to a call: `how` rst or close; `when`: before or after it acted, or"
            " random"
        ),
    ),
    "no_answer": ("rest", "never answer a call; `when`: before or after it acted, or random"),
    "slow_body": ("rest", "the headers of the answer at once, its body in pieces over `ms`"),
    "broken_json": ("rest", "answer a call, which has acted, with 200 and half of the JSON"),
    "slow_token": ("rest", "answer a call for an OAuth token after `ms`"),
    "expired_tokens": ("rest", "every OAuth token expires just before a call"),
    "empty_history": ("history", "an empty history page"),
    "upload_refused": ("rest", "answer a presigned PUT with 403"),
    "slot_expired": ("rest", "answer a presigned PUT with 403; its URL never works again"),
    "upload_rejected": ("rest", "take a presigned PUT, then say UploadFailureEvent 4003"),
    "upload_cut": ("rest", "abort the connection in the middle of a presigned PUT"),
}


#: What a kind reads beside how often, for whom and when.
KIND_FIELDS: dict[str, tuple[str, ...]] = {
    "drop": ("when",),
    "close": ("code",),
    "throttle": ("retry_after_s",),
    "delay": ("ms", "ms_min"),
    "swap": ("within_s",),
    "mute": ("recorded",),
    "stall": ("ms",),
    "reorder": ("ms",),
    "malformed": ("mode",),
    "oversize": ("bytes",),
    "deep_json": ("depth",),
    "refuse_upgrade": ("status",),
    "http_status": (
        "status",
        "retry_after_s",
        "retry_after_form",
        "form",
        "when",
        "path",
        "method",
    ),
    "slow_rest": ("ms", "path", "method"),
    "reset": ("how", "when", "path", "method"),
    "no_answer": ("when", "path", "method"),
    "slow_body": ("ms", "path", "method"),
    "broken_json": ("path", "method"),
    "slow_token": ("ms",),
    "expired_tokens": ("path", "method"),
}

#: What every rule has: how often, for whom and when.
RULE_FIELDS = (
    *("kind", "rate", "every", "count", "once_per_session"),
    *("sender", "guest", "session", "token", "after_s", "for_s"),
)

#: Of these the guest is known; a rule for one guest is of use with no other.
_GUEST_OCCASIONS = frozenset({"in", "out", "history", "time"})


class FaultRule(BaseModel):
    """One fault. How often: by rate or every, with count at most so many; or by count alone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str = Field(description="one of the kinds")
    rate: float | None = Field(None, ge=0, le=1, description="the share of the occasions, 0 to 1")
    every: int | None = Field(None, ge=1, description="every so many occasions")
    count: int | None = Field(
        None, ge=1, description="the first so many occasions; beside rate or every: at most so many"
    )
    once_per_session: bool = Field(False, description="at most once in a guest session")
    sender: Literal["agent", "guest"] | None = Field(
        None, description="only messages of this side, and no events (out)"
    )
    guest: str | None = Field(None, description="only of the guest of this name")
    session: str | None = Field(None, description="only of the guest session with guestd's id")
    token: str | None = Field(None, description="only of this guest session")
    after_s: float = Field(0.0, ge=0, description="not before, from when the plan was set")
    for_s: float | None = Field(None, gt=0, description="only so long, from after_s on")
    when: Literal["before", "after", "random"] = Field(
        "random", description="before or after the request acted (drop, http_status, reset, …)"
    )
    mode: Literal["extra", "replace"] = Field(
        "extra", description="beside the frame or in its place (malformed)"
    )
    ms: float = Field(
        150.0, ge=0, le=60_000, description="how long (delay, reorder, stall, slow_…)"
    )
    ms_min: float = Field(0.0, ge=0, le=60_000, description="the shortest delay (delay)")
    within_s: float = Field(
        10.0, gt=0, le=600, description="how long a message waits to be overtaken (swap)"
    )
    recorded: bool = Field(True, description="whether the history has it (mute)")
    code: int = Field(1001, ge=1000, le=4999, description="the close code (close)")
    status: int = Field(
        503, ge=400, le=599, description="the HTTP status (http_status, refuse_upgrade)"
    )
    retry_after_s: int = Field(
        1, ge=1, le=3600, description="the Retry-After of a 429 or 503 (throttle, http_status)"
    )
    retry_after_form: Literal["seconds", "date"] = Field(
        "seconds", description="how Retry-After is written"
    )
    form: Literal["message", "errors", "details", "nested"] = Field(
        "message", description="where the error's message stands (http_status)"
    )
    how: Literal["rst", "close"] = Field("rst", description="how the connection breaks (reset)")
    path: str = Field("/", description="only REST calls whose path begins so")
    method: str | None = Field(None, description="only REST calls with this verb")
    bytes: int = Field(10_000_000, ge=1, le=50_000_000, description="the frame's size (oversize)")
    depth: int = Field(100_000, ge=1, le=1_000_000, description="how deep (deep_json)")

    @model_validator(mode="after")
    def _is_sensible(self) -> FaultRule:
        if self.kind not in KINDS:
            raise ValueError(f"no fault of kind {self.kind!r}{_nearest(self.kind)}")
        is_share = [self.rate, self.every].count(None)
        if is_share == 0 or (is_share == 2 and self.count is None):
            raise ValueError("say how often by rate or by every, or by count")
        if self.sender is not None and KINDS[self.kind][0] != "out":
            raise ValueError(f"{self.kind} is about no message to a guest, so it has no sender")
        if self.ms_min > self.ms:
            raise ValueError("ms_min must be at most ms")
        has_guest = (self.guest, self.session, self.token) != (None, None, None)
        if has_guest and KINDS[self.kind][0] not in _GUEST_OCCASIONS:
            raise ValueError(f"{self.kind} knows no guest: it applies to calls or upgrades")
        return self


def own_fields(kind: str) -> tuple[str, ...]:
    """What the kind reads beside the fields of every rule; one of calls always reads which."""
    own = KIND_FIELDS.get(kind, ())
    calls = ("path", "method") if KINDS[kind][0] == "rest" else ()
    return (*own, *(one for one in calls if one not in own))


def _nearest(kind: str) -> str:
    close = get_close_matches(kind, KINDS, 1)
    return f" (did you mean {close[0]}?)" if close else f"; there are {', '.join(KINDS)}"


def _unknown(name: str, rule: dict[str, Any]) -> str:
    """What is said of a field that no kind has."""
    kind = rule.get("kind")
    is_known = isinstance(kind, str) and kind in KINDS
    own = own_fields(str(kind)) if is_known else tuple(FaultRule.model_fields)
    known = dict.fromkeys((*RULE_FIELDS, *own))
    close = get_close_matches(name, known, 1)
    meant = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
    return f"{name[:40]} is no field of a rule; {meant}"


def fault_fields() -> dict[str, Any]:
    """The kinds there are, what each reads, and the fields of a rule with what each means."""
    defaults = {name: one.get_default() for name, one in FaultRule.model_fields.items()}
    return {
        "kinds": {
            kind: {
                "meaning": text,
                "occasion": occasion,
                "fields": {name: defaults[name] for name in own_fields(kind)},
            }
            for kind, (occasion, text) in KINDS.items()
        },
        "fields": {
            name: {"meaning": one.description, "default": one.get_default()}
            if not one.is_required()
            else {"meaning": one.description}
            for name, one in FaultRule.model_fields.items()
        },
    }


class FaultPlanError(ValueError):
    """An invalid fault plan; `field` says where."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def parse_plan(plan: Any) -> tuple[int | None, list[FaultRule]]:
    """`{"seed": 7, "rules": […]}`, or a bare list of rules. Raises FaultPlanError."""
    if isinstance(plan, list | tuple):
        plan = {"rules": list(plan)}
    if (
        not isinstance(plan, dict)
        or set(plan) - {"seed", "rules"}
        or not isinstance(plan.get("rules", []), list)
    ):
        raise FaultPlanError("", 'a plan is {"seed": number, "rules": [rule, …]}')
    seed = plan.get("seed")
    if seed is not None and not isinstance(seed, int):
        raise FaultPlanError("seed", "the seed is a whole number")
    rules = []
    for n, rule in enumerate(plan.get("rules", [])):
        rules.append(parse_rule(rule, f"rules.{n}"))
    return seed, rules


def parse_rule(rule: Any, place: str = "") -> FaultRule:
    """A rule, as it was written or as `report` shows it. Raises FaultPlanError."""
    if isinstance(rule, dict):
        rule = {name: one for name, one in rule.items() if name not in ("id", "injected")}
    try:
        found = FaultRule.model_validate(rule)
    except ValidationError as error:
        first = error.errors()[0]
        parts = [place, *map(str, first["loc"])]
        words = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            words = _unknown(str(first["loc"][0]), rule)
        raise FaultPlanError(".".join(filter(None, parts)), words) from None
    own = own_fields(found.kind)
    if foreign := sorted(found.model_fields_set.difference(RULE_FIELDS, own)):
        words = f"{found.kind} has no {foreign[0]}; it has {', '.join(own) or 'none of its own'}"
        raise FaultPlanError(".".join(filter(None, (place, foreign[0]))), words)
    return found
