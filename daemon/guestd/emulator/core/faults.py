"""Fault injection: what goes wrong, by rule (`fault_rules`) and from a seed.

Faults change what is *sent*; the record stays true, but where a rule says otherwise. Each rule has
an id, by which it can be taken away, and its own count. What was injected is kept with what it hit
(the guest, its conversation, the message), so that a report of losses can be compared with it; and
with how it ended: a connection that was broken is restored, or not."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import orjson

from .fault_rules import KINDS, FaultRule, Occasion, parse_plan
from .stored_messages import RecordedMessage

#: After these a connection has to come back, which is how they end.
BREAKING = frozenset({"drop", "drop_out", "half_open", "close", "kick"})

#: Injections that are kept to be looked at; a report of a load test compares itself with them.
INJECTIONS_MAX = 20_000
#: Guest sessions whose connection is not back.
BROKEN_MAX = 1_000


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
    or there is nothing to wait for. `message`: the id of that which it hit; `trace`: the tracing id
    of the request; `overtaken_by`: the message that changed places with it."""

    id: int
    rule: str
    kind: str
    at: float
    token: str
    guest: str
    session: str
    over_at: float | None = None
    conversation: str = ""
    message: str = ""
    trace: str = ""
    overtaken_by: str = ""


class FaultInjector:
    """Runs a fault plan. Each occasion is offered to the rules for it, in order; at most one is
    picked.

    `is_quiet`: there are no rules, which each message asks first. `names_of` gives a token's guest
    and session; `noticed` is told of each injection, and again when a connection that it broke is
    back."""

    def __init__(self, seed: int, plan: Any = ()) -> None:
        self.injected: Counter[str] = Counter()
        self.recent: deque[FaultInjection] = deque(maxlen=INJECTIONS_MAX)
        self.seed = seed
        self.active: list[ActiveRule] = []
        self.is_quiet = True
        self.names_of: Callable[[str], tuple[str, str]] = lambda token: ("", "")
        self.conversation_of: Callable[[str], str] = lambda token: ""
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

    def begin(self, now: float) -> None:
        """The times of the rules there are count from now on."""
        for one in self.active:
            one.set_at = now

    def reset(self, now: float) -> None:
        """No rules, and nothing was injected."""
        self.set((), now)
        self.injected.clear()
        self.recent.clear()
        self._broken.clear()

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
        self.is_quiet = not self.active
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
        message: RecordedMessage | None = None,
        request: bytes = b"",
    ) -> FaultRule | None:
        """The rule that applies on this occasion, if any. `message`: that which a frame shows;
        `request`: the frame of a guest. A swap is noted when the message was overtaken."""
        for active in self._by_occasion.get(occasion, ()):
            rule = active.rule
            if (
                rule.kind in but
                or not self._is_about(active, token)
                or not path.startswith(rule.path if path else "")
                or (rule.method is not None and rule.method.upper() != method)
                or (rule.sender is not None and not _is_from(rule.sender, message))
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
                if active.once_each or rule.once_per_session:
                    active.taken.add(token)
                elif active.once:
                    self.remove(active.id)
                if rule.kind != "swap":
                    shown = message.id if message is not None else ""
                    self.note(
                        rule.kind, active.id, token, now, message=shown, trace=_trace_in(request)
                    )
                return rule
        return None

    def swapped(
        self, rule: FaultRule, token: str, now: float, message: str, overtaken_by: str
    ) -> None:
        """What `pick` has promised was done."""
        found = next((one.id for one in self.active if one.rule is rule), "")
        self.note(rule.kind, found, token, now, message=message, overtaken_by=overtaken_by)

    def not_swapped(self, rule: FaultRule, token: str) -> None:
        """It could not be: another message may be, in its place."""
        for active in self.active:
            if active.rule is rule:
                active.injected -= 1
                active.taken.discard(token)

    def note(
        self,
        kind: str,
        rule_id: str,
        token: str,
        now: float,
        *,
        message: str = "",
        trace: str = "",
        overtaken_by: str = "",
    ) -> FaultInjection:
        """A fault was injected."""
        self.injected[kind] += 1
        self._injection_count += 1
        guest, session = self.names_of(token)
        injection = FaultInjection(
            self._injection_count,
            rule_id,
            kind,
            now,
            token,
            guest,
            session,
            conversation=self.conversation_of(token),
            message=message,
            trace=trace,
            overtaken_by=overtaken_by,
        )
        self.recent.append(injection)
        if token and kind in BREAKING:
            self._broken[token] = injection
            if len(self._broken) > BROKEN_MAX:
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
        if token in active.taken:
            return False
        if rule.guest is None and rule.session is None:
            return True
        guest, session = self.names_of(token)
        return rule.guest in (None, guest) and rule.session in (None, session)

    def _applies(self, active: ActiveRule) -> bool:
        rule = active.rule
        if rule.count is not None and active.injected >= rule.count and not active.once_each:
            return False
        if rule.rate is not None:
            return self._rng.random() < rule.rate
        return rule.every is None or active.seen % rule.every == 0

    def report(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "rules": [one.shown() for one in self.active],
            "injected": dict(self.injected),
        }


def _is_from(sender: str, message: RecordedMessage | None) -> bool:
    return message is not None and message.sender == sender


def _trace_in(request: bytes) -> str:
    """The tracing id of a guest's request, if it has one that can be written."""
    try:
        found = orjson.loads(request).get("tracingId")
    except (ValueError, AttributeError):
        return ""
    return found if isinstance(found, str) else ""
