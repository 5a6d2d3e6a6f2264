"""Where a daemon is: each command takes it in the same forms, and says alike what is wrong."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from guestd.app.cli import app
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
