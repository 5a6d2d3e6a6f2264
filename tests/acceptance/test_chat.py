"""`guestd chat` as a person, or a pipe, meets it."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request

import pytest
from websockets.sync.client import connect

from tests.ports import free_port

from .conftest import forked

CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\r|\x07")


def piped(run, text, *arguments, **more):
    program = run("chat", "--wait", "2s", *arguments, stdin=subprocess.PIPE, **more)
    program.child.stdin.write(text)
    program.child.stdin.close()
    return program


class TestPiped:
    def test_with_the_embedded_emulator(self, run):
        program = piped(run, "Where is my parcel?\n")
        assert program.wait() == 0
        told = "\n".join(program.out)
        assert "you: Where is my parcel?" in told and "Leo: Let me look that up." in told
        assert "is typing" in told and "/1 Track it" in told and "session ended (finished)" in told
        assert "the embedded emulator's agent 'human' answers" in program.out[0]

    def test_with_another_agent(self, run):
        program = piped(run, "a card\n/1\n", "--agent", "menu")
        assert program.wait() == 0
        told = "\n".join(program.out)
        assert "   ╭ Parcel shop" in told and "   │ /1 Book slot" in told

    def test_json_lines_through_a_running_guestd(self, run):
        url = run("serve", "--port", "0").url()
        program = piped(run, "hello\n/typing\n/end\n", "bob", "--json", "--url", f"ws{url[4:]}/")
        assert program.wait() == 0
        events = [json.loads(line) for line in program.out]
        assert events[0]["kind"] == "hello" and events[0]["guest"] == "bob"
        assert any(
            event.get("text") == "hello" and event.get("direction") == "Inbound" for event in events
        )
        assert events[-1]["kind"] == "session" and events[-1]["state"] == "ended"

    def test_leaving_a_running_guestd_leaves_the_conversation_to_others(self, run):
        url = run("serve", "--port", "0").url()
        with connect(f"ws{url[4:]}/?guest=shared", proxy=None) as frontend:
            program = piped(run, "hello\n", "--url", url, "--guest", "shared")
            assert program.wait() == 0
            assert "the conversation stays open" in program.out
            frontend.send(json.dumps({"action": "typing", "command_id": "still-there"}))
            seen = []
            while not seen or seen[-1].get("command_id") != "still-there":
                seen.append(json.loads(frontend.recv(timeout=60.0)))
            assert seen[-1]["ok"] is True
            assert not any(one.get("state") in ("leaving", "ended") for one in seen)

    @pytest.mark.parametrize("line", ["/flie secret.png", "/file /not/there", "/9", "/end now"])
    def test_a_line_that_is_refused_is_not_sent_and_the_exit_code_says_so(self, run, line):
        program = piped(run, f"{line}\n", "--agent", "silent")
        assert program.wait() == 1
        assert not any(one.startswith("you:") for one in program.out)

    def test_files_go_and_are_shown_with_name_and_size(self, run, tmp_path):
        """The small one in a frame, the large one by HTTP."""
        (tmp_path / "my bill.pdf").write_bytes(bytes(2_000_000))
        (tmp_path / "note.txt").write_bytes(b"thanks")
        program = piped(
            run, f'/file "{tmp_path}/my bill.pdf" the bill\n/file {tmp_path}/note.txt\n/file\n'
        )
        assert program.wait() == 1
        told = "\n".join(program.out)
        assert "you: the bill" in told and "[file] my bill.pdf, 2.0 MB, application/pdf" in told
        assert "[file] note.txt, 6 bytes, text/plain" in told
        assert "my bill.pdf: is at the platform" in told and "/file PATH [caption]" in told

    def test_a_line_that_the_daemon_refuses_is_named_too(self, run):
        program = piped(run, f"hello\n{'x' * 20_000}\n", "--agent", "silent")
        assert program.wait() == 1
        (told,) = [one for one in program.out if "was not sent" in one]
        assert told.startswith("'xxxx") and "x…' was not sent: " in told

    def test_nothing_answers_at_the_url(self, run):
        program = piped(run, "", "--url", "ws://127.0.0.1:9/")
        assert program.wait() == 69
        assert "no simulator answers" in "\n".join(program.err)

    def test_an_address_that_is_none(self, run):
        assert piped(run, "", "--url", "ftp://127.0.0.1/").wait() == 2

    def test_an_agent_needs_the_embedded_emulator(self, run):
        assert piped(run, "", "--url", "ws://127.0.0.1:9/", "--agent", "echo").wait() == 2

    def test_a_token_that_is_missing_is_told(self, run, tmp_path):
        (tmp_path / "token").write_text("0123456789abcdef")
        (tmp_path / "token").chmod(0o600)
        env = {"GUESTD_SIMULATOR__TOKEN_FILE": f"{tmp_path}/token"}
        url = run("serve", "--port", "0", env=env).url()
        program = piped(run, "", "--url", url)
        assert program.wait() == 78 and "--token-file" in "\n".join(program.err)
        program = piped(run, "hello\n", "--url", url, "--token-file", f"{tmp_path}/token")
        assert program.wait() == 0 and "you: hello" in program.out


def lose(url, guest):
    """The guest's connection is broken, and not opened again until `find`."""
    emulator(url, "faults", {"seed": 1, "rules": [{"kind": "refuse_upgrade", "rate": 1}]})
    emulator(url, "drop", {"guest": guest})


def find(url):
    emulator(url, "faults", {"seed": 1, "rules": []})


def emulator(url, path, body):
    data = json.dumps(body).encode()
    urllib.request.urlopen(f"{url}/__emulator/{path}", data, timeout=60.0).close()


