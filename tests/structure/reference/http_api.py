"""docs/reference/http-api.md and the documents for programs beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from guestd.api import asyncapi as simulator_document
from guestd.api.control.control import ControlApi, ControlPorts
from guestd.api.control.stream import StreamBounds
from guestd.api.settings import ApiSettings
from guestd.emulator.guest_api import asyncapi as platform_document
from guestd.observe.metrics import Metrics

from .schemas import fields, type_of
from .writing import GENERATED, item, paragraph

INTRODUCTION = f"""\
# HTTP API

{GENERATED} The control API of a daemon, route by
route; how they are used together: [the control API](../control-api.md). A running daemon has a page
to try them: `http://localhost:3000/docs`. For programs: [OpenAPI 3.1](openapi.json), also at
`/v1/openapi.json`.

Any route may also answer 400, 401 (where `api.token` is set), 403, 421, 422, 500 and 503, each as a
[problem document](#problemdocument) with a [code](errors.md).
"""

TITLES = {
    "sessions": "Guest sessions",
    "messages": "Messages and commands",
    "events": "Events",
    "operations": "Operations on the platform's REST side",
    "webhooks": "Webhooks",
    "load": "Load runs",
    "console": "The console",
    "about": "About guestd",
}
ALWAYS = {"400", "401", "403", "421", "422", "500", "503"}

Json = dict[str, Any]


def openapi() -> Json:
    bounds = StreamBounds(events_max=1, bytes_max=1, write_timeout_s=1.0, heartbeat_s=1.0)
    ports = ControlPorts(None, Metrics(), str)  # type: ignore[arg-type]  # none is asked
    found: Json = json.loads(ControlApi(ports, ApiSettings(), bounds)._document())
    return found


def for_programs(data: Json) -> str:
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def openapi_json() -> str:
    return for_programs(openapi())


def simulator_json() -> str:
    return for_programs(simulator_document.as_data())


def platform_json() -> str:
    return for_programs(platform_document.as_data())


def page() -> str:
    document = openapi()
    parts = [INTRODUCTION]
    by_tag: dict[str, list[tuple[str, str, Json]]] = {}
    for path, methods in document["paths"].items():
        for method, one in methods.items():
            by_tag.setdefault(one["tags"][0], []).append((method.upper(), path, one))
    for tag, routes in by_tag.items():
        parts.append(f"## {TITLES.get(tag, tag.capitalize())}\n")
        for method, path, one in routes:
            parts += _route(method, path, one)
    parts.append(
        "## Objects\n\nWhat bodies are made of; events have [a page of their own](events.md).\n"
    )
    for name, schema in document["components"]["schemas"].items():
        if not name.endswith("Event"):
            parts += _object(name, schema)
    return "\n".join(parts).rstrip() + "\n"


def _route(method: str, path: str, one: Json) -> Iterator[str]:
    yield f"### `{method} {path}`\n\n{paragraph(one['summary'] + '.')}\n"
    for parameter in one.get("parameters", []):
        if parameter["in"] != "path":
            place = "header" if parameter["in"] == "header" else "query"
            facts = [place, type_of(parameter["schema"])]
            default = parameter["schema"].get("default")
            if default not in (None, "", False):
                facts.append(f"default `{json.dumps(default)}`")
            yield item(parameter["name"], facts, parameter.get("description", ""))
    if body := one.get("requestBody"):
        yield _media("Body", body["content"])
    answers = one["responses"]
    for status in (status for status in answers if status.startswith("2")):
        yield _answer(status, answers[status])
    if also := [status for status in answers if status >= "4" and status not in ALWAYS]:
        yield f"- also {', '.join(also)}"
    yield ""


def _media(title: str, content: Json) -> str:
    forms = [f"`{media}` {_link(found['schema'])}".rstrip() for media, found in content.items()]
    return f"- {title}: {'; '.join(forms)}"


def _answer(status: str, answer: Json) -> str:
    content = answer.get("content", {})
    objects = [link for found in content.values() if (link := _link(found["schema"]))]
    headers = "".join(f"; header `{name}`" for name in answer.get("headers", {}))
    shown = f" {', '.join(objects)}" if objects else ""
    return f"- **{status}**{shown}: {answer['description'].rstrip('.')}{headers}."


def _link(schema: Json) -> str:
    name = schema.get("$ref", "").rpartition("/")[2]
    return f"[{name}](#{name.lower()})" if name else ""


def _object(name: str, schema: Json) -> Iterator[str]:
    yield f"### {name}\n"
    if about := schema.get("description"):
        yield paragraph(about) + "\n"
    yield from fields(schema)
    yield ""
