"""The environment: no variable of ours is passed over without a word, and none of the client's can
be taken for the daemon's."""

from __future__ import annotations

import logging

import pytest
from typer.testing import CliRunner

from guestd.app import variables
from guestd.app.cli import app
from guestd.app.config_environment import unknown_variables
from guestd.app.config_keys import all_keys
from guestd.app.config_problems import ConfigProblems
from guestd.app.load_config import find_config, load_config

DEPLOYMENT = "[platform]\ndeployment_id = '0b7d4c1e-5a0e-4e6a-9b1d-2f6f6c1f9a10'\n"
CLIENT = {
    "GENESYSCLOUD_OAUTHCLIENT_ID": "the-client",
    "GENESYSCLOUD_OAUTHCLIENT_SECRET": "canary-of-the-client",
}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("GUESTD_SIMULATOR_PORT", "did you mean GUESTD_SIMULATOR__PORT, with two underscores?"),
        ("GUESTD_PORT", "did you mean GUESTD_SIMULATOR__PORT or GUESTD_EMULATOR__PORT?"),
        ("GUESTD_CONFG", "did you mean GUESTD_CONFIG?"),
        ("GUESTD_SIMULATR_PORT", "did you mean GUESTD_SIMULATOR__PORT?"),
        ("GUESTD_API_TOKEN", "did you mean GUESTD_API__TOKEN? The commands that talk to a daemon"),
        ("GUESTD_URL", "read GUESTDCTL_URL"),
        ("GUESTD_EMULATR__PORT", "did you mean GUESTD_EMULATOR__PORT?"),
        ("GUESTD_COLOUR", "`guestd config reference` lists them"),
    ],
)
def test_a_variable_that_is_no_setting_is_refused_with_the_likely_one(name, expected):
    with pytest.raises(ConfigProblems) as caught:
        load_config(None, {name: "1"})
    assert str(caught.value).startswith(f"environment: {name}: is not a setting; ")
    assert expected in str(caught.value)


def test_a_token_with_one_underscore_is_never_an_open_door(monkeypatch):
    monkeypatch.setenv("GUESTD_API_TOKEN", "abcdefabcdefabcdefabcdef")
    for command in (["serve", "--port", "0"], ["config", "check"]):
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 78 and "GUESTD_API__TOKEN" in done.stderr
        assert "abcdef" not in done.output


def test_every_settings_name_with_one_underscore_is_refused_with_its_own():
    for key in all_keys():
        (problem,) = unknown_variables({key.environment.replace("__", "_"): "x"})
        assert f"did you mean {key.environment}" in problem


def test_the_clients_variables_do_not_begin_like_the_daemons():
    for name in (variables.CLIENT_URL, variables.CLIENT_SOCKET, variables.CLIENT_TOKEN):
        assert not name.startswith("GUESTD_")
    assert unknown_variables({name: "x" for name in variables.RENAMED.values()}) == []


def test_the_clients_old_variables_are_refused_by_its_commands(monkeypatch):
    for name in variables.RENAMED:
        with monkeypatch.context() as patch:
            patch.setenv(name, "x")
            done = CliRunner().invoke(app, ["sessions", "list"])
        assert done.exit_code == 78
        assert f"{name}: is not read any more; set {variables.RENAMED[name]}" in done.stderr


def test_what_kubernetes_sets_for_a_service_is_passed_over():
    environment = {
        "GUESTD_SERVICE_HOST": "10.0.0.1",
        "GUESTD_SERVICE_PORT": "3000",
        "GUESTD_SERVICE_PORT_HTTP": "3000",
        "GUESTD_PORT": "tcp://10.0.0.1:3000",
        "GUESTD_PORT_3000_TCP": "tcp://10.0.0.1:3000",
        "GUESTD_PORT_3000_TCP_ADDR": "10.0.0.1",
    }
    assert unknown_variables(environment) == []


# ---------------------------------------------------------------------- which file


def test_a_file_is_found_beside_and_named_by_the_environment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    none = find_config(None, {})
    assert "there is no ./guestd.toml" in none.origin and not none.was_found
    (tmp_path / "guestd.toml").write_text("[simulator]\nport = 1\n")
    beside = find_config(None, {})
    assert (beside.config.simulator.port, beside.origin) == (1, "./guestd.toml")
    other = tmp_path / "other.toml"
    other.write_text("[simulator]\nport = 2\n")
    named = find_config(None, {"GUESTD_CONFIG": str(other)})
    assert named.config.simulator.port == 2 and named.origin == f"{other}, from GUESTD_CONFIG"
    assert find_config(tmp_path / "guestd.toml", {"GUESTD_CONFIG": str(other)}).config == (
        beside.config
    )
    with pytest.raises(ConfigProblems, match="there is no such file"):
        find_config(None, {"GUESTD_CONFIG": str(tmp_path / "none.toml")})


