"""The commands that talk to a running daemon, against a real one. Most run within this process, for
the time's sake."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
import urllib.request

import pytest
from typer.testing import CliRunner

from guestd.app.cli import app
from guestd.journal import database

from .conftest import Program, forked

TOKEN = "a-token-of-enough-length"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    """(url, socket, token file) of a daemon that asks for a token."""
    place = tmp_path_factory.mktemp("control")
    path, token_file = place / "guestd.toml", place / "token"
    token_file.write_text(f"{TOKEN}\n")
    path.write_text(
        f'[api]\ntoken_file = "{token_file}"\nunix_socket = "{place}/api.sock"\n[emulator]\nagent ='
        ' "echo"\n'
    )
    program = Program("serve", "-c", str(path), "--port", "0")
    try:
        yield program.url(), place / "api.sock", token_file
    finally:
        program.end()


@pytest.fixture
def guestd(daemon):
    """Runs a command against the daemon: (exit code, standard output, standard error)."""
    url, _, token_file = daemon

    def run(*arguments, env=None, stdin=None):
        given = {
            "GUESTDCTL_URL": url,
            "GUESTDCTL_TOKEN": TOKEN,
            "NO_COLOR": "1",
            "COLUMNS": "200",
            **(env or {}),
        }
        done = CliRunner().invoke(app, list(arguments), env=given, input=stdin)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert TOKEN not in done.stdout + done.stderr
        return done.exit_code, done.stdout, done.stderr

    return run


@pytest.fixture
def ana(guestd, request):
    """A live guest session of this test's own."""
    name = f"g{abs(hash(request.node.name)) % 10**9}"
    assert guestd("sessions", "open", name)[0] == 0
    until(lambda: json.loads(guestd("sessions", "show", name, "--json")[1])["state"] == "live")
    return name


