"""What the commands that read files say when those are missing, older, or somebody else's."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from guestd.app.cli import app
from guestd.journal import database

GOLDEN = Path(__file__).parents[1] / "contracts" / "golden"


def guestd(*arguments):
    done = CliRunner().invoke(app, [str(one) for one in arguments], input="{}")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize("command", ["journal info", "webhooks list", "webhooks replay --all-dead"])
@pytest.mark.parametrize("form", ["journal-form-1.sqlite3", "journal-form-2.sqlite3"])
def test_a_journal_of_an_older_guestd_is_told_and_left_as_it_is(tmp_path, command, form):
    shutil.copyfile(GOLDEN / form, tmp_path / database.NAME)
    code, out, err = guestd(*command.split(), "-d", tmp_path)
    assert (code, out) == (74, "") and err.count("\n") == 1
    assert "of an older guestd" in err and "guestd serve" in err
    assert (tmp_path / database.NAME).read_bytes() == (GOLDEN / form).read_bytes()


def test_a_journal_of_a_newer_guestd_is_told(tmp_path):
    connection = database.create_or_open(tmp_path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    code, _, err = guestd("journal", "info", "-d", tmp_path)
    assert code == 74 and "has form 99" in err and "newer" in err


def test_a_secret_that_is_not_there_is_no_fault_of_the_journal():
    code, _, err = guestd(
        "webhooks", "verify", "--secret-file", "/no/such/file", "--signature", "t=1,v1=0"
    )
    assert (
        code == 78 and "--secret-file: /no/such/file cannot be read" in err and "Errno" not in err
    )


def test_a_backup_onto_a_file_is_wrong_usage(tmp_path):
    database.create_or_open(tmp_path).close()
    code, _, err = guestd("journal", "backup", "-d", tmp_path, tmp_path / database.NAME)
    assert code == 2 and "is there already" in err
    code, _, _ = guestd("journal", "init", "-d", tmp_path)
    assert code == 2


def test_an_error_is_json_for_who_asked_for_json(tmp_path):
    code, out, err = guestd("journal", "info", "-d", tmp_path, "--json")
    problem = json.loads(err)
    assert (code, out) == (78, "") and problem["exit_code"] == 78 and problem["code"] == "config"
    assert "guestd journal init" in problem["detail"]


@pytest.mark.parametrize("command", ["list", "rotate"])
def test_nobody_is_advised_to_close_a_directory_that_others_live_in(tmp_path, command):
    """`chmod 700 /tmp`, obeyed by root, breaks the machine."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "of-another-program").touch()
    code, _, err = guestd("keys", command, "-d", shared)
    assert code == 78 and "chmod" not in err and "holds no keys" in err


def test_the_emulators_port_is_named_by_its_key(run, config):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        program = run("serve", "--port", "0", "-c", config(f"[emulator]\nport = {port}\n"))
        assert program.wait() == 78
    said = "\n".join(program.err)
    assert f"emulator.port: port {port} is already in use" in said and "Errno" not in said
