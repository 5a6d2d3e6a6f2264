"""Makes the machine of a guest session from the fleet's settings and its dialect's traits."""

from __future__ import annotations

from random import Random

from ..model.ids import Guest
from ..model.traits import Ordering, Traits
from ..policy.reorder_delay import ReorderDelay
from ..session.fleet_rules import FleetRules
from ..session.inbox import ByTime, MessageInbox
from ..session.inbox_by_sequence import BySequence
from ..session.machine import Machine
from ..session.settings import SessionSettings, effective_traits

#: So many messages in order, and the wait for an earlier one falls to its least.
HOLD_TRUST_AFTER = 20


class SessionFactory:
    """How long messages are held for their order is learned from all sessions together."""

    def __init__(
        self, settings: SessionSettings, traits: Traits, can_attach: bool, rng: Random
    ) -> None:
        self._dialect_traits = traits
        self._can_attach = can_attach
        self._hold = ReorderDelay(
            settings.inbox.hold_initial_ms,
            settings.inbox.hold_min_ms,
            settings.inbox.hold_max_ms,
            HOLD_TRUST_AFTER,
        )
        self._rules = FleetRules(settings, self._effective(settings), rng)

    @property
    def rules(self) -> FleetRules:
        """Of all machines; to be asked, not to be changed."""
        return self._rules

    @property
    def settings(self) -> SessionSettings:
        return self._rules.settings

    @property
    def traits(self) -> Traits:
        return self._rules.traits

    def use(self, settings: SessionSettings) -> None:
        """From now on these, for all machines that were made here: the deployment's facts came
        after the guest sessions began."""
        self._rules.settings = settings
        self._rules.traits = self._effective(settings)

    def _effective(self, settings: SessionSettings) -> Traits:
        return effective_traits(self._dialect_traits, settings, self._can_attach)

    @property
    def remembered_max(self) -> int:
        """What is held is remembered."""
        return max(self.settings.inbox.remembered_max, self.settings.inbox.held_max)

    def machine(self, guest: Guest, duration_s: float | None) -> Machine:
        machine = Machine(guest, self._rules, self._inbox())
        if duration_s is not None:
            machine.duration_s = duration_s
        return machine

    def _inbox(self) -> MessageInbox:
        given = self.settings.inbox
        if self.traits.ordering is Ordering.BY_TIME:
            return ByTime(self._hold, given.held_max, self.remembered_max)
        return BySequence(given.gap_wait_s, given.held_max, self.remembered_max, self._hold)
