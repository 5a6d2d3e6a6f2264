"""Where a mistake of the configuration was written, and in which words it is told."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from random import Random

import pytest
from typer.testing import CliRunner

from guestd.app import reference
from guestd.app.cli import app
from guestd.app.config_keys import keys, sections
from guestd.app.config_lines import key_lines
from guestd.app.config_problems import ConfigProblems
from guestd.app.load_config import load_config

FILE = '''# a comment
title = "x" # [no.table]
[simulator]
port = 3001
"host" = 'a#b'
origins_allowed = [
  "http://a", # ]
  "[not.a.table]",
]
text = """
[no.table]
key = 1
"""
[platform.paths]
"contact.create" = "/x"
dotted.one = 1
dotted.two = 2

[[webhooks.targets]]
name = "a"
[[webhooks.targets]]
name = "b"
urls = {first = 1,
  second = 2}
[webhooks.targets.more]
deep = 1
'''


def test_every_key_has_its_line():
    lines = key_lines(FILE).lines
    expected = {
        ("title",): 2,
        ("simulator",): 3,
        ("simulator", "port"): 4,
        ("simulator", "host"): 5,
        ("simulator", "origins_allowed"): 6,
        ("simulator", "text"): 10,
        ("platform",): 14,
        ("platform", "paths", "contact.create"): 15,
        ("platform", "paths", "dotted", "two"): 17,
        ("webhooks", "targets", 0, "name"): 20,
        ("webhooks", "targets", 1): 21,
        ("webhooks", "targets", 1, "urls"): 23,
        ("webhooks", "targets", 1, "more", "deep"): 26,
    }
    assert {path: lines.get(path) for path in expected} == expected
    assert key_lines(FILE).repeated == [] and ("no", "table") not in lines


def test_the_example_has_a_line_for_every_key_it_sets():
    text = reference.example()
    found = key_lines(text)
    for section, table in tomllib.loads(text).items():
        for key in table:
            line = text.splitlines()[found.lines[section, key] - 1]
            assert line.startswith((f"{key} =", f"[{section}.{key}]")), line


def test_what_is_not_toml_is_read_as_far_as_it_goes():
    draw = Random(12)
    for _ in range(2000):
        key_lines("".join(draw.choices("ab.=[]{}\"'#\\\n ,1", k=draw.randrange(40))))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[simulator]\nprot = 1\n", ":2: simulator.prot: unknown key; did you mean port?"),
        ("\n\nport = 3000\n", ":3: port: unknown key; it belongs into a table: did you mean"),
        ("[simulator]\nport = 1\nport = 2\n", ":3: simulator.port: is there twice, on line 2"),
        ("[limits]\n[log]\n[limits]\n", ":3: limits: is there twice, on line 1 as well"),
        ("[simulator]\nport =\n", ":2: is not TOML in column 7: invalid value"),
        ("[simulator]\nport = ", ":2: is not TOML"),
        ("[[webhooks.targets]]\nname = 'a'\n", ":1: webhooks.targets.0.url: is missing"),
        ("[platform]\n\ndeployment_id = 'x'\n", ":1: platform.region: is missing beside"),
        ("[platform]\nregion = 'mars'\ndeployment_id = 'x'\n", ":2: platform.region: 'mars'"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path, text, expected):
    path = tmp_path / "guestd.toml"
    path.write_text(text)
    with pytest.raises(ConfigProblems) as caught:
        load_config(path, {})
    assert f"{path}{expected}" in str(caught.value)


def test_a_mistake_of_the_environment_or_of_an_option_is_told_with_its_name():
    with pytest.raises(ConfigProblems) as caught:
        load_config(None, {"GUESTD_LIMITS__MAX_SESSIONS": "x"}, {"simulator.port": -1})
    assert set(str(caught.value).splitlines()) == {
        "GUESTD_LIMITS__MAX_SESSIONS: limits.max_sessions: must be a whole number (got 'x')",
        "command line: simulator.port: must be at least 0 (got -1)",
    }


def test_what_the_start_refuses_of_tokens_is_told_with_the_file(tmp_path):
    path = tmp_path / "guestd.toml"
    path.write_text("[simulator]\nhost = '0.0.0.0'\n[api]\ntoken = 'short'\n")
    done = CliRunner().invoke(app, ["config", "check", "-c", str(path), "--json"])
    found = json.loads(done.stdout)
    assert done.exit_code == 78 and found["lines"][1].startswith(f"{path}:4: api.token: ")
    assert found["problems"][1].startswith("api.token: ")


BAD = ("'x'", "-1", "1.5", "[]", "[1]", "{x = 1}", "true", "99999999999", "-0.5", "nan", "''")
PYDANTICS = ("input", "unable to", "parse", "valid ", "instance", "keyword", "assertion", "type=")


@pytest.mark.parametrize("value", BAD)
def test_no_mistake_is_told_in_the_words_of_a_library(tmp_path: Path, value: str):
    """Every key with every kind of wrong value."""
    path = tmp_path / "guestd.toml"
    tables = [
        f"[{section}]\n" + "".join(f"{key.name} = {value}\n" for key in keys(section))
        for section in sections()
    ]
    path.write_text("\n".join(tables))
    with pytest.raises(ConfigProblems) as caught:
        load_config(path, {})
    assert len(caught.value.problems) > 20
    for problem in caught.value.problems:
        words = problem.partition(": ")[2].partition(" (got")[0].lower()
        assert not any(foreign in words for foreign in PYDANTICS), problem


def test_problems_come_in_the_order_of_the_file_and_each_once(tmp_path, monkeypatch):
    monkeypatch.setenv("GUESTD_LIMITS__MAX_SESSIONS", "many")
    path = tmp_path / "guestd.toml"
    path.write_text(
        "[webhooks]\ntime_out_s = true\n[api]\ntoken = 12345678901234567\n[drain]\ngrace_s = nan\n"
        "[simulator]\nport = 12345678901234567\ntcp = 1\n"
    )
    done = CliRunner().invoke(app, ["config", "check", "-c", str(path), "--json"])
    places = [line.split(": ")[:2] for line in json.loads(done.stdout)["lines"]]
    assert places == [
        ["GUESTD_LIMITS__MAX_SESSIONS", "limits.max_sessions"],
        [f"{path}:2", "webhooks.time_out_s"],
        [f"{path}:4", "api.token"],
        [f"{path}:6", "drain.grace_s"],
        [f"{path}:8", "simulator.port"],
        [f"{path}:9", "simulator.tcp"],
    ]
