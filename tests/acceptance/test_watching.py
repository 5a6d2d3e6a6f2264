"""Commands that a person watches end by q or Ctrl-C with 0; reading commands find what has ended."""

from __future__ import annotations

import contextlib
import http.server
import json
import signal
import threading
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


@pytest.mark.parametrize("more", [[], ["--follow"]])
def test_frames_of_what_has_ended_are_not_kept(url, more):
    code, out, err = guestd(url, "frames", "ana", *more)
    assert (code, out) == (1, "") and err.count("\n") == 1
    assert "its frames are not kept; guestd sessions transcript ana shows" in err


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


# ------------------------------------------------------------------ a daemon that goes away


class Restarted:
    """A daemon that is stopped and started again at one port, with the journal of before."""

    def __init__(self, run, place):
        self._run, self._place = run, place
        self._program = None
        self.url = ""

    def start(self, api=""):
        path = self._place / "guestd.toml"
        path.write_text(
            f'[journal]\ndirectory = "{self._place}"\n[emulator]\nagent = "echo"\n[api]\n{api}\n'
        )
        port = self.url.rpartition(":")[2] or "0"
        self._program = self._run("serve", "-c", str(path), "--port", port)
        self.url = self._program.url()

    def stop(self):
        self._program.interrupt(signal.SIGTERM)
        assert self._program.wait() == 0


@pytest.fixture
def daemon(run, tmp_path):
    found = Restarted(run, tmp_path)
    found.start()
    assert guestd(found.url, "sessions", "open", "bo")[0] == 0
    return found


WATCHES = ["top --every 0.5s", "sessions list --watch"]


@pytest.mark.parametrize("command", WATCHES)
def test_a_daemon_that_goes_away_is_waited_for(daemon, command):
    person = Person(*command.split(), "--url", daemon.url)
    try:
        person.sees("bo")
        daemon.stop()
        person.sees(f"guestd at {daemon.url} does not answer")
        person.sees("no answer since ")
        person.sees(", trying again; q or Ctrl-C leaves")
        daemon.start()
        assert guestd(daemon.url, "sessions", "open", "cy")[0] == 0
        person.sees("cy")
        after = person.screen().rpartition("cy")[2]
        assert "does not answer" not in after and "no answer" not in after
        person.types("q")
        assert person.child.wait(60) == 0
    finally:
        person.go()


@contextlib.contextmanager
def proxy_without_daemon(url):
    """At the daemon's port, what a reverse proxy answers in its place."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(502)

        def log_message(self, *_):
            pass

    place = ("127.0.0.1", int(url.rpartition(":")[2]))
    with http.server.ThreadingHTTPServer(place, Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("command", WATCHES)
def test_a_daemon_that_is_away_behind_a_proxy_is_waited_for(daemon, command):
    person = Person(*command.split(), "--url", daemon.url)
    try:
        person.sees("bo")
        daemon.stop()
        with proxy_without_daemon(daemon.url):
            person.sees("does not answer")
            before = person.screen().count("no answer since")
            until(lambda: person.screen().count("no answer since") > before + 2)
        daemon.start()
        assert guestd(daemon.url, "sessions", "open", "cy")[0] == 0
        person.sees("cy")
    finally:
        person.go()


@pytest.mark.parametrize("command", WATCHES)
def test_q_leaves_while_the_daemon_is_away(daemon, command):
    person = Person(*command.split(), "--url", daemon.url)
    try:
        person.sees("bo")
        daemon.stop()
        person.sees("does not answer")
        person.types("q")
        assert person.child.wait(60) == 0
    finally:
        person.go()


@pytest.mark.parametrize("command", WATCHES)
def test_a_daemon_that_comes_back_and_refuses_ends_the_watching(daemon, command):
    person = Person(*command.split(), "--url", daemon.url)
    try:
        person.sees("bo")
        daemon.stop()
        daemon.start(f'token = "{"t" * 32}"')
        assert person.child.wait(60) == 1
        person.sees("the daemon asks for a token")
    finally:
        person.go()


@pytest.mark.parametrize("command", WATCHES)
def test_a_daemon_that_never_answered_is_not_waited_for(daemon, command):
    daemon.stop()
    person = Person(*command.split(), "--url", daemon.url)
    try:
        assert person.child.wait(60) == 69
        person.sees("no guestd answers at")
    finally:
        person.go()
