"""docs/limits.md says the bounds that are in force: constants and configured defaults, each with
its row."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from guestd.app.config import Config
from guestd.model import foreign

PAGE = (Path(__file__).parents[2] / "docs" / "limits.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ")
]
CONSTANTS = {
    name: value
    for name, value in vars(foreign).items()
    if re.fullmatch(r"[A-Z][A-Z_]+_MAX(_S)?", name)
}
KEYS = {key for row in ROWS for key in re.findall(r"`([a-z]+\.[a-z_]+)`", row[-1])}


@pytest.mark.parametrize("name", sorted(CONSTANTS))
def test_every_constant_has_a_row_with_its_value(name):
    rows = [row for row in ROWS if f"`{name}`" in row[-1]]
    assert rows, f"{name} is missing in docs/limits.md"
    assert all(re.search(rf"\b{CONSTANTS[name]:.0f}\b", row[2]) for row in rows)


@pytest.mark.parametrize("key", sorted(KEYS))
def test_every_key_is_one_and_its_default_is_told(key):
    section, _, name = key.partition(".")
    default = getattr(getattr(Config(), section), name)
    rows = [row for row in ROWS if f"`{key}`" in row[-1]]
    if key in (
        "history.retry_s",
        "transport.dial_timeout_s",
        "transport.dns_ttl_s",
        "attachments.file_bytes_max",
    ):
        return  # told in words: such a row's figure is another one
    assert any(re.search(rf"\b{default:.0f}\b", row[2]) for row in rows)


def test_every_row_has_five_cells():
    assert {len(row) for row in ROWS} == {5}


def test_the_historys_patience_is_told():
    history = Config().history
    assert f"({history.retry_s * history.attempts_max:.0f} s)" in PAGE
