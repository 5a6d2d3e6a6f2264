"""What `--help` shows on a narrow terminal."""

from __future__ import annotations

from itertools import pairwise

import pytest
from typer.testing import CliRunner

from guestd.app.cli import COMMANDS, app


@pytest.mark.parametrize("name", COMMANDS)
def test_a_list_of_commands_breaks_lines_only_where_the_terminal_ends(name, monkeypatch):
    """A line that is followed by another has no room for its first word."""
    shown = CliRunner(env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"}).invoke(app, [name, "--help"])
    assert shown.exit_code == 0
    table = shown.output.partition("─ Commands ─")[2].partition("╰")[0]
    rows = [line[2:-1] for line in table.splitlines()[1:]]
    for row, following in pairwise(rows):
        if following.startswith("  "):
            assert len(row.rstrip()) + 1 + len(following.split()[0]) > len(row) - 1, row
