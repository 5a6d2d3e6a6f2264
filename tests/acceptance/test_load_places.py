"""`guestd load` and `guestd test` at a wrong place: what answers there is said, and what to name."""

from __future__ import annotations

import pytest

from .conftest import Program
from .load_harness import guestd


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    path = tmp_path_factory.mktemp("places") / "talk.yml"
    path.write_text("scenarios:\n  Talk:\n    - say: hello\n")
    return path


@pytest.fixture(scope="module", params=["", "0123456789abcdef0123456789abcdef"])
def daemon(request):
    env = {"GUESTD_API__TOKEN": request.param} if request.param else None
    program = Program("serve", "--port", "0", env=env)
    yield program.url()
    program.end()


@pytest.mark.parametrize("command", ["load", "test"])
def test_a_daemon_that_is_named_as_the_emulator_is_told_as_that(daemon, talk, command):
    done = guestd(command, talk, "--emulator", daemon)
    assert done.code == 78
    assert f"what answers at {daemon} is a guestd daemon, not an emulator" in done.err
    assert "name its emulator, http://127.0.0.1:" in done.err
    assert f"--daemon {daemon}" in done.err


def test_where_no_daemon_answers_the_option_of_the_command_is_named(talk):
    done = guestd("load", talk, "--daemon", "http://127.0.0.1:1")
    assert done.code == 69
    assert "; start guestd serve, or name another with --daemon" in done.err
