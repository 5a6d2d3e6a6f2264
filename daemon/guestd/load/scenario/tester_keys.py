"""The keys by which the web messaging tester of OVO and its successor, the Genesys Cloud chatbot
tester, have a language model be the guest.

Their scripted files have nothing that ours have not. Of an AI scenario, `setup` becomes one
TalkAsPersona: the prompt is the persona as it stands, each `{NAME}` of `placeholders` a column of
data, and a phrase counts wherever it stands in the model's words, in any case, those of failure
first. The tester draws a value of each placeholder at random; here each combination has its row, so
that a run of several guests meets all of them. Its `followUp` is checked and not used by the tester
either.

Their providers have interfaces of their own. Both also answer in the OpenAI chat format, under the
addresses below, which is what a persona is asked in here."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .file import PersonaModel
from .kinds import NumberValue, TextValue, same
from .labels import label_of
from .reading import FileReading
from .steps import TalkAsPersona
from .tables import FileKey, KeyTable, ListValue, NamedValues
from .templates import literal
from .yaml_tree import YamlNode

#: Combinations of placeholders; of more, only as many rows as the longest list has.
COMBINATIONS_MAX = 1_000

_GEMINI = "https://generativelanguage.googleapis.com/v1beta/openai"
_VERTEX = (
    "https://{location}-aiplatform.googleapis.com/v1/projects/{project}/locations/{location}"
    "/endpoints/openapi"
)
_PHRASES = ListValue(TextValue(), "a list of phrases", least=1)
_TERMS = KeyTable(
    "the phrases that end it",
    (
        FileKey("pass", _PHRASES, "Any of them: passed.", required=True),
        FileKey("fail", _PHRASES, "Any of them: failed.", required=True),
    ),
)
_PROMPT = FileKey("prompt", TextValue(), "What the model is told.", required=True)
_ENDING = FileKey("terminatingPhrases", _TERMS, "What the model says at the end.", required=True)


def _setup(found: dict[str, Any], node: YamlNode, key: str, reading: FileReading) -> Any:
    reading.personas.append((node, key))
    placeholders = found.get("placeholders", {})
    persona = literal(found["prompt"])
    for name in placeholders:
        persona = persona.replace(f"{{{name}}}", f"${{{name}}}")
    ending = found["terminatingPhrases"]
    step = TalkAsPersona(
        place=reading.place(node),
        label="",
        persona=persona,
        goal="",
        terms=(ending["pass"], ending["fail"]),
    )
    reading.steps += 1
    return {
        "steps": (replace(step, label=label_of(step)),),
        "data": _combined(placeholders),
        "rows_are_cases": False,  # the tester plays one
    }


def _combined(placeholders: Mapping[str, tuple[str, ...]]) -> tuple[dict[str, str], ...]:
    lists = {name: values for name, values in placeholders.items() if values}
    if not lists:
        return ()
    if math.prod(map(len, lists.values())) <= COMBINATIONS_MAX:
        combined = itertools.product(*lists.values())
        return tuple(dict(zip(lists, one, strict=True)) for one in combined)
    longest = max(map(len, lists.values()))
    return tuple(
        {name: values[place % len(values)] for name, values in lists.items()}
        for place in range(longest)
    )


def _scenario(found: dict[str, Any], node: YamlNode, key: str, reading: FileReading) -> Any:
    if "followUp" in found:
        reading.note(node, f"{key}.followUp is not used, neither is it by the tester")
    return found["setup"]


_PLACEHOLDERS = NamedValues(
    ListValue(TextValue(), "a list of texts"),
    "names with lists of texts",
    TextValue("a name without braces", pattern="[^{}]+", loose=True),
    least=1,
)
SETUP = KeyTable(
    "a prompt with its phrases",
    (
        FileKey("placeholders", _PLACEHOLDERS,
                "Texts for `{NAME}` in the prompt; each combination has its row of data, of which"
                " `guestd test` plays the first."),
        _PROMPT,
        _ENDING,
    ),
    _setup,
)  # fmt: skip
TESTER_SCENARIO = KeyTable(
    "an AI scenario of the tester",
    (
        FileKey("setup", SETUP, "The prompt of the guest.", required=True),
        FileKey("followUp", KeyTable("a prompt with its phrases", (_PROMPT, _ENDING)),
                "Checked, and not used."),
    ),
    _scenario,
)  # fmt: skip

_EXAMPLE = KeyTable(
    "an example",
    (
        FileKey("input", TextValue(), "What the bot says.", required=True),
        FileKey("output", TextValue(), "What the guest answers.", required=True),
    ),
)


def _number(doc: str) -> dict[str, Any]:
    return {"kind": NumberValue(low=-1e15, high=1e15), "doc": doc}


PROVIDER = KeyTable(
    "settings of the provider",
    (
        FileKey("model", TextValue(), "The model's name."),
        FileKey("modelVersion", TextValue(), "Not used: it is of a model that is gone."),
        FileKey("temperature", **_number("How much chance is in the answers.")),
        FileKey("topP", **_number("Sent as `top_p`.")),
        FileKey("topK", **_number("Not used: the chat format has no such parameter.")),
        FileKey("seed", **_number("Sent as `seed`.")),
        FileKey("location", TextValue(), "Of google-vertex-ai: its region."),
        FileKey("project", TextValue(), "Of google-vertex-ai: its project."),
        FileKey("examples", ListValue(_EXAMPLE, "a list of examples"), "Not used."),
    ),
)


def _model(found: dict[str, Any], node: YamlNode, key: str, reading: FileReading) -> Any:
    config = found.get("config", {})
    for name in ("modelVersion", "topK", "examples"):
        if name in config:
            reading.note(node, f"{key}.config.{name} is not used")
    sent = {"topP": "top_p", "seed": "seed"}
    parameters = {word: config[name] for name, word in sent.items() if name in config}
    url, model, variable = _endpoint(found["provider"], config)
    if found["provider"] == "google-vertex-ai" and url == _GEMINI:
        reading.note(node, f"{key}.config names no project and location, so the Gemini API is used")
    return PersonaModel(
        url=url,
        model=config.get("model", model),
        key_variable=variable,
        temperature=config.get("temperature"),
        parameters=parameters,
    )


def _endpoint(provider: str, config: Mapping[str, Any]) -> tuple[str, str, str]:
    """The address, the model where none is named, and the variable with the key."""
    if provider == "chatgpt":
        return "https://api.openai.com/v1", "gpt-3.5-turbo", "OPENAI_API_KEY"
    if provider == "google-vertex-ai" and "project" in config and "location" in config:
        url = _VERTEX.format(project=config["project"], location=config["location"])
        return url, "google/gemini-2.0-flash", "GOOGLE_ACCESS_TOKEN"
    return _GEMINI, "gemini-2.0-flash", "GEMINI_API_KEY"


TESTER_AI = KeyTable(
    "the language model of the tester's files",
    (
        FileKey("provider", same("chatgpt", "google-gemini", "google-vertex-ai"),
                "Whose model it is.", required=True),
        FileKey("config", PROVIDER, "Settings of the provider."),
    ),
    _model,
)  # fmt: skip
