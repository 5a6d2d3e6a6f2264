"""`guestd config check` finds what the start, or the platform, would refuse."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from guestd.api.origin_check import OriginCheck
from guestd.api.settings import SimulatorSettings
from guestd.app.cli import app
from guestd.model.errors import ConfigError


def checked(tmp_path: Path, text: str) -> str:
    """What it says, without the file's name; "" if all is well."""
    path = tmp_path / "guestd.toml"
    path.write_text(text)
    done = CliRunner().invoke(app, ["config", "check", "-c", str(path)])
    assert done.exit_code == (78 if "guestd.toml:" in done.stderr else 0), done.output
    return done.stderr.replace(str(path), "") if done.exit_code else ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[journal]\ndirectory = '/no/such'\n", ":2: journal.directory: /no/such is not a direc"),
        ("[journal]\ndirectory = '/etc/passwd'\n", ":2: journal.directory: /etc/passwd is not a"),
        ("[audit]\ndirectory = '/no/such'\n", ":2: audit.directory: /no/such cannot be made"),
        ("[identity]\ndirectory = '/etc/passwd'\n", ":2: identity.directory: /etc/passwd is not"),
        ("[attachments]\nspool_directory = '/no/such'\n", ":2: attachments.spool_directory: "),
        ("[api]\nunix_socket = '/no/such.sock/x'\n", ":2: api.unix_socket: /no/such.sock/x"),
        ("[platform]\nca_file = '/etc/passwd'\n", ":2: platform.ca_file: /etc/passwd has no cert"),
        (
            "[platform]\nregion = 'eu-central-1'\ndeployment_id = 'xyz'\n",
            ":3: platform.deployment_id: 'xyz' must be a UUID",
        ),
        (
            "[simulator]\norigins_allowed = ['https://a', '*']\n",
            ":2: simulator.origins_allowed[1]: '*' would let every page in; name the pages",
        ),
        (
            "[simulator]\nhosts_allowed = ['guestd:3000']\n",
            ":2: simulator.hosts_allowed[0]: 'guestd:3000' never matches; a host has no",
        ),
    ],
)
def test_what_the_start_would_refuse_is_found(tmp_path, text, expected):
    assert expected in checked(tmp_path, text)


def test_a_file_in_place_of_the_journals_directory_is_not_to_be_created(tmp_path):
    said = checked(tmp_path, "[journal]\ndirectory = '/etc/passwd'\n")
    assert "is not a directory; name a directory" in said and "mkdir" not in said
    assert "create it: mkdir -p /no/such" in checked(
        tmp_path, "[journal]\ndirectory = '/no/such'\n"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_of_somebody_else_is_found(tmp_path):
    assert "journal.directory: /etc cannot be written" in checked(
        tmp_path, "[journal]\ndirectory = '/etc'\n"
    )


def test_what_the_start_takes_is_good(tmp_path):
    (tmp_path / "state").mkdir()
    good = f"""
[platform]
region = "localhost:8443"
deployment_id = "any"
[journal]
directory = "{tmp_path}/state"
[audit]
directory = "{tmp_path}/audit"
[api]
unix_socket = "{tmp_path}/api.sock"
"""
    assert checked(tmp_path, good) == ""


@pytest.mark.parametrize(
    ("pattern", "page", "remedy"),
    [
        ("*", "https://dev.example.org", "name the pages"),
        ("file://", "null", 'write "null"'),
        ("dev.example.org", "https://dev.example.org", "write https://dev.example.org"),
        ("https://a.org/page", "https://a.org", "write https://a.org"),
        ("null", "null", ""),
        ("https://a.org", "https://a.org", ""),
        ("https://a.org/", "https://a.org", ""),
        ("https://a.org:443", "https://a.org", ""),
        ("https://*.example.org", "https://dev.example.org", ""),
        ("capacitor://localhost", "capacitor://localhost", ""),
        ("vscode-webview://*", "vscode-webview://1h8k", ""),
        ("http://192.168.1.5:5173", "http://192.168.1.5:5173", ""),
    ],
)
def test_an_origin_is_refused_exactly_if_it_can_never_match(pattern, page, remedy):
    class Request:
        headers = {"Host": "localhost", "Origin": page}

    settings = SimulatorSettings(origins_allowed=(pattern,))
    if remedy:
        with pytest.raises(ConfigError, match=r"simulator\.origins_allowed: .*") as refused:
            OriginCheck(settings)
        assert remedy in str(refused.value)
    else:
        assert OriginCheck(settings).refusal(Request()) is None  # type: ignore[arg-type]


EVERYTHING = """
[simulator]
host = "0.0.0.0"
prot = 1
port = "abc"
origins_allowed = ["*"]
token_file = "/no/such/token"
[limits]
max_sessions = -1
[platform]
region = "mypurecloud.de"
deployment_id = "xyz"
client_id = "one"
client_secret_file = "/no/such/secret"
[journal]
directory = "/no/such"
[[webhooks.targets]]
name = "crm"
url = "ftp://crm"
secrets = ["short"]
evnts = ["a"]
"""


def test_everything_that_can_be_known_is_said_in_one_go(tmp_path):
    lines = checked(tmp_path, EVERYTHING).splitlines()
    keys = [line.removeprefix("guestd: ").split(": ")[1] for line in lines]
    assert sorted(keys) == sorted(
        [
            "simulator.prot",
            "simulator.port",
            "limits.max_sessions",
            "webhooks.targets.0.evnts",
            "platform.client_secret_file",
            "simulator.origins_allowed[0]",
            "webhooks.targets.crm.url",
            "webhooks.targets.crm.secrets",
            "api.token",
            "simulator.token_file",
            "platform.deployment_id",
            "journal.directory",
        ]
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[api]\ntokn = 'x'\n[simulator]\nhost = '0.0.0.0'\nopen = true\n", 1),
        ("[platform]\nregoin = 'mypurecloud.de'\ndeployment_id = 'xyz'\n", 1),
        ("[inbox]\nhold_max_ms = 'soon'\nhold_min_ms = 5000\n", 1),
        ("[simulator]\nhost = '0.0.0.0'\n", 2),
        ("[simulatr]\nhost = 1\n", 1),
        ("simulator = 3\napi = 3\n", 2),
        ("[[webhooks.targets]]\nurl = 'http://a'\n[api]\ntoken = 'short'\n", 3),
    ],
)
def test_what_only_follows_from_another_mistake_is_not_said(tmp_path, text, expected):
    assert len(checked(tmp_path, text).splitlines()) == expected