def test_the_commands_say_which_file_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke
    assert "there is no ./guestd.toml" in run(app, ["config", "check"]).stdout
    (tmp_path / "here").mkdir()
    (tmp_path / "guestd.toml").write_text("[journal]\ndirectory = 'here'\n")
    assert "(./guestd.toml)" in run(app, ["config", "check"]).stdout
    assert run(app, ["config", "show"]).stdout.startswith("# ./guestd.toml\n")
    assert "the configuration is ./guestd.toml" in run(app, ["journal", "info"]).stderr


# ---------------------------------------------------------------------- other tools' variables


def loaded(tmp_path, text, **environment):
    path = tmp_path / "guestd.toml"
    path.write_text(text)
    return find_config(path, environment)


def test_the_region_and_the_client_of_other_tools_are_taken_and_said(tmp_path):
    found = loaded(tmp_path, DEPLOYMENT, GENESYS_REGION="eu-central-1", **CLIENT)
    platform = found.config.platform
    assert (platform.region, platform.client_id) == ("eu-central-1", "the-client")
    assert platform.client_secret is not None
    assert platform.client_secret.get_secret_value() == "canary-of-the-client"
    said = "\n".join(found.notes)
    assert "'eu-central-1', from GENESYS_REGION" in said
    assert "GENESYSCLOUD_OAUTHCLIENT_SECRET" in said and "canary" not in said
    other = loaded(tmp_path, DEPLOYMENT, GENESYSCLOUD_REGION="us-east-1")
    assert other.config.platform.region == "us-east-1"


def test_what_is_configured_counts_more_than_other_tools_variables(tmp_path):
    own = DEPLOYMENT + "region = 'mypurecloud.ie'\nclient_id = 'mine'\nclient_secret = 'own'\n"
    found = loaded(tmp_path, own, GENESYS_REGION="eu-central-1", **CLIENT)
    assert (found.config.platform.region, found.config.platform.client_id) == (
        "mypurecloud.ie",
        "mine",
    )
    assert found.notes == ()


def test_other_tools_variables_do_not_lead_away_from_the_embedded_emulator(tmp_path):
    found = loaded(tmp_path, "", GENESYS_REGION="eu-central-1", **CLIENT)
    assert not found.config.platform.is_given and not found.config.platform.has_client
    assert found.notes == ("GENESYS_REGION is not used: platform.deployment_id is not set",)


def test_half_a_client_is_not_taken(tmp_path):
    given = DEPLOYMENT + "region = 'mypurecloud.ie'\n"
    found = loaded(tmp_path, given, GENESYSCLOUD_OAUTHCLIENT_ID="the-client")
    assert not found.config.platform.has_client
    assert "GENESYSCLOUD_OAUTHCLIENT_SECRET is not set" in found.notes[0]


def test_a_wrong_region_of_another_tool_is_named_by_its_variable(tmp_path):
    with pytest.raises(ConfigProblems, match=r"^GENESYS_REGION: platform\.region: 'mars' is not"):
        loaded(tmp_path, DEPLOYMENT, GENESYS_REGION="mars")


def test_the_start_says_which_configuration_it_has(tmp_path, monkeypatch, caplog):
    from guestd.app.commands import serve

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "guestd.observe.log.configure_logging", lambda *_: logging.getLogger("unused")
    )
    monkeypatch.setattr(
        "guestd.app.signals.SignalListener", lambda: type("S", (), {"listen": print})()
    )
    monkeypatch.setattr(serve.exit_codes, "run_logged", lambda *_: 0)
    with caplog.at_level("INFO", "guestd"):
        CliRunner().invoke(app, ["serve"])
    assert "there is no ./guestd.toml" in caplog.text


def test_a_misspelled_section_of_the_environment_is_not_blamed_on_the_file(tmp_path):
    (tmp_path / "g.toml").write_text("")
    with pytest.raises(ConfigProblems) as caught:
        load_config(tmp_path / "g.toml", {"GUESTD_EMULATR__PORT": "3"})
    assert "g.toml" not in str(caught.value) and "emulatr: unknown" not in str(caught.value)


@pytest.mark.parametrize(("text", "wanted"), [("500", 500.0), ("0.5", 0.5), ("1s", 1000.0)])
def test_a_bare_number_is_a_time_in_the_environment_as_in_the_file(text, wanted):
    assert load_config(None, {"GUESTD_INBOX__HOLD_MIN_MS": text}).inbox.hold_min_ms == wanted


def test_all_that_is_wrong_with_the_environment_is_said_at_once():
    wrong = {"GUESTD_PLATFORM__PATHS": "[", "GUESTD_COLOUR": "1", "GUESTD_SIMULATOR__PORT": "x"}
    with pytest.raises(ConfigProblems) as caught:
        load_config(None, wrong)
    assert len(caught.value.lines) == 3
