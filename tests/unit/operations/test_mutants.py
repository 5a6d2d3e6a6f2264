"""The crash tests can fail: each rule of the executor, broken on purpose, is noticed."""

from __future__ import annotations

from itertools import count

import pytest

from guestd.operations import service
from guestd.operations.executor import Executor
from guestd.operations.operation import Operation

from .test_crashes import DAY_S, MADE, holds, story


def endures(kind: str, pause_s: float = 1.0) -> None:
    """One crash at every point; raises AssertionError if something is lost or doubled."""
    for first in range(len(story(kind, ())[2])):
        world, view, _ = story(kind, (first,), pause_s)
        if pause_s < DAY_S:
            holds(world, kind, view, first)
        assert all(n <= MADE[kind][made] for made, n in world.made().items())


def a_new_key_for_each_try(patch):
    numbers = count()
    patch.setattr(
        Operation, "key", lambda self, step: f"{self.operation_id}-{step}-{next(numbers)}"
    )


def no_doubt_after_a_crash(patch):
    found = service.from_record

    def forgetful(record):
        operation = found(record)
        operation.in_doubt = False
        return operation

    patch.setattr(service, "from_record", forgetful)


def an_intent_that_is_not_written(patch):
    async def announce(self, kind, operation, ask):
        operation.tries += 1
        operation.in_flight = True
        operation.first_try_ms = operation.first_try_ms or self._clock.epoch_ms()

    patch.setattr(Executor, "_record_attempt", announce)


def told_before_it_is_durable(patch):
    keep = Executor.save

    async def hasty(self, operation, *facts):
        operation.durable_view = operation.view()
        await keep(self, operation, *facts)

    patch.setattr(Executor, "save", hasty)


MUTANTS = [
    (a_new_key_for_each_try, "injection", 1.0),
    (a_new_key_for_each_try, "prompt", 1.0),
    (no_doubt_after_a_crash, "injection", DAY_S + 60),
    (no_doubt_after_a_crash, "guest", DAY_S + 60),
    (an_intent_that_is_not_written, "injection", DAY_S + 60),
    (an_intent_that_is_not_written, "messaging", 1.0),
    (told_before_it_is_durable, "injection", 1.0),
]


@pytest.mark.parametrize(
    ("mutant", "kind", "pause_s"), MUTANTS, ids=lambda one: getattr(one, "__name__", str(one))
)
def test_it_is_caught(monkeypatch, mutant, kind, pause_s):
    mutant(monkeypatch)
    with pytest.raises(AssertionError):
        endures(kind, pause_s)


@pytest.mark.parametrize("kind", sorted(MADE))
def test_unharmed_it_endures(kind):
    endures(kind)
    endures(kind, DAY_S + 60)
