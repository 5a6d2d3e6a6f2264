"""The OpenAPI 3.1 document, written from the table of routes and the models they check with: it
cannot say anything else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from .. import __version__
from ..model.ids import COMMAND_ID_PATTERN
from .event_schemas import add_meanings
from .problems import MEDIA_TYPE, ProblemDocument

if TYPE_CHECKING:
    from .control.routes import Route, RouteResponse

Json = dict[str, Any]

_REF = "#/components/schemas/{model}"

#: Names of components that clients know, where the model has a longer one in the code.
_COMPONENT_NAMES = {
    "CommandAccepted": "Accepted",
    "ContextBody": "SetContext",
    "OperationResource": "Operation",
}

#: What any route may answer beside its own; those that may have a body, a key in a path.
_COMMON = (400, 403, 421, 422, 500, 503)
_WITH_BODY = (408, 413, 415, 429)
_WITH_KEY = (404, 429)


_HEADERS_OF = {
    401: {"WWW-Authenticate": "How to authenticate."},
    429: {"Retry-After": "Seconds to wait."},
    503: {"Retry-After": "Seconds to wait."},
}

_NOT_HTTP = (
    "What cannot be read as HTTP, such as an address of more than 8190 bytes; the connection is"
    " closed."
)

_ABOUT = """Guest sessions of Genesys Cloud web messaging, for other programs.

Commands are answered 202 once they are durable; the same command_id again gets the same answer
again. Every refusal is a problem document (RFC 9457) with a stable `code`."""


class _SchemaGenerator(GenerateJsonSchema):
    def normalize_name(self, name: str) -> str:
        found = super().normalize_name(name)
        return _COMPONENT_NAMES.get(found, found)


def document(routes: Sequence[Route], *, has_token: bool) -> bytes:
    """The document as JSON."""
    schemas, components = _schemas(routes)
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(
            route, schemas, has_token
        )
    found: Json = {
        "openapi": "3.1.0",
        "info": {"title": "guestd", "version": __version__, "description": _ABOUT},
        "paths": paths,
        "components": {"schemas": components},
    }
    if has_token:
        found["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
        found["security"] = [{"bearer": []}]
    return orjson.dumps(found)


def _schemas(routes: Sequence[Route]) -> tuple[dict[Any, Json], Json]:
    """A reference for every model and the way it goes, and what they refer to."""
    wanted: dict[tuple[type[BaseModel], Any], None] = {(ProblemDocument, "serialization"): None}
    for route in routes:
        if route.body is not None:
            wanted[(route.shown_body or route.body, "validation")] = None
        for outcome in route.outcomes.values():
            if _is_model(outcome.model):
                wanted[(outcome.model, "serialization")] = None
    references, definitions = models_json_schema(
        list(wanted), ref_template=_REF, schema_generator=_SchemaGenerator
    )
    found = definitions.get("$defs", {})
    add_meanings(found)
    return dict(references.items()), found


def _is_model(model: Any) -> bool:
    return isinstance(model, type) and issubclass(model, BaseModel)


def _operation(route: Route, schemas: dict[Any, Json], has_token: bool) -> Json:
    found: Json = {"operationId": route.name, "summary": route.summary, "tags": [route.tag]}
    parameters = [*_path_parameters(route), *_query_parameters(route), *_key_parameter(route)]
    if parameters:
        found["parameters"] = parameters
    if has_token and route.public:
        found["security"] = []
    if route.body is not None:
        content = {
            "application/json": {"schema": schemas[(route.shown_body or route.body, "validation")]}
        }
        found["requestBody"] = {"required": True, "content": content}
    elif route.streams:
        content = {media: {"schema": schema} for media, schema in route.streams.items()}
        found["requestBody"] = {"required": True, "content": content}
    answers = {
        str(status): _outcome(outcome, schemas) for status, outcome in route.outcomes.items()
    }
    problems = {
        str(status): _problem(status, schemas) for status in sorted(_problems_of(route, has_token))
    }
    found["responses"] = answers | problems
    return found


def _path_parameters(route: Route) -> Iterator[Json]:
    for name in re.findall(r"{(\w+)}", route.path):
        schema = {"type": "string", "pattern": COMMAND_ID_PATTERN}
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameters(route: Route) -> Iterator[Json]:
    if route.query is None:
        return
    for name, schema in route.query.model_json_schema()["properties"].items():
        parameter = {"name": name, "in": "query", "required": False, "schema": schema}
        if schema.get("type") == "array":  # `state=live,resting`
            parameter |= {"style": "form", "explode": False}
        if "description" in schema:
            parameter["description"] = schema.pop("description")
        yield parameter


def _key_parameter(route: Route) -> Iterator[Json]:
    if route.keyed:
        text = "Yours, for asking again safely: the same key, the same answer."
        schema = {"type": "string", "pattern": COMMAND_ID_PATTERN}
        yield {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "schema": schema,
            "description": text,
        }


def _outcome(outcome: RouteResponse, schemas: dict[Any, Json]) -> Json:
    found: Json = {"description": outcome.text}
    if outcome.model is not None:
        schema = (
            schemas[(outcome.model, "serialization")]
            if _is_model(outcome.model)
            else {"type": "object"}
        )
        found["content"] = {"application/json": {"schema": schema}}
    for media, text in outcome.media.items():
        found.setdefault("content", {})[media] = {"schema": {"type": "string", "description": text}}
    return found | _headers(outcome.headers)


def _problem(status: int, schemas: dict[Any, Json]) -> Json:
    content: Json = {MEDIA_TYPE: {"schema": schemas[(ProblemDocument, "serialization")]}}
    if status == 400:
        content["text/plain"] = {"schema": {"type": "string", "description": _NOT_HTTP}}
    return {"description": "A problem.", "content": content} | _headers(_HEADERS_OF.get(status, {}))


def _headers(headers: Any) -> Json:
    if not headers:
        return {}
    return {
        "headers": {
            name: {"description": text, "schema": {"type": "string"}}
            for name, text in headers.items()
        }
    }


def _problems_of(route: Route, has_token: bool) -> set[int]:
    found = {*_COMMON, *route.problems}
    if has_token and not route.public:
        found.add(401)
    if route.method != "GET":
        found.update(_WITH_BODY)
    if route.keyed:
        found.add(409)
    if "{" in route.path or route.tag == "operations":
        found.update(_WITH_KEY)
    return found
