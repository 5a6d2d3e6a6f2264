"""Fault injection: what goes wrong, by rule and from a seed.

A rule names a kind and how often it applies:

    {"kind": "drop", "rate": 0.01}                     one chance in a hundred, at each occasion
    {"kind": "duplicate", "every": 10}                 every tenth occasion
    {"kind": "half_open", "count": 1, "token": "…"}    the first occasion of this token, once
    {"kind": "reset", "every": 2, "path": "/api/v2/interactions", "method": "POST", "when": "after"}
    … "after_s": 5, "for_s": 60                        only within this span after the plan was set
    … "guest": "ana"                                   only where this guest is concerned

Occasions: `in` a frame from a guest, `out` a frame of the conversation to a guest, `upgrade` a
WebSocket upgrade, `rest` a REST call, `time` a message getting its time. Faults change what is
*sent*; the record stays true.

Each rule has an id, by which it can be taken away, and its own count. What was injected lately is
kept with how it ended: a connection that was broken is restored, or not."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Occasion = Literal["in", "out", "upgrade", "rest", "history", "time"]

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
    "delay": ("out", "deliver a frame 0..`ms` later; the frames of a connection keep their order"),
    "reorder": (
        "out",
        "hold a message back 0..`ms`, so that later ones overtake it; never one of equal time",
    ),
    "duplicate": ("out", "deliver a frame twice"),
    "malformed": ("out", "broken JSON: `mode` extra (beside the frame) or replace (instead of it)"),
    "binary": ("out", "an extra binary frame"),
    "invalid_utf8": ("out", "an extra text frame that is not UTF-8"),
    "oversize": ("out", "an extra frame of `bytes` (10 MB)"),
    "deep_json": ("out", "an extra frame nested `depth` (100,000) deep"),
    "mute": ("out", "a message is not delivered; history has it"),
    "equal_times": ("time", "a message gets the same channel.time as the one before"),
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
    "delay": ("ms",),
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

#: Of these the guest is known; a rule for one guest is of use with no other.
_GUEST_OCCASIONS = frozenset({"in", "out", "history", "time"})

#: After these a connection has to come back, which is how they end.
BREAKING = frozenset({"drop", "drop_out", "half_open", "close", "kick"})

#: Injections that are kept to be looked at.
RECENT_MAX = 100


class FaultRule(BaseModel):
    """One fault. Exactly one of rate, every or count says how often."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str = Field(description="one of the kinds")
    rate: float | None = Field(None, ge=0, le=1, description="the share of the occasions, 0 to 1")
    every: int | None = Field(None, ge=1, description="every so many occasions")
    count: int | None = Field(None, ge=1, description="the first so many occasions")
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
    ms: float = Field(150.0, ge=0, le=60_000, description="how long (delay, reorder, slow_…)")
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
            raise ValueError(f"no fault of kind {self.kind!r}; there are {', '.join(KINDS)}")
        if [self.rate, self.every, self.count].count(None) != 2:
            raise ValueError("say how often by exactly one of rate, every or count")
        has_guest = (self.guest, self.session, self.token) != (None, None, None)
        if has_guest and KINDS[self.kind][0] not in _GUEST_OCCASIONS:
            raise ValueError(f"{self.kind} knows no guest: it applies to calls or upgrades")
        return self


