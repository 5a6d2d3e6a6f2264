"""The register of workflows: a new one is added to `WORKFLOWS`, and to no other table of this
package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model.errors import CommandError
from .adoption import AdoptionWorkflow
from .guest_creation import GuestCreationWorkflow
from .injection import InjectionWorkflow
from .messaging import MessagingWorkflow
from .prompt import PromptWorkflow
from .requests import WorkflowRequest, validated
from .workflow import Workflow, WorkflowContext

WORKFLOWS: tuple[type[Workflow], ...] = (
    GuestCreationWorkflow,
    MessagingWorkflow,
    InjectionWorkflow,
    PromptWorkflow,
    AdoptionWorkflow,
)

REQUEST_MODELS = {workflow.kind: workflow.request_model for workflow in WORKFLOWS}


def all_workflows(context: WorkflowContext) -> dict[str, Workflow]:
    return {workflow.kind: workflow.create(context) for workflow in WORKFLOWS}


def validated_request(kind: str, request: Mapping[str, Any], bytes_max: int) -> WorkflowRequest:
    """The request of that kind. Raises CommandError: `invalid` with the field, or `too_large`."""
    model = REQUEST_MODELS.get(kind)
    if model is None:
        known = ", ".join(sorted(REQUEST_MODELS))
        raise CommandError(f"kind: {kind!r} is unknown; it is one of {known}", field="kind")
    return validated(model, request, bytes_max)
