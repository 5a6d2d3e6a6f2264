"""Where a daemon is: each command takes it in the same forms, and says alike what is wrong."""

from __future__ import annotations

import asyncio
import http.server
import json
import threading

import pytest
from typer.testing import CliRunner

from guestd.app.cli import app
from guestd.app.control_client import ApiAddress, ControlClient, NoDaemon
from guestd.app.daemon_address import daemon_url, simulator_url

FORMS = ["localhost:3000", "http://localhost:3000/", "ws://localhost:3000", "WS://localhost:3000/"]
NOT_ONE = [
    "ftp://h",
    "http://",
    "ws://",
    "",
    " ",
    "http:/h",
    "h:port",
    "h:0",
    "h:99999",
    "34000",
    "http://34000",
    "a b",
    "[",
]


@pytest.mark.parametrize("given", FORMS)
def test_a_daemon_is_named_in_any_of_these_forms(given):
    assert daemon_url(given) == "http://localhost:3000"
    assert simulator_url(given) == "ws://localhost:3000/"


def test_tls_stays_tls_and_an_ipv6_address_is_one():
    assert daemon_url("wss://guests.example") == daemon_url("https://guests.example")
    assert daemon_url("wss://guests.example") == "https://guests.example"
    assert simulator_url("https://guests.example") == "wss://guests.example/"
    assert daemon_url("[::1]:3000") == "http://[::1]:3000"


@pytest.mark.parametrize("given", NOT_ONE)
@pytest.mark.parametrize("read", [daemon_url, simulator_url])
def test_what_is_none_is_refused_with_what_to_write(read, given):
    with pytest.raises(ValueError, match=r"; write host:port or http://host:port"):
        read(given)


def test_only_the_simulators_address_has_a_path():
    assert simulator_url("ws://h:1/guests?x=1") == "ws://h:1/guests?x=1"
    with pytest.raises(ValueError, match="without what follows the port"):
        daemon_url("http://h:1/v1")


@pytest.mark.parametrize(
    "command",
    [["sessions", "list"], ["console"], ["send", "ana", "hi"], ["chat"], ["explain", "a"]],
)
def test_a_wrong_address_is_wrong_usage_of_every_command(command):
    done = CliRunner().invoke(app, [*command, "--url", "ftp://h"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("guestd: --url: 'ftp://h' is not the address of a daemon; write")


def test_a_program_is_told_which_option_is_wrong():
    done = CliRunner().invoke(app, ["sessions", "list", "--url", "ftp://h", "--json"])
    assert done.exit_code == 2
    assert json.loads(done.stderr)["detail"].startswith("--url: 'ftp://h' is not")


@pytest.mark.parametrize("given", ["127.0.0.1:1", "ws://127.0.0.1:1/", "http://127.0.0.1:1"])
def test_what_does_not_answer_is_named_as_it_was_asked(given):
    done = CliRunner().invoke(app, ["sessions", "list", "--url", given])
    assert done.exit_code == 69
    assert "no guestd answers at http://127.0.0.1:1: " in done.stderr


@pytest.mark.parametrize(
    "command", [["sessions", "list"], ["send", "ana", "hi"], ["chat"], ["explain", "a"]]
)
def test_a_program_is_told_that_no_daemon_answers_and_not_that_the_platform_does_not(command):
    done = CliRunner().invoke(app, [*command, "--url", "127.0.0.1:1", "--json"])
    problem = json.loads(done.stderr)
    assert (done.exit_code, problem["code"], problem["exit_code"]) == (69, "not_connected", 69)


@pytest.fixture
def plain_port():
    """Answers in plain HTTP."""
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("command", [["sessions", "list"], ["send", "ana", "hi"], ["chat"]])
def test_tls_to_a_plain_port_is_said_with_what_to_write(command, plain_port):
    done = CliRunner().invoke(app, [*command, "--url", f"https://127.0.0.1:{plain_port}"])
    assert done.exit_code == 69
    assert done.stderr.endswith("that answers in plain text; write http:// or ws://\n")


async def test_a_change_that_was_asked_for_may_be_done_where_the_answer_is_cut_off():
    async def hang_up(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with ControlClient(ApiAddress(f"http://127.0.0.1:{port}")) as client:
            with pytest.raises(NoDaemon, match="what was asked is not known"):
                await client.ask("POST", "/v1/sessions", {})
            with pytest.raises(NoDaemon) as read:
                await client.ask("GET", "/v1/sessions")
    assert "not known" not in str(read.value)