def until(condition, timeout_s=120.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class TestSessions:
    def test_open_list_show_end(self, guestd):
        code, out, _ = guestd(
            "sessions", "open", "ben", "--attribute", "tier=gold", "--duration", "10m", "--json"
        )
        session_id = json.loads(out)["session_id"]
        assert code == 0
        until(
            lambda: (
                json.loads(guestd("sessions", "show", session_id, "--json")[1])["state"] == "live"
            )
        )
        code, out, _ = guestd("sessions", "list", "--state", "live")
        assert code == 0 and ["ben", "live", session_id] == [
            out.split("\n")[0].split("\t")[n] for n in (0, 1, 3)
        ]
        assert guestd("sessions", "end", "ben")[:2] == (0, "ben will end\n")
        until(lambda: "ben" not in guestd("sessions", "list")[1])

    def test_a_conversation_is_sent_read_and_followed(self, guestd, ana, daemon):
        code, out, _ = guestd("send", ana, "hello", "--id", "c1", "--json")
        sent = json.loads(out)
        assert (code, sent["status"], sent["command_id"]) == (0, "confirmed", "c1")
        until(lambda: json.loads(guestd("sessions", "show", ana, "--json")[1])["last_message_at"])
        again = json.loads(guestd("send", ana, "hello", "--id", "c1", "--json")[1])
        assert again["seq"] == sent["seq"]
        assert guestd("send", ana, "-", stdin="from a pipe\n")[0] == 0
        until(lambda: guestd("sessions", "transcript", ana)[1].count("from a pipe") == 2)
        lines = guestd("sessions", "transcript", ana)[1].splitlines()
        assert [line.split(": ")[1] for line in lines if ": " in line] == [
            "hello",
            "hello",
            "from a pipe",
            "from a pipe",
        ]
        env = {"GUESTDCTL_URL": daemon[0], "GUESTDCTL_TOKEN": TOKEN}
        following = forked(("sessions", "follow", ana, "--json"), env, stderr=subprocess.DEVNULL)
        with following.stdout, contextlib.ExitStack() as stack:
            stack.callback(following.kill)
            assert json.loads(following.stdout.readline())["seq"] == 1
            assert guestd("sessions", "end", ana)[0] == 0
            seqs = [json.loads(line)["seq"] for line in following.stdout]
            assert following.wait(60.0) == 0
        assert seqs == list(range(2, 2 + len(seqs))) and len(seqs) > 8

    def test_without_waiting_it_is_only_accepted(self, guestd, ana):
        code, out, _ = guestd("send", ana, "hello", "--wait", "0", "--json")
        assert code == 0 and json.loads(out)["status"] == "accepted"

    def test_what_is_not_confirmed_in_time_is_no_success(self, guestd, run):
        url = run("serve", "--port", "0").url()
        at = {"GUESTDCTL_URL": url, "GUESTDCTL_TOKEN": ""}
        with urllib.request.urlopen(f"{url}/healthz", timeout=60.0) as answer:
            emulator = json.loads(answer.read())["emulator"]
        assert guestd("sessions", "open", "ana", env=at)[0] == 0
        until(lambda: "live" in guestd("sessions", "show", "ana", env=at)[1])
        rules = json.dumps({"rules": [{"kind": "throttle", "rate": 1}]}).encode()
        urllib.request.urlopen(f"{emulator}/__emulator/faults", rules, timeout=60.0).close()
        code, out, err = guestd("send", "ana", "hello", "--id", "c1", "--wait", "1s", env=at)
        assert code == 1 and "accepted" in out
        assert "not confirmed it within 1s" in err and "--id c1" in err

    def test_while_it_is_disconnected_a_message_waits_or_is_refused_as_asked(self, guestd, run):
        url = run("serve", "--port", "0").url()
        at = {"GUESTDCTL_URL": url, "GUESTDCTL_TOKEN": ""}
        with urllib.request.urlopen(f"{url}/healthz", timeout=60.0) as answer:
            emulator = json.loads(answer.read())["emulator"]
        assert guestd("sessions", "open", "ana", env=at)[0] == 0
        until(lambda: "live" in guestd("sessions", "show", "ana", env=at)[1])
        rules = {"rules": [{"kind": "refuse_upgrade", "rate": 1}]}
        for path, body in (("faults", rules), ("drop", {"all": True})):
            data = json.dumps(body).encode()
            urllib.request.urlopen(f"{emulator}/__emulator/{path}", data, timeout=60.0).close()
        until(lambda: "live" not in guestd("sessions", "show", "ana", env=at)[1])
        for more in (["--when-down", "reject"], ["--wait", "0"]):
            code, _, err = guestd("send", "ana", "hello", *more, env=at)
            assert code == 1 and "not_ready" in err
        for more in (["--wait", "1s"], ["--wait", "0", "--when-down", "queue"]):
            _, out, err = guestd("send", "ana", "hello", *more, env=at)
            assert "accepted" in out and "not_ready" not in err

    def test_a_journal_in_memory_keeps_nothing_and_says_so(self, guestd):
        for command in (["list", "--ended"], ["transcript", "nobody"], ["show", "nobody"]):
            assert "journal.directory is not set" in guestd("sessions", *command)[2]


class TestExits:
    def test_1_the_daemon_refused(self, guestd):
        code, out, err = guestd("send", "nobody", "hello", "--json")
        problem = json.loads(err)
        assert (code, out) == (1, "") and problem["code"] == "not_found"
        assert problem["exit_code"] == 1 and "no guest session 'nobody'" in problem["detail"]
        code, out, err = guestd("send", "nobody", "hello")
        assert (code, out) == (1, "")
        assert err.startswith("guestd: not_found: there is no guest session 'nobody'; `guestd sess")

    def test_an_empty_text_is_refused_in_words(self, guestd):
        code, _, err = guestd("send", "ana", "")
        assert code == 1 and "text: must not be empty; give at least one character" in err

    def test_what_is_wrong_of_an_option_is_told_with_its_name(self, guestd):
        code, _, err = guestd("send", "ana", "hi", "--id", "a/b")
        assert code == 1 and err.startswith("guestd: invalid: --id: must be 1 to 128 letters")
        code, _, err = guestd("send", "ana", "hi", "--id", "a/b", "--json")
        assert code == 1 and json.loads(err)["field"] == "command_id"
        code, _, err = guestd("sessions", "open", "--duration", "48h")
        assert code == 1 and "--duration: 2d is too long; at most " in err

    def test_a_command_of_another_name_is_guessed(self, guestd):
        code, _, err = guestd("sessions", "close", "ana")
        assert code == 2 and "did you mean 'end'?" in err
        assert "did you mean 'transcript'?" in guestd("sessions", "transcrip", "ana")[2]

    def test_an_error_is_json_for_who_asked_for_json(self, guestd):
        code, out, err = guestd(
            "sessions", "list", "--json", env={"GUESTDCTL_URL": "http://[::1]:1"}
        )
        assert (code, out) == (69, "") and json.loads(err)["exit_code"] == 69
        assert "no guestd answers" in json.loads(err)["detail"]

    def test_a_state_that_is_none_is_corrected(self, guestd):
        code, _, err = guestd("sessions", "list", "--state", "liv")
        assert code == 2 and "did you mean live?" in err

    def test_what_is_over_is_found_again_without_its_id(self, guestd, run, tmp_path):
        env = {"GUESTD_JOURNAL__DIRECTORY": str(tmp_path)}
        at = {"GUESTDCTL_URL": run("serve", "--port", "0", env=env).url(), "GUESTDCTL_TOKEN": ""}
        assert guestd("sessions", "open", "ana", env=at)[0] == 0
        until(lambda: "live" in guestd("sessions", "list", "--state", "live", env=at)[1])
        (row,) = guestd("sessions", "list", env=at)[1].splitlines()
        assert row.split("\t")[5].startswith("29m"), "it says when it expires"
        assert guestd("sessions", "end", "ana", env=at)[0] == 0
        until(lambda: "ana" in guestd("sessions", "list", "--ended", env=at)[1])
        session_id = guestd("sessions", "list", "--ended", env=at)[1].split("\t")[3]
        code, out, _ = guestd("sessions", "transcript", session_id, env=at)
        assert code == 0 and guestd("sessions", "list", env=at)[1] == "", out

    def test_a_name_is_refused_in_words(self, guestd):
        code, _, err = guestd("sessions", "open", "..a b")
        assert code == 1 and "1 to 64 letters, digits" in err and "[A-Za" not in err

    @pytest.mark.parametrize(
        "arguments",
        [
            ("send", "ana"),
            ("send", "ana", "x", "--wait", "soon"),
            ("sessions", "open", "ana", "--attribute", "tier"),
            ("inject", "5f"),
            ("inject", "5f", "--message", "nobody:hello"),
            ("inject", "5f", "--file", "/no/such/file"),
            ("inject", "5f", "--file", "-"),
            ("prompt", "a", "b", "--trigger", "wish:much"),
            ("prompt", "a", "b", "--trigger", "keyword:much:more"),
            ("operations", "show", "wish", "1"),
        ],
    )
    def test_2_wrong_usage(self, guestd, arguments):
        code, out, err = guestd(*arguments, stdin="[]")
        assert (code, out) == (2, "") and "Usage" in err

    @pytest.mark.parametrize(
        "env",
        [
            {"GUESTDCTL_URL": "http://127.0.0.1:1"},
            {"GUESTDCTL_SOCKET": "/no/such/socket"},
            {"GUESTDCTL_URL": "http://["},
        ],
    )
    def test_69_nobody_there(self, guestd, env):
        code, out, err = guestd("sessions", "list", env=env)
        assert out == "" and err.count("\n") == 1 and "Traceback" not in err
        assert (code, "no guestd answers at" in err) == (69, True) or (code == 2 and "--url" in err)

    def test_something_else_that_answers_is_not_taken_for_guestd(self, guestd, run):
        url = run("emulate", "--port", "0").url()
        code, _, err = guestd("sessions", "list", env={"GUESTDCTL_URL": url})
        said = (
            f"guestd: not_guestd: what answers at {url} (404) is not guestd; is the address right?"
        )
        assert (code, err) == (1, f"{said}\n")


class TestEntrance:
    def test_a_wrong_token_is_refused(self, guestd):
        code, _, err = guestd("sessions", "list", env={"GUESTDCTL_TOKEN": "wrong"})
        assert code == 1 and "the daemon did not take this token; set GUESTDCTL_TOKEN" in err
        code, _, err = guestd("sessions", "list", env={"GUESTDCTL_TOKEN": ""})
        assert code == 1 and "asks for a token" in err and "--token-file" in err
        assert "Authorization" not in err

    def test_the_token_may_stand_in_a_file(self, guestd, daemon):
        env = {"GUESTDCTL_TOKEN": ""}
        assert guestd("sessions", "list", "--token-file", str(daemon[2]), env=env)[0] == 0
        assert guestd("sessions", "list", "--token-file", "/no/such/file", env=env)[0] == 78

    def test_the_unix_socket_asks_for_none(self, guestd, daemon):
        env = {"GUESTDCTL_TOKEN": "", "GUESTDCTL_URL": "http://127.0.0.1:1"}
        assert guestd("sessions", "list", "--socket", str(daemon[1]), env=env)[0] == 0


class TestServe:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ('[simulator]\nhost = "0.0.0.0"\n', "set api.token or api.token_file"),
            (
                '[simulator]\nhost = "0.0.0.0"\n[api]\ntcp = false\n',
                "set simulator.token or simulator.token_file",
            ),
            ('[api]\ntoken = "short"\n', "api.token: must have at least 16"),
            (
                '[api]\ntoken_file = "/no/such/file"\n',
                "api.token_file: /no/such/file cannot be read",
            ),
        ],
    )
    def test_an_open_door_is_refused_at_the_start(self, run, config, text, said):
        program = run("serve", "-c", config(text), "--port", "0")
        assert program.wait() == 78
        assert said in "\n".join(program.err) and "short" not in "\n".join(program.err)

    def test_config_show_hides_the_token(self, config):
        path = config(f'[api]\ntoken = "{TOKEN}"\n')
        done = CliRunner().invoke(app, ["config", "show", "-c", path])
        assert done.exit_code == 0 and "token" in done.stdout and TOKEN not in done.stdout


