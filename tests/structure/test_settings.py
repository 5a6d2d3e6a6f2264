"""Each figure once: a section of the configuration is the settings class of the package that lives
by it, and nothing repeats its fields."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretBytes, SecretStr
from typer.testing import CliRunner

import guestd
from guestd.app import reference
from guestd.app.cli import app
from guestd.app.config import Config
from guestd.app.config_keys import all_keys, collection, sections, typed_keys
from guestd.app.config_problems import ConfigProblems
from guestd.app.config_schema import schema, schema_text
from guestd.app.load_config import load_config

ROOT = Path(__file__).parents[2]
BEFORE = json.loads((Path(__file__).parent / "configuration_0_1.json").read_text())
FIGURES = (int, float, str, bool, tuple, SecretStr, SecretBytes)

#: Settings of another program: `guestd emulate` runs the emulator without any of our sections.
OTHERS_OWN = {"EmulatorSettings"}


def settings_classes() -> Iterator[type]:
    """Every class of the product that is named as settings are."""
    for module in pkgutil.walk_packages(guestd.__path__, "guestd."):
        if module.name.endswith("__main__"):
            continue
        for name, found in vars(importlib.import_module(module.name)).items():
            is_own = isinstance(found, type) and found.__module__ == module.name
            if is_own and name.endswith("Settings"):
                yield found


def fields_of(cls: type) -> dict[str, Any]:
    if is_dataclass(cls):
        return typed_keys(cls)
    return {name: one.annotation for name, one in getattr(cls, "model_fields", {}).items()}


def declared_by_its_section() -> dict[str, set[str]]:
    return {name: {one.name for one in fields(cls)} for name, cls in sections().items()}


def test_config_lists_sections_and_nothing_else():
    assert all(is_dataclass(cls) for cls in sections().values())
    assert len(set(sections().values())) == len(sections())


def test_no_settings_class_repeats_a_field_of_the_configuration():
    """A class that is made of sections has fields of their types; one that has a figure under the
    name of a key states it twice."""
    known = set(sections().values())
    known |= {base for cls in known for base in cls.__mro__}
    keys = {name for names in declared_by_its_section().values() for name in names}
    repeated = {
        f"{cls.__name__}.{name}"
        for cls in settings_classes()
        if cls not in known and cls.__name__ not in OTHERS_OWN
        for name, annotation in fields_of(cls).items()
        if name in keys and annotation not in known
    }
    assert repeated == set()


def test_every_key_says_what_it_means():
    assert [f"{one.section}.{one.name}" for one in all_keys() if not one.doc.text] == []
    inner = [
        element for one in all_keys() if is_dataclass(element := collection(one.annotation)[1])
    ]
    assert len(inner) == 2
    silent = [
        name for cls in inner for name, one in typed_keys(cls).items() if "Doc(" not in repr(one)
    ]
    assert silent == []


def test_a_key_without_a_default_has_an_example():
    without = [one for one in all_keys() if one.default is None]
    assert without and all(one.doc.example is not None for one in without)


# ------------------------------------------------------------------ as it was


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """By key: type, default and bounds, without names and order. That a table is closed is not in
    the schemas of every pydantic; the next test asks for it."""
    whole = model.model_json_schema()

    def resolved(part: Any) -> Any:
        if isinstance(part, list):
            return [resolved(one) for one in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            part = whole["$defs"][part["$ref"].rpartition("/")[2]]
        found = {
            key: resolved(one) for key, one in part.items() if key not in ("title", "description")
        }
        for ours, theirs in (
            ("gt", "exclusiveMinimum"),
            ("ge", "minimum"),
            ("le", "maximum"),
            ("multiple_of", "multipleOf"),
        ):
            if ours in found:
                found[theirs] = found.pop(ours)
        if found.get("minimum", -1) > found.get("exclusiveMinimum", 0) == 0:
            found.pop("exclusiveMinimum", None)
        if found.get("additionalProperties") is False:
            del found["additionalProperties"]
        if found.get("additionalProperties") == {"type": "string"}:
            found.setdefault("default", {})
        return found

    return {
        f"{section}.{key}": one
        for section, table in whole["properties"].items()
        for key, one in resolved(table)["properties"].items()
    }


def test_every_key_of_version_0_1_has_its_type_default_and_bounds():
    now = schema_of(Config)
    assert {key: now.get(key) for key in BEFORE} == BEFORE


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ("[[platform.oauth_clients]]", 'id = "a"\nsecret = "b"'),
        ("[[webhooks.targets]]", 'name = "a"\nurl = "https://a.example.org"\nsecrets = ["0123"]'),
        *((f"[{section}]", "") for section in sections()),
    ],
)
def test_every_table_refuses_unknown_keys(tmp_path, table, line):
    path = tmp_path / "guestd.toml"
    path.write_text(f"{table}\n{line}\nno_such_key = 1\n")
    with pytest.raises(ConfigProblems, match="no_such_key: unknown key"):
        load_config(path, {})


# ------------------------------------------------------------------ the pages


@pytest.mark.parametrize(
    ("path", "write"),
    [
        ("config.example.toml", reference.example),
        ("docs/configuration.md", reference.markdown),
        ("docs/guestd.schema.json", schema_text),
    ],
)
def test_the_generated_files_are_as_generated(path, write):
    assert (ROOT / path).read_text() == write(), f"write {path} anew"


def test_config_init_writes_a_file_that_changes_nothing_and_replaces_none(tmp_path):
    path = tmp_path / "guestd.toml"
    done = CliRunner().invoke(app, ["config", "init", str(path)])
    assert (done.exit_code, path.read_text()) == (0, reference.example())
    assert load_config(path, {}) == Config()
    assert (tmp_path / "guestd.schema.json").read_text() == schema_text()
    again = CliRunner().invoke(app, ["config", "init", str(path)])
    assert again.exit_code == 78 and "already exists; name a file that does not" in again.stderr
    nowhere = CliRunner().invoke(app, ["config", "init", str(tmp_path / "none" / "guestd.toml")])
    assert nowhere.exit_code == 78 and "cannot be written" in nowhere.stderr
    assert CliRunner().invoke(app, ["config", "init"]).output == reference.example()


def test_a_minimal_file_changes_nothing_and_has_only_keys_that_there_are(tmp_path):
    path = tmp_path / "guestd.toml"
    done = CliRunner().invoke(app, ["config", "init", "--minimal", str(path)])
    assert done.exit_code == 0 and load_config(path, {}) == Config()
    known = {f"{one.section}.{one.name}" for one in all_keys()}
    assert set(reference.MINIMAL) <= known
    commented = re.findall(r"^# (\w+) = ", path.read_text(), re.MULTILINE)
    assert commented == [name.partition(".")[2] for name in reference.MINIMAL]


def test_both_files_name_the_schema_for_editors(tmp_path):
    for text in (reference.example(), reference.minimal()):
        assert text.startswith("#:schema ./guestd.schema.json\n")


def test_the_schema_takes_what_the_program_takes_and_refuses_what_it_refuses():
    jsonschema = pytest.importorskip("jsonschema_rs")
    valid = jsonschema.validator_for(schema()).is_valid
    assert valid(tomllib.loads(reference.example()))
    target = {"name": "crm", "url": "https://crm.example.org/", "secrets": ["file:x"]}
    assert valid({"sessions": {"duration_s": "1h30m"}, "webhooks": {"targets": [target]}})
    for wrong in (
        {"simulatr": {}},
        {"simulator": {"prot": 1}},
        {"simulator": {"port": "3000"}},
        {"simulator": {"port": 70_000}},
        {"platform": {"dialect": "telnet"}},
        {"sessions": {"duration_s": "soon"}},
        {"sessions": {"duration_s": 0}},
        {"webhooks": {"targets": [{"name": "crm"}]}},
    ):
        assert not valid(wrong), wrong


def test_the_schema_says_of_every_key_what_it_means():
    sections = schema()["properties"]
    for key in all_keys():
        found = sections[key.section]["properties"][key.name]
        assert found["description"] == key.doc.text
        assert ("default" in found) == (key.default is not None)


def test_config_reference_describes_every_key(tmp_path):
    page = CliRunner().invoke(app, ["config", "reference"])
    assert (page.exit_code, page.output) == (0, reference.markdown())
    found = json.loads(CliRunner().invoke(app, ["config", "reference", "--json"]).output)
    assert [one["key"] for one in found] == [f"{one.section}.{one.name}" for one in all_keys()]
    [one] = [one for one in found if one["key"] == "heartbeat.interval_s"]
    doc = one.pop("doc")
    assert one == {
        "key": "heartbeat.interval_s",
        "environment": "GUESTD_HEARTBEAT__INTERVAL_S",
        "type": "seconds, or a duration such as 30s",
        "bounds": "at least 16",
        "default": 30.0,
    }
    assert "16 s is the least" in doc
