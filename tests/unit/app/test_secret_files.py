"""Files with secrets: read without what an editor adds, and complained of when others may read
them."""

from __future__ import annotations

import json
import os
import signal
import stat
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from pydantic import SecretBytes, SecretStr
from typer.testing import CliRunner

from guestd.app.cli import app
from guestd.app.config import Config
from guestd.app.load_config import ConfigProblems, load_config
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
deployment_id = "x"
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


@pytest.fixture
def signal_mask():
    """`serve` blocks signals for good; the programs that later tests start must not inherit
    that."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


@pytest.mark.usefixtures("signal_mask")
def test_a_start_warns(tmp_path, monkeypatch, caplog):
    log = SimpleNamespace(line=print, close=lambda: True)
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
    config = from_environment(SIMULATOR__ORIGINS_ALLOWED=text, ATTACHMENTS__TYPES=text)
    assert config.simulator.origins_allowed == found and config.attachments.types == found


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
        ("SIMULATOR__ORIGINS_ALLOWED", '["a"', "simulator.origins_allowed: is not a JSON array"),
        ("SIMULATOR__ORIGINS_ALLOWED", "[1]", "simulator.origins_allowed.0: "),
        (
            "SIMULATOR__ORIGINS_ALLOWED",
            "[" * 100_000,
            "simulator.origins_allowed: is not a JSON array",
        ),
        ("WEBHOOKS__TARGETS", "crm", "webhooks.targets: is not a JSON array of objects"),
        ("WEBHOOKS__TARGETS", '[{"name": "crm"}]', "webhooks.targets.0.url: "),
        ("PLATFORM__PATHS", "x", "platform.paths: is not a JSON object"),
    ],
)
def test_a_list_that_cannot_be_read_is_named(name, text, said):
    with pytest.raises(ConfigProblems) as caught:
        from_environment(**{name: text})
    assert said in str(caught.value)
