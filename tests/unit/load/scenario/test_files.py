"""What stands at the top of a scenario file: deployment, load, thresholds, rails, scenarios."""

from __future__ import annotations

import hashlib

import pytest

from guestd.load.scenario.file import (
    GuestProfile,
    LoadModel,
    PersonaModel,
    Rails,
    Stage,
    Target,
    ThresholdRule,
)
from guestd.load.scenario.problems import SHOWN_MAX, ScenarioFileError
from guestd.load.scenario.reader import read_file
from guestd.load.scenario.steps import Place
from tests.unit.load.scenario.reading_helpers import problems, read

ONE = "scenarios: {One: [say: hi]}\n"


def test_a_file_has_everything_that_it_says():
    text = """\
        name: Parcels
        config: {deploymentId: d-1, region: mypurecloud.de, origin: https://a.example}
        ai: {model: m, url: "http://127.0.0.1:1/v1", keyVariable: K, temperature: 1, timeout: 5s, parameters: {seed: 7}}
        thresholds:
          - lost == 0
          - {expression: echo_latency.p99 < 500ms, abortOnFail: true, delayAbortEval: 10s}
        rails:
          deployments: [d-1]
          window: Mon-Fri 20:00-23:00
          connectsPerSecond: 5
          messagesPerSecond: 50
          throttledShare: 1%
          stopFile: /tmp/stop
        scenarios:
          One:
            weight: 2.5
            timeout: 2m
            data: [{order: 17, open: true}, {order: A, open: ""}]
            guest: {name: "G ${order}", email: e, attributes: {a: "${open}"}, metadata: {m: [1, {x: 1.5}]}, authenticated: true}
            steps: [say: "${order}"]
          Two: [end]
        """
    file = read(text)
    assert (file.path, file.name) == ("f.yml", "Parcels")
    assert len(file.sha256) == 64 and file.sha256 != hashlib.sha256(b"").hexdigest()
    assert file.target == Target("d-1", "mypurecloud.de", "https://a.example")
    assert file.persona_model == PersonaModel(
        "http://127.0.0.1:1/v1", "m", "K", 1.0, 5.0, {"seed": 7}
    )
    assert file.thresholds == (
        ThresholdRule("lost == 0", Place("f.yml", 5)),
        ThresholdRule("echo_latency.p99 < 500ms", Place("f.yml", 6), True, 10.0),
    )
    assert file.rails == Rails(("d-1",), ("Mon-Fri 20:00-23:00",), 5.0, 50.0, 0.01, "/tmp/stop")
    one, two = file.scenarios
    assert (one.name, one.weight, one.for_s, one.place.line) == ("One", 2.5, 120.0, 16)
    assert one.data == ({"order": "17", "open": "true"}, {"order": "A", "open": ""})
    assert one.guest == GuestProfile(
        "G ${order}", "e", {"a": "${open}"}, {"m": [1, {"x": 1.5}]}, True
    )
    assert (two.name, len(two.steps), two.weight) == ("Two", 1, 1.0)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{}", LoadModel()),
        ("{users: 10}", LoadModel(users=10)),
        ("{users: 10, spawnRate: 2}", LoadModel(users=10, spawn_rate=2.0)),
        (
            "{users: 10, runTime: 5m, gracefulStop: 0s}",
            LoadModel("closed", users=10, run_time_s=300.0, graceful_stop_s=0.0),
        ),
        (
            "{stages: ['30s:100', {duration: 1m, target: 0}], connectsPerSecond: 5}",
            LoadModel("closed", (Stage(30.0, 100.0), Stage(60.0, 0.0)), run_time_s=90.0, connects_per_s=5.0),
        ),
        (
            "{users: 5, stages: ['30s:100']}",
            LoadModel("closed", (Stage(0.0, 5.0), Stage(30.0, 100.0)), users=5, run_time_s=30.0),
        ),
        (
            "{arrivalRate: 2.5, runTime: 1m}",
            LoadModel("open", (Stage(0.0, 2.5), Stage(60.0, 2.5)), run_time_s=60.0),
        ),
        (
            "{arrivalRate: 0, stages: ['1m:5']}",
            LoadModel("open", (Stage(60.0, 5.0),), run_time_s=60.0),
        ),
    ],
)  # fmt: skip
def test_the_load_follows_from_what_is_said(text, wanted):
    assert read(f"load: {text}\n{ONE}").load == wanted


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "1 must be a mapping, and is a list; its keys: name, config, ai, load, thresholds, rails, scenarios"),
        ("name: x", "1 scenarios: is missing; write names with scenarios"),
        ("scenarios: {}", "1 scenarios: is empty; write names with scenarios"),
        ("scenarios:", "1 scenarios: must be names with scenarios, and is empty; write `name: value`, a line each"),
        ("scenarios: {A: }", "1 scenarios.A: must be a list of steps, or a mapping with `steps`, and is empty; begin each step with a dash"),
        ("scenarios: {A: {weight: 1}}", "1 scenarios.A.steps: is missing; write a list of steps"),
        ("scenarios:\n  A: []", "2 scenarios.A: has no steps; write one, or remove it"),
        ("scenarios:\n  A:\n    steps: []", "3 scenarios.A.steps: has no steps; write one, or remove it"),
        ("scenarios: {A: {stepz: []}}", "1 scenarios.A.steps: is missing; write a list of steps"),
        ("scenario: {A: [end]}", "1 scenario: is not a known key; did you mean scenarios?"),
        ("confg: {}\n" + ONE, "1 confg: is not a known key; did you mean config?"),
        ("config: {deploymentID: x}\n" + ONE, "1 config.deploymentID: is not a known key; did you mean deploymentId?"),
        ("config: {region: 1}\n" + ONE, '1 config.region: must be a text, and is 1; put it in quotes: "1"'),
        ("scenarios: {A: {weight: 0, steps: [end]}}", "1 scenarios.A.weight: must be a number, and is 0; above 0, at most 1e+06"),
        ("scenarios: {A: {timeout: 0s, steps: [end]}}", "1 scenarios.A.timeout: is no time at all; write a duration above 0"),
        ("scenarios: {A: {timeout: 1y, steps: [end]}}", "1 scenarios.A.timeout: must be a duration such as 30s, 5m, 1h30m or 250ms, and is '1y'; write seconds, or"),
        ("scenarios: {A: {guest: {authenticated: yes}, steps: [end]}}", "1 scenarios.A.guest.authenticated: must be true or false, and is 'yes'; write true"),
        ("scenarios: {A: {data: no.csv, steps: [end]}}", "1 scenarios.A.data: no.csv cannot be read: no such file or directory; paths begin at this file's directory"),
        ("scenarios: {A: {data: [], steps: [end]}}", "1 scenarios.A.data: is an empty list; write a list of rows"),
        ("scenarios: {A: {data: [{a: 1}, {b: 1}], steps: [end]}}", "1 scenarios.A.data[1].a: is missing; write it in all rows, or in none"),
        ("scenarios: {A: {data: [{run.id: 1}], steps: [end]}}", "1 scenarios.A.data[0].run.id: is called run.id, which means something else; rename it"),
        ("load: {users: 0}\n" + ONE, "1 load.users: must be a number, and is 0; 1 or more, at most 1e+06"),
        ("load: {users: 1.5}\n" + ONE, "1 load.users: must be a number, and is 1.5; write it without quotes and units"),
        ("load: {users: 1, arrivalRate: 1, runTime: 1m}\n" + ONE, "1 load.users: says how many guests there are, and arrivalRate how many come; leave one of them out"),
        ("load: {spawnRate: 1, arrivalRate: 1, runTime: 1m}\n" + ONE, "1 load.spawnRate: is for a fixed number of guests; leave it or arrivalRate out"),
        ("load: {arrivalRate: 1}\n" + ONE, "1 load.runTime: is missing; say how long guests arrive, or write stages"),
        ("load: {arrivalRate: 0, runTime: 1m}\n" + ONE, "1 load.arrivalRate: is 0 without stages; write more than 0"),
        ("load: {runTime: 1m, stages: ['1m:1']}\n" + ONE, "1 load.runTime: is what the stages come to; leave it or the stages out"),
        ("load: {spawnRate: 1, stages: ['1m:1']}\n" + ONE, "1 load.spawnRate: is what the stages say; leave it or the stages out"),
        ("load: {stages: ['1m:0']}\n" + ONE, "1 load.stages: are all of no guests; write more than 0 in one"),
        ("load: {stages: [1m]}\n" + ONE, "1 load.stages[0]: must be a stage such as 30s:100, and is '1m'; write a duration, a colon and a number"),
        ("load: {stages: [{duration: 1m}]}\n" + ONE, "1 load.stages[0].target: is missing; write a number"),
        ("thresholds: [lost]\n" + ONE, "1 thresholds[0]: must be a figure, a comparison and a limit, such as echo_latency.p99 < 500ms, and is 'lost'; change it"),
        ("thresholds: [lost == 0, lsot == 0]\n" + ONE, "1 thresholds[1]: character 1: "),
        ("thresholds: [lost == 0, lost, lost == 1, lost < 2, lsot == 0]\n" + ONE, "1 thresholds[4]: character 1: "),
        ("thresholds: [{expression: lost == 0, abortOnFail: 'true'}]\n" + ONE, "1 thresholds[0].abortOnFail: must be true or false, and is 'true'; write it without quotes"),
        ("thresholds: [{expression: lost == 0, abortOnFail: Off}]\n" + ONE, "1 thresholds[0].abortOnFail: must be true or false, and is 'Off'; write false"),
        ("thresholds: [{expression: lost == 0, abortOnFail: 1}]\n" + ONE, "1 thresholds[0].abortOnFail: must be true or false, and is 1; write true or false"),
        ("thresholds: [{expression: lost == 0, abortOnFial: true}]\n" + ONE, "1 thresholds[0].abortOnFial: is not a known key; did you mean abortOnFail?"),
        ("rails: {window: at night}\n" + ONE, "1 rails.window: must be days and hours in UTC, such as Mon-Fri 20:00-23:00, and is 'at night'; change it"),
        ("rails: {throttledShare: 200%}\n" + ONE, "1 rails.throttledShare: must be a share such as 5% or 0.05, and is '200%'; at most 100%"),
        ("rails: {throttledShare: 5}\n" + ONE, "1 rails.throttledShare: must be a share such as 5% or 0.05, and is 5; 0 or more, at most 1"),
        ("ai: {url: 'http://x'}\n" + ONE, "1 ai.model: is missing; write a text"),
        ("ai: {model: m, url: x}\n" + ONE, "1 ai.url: must be a URL that begins with http, and is 'x'; change it"),
        ("ai: {model: m}\nconfig: {ai: {provider: chatgpt}}\n" + ONE, "1 ai: stands twice, here and in config; remove one of them"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_line_key_and_remedy(text, told):
    found = problems(text)
    assert any(one.startswith(told) for one in found), found


def test_all_problems_come_at_once_in_the_order_of_their_lines():
    found = problems("""\
        name: x
        load: {users: 0}
        scenarios:
          A:
            - sya: hi
            - say: ${nmae}
            - think: soon
          A: []
        thresholds: [lost]
        laod: {}
        """)
    assert [one.split()[0] for one in found] == ["2", "5", "6", "7", "8", "9", "10"]


def test_a_file_with_very_many_problems_tells_how_many_more():
    text = "scenarios:\n  A:\n" + "    - sya: hi\n" * (SHOWN_MAX + 20)
    with pytest.raises(ScenarioFileError) as caught:
        read(text)
    lines = str(caught.value).splitlines()
    assert len(lines) == SHOWN_MAX + 1 and lines[-1] == "f.yml: and 20 more problems"
    assert lines[0] == "f.yml:3: scenarios.A[0].sya: is not a known step; did you mean say?"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"order,city\r\n17,\"a, b\"\r\n\r\n18,c\n", None),
        (b"\xef\xbb\xbforder,city\n17,x\n", None),
        (b"", "d.csv: has no rows below its columns"),
        (b"order,city\n", "d.csv: has no rows below its columns"),
        (b"order,city\n17\n", "d.csv:2: has 1 values, and 2 columns"),
        (b"order;city\n17;x\n", "d.csv:1: has semicolons between its columns; separate them by commas"),
        (b"order\tcity\n17\tx\n", "d.csv:1: has tabs between its columns; separate them by commas"),
        (b"order,order\n1,2\n", "d.csv:1: has the column order twice"),
        (b"order,\n1,2\n", "d.csv:1: column 2 has no name that can stand in ${…}"),
        (b"order,guest.name\n1,2\n", "d.csv:1: column 2 is called guest.name, which means something else"),
        (b'order,city\n"17,x\n', "d.csv:2: is no CSV: unexpected end of data"),
        (b"order,city\n\xff,x\n", "d.csv is not in UTF-8"),
    ],
)  # fmt: skip
def test_a_csv_file_is_read_or_what_is_wrong_with_it_is_told(data, told):
    text = "scenarios: {A: {data: d.csv, steps: [say: '${order} ${city}']}}"
    if told is None:
        rows = read(text, {"d.csv": data}).scenarios[0].data
        assert [row["order"] for row in rows] == ["17", "18"][: len(rows)]
    else:
        assert problems(text, {"d.csv": data})[0].startswith(f"1 scenarios.A.data: {told}")


def test_files_are_found_beside_the_scenario_file(tmp_path):
    (tmp_path / "d.csv").write_text("order\n17\n")
    (tmp_path / "a.png").write_bytes(b"x")
    path = tmp_path / "f.yml"
    path.write_text("scenarios: {A: {data: d.csv, steps: [attach: a.png]}}")
    (one,) = read_file(path).scenarios
    assert one.data == ({"order": "17"},) and one.steps[0].path == str(tmp_path / "a.png")


@pytest.mark.parametrize(("name", "told"), [("no.yml", "no such file"), (".", "cannot be read")])
def test_a_file_that_cannot_be_read_is_a_problem_like_others(tmp_path, name, told):
    with pytest.raises(ScenarioFileError) as caught:
        read_file(tmp_path / name)
    assert told in str(caught.value) and caught.value.exit_code == 2


def test_a_file_that_is_too_large_is_not_read_to_its_end(tmp_path):
    path = tmp_path / "f.yml"
    path.write_bytes(b"#" * (1 << 20) + b"\n")
    with pytest.raises(ScenarioFileError, match="is larger than 1 MiB"):
        read_file(path)
