"""Parses a request into validated values, or a problem that names the field: query, body, media
type, size and depth."""

from __future__ import annotations

from json import JSONDecodeError
from typing import Any, get_origin

from aiohttp import web
from pydantic import BaseModel, ValidationError

from ...model import json_values
from ...model.ids import is_command_id
from ...model.validation_messages import field_errors, first_of
from ..media_type import media_type_of
from ..problems import Problem
from .body_reader import BodyReader
from .routes import ApiCall, Route
from .schemas import NoFields


async def parse(request: web.Request, route: Route, bodies: BodyReader) -> ApiCall[Any, Any]:
    """Raises Problem: 400, 408, 413, 415 or 422."""
    query = _query(request, route.query)
    key = request.headers.get("Idempotency-Key") if route.keyed else None
    if key is not None and not is_command_id(key):
        raise Problem(
            422,
            "invalid",
            "Idempotency-Key: must be 1 to 128 letters, digits and . _ ~ : @ + -",
            field="Idempotency-Key",
        )
    body: BaseModel | None = None
    if route.body is not None:
        body = _body(request, route.body, await _json_text(request, bodies))
    elif request.method != "GET" and not route.streams and (raw := await bodies.read(request)):
        _body(request, NoFields, raw)
    return ApiCall(request, query, body, key or "")


def _query(request: web.Request, model: type[BaseModel] | None) -> BaseModel | None:
    given: dict[str, str] = {}
    for name, value in request.query.items():
        if name in given:
            raise _given_twice(name, model)
        given[name] = value
    if model is None:
        if given:
            field = f"query.{next(iter(given))}"[:100]
            detail = f"{field}: this path has no query parameters; leave it out"
            raise Problem(422, "invalid", detail, field=field)
        return None
    try:
        return model.model_validate_strings(given)
    except ValidationError as error:
        raise _invalid(error, model, "query") from None


def _given_twice(name: str, model: type[BaseModel] | None) -> Problem:
    known = model.model_fields.get(name) if model is not None else None
    is_list = known is not None and get_origin(known.annotation) is tuple
    remedy = "separate values with commas" if is_list else "give it once"
    field = f"query.{name}"[:100]
    return Problem(422, "invalid", f"{field}: is given twice; {remedy}", field=field)


async def _json_text(request: web.Request, bodies: BodyReader) -> bytes:
    _check_json(request)  # before it is read: it may be long
    return await bodies.read(request)


def _check_json(request: web.Request) -> None:
    if media_type_of(request) != "application/json":
        raise Problem(
            415, "unsupported_media_type", "send JSON, with Content-Type: application/json"
        )


def _body(request: web.Request, model: type[BaseModel], raw: bytes) -> BaseModel:
    _check_json(request)
    try:
        found = json_values.loads(raw)
    except JSONDecodeError as error:
        raise Problem(400, "bad_json", f"the body is not JSON: {error.msg}") from None
    if json_values.exceeds_depth(found):
        raise Problem(
            400, "bad_json", f"the body is nested deeper than {json_values.DEPTH_MAX} levels"
        )
    if (fault := json_values.fault_in(found)) is not None:
        field = json_values.printable(".".join(fault.path), 200)
        raise Problem(422, "invalid", f"{field or 'the body'} {fault.reason}", field=field)
    try:
        return model.model_validate(found)
    except ValidationError as error:
        raise _invalid(error, model) from None


def _invalid(error: ValidationError, model: type[BaseModel], place: str = "") -> Problem:
    found = field_errors(error, model, place)
    field, detail = first_of(found)
    words = (detail if field else f"the body: {detail}")[:500]
    return Problem(422, "invalid", words, field=field[:200], errors=found)
