"""docs/emulator.md has every route of the admin API and every fault, as the program describes them.

TEST_WRITE_DOCS=1 .venv/bin/python -m pytest tests/structure/test_emulator_docs.py
writes both tables anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from guestd.emulator import Emulator
from guestd.emulator.admin.guest_admin import guest_admin_routes
from guestd.emulator.admin.platform_admin import platform_admin_routes
from guestd.emulator.admin.selection import SELECTION
from guestd.emulator.core.fault_rules import fault_fields

PAGE = Path(__file__).parents[2] / "docs" / "emulator.md"


def routes() -> Iterator[str]:
    yield "| route | what it does | fields |"
    yield "| --- | --- | --- |"
    emulator = Emulator()
    for one in [*guest_admin_routes(emulator), *platform_admin_routes(emulator)]:
        known = [*(one.body or {}).items()]
        chosen = [(name, "") for name in SELECTION] if set(SELECTION) <= set(dict(known)) else []
        fields = [
            *[f"`{name}`" for name, _ in chosen],
            *[f"`{name}`: {text}" for name, text in known if name not in dict(chosen)],
            *[f"`?{name}=`: {text}" for name, text in (one.query or {}).items()],
            *([f"`{one.body_example}`"] if one.body_example else []),
        ]
        text = "; ".join(fields).replace("|", "\\|")
        yield f"| {one.method} `{one.path}` | {one.summary} | {text} |".replace("|  |", "| |")
    yield ""
    for name, text in SELECTION.items():
        yield f"- `{name}`: {text}"


def faults() -> Iterator[str]:
    found = fault_fields()
    yield "| kind | what it does |"
    yield "| --- | --- |"
    yield from (f"| `{kind}` | {one['meaning']} |" for kind, one in found["kinds"].items())
    yield ""
    yield "| field | meaning | default |"
    yield "| --- | --- | --- |"
    for name, one in found["fields"].items():
        default = one.get("default")
        shown = "" if default is None else f"`{default}`"
        yield f"| `{name}` | {one['meaning']} | {shown} |".replace("|  |", "| |")


@pytest.mark.parametrize("write", [routes, faults])
def test_the_page_describes_what_the_program_does(write):
    mark = f"<!-- {write.__name__} -->"
    text = PAGE.read_text()
    table = "\n".join(write())
    wanted = f"{mark}\n{table}\n<!-- end -->"
    if os.environ.get("TEST_WRITE_DOCS"):
        text = re.sub(rf"{mark}\n.*?<!-- end -->", lambda _: wanted, text, flags=re.DOTALL)
        PAGE.write_text(text)
    assert wanted in text
