"""`guestd config check` and `show`: which file they look at."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from guestd.app.cli import app


@pytest.fixture
def path(tmp_path):
    """A configuration that is good."""
    path = tmp_path / "my.toml"
    path.write_text("[simulator]\nport = 4001\n")
    return str(path)


def config(*arguments):
    return CliRunner().invoke(app, ["config", *arguments], env={"COLUMNS": "200"})


def test_the_file_is_an_argument_too(path):
    done = config("check", path)
    assert (done.exit_code, done.stdout) == (0, f"the configuration is good ({path})\n")
    assert "port = 4001" in config("show", path).stdout
    assert config("check", path, "-c", path).exit_code == 0


@pytest.mark.parametrize("command", ["check", "show"])
def test_two_files_are_refused(path, command):
    done = config(command, path, "-c", "other.toml")
    assert done.exit_code == 2
    assert f"{path} and -c other.toml are two files; name one" in done.stderr