def fault_fields() -> dict[str, Any]:
    """The kinds there are, what each reads, and the fields of a rule with what each means."""
    defaults = {name: one.get_default() for name, one in FaultRule.model_fields.items()}
    return {
        "kinds": {
            kind: {
                "meaning": text,
                "occasion": occasion,
                "fields": {name: defaults[name] for name in KIND_FIELDS.get(kind, ())},
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
        return FaultRule.model_validate(rule)
    except ValidationError as error:
        first = error.errors()[0]
        parts = [place, *map(str, first["loc"])]
        raise FaultPlanError(".".join(filter(None, parts)), first["msg"]) from None


@dataclass(slots=True)
class ActiveRule:
    """A rule with its count. `once`: it goes when it was injected; `once_each`: once for each guest
    session, and it stays for those to come; `taken` are those it had."""

    id: str
    rule: FaultRule
    set_at: float
    seen: int = 0
    injected: int = 0
    once: bool = False
    once_each: bool = False
    taken: set[str] = field(default_factory=set)

    def shown(self) -> dict[str, Any]:
        own = self.rule.model_dump(exclude_defaults=True)
        return {"id": self.id, "injected": self.injected, **own}


@dataclass(slots=True)
class FaultInjection:
    """One fault that was injected. `over_at`: when a broken connection was back; None: it is not,
    or there is nothing to wait for."""

    id: int
    rule: str
    kind: str
    at: float
    token: str
    guest: str
    session: str
    over_at: float | None = None


class FaultInjector:
    """Runs a fault plan. Each occasion is offered to the rules for it, in order; at most one is
    picked.

    `names_of` gives a token's guest and session; `noticed` is told of each injection, and again
    when a connection that it broke is back."""

    def __init__(self, seed: int, plan: Any = ()) -> None:
        self.injected: Counter[str] = Counter()
        self.recent: deque[FaultInjection] = deque(maxlen=RECENT_MAX)
        self.seed = seed
        self.active: list[ActiveRule] = []
        self.names_of: Callable[[str], tuple[str, str]] = lambda token: ("", "")
        self.noticed: Callable[[FaultInjection], None] = lambda injection: None
        self._by_occasion: dict[str, list[ActiveRule]] = {}
        self._rule_count = self._injection_count = 0
        self._broken: dict[str, FaultInjection] = {}
        self.set(plan, 0.0)

    @property
    def rules(self) -> list[FaultRule]:
        return [one.rule for one in self.active]

    def set(self, plan: Any, now: float) -> None:
        """Replace the plan. Raises FaultPlanError and changes nothing."""
        seed, rules = parse_plan(plan)
        self.seed = self.seed if seed is None else seed
        self._rng = Random(self.seed)
        self.active = []
        for rule in rules:
            self._append(rule, now)
        self._index()

    def add(
        self, rule: FaultRule, now: float, *, once: bool = False, once_each: bool = False
    ) -> ActiveRule:
        """One more rule, behind the others."""
        added = self._append(rule, now)
        added.once, added.once_each = once, once_each
        self._index()
        return added

    def remove(self, rule_id: str) -> bool:
        """False if there is no such rule."""
        left = [one for one in self.active if one.id != rule_id]
        found = len(left) < len(self.active)
        self.active = left
        self._index()
        return found

    def _append(self, rule: FaultRule, now: float) -> ActiveRule:
        self._rule_count += 1
        added = ActiveRule(f"f{self._rule_count}", rule, now)
        self.active.append(added)
        return added

    def _index(self) -> None:
        self._by_occasion = {}
        for one in self.active:
            self._by_occasion.setdefault(KINDS[one.rule.kind][0], []).append(one)

    def has(self, occasion: Occasion) -> bool:
        """Whether there is a rule for it."""
        return occasion in self._by_occasion

    def pick(
        self,
        occasion: Occasion,
        token: str,
        now: float,
        path: str = "",
        but: tuple[str, ...] = (),
        method: str = "",
    ) -> FaultRule | None:
        """The rule that applies on this occasion, if any."""
        for active in self._by_occasion.get(occasion, ()):
            rule = active.rule
            if (
                rule.kind in but
                or not self._is_about(active, token)
                or not path.startswith(rule.path if path else "")
                or (rule.method is not None and rule.method.upper() != method)
            ):
                continue
            age_s = now - active.set_at
            if age_s < rule.after_s or (
                rule.for_s is not None and age_s >= rule.after_s + rule.for_s
            ):
                continue
            active.seen += 1
            if self._applies(active):
                active.injected += 1
                if active.once_each:
                    active.taken.add(token)
                elif active.once:
                    self.remove(active.id)
                self.note(rule.kind, active.id, token, now)
                return rule
        return None

    def note(self, kind: str, rule_id: str, token: str, now: float) -> FaultInjection:
        """A fault was injected."""
        self.injected[kind] += 1
        self._injection_count += 1
        guest, session = self.names_of(token)
        injection = FaultInjection(self._injection_count, rule_id, kind, now, token, guest, session)
        self.recent.append(injection)
        if token and kind in BREAKING:
            self._broken[token] = injection
            if len(self._broken) > 10 * RECENT_MAX:
                del self._broken[next(iter(self._broken))]
        self.noticed(injection)
        return injection

    def restored(self, token: str, now: float) -> None:
        """This guest session has a new connection."""
        injection = self._broken.pop(token, None) if self._broken else None
        if injection is not None:
            injection.over_at = now
            self.noticed(injection)

    def random(self) -> float:
        return self._rng.random()

    def _is_about(self, active: ActiveRule, token: str) -> bool:
        rule = active.rule
        if rule.token is not None and rule.token != token:
            return False
        if active.once_each and token in active.taken:
            return False
        if rule.guest is None and rule.session is None:
            return True
        guest, session = self.names_of(token)
        return rule.guest in (None, guest) and rule.session in (None, session)

    def _applies(self, active: ActiveRule) -> bool:
        rule = active.rule
        if rule.rate is not None:
            return self._rng.random() < rule.rate
        if rule.every is not None:
            return active.seen % rule.every == 0
        return active.once_each or active.injected < (rule.count or 0)

    def report(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "rules": [one.shown() for one in self.active],
            "injected": dict(self.injected),
        }
