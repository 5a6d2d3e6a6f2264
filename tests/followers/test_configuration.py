"""What the configuration of webhooks and audit refuses, and how it says so."""

from __future__ import annotations

import pytest
from pydantic import SecretBytes

from guestd.app.config_problems import ConfigProblems
from guestd.app.load_config import load_config
from guestd.app.webhook_settings import webhook_settings
from guestd.app.wiring.followers import audit_directory

TARGET = (
    '[[webhooks.targets]]\nname = "crm"\nurl = "https://crm.example.org/h"\nsecrets ='
    ' ["0123456789abcdef"]\n'
)


def load(tmp_path, text, environment=None):
    (tmp_path / "guestd.toml").write_text(text)
    return load_config(tmp_path / "guestd.toml", environment or {})


def test_a_target_with_secrets_from_everywhere(tmp_path):
    (tmp_path / "one").write_text("a secret from a file\n")
    text = TARGET.replace('"0123456789abcdef"', f'"file:{tmp_path}/one", "credential:one"')
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    config = load(tmp_path, text, environment)
    [target] = webhook_settings(config, environment).targets
    assert target.secrets == (SecretBytes(b"a secret from a file"),) * 2
    assert "a secret" not in repr(target) and "file:" not in repr(config)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("https://crm.example.org/h", "http://crm.example.org/h"),
            "webhooks.targets.crm.url: http:// is for hosts in",
        ),
        (
            ("crm.example.org", "169.254.169.254"),
            "webhooks.targets.crm.url: 169.254.169.254 leads to",
        ),
        (
            ("0123456789abcdef", "short"),
            "webhooks.targets.crm.secrets: a secret must have at least 16 bytes",
        ),
        (
            ("0123456789abcdef", "file:/nowhere/at/all"),
            "webhooks.targets.crm.secrets: /nowhere/at/all cannot be read",
        ),
        (("0123456789abcdef", "credential:x"), "there is no CREDENTIALS_DIRECTORY"),
        (('name = "crm"', 'name = "operation"'), "webhooks.targets: 'operation' is taken"),
        (('name = "crm"', 'name = "CRM!"'), "webhooks.targets.0.name"),
        (
            ("secrets =", "secret ="),
            "webhooks.targets.0.secret: unknown key; did you mean secrets?",
        ),
        (
            ('name = "crm"', 'name = "crm"\nevents = ["gone"]'),
            "webhooks.targets.0.events.0: must be",
        ),
    ],
)
def test_bad_targets_are_named(tmp_path, change, said):
    with pytest.raises(ConfigProblems) as caught:
        load(tmp_path, TARGET.replace(*change))
    assert said in str(caught.value)
    assert "0123456789abcdef" not in str(caught.value)


def test_a_name_given_twice_and_a_missing_ca_file_are_named(tmp_path):
    with pytest.raises(ConfigProblems, match="'crm' is there twice"):
        load(tmp_path, TARGET + TARGET)
    with pytest.raises(ConfigProblems, match=r"webhooks\.ca_file: there is no file"):
        load(tmp_path, '[webhooks]\nca_file = "/nowhere"\n')


def test_the_audit_stands_beside_the_journal_unless_told_otherwise(tmp_path):
    config = load(tmp_path, "")
    assert audit_directory(config, None) is None
    assert audit_directory(config, tmp_path) == tmp_path / "audit"
    assert str(audit_directory(load(tmp_path, '[audit]\ndirectory = "/a"\n'), tmp_path)) == "/a"


@pytest.mark.parametrize(
    ("host", "allowed", "remedy"),
    [
        ("10.1.2.3", "", "see allow_internal for hosts of your own network"),
        ("169.254.169.254", "169.254.0.0/16", "no setting allows it, name another host"),
        ("user:password@crm.example", "", "leave them out"),
    ],
)
def test_what_to_do_about_a_url_is_said_once_and_helps(tmp_path, host, allowed, remedy):
    with pytest.raises(ConfigProblems) as caught:
        load(
            tmp_path,
            TARGET.replace("crm.example.org/", f"{host}/")
            + (f"allow_internal = ['{allowed}']\n" if allowed else ""),
        )
    (problem,) = caught.value.problems
    assert problem.endswith(f"; {remedy}") and problem.count("; ") == 1
    assert "password" not in problem.replace("user and password", "")


@pytest.mark.parametrize(
    ("text", "environment", "expected"),
    [
        (
            "[api]\ntoken = 'credential:api-token'\n",
            {},
            "CREDENTIALS_DIRECTORY=/etc/credstore guestd config check",
        ),
        (
            TARGET.replace("0123456789abcdef", "credential:crm"),
            {},
            "CREDENTIALS_DIRECTORY=/etc/credstore guestd config check",
        ),
        (
            "[api]\ntoken = 'credential:/etc/token'\n",
            {"CREDENTIALS_DIRECTORY": "/etc/credstore"},
            "'/etc/token' is not the name of a credential; write credential:NAME without a path",
        ),
    ],
    ids=["token", "webhook", "a path"],
)
def test_a_credential_that_cannot_be_looked_for_says_how(tmp_path, text, environment, expected):
    path = tmp_path / "guestd.toml"
    path.write_text(text)
    with pytest.raises(ConfigProblems) as caught:
        load_config(path, environment)
    assert expected in str(caught.value)
