"""README.md is one screen: what guestd is, two commands, one picture, and where to go on."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text()

LINES_MAX = 60
COLUMNS_MAX = 100


def test_it_is_one_screen_that_fits_any_terminal():
    lines = TEXT.splitlines()
    assert len(lines) <= LINES_MAX
    assert [line for line in lines if len(line) > COLUMNS_MAX] == []


def test_it_has_two_commands_and_one_picture():
    (block,) = re.findall(r"^```sh\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    commands = [line.partition("#")[0].strip() for line in block.splitlines()]
    assert commands == ["make run", ".venv/bin/guestd chat"]
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", TEXT)
    assert (ROOT / picture).is_file()


def test_it_leads_to_every_kind_of_user_and_every_example():
    kinds = re.findall(r"^- \*\*([^*]+)\*\*", TEXT, re.MULTILINE)
    assert kinds == [
        "Frontend developers",
        "Test authors",
        "Authors of bots and backends",
        "Owners of a service",
        "Load testers",
    ]
    examples = (ROOT / "examples" / "README.md").read_text()
    folders = [one for one in (ROOT / "examples").iterdir() if one.is_dir()]
    assert folders and all(f"**[{one.name}/](" in examples for one in folders)
    too_long = [line for line in examples.splitlines() if len(line) > COLUMNS_MAX]
    assert too_long == []
