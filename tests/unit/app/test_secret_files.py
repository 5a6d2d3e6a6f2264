"""Files with secrets: read without what an editor adds, and complained of when others may read
them."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from pydantic import SecretBytes, SecretStr
from typer.testing import CliRunner

from guestd.app.cli import app
from guestd.app.config import Config
from guestd.app.config_problems import ConfigProblems
from guestd.app.load_config import load_config
from guestd.app.secret_files import SECRET_BYTES_MAX, _is_open, open_secrets, read_secret
from guestd.app.webhook_settings import webhook_settings
from guestd.app.wiring.api import api_settings

MARK = b"\xef\xbb\xbf"
SECRET = "0123456789abcdef0123"


def configured(tmp_path: Path, modes: int = 0o600, mark: bytes = MARK) -> Path:
    """A configuration with every kind of secret file, each with a byte order mark before and a
    newline behind."""
    for name in ("client", "token", "hook", "operation"):
        path = tmp_path / name
        path.write_bytes(mark + SECRET.encode() + b"\r\n")
        path.chmod(modes)
    path = tmp_path / "guestd.toml"
    path.write_bytes(
        mark
        + f"""
[platform]
region = "mypurecloud.de"
deployment_id = '0b7d4c1e-5a0e-4e6a-9b1d-2f6f6c1f9a10'
client_id = "c"
client_secret_file = "{tmp_path}/client"
[api]
token_file = "{tmp_path}/token"
[webhooks]
operation_secrets = ["file:{tmp_path}/operation"]
[[webhooks.targets]]
name = "crm"
url = "https://crm.example.org/"
secrets = ["file:{tmp_path}/hook", "the secret itself, which is in no file"]
""".encode()
    )
    path.chmod(0o600)
    return path


def test_a_byte_order_mark_is_read_over_in_the_configuration_and_in_every_secret(tmp_path):
    config = load_config(configured(tmp_path), {})
    assert config.platform.client_secret is not None
    assert config.platform.client_secret.get_secret_value() == SECRET
    assert api_settings(config).token == SecretStr(SECRET)
    hooks = webhook_settings(config, {})
    assert hooks.targets[0].secrets[0] == hooks.operation_secrets[0] == SecretBytes(SECRET.encode())


def test_a_credential_is_read_without_a_mark_too(tmp_path):
    (tmp_path / "token").write_bytes(MARK + SECRET.encode())
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path), "GUESTD_API__TOKEN": "credential:token"}
    assert api_settings(load_config(None, environment)).token == SecretStr(SECRET)


def test_a_file_that_is_no_secret_is_not_read_into_memory(tmp_path):
    (tmp_path / "large").write_bytes(b"x" * (SECRET_BYTES_MAX + 1))
    with pytest.raises(OSError, match="larger than"):
        read_secret(tmp_path / "large")
    environment = {"GUESTD_PLATFORM__CLIENT_SECRET_FILE": str(tmp_path / "large")}
    with pytest.raises(ConfigProblems, match="larger than"):
        load_config(None, environment)


KEYS = (
    "platform.client_secret_file",
    "api.token_file",
    "webhooks.targets.crm.secrets",
    "webhooks.operation_secrets",
)


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o620, 0o602])
def test_secret_files_that_others_may_read_are_named_with_their_mode_and_the_remedy(mode, tmp_path):
    found = open_secrets(load_config(configured(tmp_path, mode), {}), {})
    assert [line.partition(":")[0] for line in found] == list(KEYS)
    assert all(f"mode {mode:04o}" in line and "chmod 600" in line for line in found)
    assert SECRET not in "".join(found)


def test_the_secrets_of_several_clients_are_looked_at_too(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).write_text(f"{SECRET}-{name}")
        (tmp_path / name).chmod(0o644 if name == "two" else 0o600)
    path = tmp_path / "guestd.toml"
    tables = [
        f'[[platform.oauth_clients]]\nid = "{name}"\nsecret = "file:{tmp_path}/{name}"\n'
        for name in ("one", "two")
    ]
    head = '[platform]\nregion = "mypurecloud.de"\ndeployment_id = "x"\n'
    path.write_text(head + "".join(tables))
    config = load_config(path, {})
    assert [one.secret.get_secret_value() for one in config.platform.oauth_clients] == [
        f"{SECRET}-one",
        f"{SECRET}-two",
    ]
    [line] = open_secrets(config, {}, path)
    assert line.startswith(f"platform.oauth_clients[1].secret: {tmp_path}/two is open to others")


PLAIN = """
[platform]
region = "mypurecloud.de"
deployment_id = "0b7d4c1e-5a0e-4e6a-9b1d-2f6f6c1f9a10"
proxy_url = "http://us:proxy-password@proxy.example:3128"
[[platform.oauth_clients]]
id = "one"
secret = "plain secret of one"
[[platform.oauth_clients]]
id = "two"
secret = "file:{files}/two"
[api]
token = "0123456789abcdef0123456789abcdef"
[simulator]
token = "credential:simulator"
[webhooks]
operation_secrets = ["0123456789abcdef of operations", "file:{files}/two"]
[[webhooks.targets]]
name = "crm"
url = "https://crm.example.org/"
secrets = ["0123456789abcdef of crm"]
"""

IN_PLAIN = (
    "platform.proxy_url, platform.oauth_clients[0].secret, api.token, webhooks.operation_secrets,"
    " webhooks.targets[0].secrets"
)


def test_a_configuration_with_secrets_of_its_own_is_looked_at_too(tmp_path):
    for name in ("two", "simulator"):
        (tmp_path / name).write_text(SECRET * 2)
        (tmp_path / name).chmod(0o600)
    path = tmp_path / "guestd.toml"
    path.write_text(PLAIN.format(files=tmp_path))
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    (tmp_path / "credentials").mkdir()
    (tmp_path / "simulator").rename(tmp_path / "credentials" / "simulator")
    path.chmod(0o600)
    config = load_config(path, environment)
    assert open_secrets(config, environment, path) == []
    path.chmod(0o644)
    [line] = open_secrets(config, environment, path)
    assert line.startswith(f"{IN_PLAIN}: {path} is open to others (mode 0644); chmod 600 {path}")
    assert "plain secret" not in line and "password" not in line
    done = CliRunner().invoke(app, ["config", "check", "-c", str(path)], env=environment)
    assert done.exit_code == 0 and f"guestd: warning: {IN_PLAIN}" in done.output
    path.write_text("[simulator]\nport = 3001\n")
    assert open_secrets(load_config(path, {}), {}, path) == [], "no secret, no matter"


def fifo(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


FIFO_KEYS = [
    ("platform.client_secret_file", {"PLATFORM__CLIENT_SECRET_FILE": "{}"}),
    ("api.token_file", {"API__TOKEN_FILE": "{}"}),
    ("simulator.token_file", {"SIMULATOR__TOKEN_FILE": "{}"}),
    ("webhooks.operation_secrets", {"WEBHOOKS__OPERATION_SECRETS": "file:{}"}),
    (
        "platform.oauth_clients[0].secret",
        {"PLATFORM__OAUTH_CLIENTS": '[{{"id": "a", "secret": "file:{}"}}]'},
    ),
    ("api.token", {"API__TOKEN": "credential:pipe"}),
    ("platform.ca_file", {"PLATFORM__CA_FILE": "{}"}),
    ("webhooks.ca_file", {"WEBHOOKS__CA_FILE": "{}"}),
]


@pytest.mark.parametrize(("key", "given"), FIFO_KEYS, ids=[key for key, _ in FIFO_KEYS])
@pytest.mark.timeout(20)
def test_a_pipe_is_refused_at_once_and_named(key, given, tmp_path):
    """Nobody may ever write into it, and a start that waits for that hears no signal."""
    path = fifo(tmp_path)
    environment = {f"GUESTD_{name}": value.format(path) for name, value in given.items()}
    environment["CREDENTIALS_DIRECTORY"] = str(tmp_path)
    done = CliRunner().invoke(app, ["config", "check"], env=environment)
    assert done.exit_code == 78 and f"{key}: " in done.output
    assert "regular file" in done.output and "<(…)" in done.output


@pytest.mark.parametrize(
    ("command", "way"),
    [
        ("config check", "-c"),
        ("config check", "GUESTD_CONFIG"),
        ("config check", "./guestd.toml"),
        ("serve", "-c"),
        ("chat", "-c"),
    ],
)
@pytest.mark.timeout(20)
def test_a_configuration_that_is_a_pipe_is_refused_at_once(command, way, tmp_path, monkeypatch):
    path, arguments, environment = fifo(tmp_path), command.split(), {}
    if way == "-c":
        arguments += ["-c", str(path)]
    elif way == "GUESTD_CONFIG":
        environment[way] = str(path)
    else:
        path.rename(tmp_path / "guestd.toml")
        monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, arguments, env=environment)
    assert done.exit_code == 78 and "it is not a regular file; " in done.output


@pytest.mark.timeout(20)
def test_a_pipe_that_is_written_to_is_no_file_of_the_daemon_either(tmp_path):
    path = fifo(tmp_path)
    ends = os.open(path, os.O_RDWR)
    with pytest.raises(OSError, match="not a regular file"):
        read_secret(path)
    os.write(ends, SECRET.encode())
    feeder = os.open(path, os.O_WRONLY)
    os.close(ends)
    os.close(feeder)


@pytest.mark.timeout(20)
def test_a_command_takes_its_token_from_a_pipe(tmp_path):
    read, write = os.pipe()
    os.write(write, SECRET.encode() + b"\n")
    os.close(write)
    assert read_secret(Path(f"/dev/fd/{read}"), may_be_pipe=True) == SECRET.encode()
    os.close(read)


def test_secret_files_of_our_own_are_fine_and_so_are_the_service_managers(tmp_path):
    assert open_secrets(load_config(configured(tmp_path, 0o600), {}), {}) == []
    assert open_secrets(load_config(configured(tmp_path, 0o400), {}), {}) == []
    credentials = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert open_secrets(load_config(configured(tmp_path, 0o440), {}), credentials) == []
    assert open_secrets(Config(), {}) == []


@pytest.mark.parametrize(
    ("owner", "we_are", "mode", "is_open"),
    [
        (0, 990, 0o640, False),
        (0, 990, 0o440, False),
        (0, 990, 0o644, True),
        (0, 990, 0o660, True),
        (990, 990, 0o640, True),
        (0, 0, 0o640, True),
        (0, 0, 0o600, False),
    ],
)
def test_root_may_give_a_secret_through_a_group(owner, we_are, mode, is_open, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: we_are)
    found = os.stat_result((stat.S_IFREG | mode, 1, 1, 1, owner, 990, 20, 0, 0, 0))
    assert _is_open(found) is is_open


def test_keys_open_to_others_are_named(tmp_path):
    (tmp_path / "keys").mkdir(mode=0o755)
    [found] = open_secrets(
        load_config(None, {"GUESTD_IDENTITY__DIRECTORY": str(tmp_path / "keys")}), {}
    )
    assert "identity.directory" in found and "start is refused" in found


def test_config_check_warns_and_is_good_all_the_same(tmp_path):
    path = configured(tmp_path, 0o644)
    done = CliRunner().invoke(app, ["config", "check", "-c", str(path)])
    assert done.exit_code == 0 and "the configuration is good" in done.output
    assert all(f"guestd: warning: {key}" in done.output for key in KEYS)
    found = json.loads(
        CliRunner().invoke(app, ["config", "check", "-c", str(path), "--json"]).stdout
    )
    assert found["ok"] is True and len(found["warnings"]) == 4


def test_a_start_warns(tmp_path, monkeypatch, caplog):
    log = SimpleNamespace(line=print, failure=print, close=lambda: True)
    monkeypatch.setattr("guestd.observe.log.configure_logging", lambda level, form: log)
    monkeypatch.setattr("guestd.app.commands.serve.exit_codes.run", lambda main, say: 0)
    monkeypatch.setattr("guestd.app.signals.SignalListener", Mock)
    assert CliRunner().invoke(app, ["serve", "-c", str(configured(tmp_path, 0o644))]).exit_code == 0
    warned = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert [line.partition(":")[0] for line in warned] == list(KEYS)


# ---------------------------------------------------------------------- lists from the environment


def from_environment(**values: str) -> Config:
    return load_config(None, {f"GUESTD_{name}": value for name, value in values.items()})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('["https://a.example.org"]', ("https://a.example.org",)),
        (' ["a", "b,c"] ', ("a", "b,c")),
        ("https://a.example.org", ("https://a.example.org",)),
        ("a.example, b.example,", ("a.example", "b.example")),
        ("", ()),
        ("[]", ()),
    ],
)
def test_a_list_from_the_environment(text, found):
    assert from_environment(ATTACHMENTS__TYPES=text).attachments.types == found


def test_origins_from_the_environment():
    given = "https://a.example.org, null"
    config = from_environment(SIMULATOR__ORIGINS_ALLOWED=given)
    assert config.simulator.origins_allowed == ("https://a.example.org", "null")


def test_tables_from_the_environment():
    target = {"name": "crm", "url": "https://crm.example.org/", "secrets": [SECRET]}
    config = from_environment(
        WEBHOOKS__TARGETS=json.dumps([target]), PLATFORM__PATHS='{"queue.get": "/c/{queueId}"}'
    )
    assert config.webhooks.targets[0].name == "crm" and config.platform.paths == {
        "queue.get": "/c/{queueId}"
    }


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("SIMULATOR__ORIGINS_ALLOWED", '["a"', "simulator.origins_allowed: must be a JSON array"),
        ("SIMULATOR__ORIGINS_ALLOWED", "[1]", "simulator.origins_allowed.0: "),
        (
            "SIMULATOR__ORIGINS_ALLOWED",
            "[" * 100_000,
            "simulator.origins_allowed: must be a JSON array",
        ),
        ("WEBHOOKS__TARGETS", "crm", "webhooks.targets: must be a JSON array of objects"),
        ("WEBHOOKS__TARGETS", '[{"name": "crm"}]', "webhooks.targets.0.url: "),
        ("PLATFORM__PATHS", "x", "platform.paths: must be a JSON object"),
    ],
)
def test_a_list_that_cannot_be_read_is_named(name, text, said):
    with pytest.raises(ConfigProblems) as caught:
        from_environment(**{name: text})
    assert said in str(caught.value)
