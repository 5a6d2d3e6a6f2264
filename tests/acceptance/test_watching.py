"""Commands that a person watches end by q or Ctrl-C with 0; reading commands find what has ended."""

from __future__ import annotations

import json
import signal
import time

import pytest
from typer.testing import CliRunner

from guestd.app.cli import app

from .conftest import Program
from .test_chat import Person


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """Of a daemon with a journal on disk, in which `ana` has ended twice and `bo` lives."""
    place = tmp_path_factory.mktemp("watching")
    path = place / "guestd.toml"
    path.write_text(f'[journal]\ndirectory = "{place}"\n[emulator]\nagent = "echo"\n')
    program = Program("serve", "-c", str(path), "--port", "0")
    try:
        found = program.url()
        for text in ("the first", "the second"):
            assert guestd(found, "sessions", "open", "ana")[0] == 0
            assert guestd(found, "send", "ana", text)[0] == 0
            assert guestd(found, "sessions", "end", "ana")[0] == 0
            until(lambda: guestd(found, "sessions", "list", "--search", "ana")[1] == "")
        assert guestd(found, "sessions", "open", "bo")[0] == 0
        yield found
    finally:
        program.end()


def guestd(url, *arguments):
    """(exit code, standard output, standard error)"""
    env = {"GUESTDCTL_URL": url, "NO_COLOR": "1", "COLUMNS": "200"}
    done = CliRunner().invoke(app, list(arguments), env=env)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


def until(condition, timeout_s=120.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# ------------------------------------------------------------------ what has ended


def test_the_transcript_of_a_name_that_ended_is_the_newest(url):
    code, out, err = guestd(url, "sessions", "transcript", "ana")
    assert code == 0 and "the second" in out and "the first" not in out
    newest = json.loads(guestd(url, "sessions", "show", "ana", "--json")[1])["session_id"]
    assert err.startswith("guestd: ana has ended, ") and newest in err
    assert guestd(url, "sessions", "transcript", newest)[2] == "", "by its id nothing is guessed"


def test_what_has_ended_is_shown_and_followed_too(url):
    code, out, err = guestd(url, "sessions", "show", "ana", "--json")
    assert code == 0 and json.loads(out)["state"] == "ended" and "ana has ended" in err
    newest = json.loads(out)["session_id"]
    assert json.loads(guestd(url, "sessions", "show", newest, "--json")[1])["name"] == "ana"
    code, out, err = guestd(url, "sessions", "follow", "ana")
    assert code == 0 and "the second" in out and "ana has ended" in err


def test_what_has_ended_waits_for_nothing(url):
    code, out, err = guestd(url, "explain", "ana")
    assert (code, out) == (1, "") and "waits for nothing; guestd sessions transcript ana" in err
    code, _, err = guestd(url, "explain", "ana", "--json")
    assert json.loads(err)["code"] == "ended"


@pytest.mark.parametrize("command", ["transcript", "show", "follow"])
def test_a_name_that_never_was_is_not_found(url, command):
    code, out, err = guestd(url, "sessions", command, "zoe")
    assert (code, out) == (1, "") and "not_found" in err and "zoe" in err


def test_a_seq_beyond_the_end_is_refused_of_the_living_and_of_the_ended(url):
    for name in ("ana", "bo"):
        code, out, err = guestd(url, "sessions", "transcript", name, "--after", "500")
        assert (code, out) == (1, "") and "unknown_since (query.after): after is 500" in err


# ------------------------------------------------------------------ q and Ctrl-C


@pytest.mark.parametrize("key", ["q", "Ctrl-C"])
@pytest.mark.parametrize("command", ["top", "sessions list --watch"])
def test_a_person_who_has_seen_enough_leaves_with_0(url, command, key):
    person = Person(*command.split(), "--url", url)
    try:
        person.sees("bo")
        if key == "q":
            person.types(key)
        else:  # the terminal is not its controlling one, which would send the signal
            person.child.send_signal(signal.SIGINT)
        assert person.child.wait(60) == 0
        assert "Traceback" not in person.screen()
    finally:
        person.go()


@pytest.mark.parametrize("command", ["sessions follow bo", "frames bo --follow"])
def test_ctrl_c_is_the_ordinary_end_of_following(url, run, command):
    guestd(url, "frames", "bo")  # they are kept from now on
    program = run(*command.split(), "--url", url)
    guestd(url, "send", "bo", "hello")
    until(lambda: program.out)
    program.interrupt(signal.SIGINT)
    assert program.wait() == 0 and not program.err
