"""What a user types, and what happens."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from websockets.sync.client import connect

from guestd.app.signals import SAME_REQUEST_S

from .conftest import fresh

DEPLOYMENT = "0b7d4c1e-5a0e-4e6a-9b1d-2f6f6c1f9a10"


def get(url, **body):
    data = json.dumps(body).encode() if body else None
    with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=60.0) as answer:
        return json.loads(answer.read())


def converse(url, name="ana", text="Where is my parcel?"):
    """As any frontend would: a plain WebSocket client. Gives what was seen until the agent
    answered."""
    seen = []
    with connect(f"ws{url[4:]}/?guest={name}&since=0", proxy=None) as frontend:
        while True:
            event = json.loads(frontend.recv(timeout=60.0))
            seen.append(event)
            if event.get("state") == "live" and event["kind"] == "session":
                frontend.send(
                    json.dumps({"action": "send", "text": text, "command_id": f"c-{name}"})
                )
            if (
                event.get("kind") == "message"
                and event["direction"] == "Outbound"
                and "look that up" in event["text"]
            ):
                return seen


SIGNALLED_WHILE_LOADING = """
import os, sys

class Signalling:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            os.kill(os.getpid(), int(sys.argv.pop()))

sys.meta_path.insert(0, Signalling())
sys.argv[1:1] = ["serve", "--port", "0"]
from guestd.app.entry import main
main()
"""


class TestServe:
    def test_demo_guests_talk_and_leave_on_ctrl_c(self, run):
        program = run("serve", "--demo", "5", "--port", "0", by=fresh)
        url = program.url()
        for _ in range(200):
            health = get(f"{url}/healthz")
            if health["live"] == 5 and health["messages_out"] >= 3 and health["messages_in"] >= 8:
                break
            signal.sigtimedwait([], 0.1)
        assert health["live"] == 5 and health["messages_out"] >= 3
        assert "ws://127.0.0.1" in program.until("the simulator listens on", program.err)
        program.interrupt()
        assert program.wait() == 0
        assert program.said("5 guest sessions ended, 0 left behind")

    def test_a_plain_websocket_client_holds_a_conversation(self, run):
        url = run("serve", "--port", "0").url()
        events = [
            event
            for event in converse(url)
            if event.get("kind") in ("message", "delivery", "typing", "session")
        ]
        assert any(event["kind"] == "typing" for event in events)
        assert any(
            event["kind"] == "delivery" and event["status"] == "confirmed" for event in events
        )

    def test_sigterm_drains(self, run):
        program = run("serve", "--port", "0")
        converse(program.url())
        program.interrupt(signal.SIGTERM)
        assert program.wait() == 0
        assert program.said("1 guest session ended, 0 left behind")

    @pytest.mark.parametrize(
        "number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM, signal.SIGINT]
    )
    def test_a_signal_while_the_program_is_being_loaded_is_kept(self, number):
        """With one that comes when the first of the large packages is asked for."""
        program = subprocess.Popen(
            [sys.executable, "-c", SIGNALLED_WHILE_LOADING, str(int(number))],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with program:
            if number == signal.SIGUSR1:
                while not program.stdout.readline().startswith("ready "):
                    assert program.poll() is None
                program.send_signal(signal.SIGTERM)
            _, err = program.communicate(timeout=60.0)
        assert program.returncode == 0, err

    def test_a_second_ctrl_c_stops_at_once(self, run, config):
        emulator = run("emulate", "--port", "0")
        base = emulator.url()
        path = config(
            f'[platform]\nguest_socket_url = "ws{base[4:]}"\ndeployment_id = "{DEPLOYMENT}"\n'
        )
        program = run("serve", "-c", path, "--port", "0")
        converse(program.url())
        get(f"{base}/__emulator/drop", all=True, how="half_open")
        program.interrupt()
        program.until("draining", program.err)
        time.sleep(SAME_REQUEST_S)
        program.interrupt()
        assert program.wait(10.0) == 130

    def test_systemd_is_told(self, run, tmp_path):
        address = str(tmp_path / "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind(address)
            listener.settimeout(20.0)
            program = run(
                "serve", "--port", "0", env={"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "300000"}
            )
            output = ""
            while "STATUS=0 live, 0 not live | 0 in, 0 out | echo - | 0 reordered" not in output:
                output += listener.recv(4096).decode() + "\n"
            while "WATCHDOG=1" not in output or "READY=1" not in output:
                output += listener.recv(4096).decode() + "\n"
            program.interrupt(signal.SIGTERM)
            while "STOPPING=1" not in output:
                output += listener.recv(4096).decode() + "\n"
            assert "STATUS=0 live" in output or "STATUS=admitting" in output
            assert program.wait() == 0


class TestAgainstAnotherProcess:
    """As if against a real org: a region, a deployment, TLS, a CA."""

    @pytest.fixture
    def emulator(self, run, tmp_path):
        program = run("emulate", "--port", "0", "--tls-dir", str(tmp_path / "tls"), "--seed", "3")
        program.base = program.url()
        program.port = program.base.rpartition(":")[2]
        program.ca = tmp_path / "tls" / "ca.pem"
        return program

    def test_it_behaves_the_same(self, run, config, emulator):
        assert emulator.base.startswith("https://") and emulator.ca.exists()
        path = config(
            f'[platform]\nregion = "localhost:{emulator.port}"\ndeployment_id ='
            f' "{DEPLOYMENT}"\nca_file = "{emulator.ca}"\n'
        )
        program = run("serve", "-c", path, "--port", "0")
        seen = converse(program.url())
        assert any(
            event.get("kind") == "delivery" and event["status"] == "confirmed" for event in seen
        )
        program.interrupt(signal.SIGTERM)
        assert program.wait() == 0

    def test_the_lines_that_it_prints_are_all_that_is_needed(self, run, config, emulator):
        lines = [one.partition("emulator = ")[1:] for one in emulator.err if "for guestd" in one]
        lines += [("", one.strip()) for one in emulator.err if one.strip().startswith("ca_file")]
        text = "\n".join(["[platform]", *map("".join, lines), ""])
        assert run("serve", "-c", config(text), "--port", "0").url().startswith("http://")

    def test_a_name_of_its_own(self, run, config, emulator):
        """Hosts of a region are names of their own, as with the real one; *.test leads to
        loopback."""
        text = (
            f'[platform]\nregion = "emu.test:{emulator.port}"\ndeployment_id ='
            f' "{DEPLOYMENT}"\nca_file = "{emulator.ca}"\n'
        )
        checked = run("config", "check", "-c", config(text))
        assert checked.wait() == 0

    def test_without_the_ca_it_says_which_key_to_set(self, run, config, emulator):
        path = config(
            f'[platform]\nregion = "localhost:{emulator.port}"\ndeployment_id = "{DEPLOYMENT}"\n'
        )
        program = run("serve", "-c", path, "--port", "0")
        assert program.wait() == 69
        output = "\n".join(program.err)
        assert "platform.ca_file" in output and "Traceback" not in output

    def test_an_unknown_deployment_is_refused_with_the_remedy(self, run, config, emulator):
        path = config(
            f'[platform]\nregion = "localhost:{emulator.port}"\ndeployment_id = "none"\nca_file ='
            f' "{emulator.ca}"\n'
        )
        program = run("serve", "-c", path, "--port", "0")
        assert program.wait() == 69
        output = "\n".join(program.err)
        assert (
            "deployment none is unknown or refused" in output
            and "Genesys Cloud Admin" in output
            and "Traceback" not in output
        )


class TestMistakes:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("[simulator]\nprot = 1\n", "simulator.prot: unknown key; did you mean port?"),
            ("[simulator\n", "is not TOML"),
            (
                '[platform]\nregion = "mypurecloud.dee"\ndeployment_id = "x"\n',
                "did you mean mypurecloud.de",
            ),
        ],
    )
    def test_a_bad_configuration(self, run, config, text, expected):
        program = run("serve", "-c", config(text))
        assert program.wait() == 78
        output = "\n".join(program.err)
        assert expected in output and "Traceback" not in output and not program.out

    def test_a_port_in_use(self, run):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            program = run("serve", "--port", str(port))
            assert program.wait() == 78
            output = "\n".join(program.err)
            assert (
                f"port {port} on localhost is already in use" in output
                and "--port" in output
                and "Traceback" not in output
            )
            emulator = run("emulate", "--port", str(port))
            assert emulator.wait() == 78
            assert "in use" in "\n".join(emulator.err) and "Traceback" not in "\n".join(
                emulator.err
            )

    @pytest.mark.parametrize(
        "arguments",
        [
            ["dance"],
            ["serve", "--demo", "-1"],
            ["emulate", "--port", "70000"],
            ["emulate", "--agent", "nobody"],
            ["emulate", "--set", "limits.text_bytes=0"],
            ["emulate", "--oauth-client", "shop"],
            ["emulate", "--oauth-client", "shop:x:everything"],
            ["chat", "--wait", "soon"],
            ["chat", "--wait", "²"],
            ["send", "ana", "hello", "--wait", "9" * 5000],
            ["keys", "rotate", "-d", "/nonexistent", "--overlap", "٣"],
        ],
    )
    def test_usage(self, run, arguments):
        program = run(*arguments)
        assert program.wait() == 2
        assert "Traceback" not in "\n".join(program.err)

    @pytest.mark.parametrize(
        "arguments",
        [[], ["serve"], ["emulate"], ["chat"], ["config"], ["config", "check"], ["config", "show"]],
    )
    def test_help_has_examples(self, run, arguments):
        program = run(*arguments, "--help")
        assert program.wait() == 0
        text = "\n".join(program.out)
        assert "guestd" in text
        if arguments and arguments != ["config"]:
            assert "Example" in text


class TestConfig:
    def test_check_and_show(self, run, config):
        path = config("[simulator]\nport = 4001\n")
        checked = run("config", "check", "-c", path)
        assert checked.wait() == 0 and checked.out == [f"the configuration is good ({path})"]
        shown = run(
            "config", "show", "-c", path, "--json", env={"GUESTD_LIMITS__MAX_SESSIONS": "9"}
        )
        assert shown.wait() == 0
        data = json.loads("\n".join(shown.out))
        assert (data["simulator"]["port"], data["limits"]["max_sessions"]) == (4001, 9)

    def test_problems_as_json(self, run, config):
        program = run("config", "check", "-c", config("[simulator]\nprot = 1\n"), "--json")
        assert program.wait() == 78
        assert json.loads("\n".join(program.out))["ok"] is False

    def test_a_proxys_password_is_masked(self, run, config):
        program = run(
            "config",
            "show",
            "-c",
            config('[platform]\nproxy_url = "http://user:hunter2@proxy:1"\n'),
        )
        assert program.wait() == 0
        assert "hunter2" not in "\n".join(program.out)


class TestEmulate:
    def test_the_fixed_doors(self, run):
        program = run("emulate", "--host", "127.0.0.1", "--port", "0", "--seed", "7")
        base = program.url()
        assert program.out == [f"ready {base}"], "one line on standard output"
        assert get(f"{base}/__emulator/state")["sessions"] == {}
        with connect(f"ws{base[4:]}/v1?deploymentId={DEPLOYMENT}", proxy=None) as guest:
            guest.send(
                json.dumps(
                    {"action": "configureSession", "deploymentId": DEPLOYMENT, "token": "t1"}
                )
            )
            assert json.loads(guest.recv(timeout=60.0))["class"] == "SessionResponse"
            get(f"{base}/__emulator/say", token="t1", text="hello from the agent")
            assert json.loads(guest.recv(timeout=60.0))["body"]["text"] == "hello from the agent"
            messages = get(f"{base}/__emulator/state")["sessions"]["t1"]["messages"]
            assert [one["text"] for one in messages] == ["hello from the agent"]
            assert get(f"{base}/__emulator/faults", seed=1, rules=[{"kind": "drop", "every": 5}])[
                "rules"
            ]
        reset = urllib.request.Request(f"{base}/__emulator/reset", data=b"{}")
        urllib.request.urlopen(reset, timeout=60.0).close()
        assert get(f"{base}/__emulator/state")["sessions"] == {}
        with pytest.raises(urllib.error.HTTPError) as refused:
            get(f"{base}/__emulator/say", token="none", text="x")
        assert refused.value.code == 404
        refused.value.close()
        program.interrupt(signal.SIGTERM)
        assert program.wait() == 0
        assert any("not the platform" in line for line in program.err)
        assert f'for guestd    [platform] emulator = "{base}"' in program.err
        assert any("OAuth client  emulator-client" in line for line in program.err)

    def test_a_parent_that_blocks_signals_does_not_keep_it(self, run):
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])
        try:
            program = run("emulate", "--host", "127.0.0.1", "--port", "0", by=fresh)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        program.url()
        program.interrupt(signal.SIGTERM)
        assert program.wait() == 0


def test_version(run):
    program = run("--version", by=fresh)
    assert program.wait() == 0 and program.out[0].startswith("guestd ")


def test_importing_the_package_starts_nothing():
    """A fresh interpreter: no threads, no loop, nothing heavy before it is needed."""
    code = (
        "import sys, threading, guestd, guestd.wire.webmessaging, guestd.session.machine\nassert"
        " threading.active_count() == 1\nassert 'aiohttp' not in sys.modules and 'asyncio' not in"
        " sys.modules, 'thinking needs no I/O'\n"
    )
    import sys

    subprocess.run([sys.executable, "-c", code], check=True, timeout=60.0)
    assert asyncio is not None
