"""Real keys, drawn once: making one takes as long as a hundred of these tests."""

from __future__ import annotations

import itertools

import pytest

from guestd.identity.keys import KeyRing
from guestd.identity.pairs import new_pair
from guestd.identity.settings import IdentitySettings
from guestd.identity.tokens import GuestTokens
from guestd.observe.metrics import Metrics

NOON = 1_800_000_000.0


@pytest.fixture(scope="session")
def pool():
    return [new_pair(2048) for _ in range(7)]


class Clock:
    def __init__(self):
        self.now = NOON

    def __call__(self):
        return self.now


class Identity:
    """A ring in a directory of its own, and its tokens, on a virtual clock and keys drawn
    beforehand."""

    def __init__(self, directory, pool, clock=None, **figures):
        self.clock = clock or Clock()
        self.settings = IdentitySettings(**figures)
        self.metrics = Metrics()
        drawn = itertools.cycle(pool)
        self.ring = KeyRing(directory, self.settings, self.clock, lambda bits: next(drawn))
        self.tokens = GuestTokens(self.settings, self.ring, self.metrics, self.clock)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def identity(tmp_path, pool, clock):
    """Makes one; two of the same directory are two processes with one ring."""

    def make(directory=None, skip=0, **figures):
        return Identity(directory or tmp_path / "keys", pool[skip:] + pool[:skip], clock, **figures)

    return make