class TestTerminalOfAPerson:
    """A real terminal on the other side of a pty."""

    @pytest.fixture
    def person(self):
        people = []

        def sit_down(*arguments):
            people.append(Person("chat", *arguments))
            return people[-1]

        yield sit_down
        for one in people:
            one.go()

    def test_a_line_is_edited_and_completed_and_ctrl_d_ends_the_conversation(self, person):
        ana = person("--agent", "echo")
        ana.sees("you>")
        ana.types("helo\x1b[Dl\r")
        ana.sees("Echo: hello")
        ana.types("/qui\t")
        ana.sees("leave; the conversation stays open")
        ana.types("\x03")
        ana.types("\x04")
        ana.sees("session ended (finished)")
        assert ana.child.wait(60) == 0

    def test_the_daemon_dies_and_the_conversation_goes_on_where_it_was(self, person, run, tmp_path):
        port = str(free_port())
        env = {"GUESTD_JOURNAL__DIRECTORY": str(tmp_path), "GUESTD_EMULATOR__AGENT": "echo"}
        first = run("serve", "--port", port, env=env)
        ana = person("--url", first.url())
        ana.sees("you>")
        ana.types("first\r")
        ana.sees("Echo: first")
        first.child.send_signal(signal.SIGKILL)
        ana.sees("guestd went away")
        ana.types("unsent\r")
        ana.sees("nothing was sent")
        run("serve", "--port", port, env=env).url()
        ana.sees("connected again")
        ana.types("\x15second\r")
        ana.sees("you: second")
        assert ana.screen().count("you: first") == 1 and "you: unsent" not in ana.screen()
        ana.types("/quit\r")
        ana.sees("the conversation stays open")
        assert ana.child.wait(60) == 0

    def test_what_is_typed_while_the_platform_is_away_waits(self, person, run, tmp_path):
        (tmp_path / "bill.txt").write_bytes(b"42")
        url = run("serve", "--port", "0", env={"GUESTD_EMULATOR__AGENT": "echo"}).url()
        ana = person("ana", "--url", url)
        ana.sees("you>")
        ana.types("first\r")
        ana.sees("Echo: first")
        lose(url, "ana")
        ana.sees("session resting")
        ana.types("second\r")
        ana.sees("you: second")
        ana.sees("waits for the platform's connection")
        ana.types("/typing\r")
        ana.sees("the agent is not shown that you are typing")
        ana.types(f"/file {tmp_path}/bill.txt\r")
        find(url)
        ana.sees("Echo: second")
        ana.sees("[file] bill.txt")
        assert "error" not in ana.screen() and "not ready" not in ana.screen()

    def test_a_line_that_is_refused_is_named_and_typed_already(self, person, run, tmp_path):
        url = run("serve", "--port", "0", env={"GUESTD_EMULATOR__AGENT": "echo"}).url()
        ana = person("ana", "--url", f"{url}/?when_down=reject")
        ana.sees("you>")
        lose(url, "ana")
        ana.sees("session resting")
        ana.types("is it there?\r")
        ana.sees("'is it there?' was not sent: the connection is lost")
        ana.types(" yes\r")
        ana.sees("'is it there? yes' was not sent: the connection is lost")

    def test_a_message_that_a_crash_left_uncertain_is_named_and_in_the_transcript(
        self, person, run, tmp_path
    ):
        port = str(free_port())
        env = {"GUESTD_JOURNAL__DIRECTORY": str(tmp_path), "GUESTD_EMULATOR__AGENT": "echo"}
        first = run("serve", "--port", port, env=env)
        ana = person("ana", "--url", first.url())
        ana.sees("you>")
        ana.types("m1\r")
        ana.sees("Echo: m1")
        emulator(first.url(), "inject", {"kind": "mute", "guest": "ana", "recorded": False})
        ana.types("m2\r")
        ana.sees("you: m2")
        first.child.send_signal(signal.SIGKILL)
        ana.sees("guestd went away")
        url = run("serve", "--port", port, env=env).url()
        ana.sees("'m2' is uncertain: the platform began a new session")
        told = "guest: m2 (uncertain: the platform began a new session)"
        for command in (["transcript"], ["follow"]):
            program = run("sessions", *command, "ana", "--url", url)
            program.until(told)
            program.end()

    def test_a_line_that_was_begun_when_the_session_ended_is_said(self, person, run):
        url = run("serve", "--port", "0").url()
        ana = person("ana", "--url", url)
        ana.sees("you>")
        ana.types("my number is 4711")
        ana.sees("my number is 4711")
        request = urllib.request.Request(f"{url}/v1/sessions/ana", method="DELETE")
        urllib.request.urlopen(request, timeout=60.0).close()
        ana.sees("not sent: my number is 4711")
        assert ana.child.wait(60) == 0
        told = ana.screen()
        assert told.index("session ended") < told.index("not sent: ")
        assert told.count("not sent: ") == 1


class Person:
    def __init__(self, *arguments):
        self._ours, theirs = pty.openpty()
        env = {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", "COLUMNS": "200", "LINES": "50"}
        self.child = forked(arguments, env, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        self._seen = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while True:
            try:
                part = os.read(self._ours, 65_536)
            except OSError:
                return
            if not part:
                return
            self._seen += part

    def raw(self):
        return self._seen.decode(errors="replace")

    def screen(self):
        return CONTROLS.sub("", self.raw())

    def sees(self, text, timeout_s=120.0):
        deadline = time.monotonic() + timeout_s
        while text not in self.screen():
            assert time.monotonic() < deadline, self.screen()
            time.sleep(0.05)

    def types(self, text):
        os.write(self._ours, text.encode())

    def go(self):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        self._reader.join(5)
        os.close(self._ours)


def test_a_pipe_does_without_the_library_of_the_terminal():
    program = "import guestd.app.chat.terminal_chat, sys; sys.exit('prompt_toolkit' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
