"""What is wrong with a request is named: the field, the problem, the remedy (INJ-1, ASSIST-1,
ASSIST-4, SESS-2 … 4)."""

from __future__ import annotations

import pytest

from guestd.model.errors import CommandError
from guestd.operations.workflows import REQUEST_MODELS as MODELS
from guestd.operations.workflows import validated_request

from .conftest import GUEST_TOKEN, REQUESTS

MESSAGE = {"type": "text", "from": "agent", "text": "hi"}
DISPLAY = REQUESTS["prompt"]["displaySettings"]
CONDITION = {"type": "sentiment", "value": "negative", "threshold": 0.7}


def put(kind, place, value):
    """The good request with one place changed; a value of `...` takes it out."""
    request = {**REQUESTS[kind]}
    if value is ...:
        del request[place]
    else:
        request[place] = value
    return request


INJECTION = [
    ("interactionId", ..., "interactionId", "required"),
    ("interactionId", 7, "interactionId", "must be a string"),
    ("interactionId", "a b", "interactionId", "are not allowed"),
    ("messages", [], "messages", "empty"),
    ("messages", "hi", "messages", "must be a list"),
    (
        "messages",
        [MESSAGE, {**MESSAGE, "text": "é" * 4097}],
        "messages[1].text",
        "4097 UTF-16 units; at most 4096",
    ),
    ("messages", [MESSAGE, MESSAGE, {**MESSAGE, "text": ""}], "messages[2].text", "empty"),
    ("messages", [{**MESSAGE, "type": "html"}], "messages[0]", "html is missing"),
    ("messages", [{**MESSAGE, "html": "x"}], "messages[0]", "leave html out"),
    ("messages", [{**MESSAGE, "type": "image"}], "messages[0].type", "'text' or 'html'"),
    (
        "messages",
        [{**MESSAGE, "from": "boss"}],
        "messages[0].from",
        "'agent', 'customer', 'bot' or 'system'",
    ),
    (
        "messages",
        [{**MESSAGE, "timestamp": "2026-01-01T00:00:00"}],
        "messages[0].timestamp",
        "zone",
    ),
    ("messages", [{**MESSAGE, "timestamp": "yesterday"}], "messages[0].timestamp", "ISO 8601"),
    (
        "messages",
        [{**MESSAGE, "timestamp": "2026-01-01T00:00:00Z"}] * 2,
        "messages[1].timestamp",
        "strictly increase",
    ),
    ("messages", [{**MESSAGE, "colour": "red"}], "messages[0].colour", "unknown"),
    ("webhookUrl", "ftp://x", "webhookUrl", "https://"),
    ("message", [], "message", "did you mean messages?"),
]
PROMPT = [
    ("conversationId", "zz", "conversationId", "must be a UUID"),
    ("promptId", ..., "promptId", "required"),
    ("triggerConditions", [CONDITION] * 6, "triggerConditions", "has 6 items; at most 5"),
    (
        "triggerConditions",
        [CONDITION, {**CONDITION, "type": "mood"}],
        "triggerConditions[1].type",
        "'keyword'",
    ),
    (
        "triggerConditions",
        [{**CONDITION, "threshold": 1.5}],
        "triggerConditions[0].threshold",
        "the maximum is 1",
    ),
    (
        "triggerConditions",
        [{**CONDITION, "value": True}],
        "triggerConditions[0].value",
        "must be a string",
    ),
    (
        "displaySettings",
        {**DISPLAY, "delayMs": 499},
        "displaySettings.delayMs",
        "the minimum is 500",
    ),
    (
        "displaySettings",
        {**DISPLAY, "delayMs": 5001},
        "displaySettings.delayMs",
        "the maximum is 5000",
    ),
    (
        "displaySettings",
        {**DISPLAY, "delayMs": "500"},
        "displaySettings.delayMs",
        "must be a number",
    ),
    (
        "displaySettings",
        {**DISPLAY, "maxConcurrentPrompts": 4},
        "displaySettings.maxConcurrentPrompts",
        "the maximum is 3",
    ),
    (
        "displaySettings",
        {**DISPLAY, "maxConcurrentPrompts": 0},
        "displaySettings.maxConcurrentPrompts",
        "the minimum is 1",
    ),
    (
        "displaySettings",
        {**DISPLAY, "autoDismissMs": 9999},
        "displaySettings.autoDismissMs",
        "the minimum is 10000",
    ),
    (
        "displaySettings",
        {**DISPLAY, "autoDismissMs": 60_001},
        "displaySettings.autoDismissMs",
        "the maximum is 60000",
    ),
    ("contextData", [], "contextData", "must be an object"),
]
MESSAGING = [
    ("guestToken", ..., "guestToken", "required"),
    ("guestToken", 7, "guestToken", "must be a string"),
    ("guestToken", "", "guestToken", "empty"),
    (
        "capabilities",
        ["typing-indicator", "file-transfer"],
        "capabilities",
        "read-receipts must be in the list",
    ),
    ("capabilities", [], "capabilities", "typing-indicator and read-receipts must be in the list"),
    ("durationS", 0, "durationS", "the minimum is 1"),
    ("durationS", 10.5, "durationS", "whole number"),
    ("locale", "german!", "locale", "must match"),
]
ADOPTION = [
    ("interval", "2026-01-01T00:00:00Z", "interval", "slash"),
    ("interval", "2026-02-01T00:00:00Z/2026-01-01T00:00:00Z", "interval", "ends before it begins"),
    ("interval", "2026-01-01T00:00:00/2026-02-01T00:00:00", "interval", "time zone"),
    ("pageSize", 101, "pageSize", "the maximum is 100"),
]
BAD = [
    *(("injection", *one) for one in INJECTION),
    *(("prompt", *one) for one in PROMPT),
    *(("messaging", *one) for one in MESSAGING),
    *(("adoption", *one) for one in ADOPTION),
    ("guest", "queueId", ..., "queueId", "required"),
    ("guest", "customAttributes", {"a": [1]}, "customAttributes.a", "true, false or null"),
]
IDS = {
    "injection": "inj_1",
    "prompt": "assist_1",
    "messaging": "sess_3",
    "adoption": "assist_4",
    "guest": "sess_7",
}


