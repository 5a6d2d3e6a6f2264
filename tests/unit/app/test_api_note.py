"""What `guestd config check` says of a control API that nobody can reach."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from guestd.app.api_note import api_notes
from guestd.app.cli import app
from guestd.app.config import Config


def test_an_api_that_is_served_nowhere_is_spoken_of(tmp_path):
    path = tmp_path / "guestd.toml"
    path.write_text("[api]\ntcp = false\n")
    done = CliRunner().invoke(app, ["config", "check", "-c", str(path), "--json"])
    (note,) = json.loads(done.stdout)["notes"]
    assert done.exit_code == 0 and "the control API (/v1) is served nowhere; name a socket" in note


@pytest.mark.parametrize("api", [{}, {"tcp": False, "unix_socket": "/run/guestd/api.sock"}])
def test_else_there_is_nothing_to_say(api):
    assert api_notes(Config.model_validate({"api": api})) == []