def test_what_is_refused_is_said_once_and_without_the_librarys_words(guestd, tmp_path):
    code, _, complaint = guestd("send", "ana", "")
    assert code == 1 and complaint.count("text:") == 1, complaint
    code, _, complaint = guestd("sessions", "list", "--socket", str(tmp_path / "none.sock"))
    assert code == 69 and "no such file or directory" in complaint and "ssl" not in complaint
    code, _, complaint = guestd("operations", "end", "guest", "x")
    assert code == 2 and "messaging, prompt" in complaint
    code, shown, _ = guestd("sessions", "--help")
    assert code == 0 and "completion" not in shown


@pytest.mark.parametrize(
    "command", ["operations list --json", "journal info", "keys rotate", "webhooks list"]
)
def test_a_reader_who_has_enough_is_no_failure(daemon, tmp_path, command):
    url, _, token_file = daemon
    database.create_or_open(tmp_path).close()
    place = (
        ["--url", url, "--token-file", str(token_file)]
        if "operations" in command
        else ["-d", str(tmp_path)]
    )
    reading, writing = os.pipe()
    os.close(reading)
    child = forked((*command.split(), *place), stdout=writing)
    os.close(writing)
    with child.stderr as said:
        assert said.read() == ""
    assert child.wait(60.0) == 0


def exchanged(url, address):
    ticket = address.partition("#/login?ticket=")[2]
    request = urllib.request.Request(
        f"{url}/v1/console/tokens",
        json.dumps({"ticket": ticket}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def test_console_prints_an_address_that_opens_it_once(daemon, guestd, monkeypatch):
    url, socket, _ = daemon
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    code, out, err = guestd("console", "--open")
    assert (code, err, opened) == (0, "", [out.strip()])
    assert out.startswith(f"{url}/#/login?ticket=")
    assert exchanged(url, out.strip()) == {"api_token": TOKEN, "simulator_token": None}
    code, out, _ = guestd("console", "--socket", str(socket), env={"GUESTDCTL_TOKEN": ""})
    assert code == 0 and out.startswith(f"{url}/#/login?ticket=")
    code, out, _ = guestd("console", "--json")
    assert exchanged(url, json.loads(out)["fragment"])["api_token"] == TOKEN


def test_console_says_where_no_browser_could_be_opened(guestd, monkeypatch):
    monkeypatch.setattr("webbrowser.open", lambda address: False)
    code, out, err = guestd("console", "--open")
    assert code == 0 and out and "open the address yourself" in err
