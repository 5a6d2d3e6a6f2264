"""The JSON Schema of scenario files, made of the tables of keys.

For editors: the first line of a file that `guestd load init` writes names it. guestd itself checks
more than a schema can say."""

from __future__ import annotations

import json

from .file_keys import FILE
from .kinds import Json
from .step_values import step_schema

#: What editors of YAML read.
DRAFT = "http://json-schema.org/draft-07/schema#"

FILE_NAME = "guestd-scenario.schema.json"


def scenario_schema() -> Json:
    return {
        "$schema": DRAFT,
        "title": "guestd scenarios",
        "description": "A scenario file of guestd load and guestd test.",
        **FILE.schema(),
        "definitions": {"step": step_schema()},
    }


def scenario_schema_text() -> str:
    return json.dumps(scenario_schema(), indent=2, ensure_ascii=False) + "\n"
