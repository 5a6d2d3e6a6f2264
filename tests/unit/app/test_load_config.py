"""Every mistake in a configuration names the key, the problem and the remedy."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from guestd.app.cli import app
from guestd.app.config import Config
from guestd.app.config_problems import ConfigProblems
from guestd.app.load_config import load_config


def problems(tmp_path: Path, text: str, environment=None, flags=None) -> str:
    path = tmp_path / "guestd.toml"
    path.write_text(text)
    with pytest.raises(ConfigProblems) as caught:
        load_config(path, environment or {}, flags)
    message = str(caught.value)
    place = re.compile(rf"({re.escape(str(path))}(:\d+)?|GUESTD_\w+|environment|command line): ")
    assert all(place.match(line) for line in message.splitlines()), message
    return "\n".join(place.sub("", line, count=1) for line in message.splitlines())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[simulator]\nprot = 3001\n", "simulator.prot: unknown key; did you mean port?"),
        ("[simulatr]\nport = 3001\n", "simulatr: unknown key; did you mean simulator?"),
        ("colour = 'red'\n", "colour: unknown key"),
        ("[simulator]\nport = 70000\n", "simulator.port: "),
        ("[simulator]\nport = 'many'\n", "(got 'many')"),
        ("simulator = 3\n", "simulator: "),
        ("[limits]\nmax_sessions = 0\n", "limits.max_sessions: "),
        ("[sessions]\nduration_s = '50m'\n", "sessions.duration_s: "),
        ("[heartbeat]\ninterval_s = 5\n", "heartbeat.interval_s: "),
        ("[heartbeat]\ninterval_s = 'soon'\n", "heartbeat.interval_s: "),
        (
            "[platform]\nregion = 'mypurecloud.dee'\ndeployment_id = 'x'\n",
            "did you mean mypurecloud.de",
        ),
        ("[platform]\nregion = 'mars'\ndeployment_id = 'x'\n", "mars"),
        ("[platform]\nregion = 'mypurecloud.de'\n", "platform.deployment_id: is missing"),
        ("[platform]\ndeployment_id = 'x'\n", "platform.region: is missing"),
        ("[platform]\ndialect = 'telnet'\n", "platform.dialect: "),
        (
            "[platform]\nguest_socket_url = 'http://x'\ndeployment_id = 'x'\n",
            "must begin with ws:// or wss://",
        ),
        ("[platform]\nproxy_url = 'socks5://x'\n", "platform.proxy_url: is not an http:// URL"),
        (
            "[platform]\nproxy_url = 'http://a:%FF@x'\n",
            "platform.proxy_url: has a user or password that is not UTF-8",
        ),
        ("[platform]\nproxy_url = 'credential:x'\n", "CREDENTIALS_DIRECTORY"),
        ("[platform]\nconnect_to = 'localhost'\n", "write host:port"),
        ("[platform]\nca_file = '/none.pem'\n", "platform.ca_file: there is no file /none.pem"),
        ("[emulator]\nagent = 'bob'\n", "emulator.agent: 'bob' must be one of"),
        ("[inbox]\nhold_min_ms = 900\nhold_max_ms = 100\n", "inbox.hold_min_ms: is larger"),
        ("[platform]\nconnect_to = 'localhost:²'\n", "write host:port"),
        ("[platform]\nconnect_to = 'localhost:٣'\n", "write host:port"),
        (f"[platform]\nconnect_to = 'localhost:{'9' * 5000}'\n", "write host:port"),
        (
            "[platform]\nregion = 'localhost:²'\ndeployment_id = 'x'\n",
            "is not a region of the platform",
        ),
        (
            f"[platform]\nregion = 'localhost:{'9' * 5000}'\ndeployment_id = 'x'\n",
            "is not a region of the platform",
        ),
        (f"[simulator]\nport = {'9' * 5000}\n", "is not TOML"),
        ("[[webhooks.targets]]\n'²' = 1\n", "unknown key"),
        ("[webhooks.'²']\nx = 1\n", "unknown key"),
        ("[audit]\nretention_days = 1000000\n", "audit.retention_days: "),
        ("[audit]\nbytes_max = 131072\n", "audit.bytes_max: is less than two files"),
        ("[rest]\ntimeout_s = inf\n", "rest.timeout_s: "),
        ("[messages]\nper_s = nan\n", "messages.per_s: "),
        ("[inbox]\nhold_max_ms = 1e300\n", "inbox.hold_max_ms: "),
        ("[simulator\n", "is not TOML"),
        ("a = " + "[" * 5000, "is not TOML"),
    ],
    ids=lambda value: value[:30],
)
def test_mistakes_are_named(tmp_path, text, expected):
    assert expected in problems(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[journal]\nretention_s = true\n", "journal.retention_s: must be a time; write seconds"),
        ("[journal]\ndead_retention_s = false\n", "must be a time; write seconds, or 30s"),
        ("[inbox]\nhold_max_ms = true\n", "inbox.hold_max_ms: must be a time; write millisec"),
        (
            "[limits]\nmax_sessions = true\n",
            "limits.max_sessions: must be a whole number (got true)",
        ),
        ("[messages]\nper_s = true\n", "messages.per_s: must be a number (got true)"),
        ("[simulator]\nport = '32030'\n", "must be a whole number; write it without quotes"),
        ("[simulator]\nport = ''\n", "simulator.port: must be a whole number (got '')"),
        ("[messages]\nper_s = '2.5'\n", "messages.per_s: must be a number; write it without"),
        ("[api]\ntcp = 'yes'\n", "api.tcp: must be true or false"),
        ("[api]\ntcp = 'true'\n", "api.tcp: must be true or false; write it without quotes"),
        ("[audit]\nbodies = 1\n", "audit.bodies: must be true or false (got 1)"),
        ("[audit]\nbodies = 1.0\n", "audit.bodies: must be true or false (got 1.0)"),
        (
            "[[webhooks.targets]]\nname = 'a'\nurl = 'https://a.example'\n"
            "secrets = ['0123456789abcdef']\ntime_out_s = true\n",
            "webhooks.targets.0.time_out_s: must be a time",
        ),
    ],
    ids=lambda value: value[:30],
)
def test_a_value_of_another_type_is_refused_in_a_file(tmp_path, text, expected):
    found = problems(tmp_path, text)
    assert expected in found and len(found.splitlines()) == 1


def test_text_of_the_environment_is_read_as_numbers_and_booleans(tmp_path):
    environment = {
        "GUESTD_SIMULATOR__PORT": "32030",
        "GUESTD_AUDIT__BODIES": "1",
        "GUESTD_API__TCP": "yes",
        "GUESTD_MESSAGES__PER_S": "2.5",
        "GUESTD_JOURNAL__RETENTION_S": "5m",
    }
    config = load_config(None, environment)
    assert (config.simulator.port, config.audit.bodies, config.api.tcp) == (32030, True, True)
    assert (config.messages.per_s, config.journal.retention_s) == (2.5, 300.0)
    bad = {"GUESTD_JOURNAL__RETENTION_S": "true", "GUESTD_LIMITS__MAX_SESSIONS": "true"}
    found = problems(tmp_path, "", bad)
    assert "'true' is not a duration" in found and "must be a whole number (got 'true')" in found


def test_all_mistakes_are_told_at_once(tmp_path):
    text = problems(tmp_path, "[simulator]\nprot = 1\nport = -1\n[limits]\nmax_sessions = 'x'\n")
    assert len(text.splitlines()) == 3


def test_a_missing_file_and_one_that_is_no_text(tmp_path):
    with pytest.raises(ConfigProblems, match="no such file"):
        load_config(tmp_path / "none.toml", {})
    (tmp_path / "bin.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigProblems, match="cannot be read"):
        load_config(tmp_path / "bin.toml", {})
    with pytest.raises(ConfigProblems, match="cannot be read"):
        load_config(tmp_path, {})


def test_the_environment_is_over_the_file_and_flags_are_over_both(tmp_path):
    path = tmp_path / "guestd.toml"
    path.write_text(
        "[simulator]\nport = 1\n[limits]\nmax_sessions = 7\n[sessions]\nduration_s = '20m'\n"
    )
    environment = {
        "GUESTD_SIMULATOR__PORT": "2",
        "GUESTD_LIMITS__MAX_SESSIONS": "8",
        "HOME": "/",
    }
    config = load_config(path, environment, {"simulator.port": 3})
    assert (config.simulator.port, config.limits.max_sessions, config.sessions.duration_s) == (
        3,
        8,
        1200.0,
    )


def test_an_unknown_key_of_the_environment_is_refused(tmp_path):
    assert "simulator.prot: unknown key" in problems(tmp_path, "", {"GUESTD_SIMULATOR__PROT": "1"})


def test_nothing_at_all_is_the_defaults():
    assert load_config(None, {}) == Config()


def test_a_proxy_url_from_a_credential(tmp_path):
    (tmp_path / "proxy").write_text("http://user:secret@proxy:3128\n")
    environment = {
        "CREDENTIALS_DIRECTORY": str(tmp_path),
        "GUESTD_PLATFORM__PROXY_URL": "credential:proxy",
    }
    assert load_config(None, environment).platform.proxy_url == "http://user:secret@proxy:3128"
    for name in ("none", "../proxy", ""):
        with pytest.raises(ConfigProblems):
            load_config(None, {**environment, "GUESTD_PLATFORM__PROXY_URL": f"credential:{name}"})


def test_config_check_finds_what_the_start_would_find_wrong_with_the_token(tmp_path):
    token_file, path = tmp_path / "token", tmp_path / "guestd.toml"
    token_file.write_text("short\n")
    path.write_text(f'[api]\ntoken_file = "{token_file}"\n')
    done = CliRunner().invoke(app, ["config", "check", "-c", str(path)])
    assert done.exit_code == 78 and "api.token_file: must have at least 16" in done.stderr
    path.write_text('[simulator]\nhost = "0.0.0.0"\n')
    done = CliRunner().invoke(app, ["config", "check", "-c", str(path)])
    assert done.exit_code == 78 and "api.token: is not set" in done.stderr
    path.write_text('[simulator]\nhost = "0.0.0.0"\n[api]\ntcp = false\n')
    done = CliRunner().invoke(app, ["config", "check", "-c", str(path)])
    assert done.exit_code == 78 and "simulator.token: is not set" in done.stderr
    path.write_text('[simulator]\nhost = "0.0.0.0"\ntoken = "short"\n[api]\ntcp = false\n')
    done = CliRunner().invoke(app, ["config", "check", "-c", str(path)])
    assert done.exit_code == 78 and "simulator.token: must have at least" in done.stderr
    path.write_text('[simulator]\nhost = "0.0.0.0"\nopen = true\n[api]\ntcp = false\n')
    assert CliRunner().invoke(app, ["config", "check", "-c", str(path)]).exit_code == 0


def test_the_control_apis_token_from_a_credential(tmp_path):
    (tmp_path / "api-token").write_text("a-token-of-enough-length\n")
    environment = {
        "CREDENTIALS_DIRECTORY": str(tmp_path),
        "GUESTD_API__TOKEN": "credential:api-token",
    }
    token = load_config(None, environment).api.token
    assert token is not None and token.get_secret_value() == "a-token-of-enough-length"
    with pytest.raises(ConfigProblems, match=r"api.token: there is no readable credential 'none'"):
        load_config(None, {**environment, "GUESTD_API__TOKEN": "credential:none"})


def test_reading_a_configuration_loads_no_server_and_no_client():
    """Each command of the command line begins by it."""
    code = (
        "import sys, guestd.app.load_config;"
        "print([one for one in ('aiohttp', 'websockets', 'uvloop', 'cryptography',"
        " 'guestd.webhooks.webhooks', 'guestd.webhooks.sender', 'guestd.audit.audit',"
        " 'guestd.transport.dialer') if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
