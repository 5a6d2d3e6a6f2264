"""Files of the web messaging tester and its successor, as they are."""

from __future__ import annotations

import pytest

from guestd.load.scenario.file import PersonaModel
from tests.unit.load.scenario.reading_helpers import problems, read

AI = """\
config:
  ai: {ai}
scenarios:
  "A":
    setup:
      placeholders: {{NAME: [Ana, Tom], CITY: [Ghent, Leeds, Rome]}}
      prompt: You are {{NAME}} of {{CITY}}, {{NOT}} ${{x}}.
      terminatingPhrases: {{pass: [PASS, OK], fail: [FAIL]}}
"""


def test_an_unquoted_yes_is_said_as_it_is_written():
    (one,) = read("scenarios:\n  A:\n    - say: Yes\n    - say: no\n").scenarios
    assert [step.text for step in one.steps] == ["Yes", "no"]


def test_config_may_be_left_out():
    assert len(read("scenarios: {A: [say: hi]}").scenarios[0].steps) == 1


def test_a_prompt_becomes_a_persona_and_placeholders_rows_of_data():
    (one,) = read(
        AI.format(ai="{provider: chatgpt, config: {model: gpt-5, temperature: 0.5}}")
    ).scenarios
    (step,) = one.steps
    assert step.persona == "You are ${NAME} of ${CITY}, {NOT} $${x}."
    assert step.terms == (("PASS", "OK"), ("FAIL",)) and step.goal == ""
    assert len(one.data) == 6 and one.data[:2] == (
        {"NAME": "Ana", "CITY": "Ghent"},
        {"NAME": "Ana", "CITY": "Leeds"},
    )


def test_of_very_many_combinations_each_value_has_a_row():
    several = ", ".join(f"P{n}: [a, b, c]" for n in range(10))
    text = AI.replace("NAME: [Ana, Tom], CITY: [Ghent, Leeds, Rome]", several)
    rows = read(text.format(ai="{provider: chatgpt}")).scenarios[0].data
    assert [row["P0"] for row in rows] == ["a", "b", "c"]


GEMINI = "https://generativelanguage.googleapis.com/v1beta/openai"


@pytest.mark.parametrize(
    ("ai", "wanted", "notes"),
    [
        ("{provider: chatgpt}", PersonaModel(model="gpt-3.5-turbo"), []),
        (
            "{provider: chatgpt, config: {model: m, temperature: 1}}",
            PersonaModel(model="m", temperature=1.0),
            [],
        ),
        (
            "{provider: google-gemini, config: {model: gemini-2.0-flash-001, topK: 4, topP: 0.5, seed: 7}}",
            PersonaModel(GEMINI, "gemini-2.0-flash-001", "GEMINI_API_KEY", parameters={"top_p": 0.5, "seed": 7.0}),
            ["topK is not used"],
        ),
        (
            "{provider: google-vertex-ai, config: {location: eu-1, project: p}}",
            PersonaModel(
                "https://eu-1-aiplatform.googleapis.com/v1/projects/p/locations/eu-1/endpoints/openapi",
                "google/gemini-2.0-flash",
                "GOOGLE_ACCESS_TOKEN",
            ),
            [],
        ),
        (
            "{provider: google-vertex-ai, config: {modelVersion: '002', examples: [{input: a, output: b}]}}",
            PersonaModel(GEMINI, "gemini-2.0-flash", "GEMINI_API_KEY"),
            ["modelVersion is not used", "examples is not used", "so the Gemini API is used"],
        ),
    ],
)  # fmt: skip
def test_the_providers_are_asked_where_they_speak_the_chat_format(ai, wanted, notes):
    file = read(AI.format(ai=ai))
    assert file.persona_model == wanted
    assert [
        one.split("config.")[-1].endswith(told) or told in one
        for one, told in zip(file.notes, notes, strict=True)
    ] == [True] * len(notes)


def test_a_follow_up_is_checked_and_not_used():
    text = AI.format(ai="{provider: chatgpt}")
    good = "    followUp: {prompt: p, terminatingPhrases: {pass: [a], fail: [b]}}\n"
    file = read(text + good)
    assert len(file.scenarios[0].steps) == 1
    assert file.notes == ("f.yml:5: scenarios.A.followUp is not used, neither is it by the tester",)
    (one,) = problems(text + "    followUp: {prompt: p}\n")
    assert one.startswith("9 scenarios.A.followUp.terminatingPhrases: is missing")


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        ("chatgpt", "chatgtp", "2 config.ai.provider: must be chatgpt, google-gemini or google-vertex-ai, and is 'chatgtp'; did you mean chatgpt?"),
        ("pass: [PASS, OK]", "pass: []", "8 scenarios.A.setup.terminatingPhrases.pass: is an empty list; write a list of phrases"),
        ("      prompt: You are", "      promt: You are", "7 scenarios.A.setup.promt: is not a known key; did you mean prompt?"),
        ("[Ana, Tom]", "Ana", "6 scenarios.A.setup.placeholders.NAME: must be a list of texts, and is 'Ana'; begin each item with a dash"),
    ],
)  # fmt: skip
def test_mistakes_in_their_files_are_told_alike(was, now, told):
    text = AI.format(ai="{provider: chatgpt}")
    assert was in text
    assert told in problems(text.replace(was, now))


def test_without_a_provider_there_is_no_model_to_speak():
    text = AI.format(ai="{}").replace("  ai: {}\n", "  region: x\n")
    assert problems(text) == ["6 scenarios.A.setup: needs a language model; add `ai: {model: …}`"]