@pytest.mark.parametrize(
    ("kind", "place", "value", "field", "words"), BAD, ids=lambda one: IDS.get(str(one))
)
def test_what_is_wrong_is_named(kind, place, value, field, words):
    with pytest.raises(CommandError) as error:
        validated_request(kind, put(kind, place, value), 1_000_000)
    assert (error.value.code, error.value.field) == ("invalid", field)
    assert words in str(error.value) and str(error.value).startswith(f"{field}: ")


@pytest.mark.parametrize("kind", sorted(MODELS))
def test_the_good_ones_are_taken_and_the_same_is_the_same(kind):
    first, again = (validated_request(kind, REQUESTS[kind], 1_000_000).redacted() for _ in range(2))
    assert first == again
    if kind != "messaging" and kind != "guest":
        assert {key: first[key] for key in REQUESTS[kind]} == REQUESTS[kind]


def test_inj_1_4096_characters_are_taken_whole():
    request = put("injection", "messages", [{**MESSAGE, "text": "é" * 4096}])
    assert (
        len(validated_request("injection", request, 1_000_000).redacted()["messages"][0]["text"])
        == 4096
    )


@pytest.mark.parametrize("kind", ["guest", "messaging"])
def test_audit_2_a_token_is_shown_as_a_fingerprint_only(kind):
    request = validated_request(kind, REQUESTS[kind], 1_000_000)
    assert GUEST_TOKEN not in repr(request) and GUEST_TOKEN not in str(request.redacted())
    assert request.redacted()["guestToken"].startswith("sha256:")


def test_a_wrong_token_is_not_repeated_in_the_complaint():
    with pytest.raises(CommandError) as error:
        validated_request("messaging", put("messaging", "guestToken", [GUEST_TOKEN]), 1_000_000)
    assert GUEST_TOKEN not in str(error.value)


@pytest.mark.parametrize(
    "request_",
    [{"interactionId": "\ud800"}, {"interactionId": {1: 2}}, {"interactionId": object()}, []],
)
def test_what_is_no_json_object_is_refused(request_):
    with pytest.raises(CommandError):
        validated_request("injection", request_, 1_000_000)


def test_deep_nesting_is_refused_and_not_followed():
    deep = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(CommandError):
        validated_request("prompt", {**REQUESTS["prompt"], "contextData": deep}, 1_000_000)
    while deep:
        deep = deep["a"]


def test_too_large_and_unknown_kinds_are_refused():
    with pytest.raises(CommandError, match="at most 100 are allowed") as error:
        validated_request("injection", REQUESTS["injection"], 100)
    assert error.value.code == "too_large"
    with pytest.raises(CommandError, match="adoption, guest, injection, messaging, prompt"):
        validated_request("poem", {}, 100)


def test_only_what_is_wrong_is_counted():
    bad = {**MESSAGE, "from": "boss"}
    for messages, more in (
        ([bad], ""),
        ([bad, bad], " (and 1 more)"),
        ([bad, bad, bad], " (and 2 more)"),
    ):
        with pytest.raises(CommandError) as error:
            validated_request("injection", put("injection", "messages", messages), 1_000_000)
        assert str(error.value).endswith(f"'bot' or 'system'{more}")


@pytest.mark.parametrize("kind", sorted(MODELS))
def test_each_model_has_a_json_schema_that_refuses_unknown_keys(kind):
    schema = MODELS[kind].model_json_schema(by_alias=True)
    assert schema["additionalProperties"] is False and set(schema["required"]) <= set(
        schema["properties"]
    )
