"""The named statements of `queries.sql`, and the migrations beside them."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any

_NAME = re.compile(r"^-- (\w+)\n((?:(?!^-- ).*\n?)+)", re.MULTILINE)


@cache
def queries() -> dict[str, str]:
    text = (files(__package__) / "queries.sql").read_text()
    return {name: statement.strip() for name, statement in _NAME.findall(text) if statement.strip()}


@cache
def migrations() -> tuple[str, ...]:
    """In order; the n-th one brings the database to user_version n."""
    folder: Any = files(__package__) / "migrations"
    found = sorted(
        (one for one in folder.iterdir() if one.name.endswith(".sql")), key=lambda one: one.name
    )
    return tuple(one.read_text() for one in found)
