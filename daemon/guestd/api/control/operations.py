"""The REST workflows of the platform as resources: guests, messaging sessions, injections, prompts,
adoption, all alike.

Each is a durable operation under an id of the caller's: the same id with the same request is the
same operation. POST starts it and waits for `?wait=` at most; one that is not over by then is
answered 202, and can be read later."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    WithJsonSchema,
    create_model,
)

from ...model.durations import seconds_or_duration
from ...model.errors import CommandError, NotFound
from ...model.ids import is_command_id
from ...model.ports import Operations, OperationView
from ...operations.workflow import Workflow
from ...operations.workflows import WORKFLOWS
from ..problems import Problem, platform_problem, status_of
from ..settings import ApiSettings
from .commands import LOCATION, key_of
from .routes import ApiCall, Route, RouteResponse, answer
from .schemas import CommandId, QueryParameters

#: One part of a duration, or bare seconds.
_WAIT = r"^[0-9]{1,4}(\.[0-9]{1,3})?(ms|s|m)?$"


def _wait(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(_WAIT, value):
        raise ValueError("must be a duration such as 5s, 500ms or 1m")
    return seconds_or_duration(value)


Wait = Annotated[
    float,
    BeforeValidator(_wait),
    WithJsonSchema({"type": "string", "pattern": _WAIT}),
]


class WaitQuery(QueryParameters):
    wait: Wait = Field(
        default=0.0,
        description="How long to wait for the end, such as 5s; at most api.wait_max_s.",
        json_schema_extra={"default": "0s"},
    )


class ListQuery(QueryParameters):
    limit: int = Field(default=100, ge=1, le=1000)


class OperationResource(BaseModel):
    """A REST operation. `problem` says why it failed or is deferred, or why failed heartbeats ended
    a messaging session; it contains no secret. `ending`: it was asked to end, and is not over
    yet."""

    model_config = ConfigDict(title="Operation")

    operation_id: str
    kind: str
    status: Literal["running", "deferred", "succeeded", "failed", "uncertain"]
    step: str
    request: dict[str, Any]
    result: dict[str, Any]
    problem: dict[str, Any] | None
    started_ms: int
    ending: bool

    @classmethod
    def of(cls, view: OperationView) -> OperationResource:
        return cls.model_validate(view, from_attributes=True)


class OperationList(BaseModel):
    """Running operations and those that ended last, newest first."""

    operations: list[OperationResource]


class AnyRequest(RootModel[dict[str, Any]]):
    """What the operation is to do; validated when it starts. May contain `operation_id`."""

    model_config = ConfigDict(title="OperationRequest")


_OPERATION_ID: Any = (
    CommandId,
    Field(default_factory=str, alias="operation_id", description="Yours, for asking again safely."),
)


@cache
def documented_body(workflow: type[Workflow]) -> type[BaseModel]:
    """The workflow's own model, with the caller's id beside its fields."""
    model = workflow.request_model
    return create_model(
        f"{workflow.noun}Request", __base__=model, __doc__=model.__doc__, operation_id=_OPERATION_ID
    )


class OperationRoutes:
    def __init__(
        self, operations: Operations | None, settings: ApiSettings, draw_id: Callable[[], str]
    ) -> None:
        self._operations = operations
        self._settings = settings
        self._draw_id = draw_id

    def routes(self) -> list[Route]:
        every = Route(
            "GET",
            "/v1/operations",
            "listOperations",
            "Operations of every kind",
            lambda call: self._list(None, call),
            {200: RouteResponse("Newest first.", OperationList)},
            "operations",
            query=ListQuery,
        )
        return [every, *(route for one in WORKFLOWS for route in self._of_workflow(one))]

    def _of_workflow(self, workflow: type[Workflow]) -> list[Route]:
        path, tag = f"/v1/{workflow.path}", "operations"
        begun = {
            201: RouteResponse("Done.", OperationResource, LOCATION),
            202: RouteResponse("Running, or deferred.", OperationResource, LOCATION),
        }
        shown = {200: RouteResponse("As it stands.", OperationResource)}
        routes = [
            Route(
                "POST",
                path,
                f"start{workflow.noun}",
                workflow.summary,
                lambda call: self._start(workflow, call),
                begun,
                tag,
                query=WaitQuery,
                body=AnyRequest,
                shown_body=documented_body(workflow),
                problems=(409, 502),
                keyed=True,
            ),
            Route(
                "GET",
                path,
                f"list{workflow.noun}s",
                f"{workflow.noun}: running and recently ended",
                lambda call: self._list(workflow.kind, call),
                {200: RouteResponse("Newest first.", OperationList)},
                tag,
                query=ListQuery,
            ),
            Route(
                "GET",
                f"{path}/{{operation}}",
                f"show{workflow.noun}",
                f"{workflow.noun}: as it stands",
                lambda call: self._show(workflow, call),
                shown,
                tag,
            ),
        ]
        if workflow.ending:
            routes.append(
                Route(
                    "DELETE",
                    f"{path}/{{operation}}",
                    f"end{workflow.noun}",
                    workflow.ending,
                    lambda call: self._end(workflow, call),
                    {
                        200: RouteResponse("Over.", OperationResource),
                        202: RouteResponse("Being ended.", OperationResource),
                    },
                    tag,
                    query=WaitQuery,
                    problems=(409, 502),
                )
            )
        return routes

    async def _start(
        self, workflow: type[Workflow], call: ApiCall[WaitQuery, BaseModel]
    ) -> web.StreamResponse:
        request = call.body.model_dump(mode="json", by_alias=True, exclude_unset=True)
        operation_id = key_of(call, _taken_id(request), "operation_id") or self._draw_id()
        wait_s = min(call.query.wait, self._settings.wait_max_s)
        view = await self._port.start(workflow.kind, operation_id, request, wait_s)
        if view.status == "failed":
            raise _failed(view)
        where = f"/v1/{workflow.path}/{view.operation_id}"
        status = 202 if view.status in ("running", "deferred") else 201
        return answer(OperationResource.of(view), status, {"Location": where})

    async def _list(self, kind: str | None, call: ApiCall[ListQuery, None]) -> web.StreamResponse:
        views = self._port.views(kind, call.query.limit)
        return answer(OperationList(operations=[OperationResource.of(view) for view in views]))

    async def _show(
        self, workflow: type[Workflow], call: ApiCall[None, None]
    ) -> web.StreamResponse:
        return answer(OperationResource.of(await self._of(workflow, call.part("operation"))))

    async def _end(
        self, workflow: type[Workflow], call: ApiCall[WaitQuery, None]
    ) -> web.StreamResponse:
        view = await self._of(workflow, call.part("operation"))
        wait_s = min(call.query.wait, self._settings.wait_max_s)
        view = await self._port.end(view.operation_id, wait_s)
        return answer(OperationResource.of(view), 202 if view.ending else 200)

    async def _of(self, workflow: type[Workflow], operation_id: str) -> OperationView:
        view = await self._port.view(operation_id)
        if view.kind != workflow.kind:
            raise NotFound(f"that operation is of the kind {view.kind}, not {workflow.kind}")
        return view

    @property
    def _port(self) -> Operations:
        if self._operations is None:
            raise CommandError(
                "this daemon does not use the platform's REST API", code="not_configured"
            )
        return self._operations


def _taken_id(request: dict[str, Any]) -> str:
    """The caller's id, if the body has one; it is not part of the operation's request."""
    if "operation_id" not in request:
        return ""
    found = request.pop("operation_id")
    if not isinstance(found, str) or not is_command_id(found):
        raise Problem(
            422,
            "invalid",
            "operation_id: must be 1 to 128 letters, digits and . _ ~ : @ + -",
            field="operation_id",
        )
    return found


def _failed(view: OperationView) -> Problem:
    problem = view.problem or {}
    code, detail = (
        str(problem.get("code", "failed")),
        str(problem.get("message", "the operation failed")),
    )
    correlation_id = str(problem.get("correlation_id") or "")
    platform = {**problem, "platform_status": problem.get("status")}
    if code.startswith("platform"):
        return platform_problem(
            code, detail, problem.get("status"), correlation_id, platform=platform
        )
    field = str(problem.get("field") or "")
    return Problem(
        status_of(code), code, detail, field=field, correlation_id=correlation_id, platform=platform
    )
