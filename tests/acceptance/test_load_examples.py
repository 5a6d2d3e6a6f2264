"""Scenario files as functional tests, over real processes: the examples, and what is wrong."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from .conftest import Program
from .fake_model import FakeModel
from .load_harness import EXAMPLES, RunningEmulator, guestd


@pytest.fixture(scope="module")
def emulator():
    program = Program("emulate", "--port", "0")
    yield RunningEmulator(program.url())
    program.end()


@pytest.mark.parametrize(
    ("agent", "files", "passed"),
    [
        ("echo", ["echo", "lost-connection"], 3),
        ("faq", ["faq", "ramp", "tester/scripted-pass"], 6),
        ("human", ["files", "parcel"], 4),
        ("goodbye", ["goodbye"], 1),
        ("handover", ["handover"], 1),
        ("menu", ["menu", "pickers"], 4),
    ],
)
def test_the_examples_pass_with_the_agent_that_they_name(emulator, agent, files, passed):
    emulator.agent(agent)
    paths = [EXAMPLES / f"{one}.yml" for one in files]
    for path in paths:
        assert path.parent.name == "tester" or f"emulator's agent: {agent} " in path.read_text()

    done = guestd("test", *paths, "--emulator", emulator.url, "-p", "5", "-t", "30")

    assert done.code == 0, done.out + done.err
    assert done.out.endswith(f"{passed} passed, 0 failed\n")
    assert len([one for one in done.out.splitlines() if one.startswith("PASS  ")]) == passed


def test_a_failure_is_told_with_its_transcript_everywhere(emulator, tmp_path):
    emulator.agent("faq")
    junit, report = tmp_path / "results.xml", tmp_path / "report.html"
    passing, failing = (EXAMPLES / f"tester/scripted-{one}.yml" for one in ("pass", "fail"))

    done = guestd(
        *("test", passing, failing, "--emulator", emulator.url, "-p", "2", "-t", "2"),
        *("--failures-only", "-a", "--junit", junit, "--report", report),
    )

    assert done.code == 1
    assert "PASS" not in done.out and done.out.count("FAIL  ") == 2
    assert done.out.endswith("2 passed, 2 failed\n")
    assert 'expected: a reply containing "This is never said" within 2 s' in done.out
    assert (
        f"again: guestd test {failing} --emulator {emulator.url} --timeout 2 --only the-text"
        in (done.out)
    )
    assert "xxxx.pure.cloud, and runs against an emulator" in done.err
    suites = ET.parse(junit).getroot()
    assert [one.get("tests") for one in suites] == ["2", "2"]
    told = [one.text for one in suites.iter("failure")]
    assert len(told) == 2 and all(
        "guest: hi" in one and "Ask me about hours" in one for one in told
    )
    page = report.read_text()
    assert "This is never said" in page and "Ask me about hours" in page
    ids = {one["id"] for one in emulator.ask("transcripts?limit=1000")["conversations"]}
    told_ids = [one.split()[-1] for one in done.out.splitlines() if one.startswith("FAIL  ")]
    assert set(told_ids) <= ids


def test_one_guest_is_run_again_and_told_as_json(emulator):
    emulator.agent("menu")
    path = EXAMPLES / "pickers.yml"

    done = guestd(
        *("test", path, "--emulator", emulator.url, "--only", "an-item-of-a-lis-2", "--json")
    )

    found = json.loads(done.out)
    assert (done.code, found["passed"]) == (0, True)
    (case,) = found["cases"]
    assert (case["scenario"], case["guest"]) == ("An item of a list", "an-item-of-a-lis-2")
    assert any(one["text"] == "Cheese" for one in case["conversation"]["transcript"])


def test_a_file_that_is_wrong_or_not_there_is_a_matter_of_usage(tmp_path):
    bad = tmp_path / "bad.yml"
    bad.write_text("scenarios:\n  Hello:\n    - say: hi\n    - waitForReplyContainig: hi\n")

    done = guestd("test", bad)
    assert done.code == 2
    assert f"{bad}:4" in done.err and "waitForReplyContainig" in done.err

    done = guestd("test", tmp_path / "none.yml")
    assert done.code == 2 and "none.yml" in done.err and "no such file" in done.err

    done = guestd("test", tmp_path)
    assert done.code == 2 and "not a regular file" in done.err


def test_an_emulator_that_does_not_answer_is_said():
    done = guestd("test", EXAMPLES / "echo.yml", "--emulator", "http://127.0.0.1:9")
    assert done.code == 69
    assert "127.0.0.1:9" in done.err and "Traceback" not in done.err


# ---------------------------------------------------------------------- language models


def test_a_persona_speaks_until_its_goal_is_reached(emulator, tmp_path):
    emulator.agent("faq")
    with FakeModel(["I left you a review", "thanks", "GOAL REACHED"]) as model:
        path = tmp_path / "persona.yml"
        text = (EXAMPLES / "persona.yml").read_text()
        path.write_text(text.replace("http://127.0.0.1:8000/v1", model.url))

        done = guestd("test", path, "--emulator", emulator.url, env={"MODEL_KEY": "sk-1"})

    assert done.code == 0, done.out + done.err
    assert {one["authorization"] for one in model.asked} == {"Bearer sk-1"}
    assert model.asked[0]["body"]["model"] == "small"
    assert "You are Ana" in model.asked[0]["body"]["messages"][0]["content"]
    assert model.asked[1]["body"]["messages"][1] == {
        "role": "assistant",
        "content": "I left you a review",
    }
    assert "sk-1" not in done.out + done.err


@pytest.mark.parametrize(
    ("name", "base", "key", "answers", "code"),
    [
        ("ai-chatgpt", "OPENAI_BASE_URL", "OPENAI_API_KEY", ["When do you open?", "PASS"], 0),
        ("ai-gemini", "GOOGLE_GEMINI_BASE_URL", "GEMINI_API_KEY", ["hi", "It is a FAIL"], 1),
    ],
)
def test_the_testers_ai_files_run_with_its_key_variables(emulator, name, base, key, answers, code):
    emulator.agent("faq")
    with FakeModel(answers) as model:
        env = {base: model.url, key: "sk-2"}
        done = guestd("test", EXAMPLES / f"tester/{name}.yml", "--emulator", emulator.url, env=env)

    assert done.code == code, done.out + done.err
    assert {one["authorization"] for one in model.asked} == {"Bearer sk-2"}
    if name == "ai-gemini":
        assert (model.asked[0]["body"]["top_p"], model.asked[0]["body"]["seed"]) == (0.9, 7)
