"""The platform's REST side: guests, messaging sessions, injections, prompts, adoption. One resource
each, all alike.

Each is a durable operation with an id of the asker's: asked for again with the same id and the same
request, it is the same operation. POST begins it and waits at most `?wait=`; what is not over by
then is answered 202 and asked for later."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
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

from ...model.errors import CommandError, NotFound
from ...model.ports import Operations, OperationView
from ...operations.requests import REQUESTS
from ..problems import Problem, platform_problem, status_of
from ..settings import ApiSettings
from .commands import LOCATION, key_of
from .parsing import KEY_PATTERN
from .routes import ApiCall, Route, RouteResponse, answer
from .schemas import CommandId, QueryParameters

_WAIT = re.compile(r"(\d{1,4}(?:\.\d{1,3})?)(ms|s|m)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0}


def _wait(value: object) -> object:
    found = _WAIT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("is a duration such as 5s, 500ms or 1m")
    return float(found[1]) * _SECONDS[found[2] or "s"]


Wait = Annotated[
    float,
    BeforeValidator(_wait),
    WithJsonSchema(
        {"type": "string", "pattern": r"^\d{1,4}(\.\d{1,3})?(ms|s|m)?$", "default": "0s"}
    ),
]


class WaitQuery(QueryParameters):
    wait: Wait = Field(
        default=0.0, description="How long to wait for its end, such as 5s; api.wait_max_s at most."
    )


class ListQuery(QueryParameters):
    limit: int = Field(default=100, ge=1, le=1000)


class OperationResource(BaseModel):
    """A REST operation as it stands. `problem` says why it failed; nothing secret is in it."""

    model_config = ConfigDict(title="Operation")

    operation_id: str
    kind: str
    status: Literal["running", "deferred", "succeeded", "failed", "uncertain"]
    step: str
    request: dict[str, Any]
    result: dict[str, Any]
    problem: dict[str, Any] | None
    started_ms: int

    @classmethod
    def of(cls, view: OperationView) -> OperationResource:
        return cls.model_validate(view, from_attributes=True)


class OperationList(BaseModel):
    """Those under way and those lately over, newest first."""

    operations: list[OperationResource]


class AnyRequest(RootModel[dict[str, Any]]):
    """What the operation is to do; checked when it is begun. `operation_id` may be among it."""

    model_config = ConfigDict(title="OperationRequest")


@dataclass(slots=True, frozen=True)
class Kind:
    """`name` in the port, `path` and `noun` in the API; `ending` says what DELETE does, "": there
    is nothing to end."""

    name: str
    path: str
    noun: str
    summary: str
    ending: str = ""

    def shown_body(self) -> type[BaseModel]:
        """The kind's own model, and the asker's id beside it."""
        model = REQUESTS[self.name]
        return create_model(
            f"{self.noun}Request", __base__=model, __doc__=model.__doc__, operation_id=_OPERATION_ID
        )


_OPERATION_ID: Any = (
    CommandId,
    Field(default_factory=str, alias="operation_id", description="Yours, for asking again safely."),
)

KINDS = (
    Kind("guest", "guests", "Guest", "Create a guest in its three steps (SESS-7)"),
    Kind(
        "messaging",
        "messaging-sessions",
        "MessagingSession",
        "Open a messaging session (SESS-1)",
        "End it (SESS-6)",
    ),
    Kind("injection", "injections", "Injection", "Inject messages into an interaction (INJ-1)"),
    Kind(
        "prompt",
        "prompts",
        "Prompt",
        "Show an agent-assist prompt (ASSIST-1)",
        "Give up a deferred prompt",
    ),
    Kind("adoption", "adoption", "Adoption", "Compute adoption rates (ASSIST-4)"),
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
        return [every, *(route for kind in KINDS for route in self._of_kind(kind))]

    def _of_kind(self, kind: Kind) -> list[Route]:
        path, tag = f"/v1/{kind.path}", "operations"
        begun = {
            201: RouteResponse("Done.", OperationResource, LOCATION),
            202: RouteResponse("Under way, or deferred.", OperationResource, LOCATION),
        }
        shown = {200: RouteResponse("As it stands.", OperationResource)}
        routes = [
            Route(
                "POST",
                path,
                f"start{kind.noun}",
                kind.summary,
                lambda call: self._start(kind, call),
                begun,
                tag,
                query=WaitQuery,
                body=AnyRequest,
                shown_body=kind.shown_body(),
                problems=(409, 502),
                keyed=True,
            ),
            Route(
                "GET",
                path,
                f"list{kind.noun}s",
                f"{kind.noun}: those under way and lately over",
                lambda call: self._list(kind.name, call),
                {200: RouteResponse("Newest first.", OperationList)},
                tag,
                query=ListQuery,
            ),
            Route(
                "GET",
                f"{path}/{{operation}}",
                f"show{kind.noun}",
                f"{kind.noun}: as it stands",
                lambda call: self._show(kind, call),
                shown,
                tag,
            ),
        ]
        if kind.ending:
            routes.append(
                Route(
                    "DELETE",
                    f"{path}/{{operation}}",
                    f"end{kind.noun}",
                    kind.ending,
                    lambda call: self._end(kind, call),
                    {200: RouteResponse("Asked to end.", OperationResource)},
                    tag,
                    problems=(409, 502),
                )
            )
        return routes

    async def _start(self, kind: Kind, call: ApiCall[WaitQuery, BaseModel]) -> web.StreamResponse:
        request = call.body.model_dump(mode="json", by_alias=True, exclude_unset=True)
        operation_id = key_of(call, _taken_id(request)) or self._draw_id()
        wait_s = min(call.query.wait, self._settings.wait_max_s)
        view = await self._port.start(kind.name, operation_id, request, wait_s)
        if view.status == "failed":
            raise _failed(view)
        where = f"/v1/{kind.path}/{view.operation_id}"
        status = 202 if view.status in ("running", "deferred") else 201
        return answer(OperationResource.of(view), status, {"Location": where})

    async def _list(self, kind: str | None, call: ApiCall[ListQuery, None]) -> web.StreamResponse:
        views = self._port.views(kind, call.query.limit)
        return answer(OperationList(operations=[OperationResource.of(view) for view in views]))

    async def _show(self, kind: Kind, call: ApiCall[None, None]) -> web.StreamResponse:
        return answer(OperationResource.of(self._of(kind, call.part("operation"))))

    async def _end(self, kind: Kind, call: ApiCall[None, None]) -> web.StreamResponse:
        view = self._of(kind, call.part("operation"))
        return answer(OperationResource.of(await self._port.end(view.operation_id)))

    def _of(self, kind: Kind, operation_id: str) -> OperationView:
        view = self._port.view(operation_id)
        if view.kind != kind.name:
            raise NotFound(f"that operation is of the kind {view.kind}, not {kind.name}")
        return view

    @property
    def _port(self) -> Operations:
        if self._operations is None:
            raise CommandError(
                "this daemon does not speak to the platform's REST side", code="not_configured"
            )
        return self._operations


def _taken_id(request: dict[str, Any]) -> str:
    """The asker's id, if the body has one; it is no part of what the operation is to do."""
    if "operation_id" not in request:
        return ""
    found = request.pop("operation_id")
    if not isinstance(found, str) or not KEY_PATTERN.match(found):
        raise Problem(
            422, "invalid", "is 1 to 128 letters, digits and . _ ~ : @ + -", field="operation_id"
        )
    return found


def _failed(view: OperationView) -> Problem:
    problem = view.problem or {}
    code, detail = str(problem.get("code", "failed")), str(problem.get("message", "it failed"))
    correlation_id = str(problem.get("correlation_id") or "")
    told = {**problem, "platform_status": problem.get("status")}
    if code.startswith("platform"):
        return platform_problem(code, detail, problem.get("status"), correlation_id, told=told)
    field = str(problem.get("field") or "")
    return Problem(
        status_of(code), code, detail, field=field, correlation_id=correlation_id, told=told
    )
