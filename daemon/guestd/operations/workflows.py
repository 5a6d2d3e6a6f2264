"""Every kind of operation there is."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from ..observe.metrics import Metrics
from ..policy.stretch import Stretch
from .adoption import AdoptionWorkflow
from .guest_creation import GuestCreationWorkflow, SignToken
from .injection import InjectionWorkflow
from .messaging import MessagingWorkflow
from .prompt import PromptWorkflow
from .settings import OperationsSettings
from .workflow import Workflow


def all_workflows(
    settings: OperationsSettings,
    metrics: Metrics,
    rng: Random,
    draw_id: Callable[[], str],
    sign: SignToken | None,
    requests_per_minute: Callable[[], float],
) -> dict[str, Workflow]:
    kinds: list[Workflow] = [
        GuestCreationWorkflow(sign, settings.contact_reference),
        MessagingWorkflow(settings, metrics, rng, draw_id, Stretch(requests_per_minute)),
        InjectionWorkflow(settings.injection_key_in_body),
        PromptWorkflow(settings),
        AdoptionWorkflow(settings),
    ]
    return {kind.name: kind for kind in kinds}
