"""config.example.toml is the configuration: every key, every default, nothing else."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

from guestd.app.config import Config
from guestd.app.load_config import load_config

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"


def documented() -> tuple[dict[str, dict[str, object]], dict[str, set[str]]]:
    """(keys with values, keys that are commented out), by section."""
    text = EXAMPLE.read_text()
    values = tomllib.loads(text)
    commented: dict[str, set[str]] = {}
    section = ""
    for line in text.splitlines():
        if found := re.fullmatch(r"\[(\w+)\]", line):
            section = found.group(1)
        elif found := re.fullmatch(r"# (\w+) = .+", line):
            commented.setdefault(section, set()).add(found.group(1))
    return values, commented


def test_it_loads_and_changes_nothing():
    assert load_config(EXAMPLE, {}) == Config()


def test_every_key_is_there_and_no_other():
    values, commented = documented()
    assert set(values) == set(Config.model_fields)
    for section, field in Config.model_fields.items():
        known = {one.name for one in fields(field.annotation)}
        assert set(values[section]) | commented.get(section, set()) == known, section


def test_a_key_is_commented_out_exactly_when_it_has_no_default():
    _, commented = documented()
    for section, defaults in Config().model_dump().items():
        assert {key for key, value in defaults.items() if value is None} == commented.get(
            section, set()
        ), section


def test_a_commented_key_is_still_accepted(tmp_path):
    _, commented = documented()
    lines = []
    section = ""
    for line in EXAMPLE.read_text().splitlines():
        if found := re.fullmatch(r"\[(\w+)\]", line):
            section = found.group(1)
        uncommented = re.fullmatch(r"# ((\w+) = .+)", line)
        keep = uncommented is None or uncommented.group(2) not in commented.get(section, set())
        lines.append(line if keep else uncommented.group(1))
    path, ca_file, secret_file = tmp_path / "all.toml", tmp_path / "ca.pem", tmp_path / "secret"
    ca_file.touch()
    secret_file.write_text("x")
    # an emulator stands in place of a region, so that both at once are refused
    lines = [line for line in lines if not line.startswith("emulator = ")]
    text = "\n".join(lines).replace("tls/ca.pem", str(ca_file))
    path.write_text(text.replace("credentials/platform-secret", str(secret_file)))
    assert load_config(path, {}).platform.region == "mypurecloud.de"
