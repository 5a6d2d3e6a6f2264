"""The OAuth client and the paths in the configuration: found, checked, never shown."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from guestd.app.commands import config as command
from guestd.app.config import Config
from guestd.app.config_problems import ConfigProblems
from guestd.app.load_config import load_config
from guestd.app.wiring.endpoints import platform_target
from guestd.app.wiring.rest import oauth_clients
from guestd.platform.table import CALLS, table_with

GIVEN = "region = 'mypurecloud.de'\ndeployment_id = 'd'\n"
CANARY = "canary-client-secret"


def load(tmp_path: Path, text: str, environment=None) -> Config:
    path = tmp_path / "guestd.toml"
    path.write_text(f"[platform]\n{GIVEN}{text}")
    return load_config(path, environment or {})


def client(config: Config):
    found = oauth_clients(config, platform_target(config, None))
    return found[0] if found else None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("client_id = 'c'", "platform.client_secret: is missing beside platform.client_id"),
        ("client_secret = 'canary'", "platform.client_id: is missing beside the secret"),
        ("client_id = 'c'\nclient_secret = ''", "platform.client_secret: is empty"),
        (
            "client_id = 'a:b'\nclient_secret = 'canary'",
            "platform.client_id: has a colon, which basic cannot carry",
        ),
        (
            "client_id = 'c'\nclient_secret = 'credential:x'",
            "platform.client_secret: names a credential",
        ),
        (
            "client_id = 'c'\nclient_secret_file = '/none'",
            "platform.client_secret_file: /none cannot be read",
        ),
        ("client_secret = 4711", "platform.client_secret: "),
        ("client_auth = 'digest'", "platform.client_auth: "),
        ("token_url = 'login.x'", "platform.token_url: must begin with http:// or https://"),
        ("[platform.paths]\n'contact.crate' = '/x'", "did you mean contact.create?"),
        ("[platform.paths]\n'zzz' = '/x'", "known are queue.get"),
        (
            "[platform.paths]\n'contact.create' = 'x'",
            'platform.paths."contact.create": is not a path',
        ),
        ("[platform.paths]\n'contact.create' = '/x?y=1'", "is not a path"),
        ("[platform.paths]\n'contact.create' = '/x/../y'", "is not a path"),
        ("[platform.paths]\n'contact.create' = '/x y'", "is not a path"),
        (
            "[platform.paths]\n'queue.get' = '/x/{queue}'",
            "has other placeholders than this call; it takes {queueId}",
        ),
        ("[platform.paths]\n'queue.get' = '/x'", "it takes {queueId}"),
        ("[platform.paths]\n'contact.create' = '/x/{id}'", "it takes none"),
        ("[platform.paths]\n'contact.create' = 7", "platform.paths.contact.create: "),
    ],
    ids=lambda value: value[-30:],
)
def test_auth_1_mistakes_are_named(tmp_path, text, expected):
    with pytest.raises(ConfigProblems) as caught:
        load(tmp_path, text + "\n")
    assert expected in str(caught.value)
    assert "canary" not in str(caught.value)
    assert "4711" not in str(caught.value)


def test_auth_1_the_default_is_the_real_platforms_token_url_with_basic(tmp_path):
    config = load(tmp_path, f"client_id = 'c'\nclient_secret = '{CANARY}'\n")
    found = client(config)
    assert found.token_url == "https://login.mypurecloud.de/oauth/token"
    assert (found.client.id, found.secret, found.client_auth) == ("c", CANARY, "basic")
    assert config.rest.token_buffer_s == 60.0


def test_auth_1_token_url_and_client_authentication_are_configuration(tmp_path):
    text = (
        f"client_id = 'c'\nclient_secret = '{CANARY}'\nclient_auth = 'form'\ntoken_url ="
        " 'https://x/api/v2/oauth/token'\n"
    )
    found = client(load(tmp_path, text))
    assert (found.token_url, found.client_auth) == ("https://x/api/v2/oauth/token", "form")


def test_auth_1_no_client_is_no_mistake(tmp_path):
    assert client(load(tmp_path, "")) is None


@pytest.mark.parametrize(
    ("mode", "warned"),
    [(0o600, False), (0o400, False), (0o440, False), (0o644, True), (0o660, True)],
)
def test_auth_1_the_secret_from_a_file_and_a_warning_if_others_can_read_it(
    tmp_path, caplog, mode, warned
):
    file = tmp_path / "secret"
    file.write_text(f"{CANARY}\n")
    file.chmod(mode)
    with caplog.at_level(logging.WARNING):
        found = client(load(tmp_path, f"client_id = 'c'\nclient_secret_file = '{file}'\n"))
    assert found.secret == CANARY
    assert ("chmod 600" in caplog.text) == warned
    assert CANARY not in caplog.text


def test_auth_1_the_secret_from_a_credential(tmp_path):
    (tmp_path / "platform").write_text(f"{CANARY}\n")
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    found = client(
        load(tmp_path, "client_id = 'c'\nclient_secret = 'credential:platform'\n", environment)
    )
    assert found.secret == CANARY


@pytest.mark.parametrize("flags", [[], ["--json"]], ids=["toml", "json"])
def test_auth_1_config_show_never_shows_the_secret(tmp_path, flags):
    file = tmp_path / "secret"
    file.write_text(CANARY)
    for text in (f"client_secret = '{CANARY}'", f"client_secret_file = '{file}'"):
        config = load(tmp_path, f"client_id = 'my-client'\n{text}\n")
        shown = CliRunner().invoke(
            command.app, ["show", "-c", str(tmp_path / "guestd.toml"), *flags]
        )
        assert shown.exit_code == 0
        assert "my-client" in shown.output
        assert CANARY not in shown.output + repr(config) + str(config) + config.model_dump_json()


def test_http_1_config_show_writes_the_paths_as_toml_again(tmp_path):
    load(tmp_path, "[platform.paths]\n\"contact.create\" = '/x'\n")
    shown = CliRunner().invoke(command.app, ["show", "-c", str(tmp_path / "guestd.toml")]).output
    again = tmp_path / "again.toml"
    again.write_text(re.sub(r"^# .*\n", "", shown, flags=re.MULTILINE))
    assert load_config(again, {}).platform.paths == {"contact.create": "/x"}
    as_json = (
        CliRunner()
        .invoke(command.app, ["show", "-c", str(tmp_path / "guestd.toml"), "--json"])
        .output
    )
    assert json.loads(as_json)["platform"]["paths"] == {"contact.create": "/x"}


def test_http_1_a_name_may_stand_without_quotes(tmp_path):
    config = load(tmp_path, "[platform.paths]\nqueue.get = '/q/{queueId}'\n")
    assert table_with(config.platform.paths)["queue.get"].path == "/q/{queueId}"
    assert table_with({}) == CALLS
