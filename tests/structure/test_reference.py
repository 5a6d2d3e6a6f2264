"""The pages under docs/reference/ are what the program says of itself.

TEST_WRITE_DOCS=1 .venv/bin/python -m pytest tests/structure/test_reference.py
writes them anew.
"""

from __future__ import annotations

import json
import os
import re
from importlib.metadata import version
from pathlib import Path

import jsonschema_rs
import pytest

from guestd.load.scenario.schema import scenario_schema_text
from guestd.model.error_codes import COMMAND_LINE_CODES, ERROR_CODES, LATER, TOKEN_CODES
from tests.structure.reference import (
    cli,
    errors,
    events,
    frames,
    http_api,
    metrics,
    scenario_files,
    thresholds,
)

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
PAGES = {
    "cli.md": cli.page,
    "errors.md": errors.page,
    "events.md": events.page,
    "frames.md": frames.page,
    "http-api.md": http_api.page,
    "openapi.json": http_api.openapi_json,
    "asyncapi-simulator.json": http_api.simulator_json,
    "asyncapi-platform.json": http_api.platform_json,
    "metrics.md": metrics.page,
    "thresholds.md": thresholds.page,
    "scenario-files.md": scenario_files.page,
    "../guestd-scenario.schema.json": scenario_schema_text,
}


#: What other versions of these libraries word otherwise.
WORDED_BY = {"cli.md": "typer", "openapi.json": "pydantic", "asyncapi-simulator.json": "pydantic"}


def is_older_than_locked(library: str) -> bool:
    """As in the run with the oldest versions that are allowed."""
    lock = (REFERENCE.parents[1] / "requirements-dev.lock").read_text()
    locked = re.search(rf"^{library}==([\d.]+)", lock, re.MULTILINE)
    assert locked is not None
    installed = version(library).split(".")[:2]
    return [*map(int, installed)] < [*map(int, locked[1].split(".")[:2])]


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_what_the_program_says(name):
    if name in WORDED_BY and is_older_than_locked(WORDED_BY[name]):
        pytest.skip(f"an older {WORDED_BY[name]} words it otherwise")
    wanted = PAGES[name]()
    if os.environ.get("TEST_WRITE_DOCS"):
        (REFERENCE / name).write_text(wanted)
    assert (REFERENCE / name).read_text() == wanted


def test_every_error_code_of_the_product_is_in_the_table_and_no_other():
    used = set(errors.used_codes()) - NEVER_SHOWN | FROM_ELSEWHERE
    tables = (ERROR_CODES, TOKEN_CODES, COMMAND_LINE_CODES)
    assert used == {code for table in tables for code in table}
    assert sum(map(len, tables)) == len(used), "no code has two meanings"


#: `dial` becomes an ending and a next try, inside the supervisor.
NEVER_SHOWN = {"dial"}
#: Given by a table or a variable.
FROM_ELSEWHERE = {"no_such_route", "method_not_allowed", "platform", "not_found"}


def test_what_may_be_asked_again_is_never_called_the_callers_mistake():
    """A client or a proxy that knows only the status tries again after these."""
    worth_retrying = [code for code, one in ERROR_CODES.items() if one.retry == LATER]
    said = {status for code in worth_retrying for status in errors.statuses(code).split(", ")}
    assert said == {"408", "409", "429", "502", "503"}


def test_every_default_of_the_control_api_fits_its_schema():
    document = json.loads(http_api.openapi_json())
    found = list(with_default(document))
    assert len(found) > 100
    for schema in found:
        whole = {**schema, "components": document["components"]}
        assert jsonschema_rs.validator_for(whole).is_valid(schema["default"]), schema


def with_default(node):
    """All schemas that have a default."""
    if isinstance(node, dict):
        if "default" in node and not isinstance(node["default"], dict):
            yield node
        node = list(node.values())
    if isinstance(node, list):
        for one in node:
            yield from with_default(one)


def test_the_control_api_answers_media_types_that_a_generator_reads():
    document = json.loads(http_api.openapi_json())
    answers = [
        answer
        for path in document["paths"].values()
        for operation in path.values()
        for answer in operation["responses"].values()
    ]
    assert not {media for one in answers for media in one.get("content", {}) if "*" in media}
