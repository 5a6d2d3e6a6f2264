"""What all guest sessions of one fleet share. There is one, and every part of a session refers to
it: so new settings are one assignment, and a session at rest keeps one reference for three."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from ..model.traits import Traits
from .settings import SessionSettings


@dataclass(slots=True)
class FleetRules:
    """`traits`: the dialect's, as the settings leave them. `rng`: for ids on the wire and jitter,
    never for secrets."""

    settings: SessionSettings
    traits: Traits
    rng: Random
