"""Every kind of operation there is."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from ..observe.metrics import Metrics
from ..policy.stretch import Stretch
from .adoption import Adoption
from .creation import GuestCreation, Sign
from .injection import Injection
from .kind import Kind
from .messaging import Messaging
from .prompt import Prompt
from .settings import OperationsSettings


def all_kinds(
    settings: OperationsSettings,
    metrics: Metrics,
    rng: Random,
    draw_id: Callable[[], str],
    sign: Sign | None,
    requests_per_minute: Callable[[], float],
) -> dict[str, Kind]:
    kinds: list[Kind] = [
        GuestCreation(sign, settings.contact_reference),
        Messaging(settings, metrics, rng, draw_id, Stretch(requests_per_minute)),
        Injection(settings.injection_key_in_body),
        Prompt(settings),
        Adoption(settings),
    ]
    return {kind.name: kind for kind in kinds}
