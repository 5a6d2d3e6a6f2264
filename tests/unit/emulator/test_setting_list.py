"""Every setting of the emulator: listed, documented, changed by key, and refused with key, problem
and bound."""

from __future__ import annotations

from pathlib import Path

import pytest

from guestd.emulator.setting_list import (
    SettingError,
    all_settings,
    changed,
    parsed,
    table,
    values_of,
)
from guestd.emulator.settings import Deployment, EmulatorLimits, EmulatorSettings

DOCS = Path(__file__).parents[3] / "docs" / "emulator.md"


def test_every_field_has_a_key():
    own = set(EmulatorSettings.model_fields) - {"limits"}
    limits = {f"limits.{name}" for name in EmulatorLimits.model_fields}
    deployment = {f"deployment.{name}" for name in Deployment.model_fields}
    assert (
        {one.key for one in all_settings()}
        == own | limits | deployment
        == set(values_of(EmulatorSettings()))
    )


def test_the_page_of_the_emulator_has_the_same_table():
    documented = [
        line
        for line in DOCS.read_text().partition("## Settings")[2].splitlines()
        if line.startswith(("| `", "| setting", "| ---"))
    ]
    assert documented == table(), "run: guestd emulate --list-settings"


@pytest.mark.parametrize(
    ("assignment", "key", "value"),
    [
        ("token_life_s=30", "token_life_s", 30.0),
        ("agent=echo", "agent", "echo"),
        ('agent={"greeting": []}', "agent", {"greeting": []}),
        ("idle_timeout_s=2.5", "idle_timeout_s", 2.5),
        ("limits.text_bytes=null", "limits.text_bytes", None),
        ('deployment.file_types=["image/png"]', "deployment.file_types", ["image/png"]),
        ("deployment.id=7", "deployment.id", "7"),
        ('deployments=[{}, {"id": "second"}]', "deployment.status", "Active"),
        ('queues=[{"id": "q"}]', "queues", [{"id": "q", "name": "Support", "answer_after_s": 0.0}]),
    ],
)
def test_any_is_set_by_its_key(assignment, key, value):
    assert values_of(changed(EmulatorSettings(), parsed([assignment])))[key] == value


@pytest.mark.parametrize(
    ("assignment", "told"),
    [
        (
            "limits.text_bytes=0",
            "limits.text_bytes: '0' is refused: .* it must be: integer or null, at least 1",
        ),
        (
            "port=70000",
            "port: '70000' is refused: .* it must be: integer, at least 0, at most 65535",
        ),
        (
            "token_life_s=soon",
            "token_life_s: 'soon' is refused: .* it must be: number, more than 0",
        ),
        (
            "deployment.status=Gone",
            "deployment.status: 'Gone' .* it must be: one of Active, Inactive",
        ),
        ("token_life=3", "token_life: is unknown; did you mean token_life_s"),
        ("deployment.colour=red", "deployment.colour: is unknown"),
        ("deployments=[]", "deployments: is refused: .* entries: at least 1"),
        ("deployments=7", "deployments: '7' is refused"),
        ('deployments=[{"colour": 1}]', "deployment.colour: Extra inputs"),
        ("agent=nobody", "agent: .*it must be: the name of an agent"),
        ('faults=[{"kind": "dance"}]', "faults: "),
        ("token_life_s", "token_life_s: has no value; write key=value"),
    ],
)
def test_a_bad_one_is_refused_with_key_problem_and_bound(assignment, told):
    with pytest.raises(SettingError, match=told):
        changed(EmulatorSettings(), parsed([assignment]))


def test_a_secret_is_not_told():
    with pytest.raises(SettingError) as refused:
        changed(EmulatorSettings(), {"oauth_clients": {"a": ["s3cret"]}})
    values = values_of(EmulatorSettings(oauth_clients={"a": "s3cret"}))
    assert "s3cret" not in f"{refused.value} {values}"


def test_what_is_read_at_the_start_is_not_changed_later():
    with pytest.raises(
        SettingError,
        match="port: is read at the start only; give it to guestd emulate --set port=VALUE",
    ):
        changed(EmulatorSettings(), {"port": 1}, is_running=True)
