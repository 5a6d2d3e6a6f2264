"""Canaries are sent through every feature of a real daemon, and then looked for in everything it
has said and left behind.

Where each may stand is written in `BELONGS`; where it must be found, because it was really sent
that way, too: else a canary that never flew would prove something. They are looked for as they were
sent and in the dresses that texts travel in: percent-encoded, escaped as in JSON, in base64 at each
of its three places."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from urllib.parse import quote, quote_plus

import pytest

from .canary_harness import CanaryHarness
from .canary_story import (
    ANSWERS,
    BAD,
    CONFIGURATION,
    CONVERSATION,
    EXPORT,
    HEADS,
    JOURNAL,
    KEY_FILES,
    OPERATIONS,
    SECRET_FILES,
    WIRE,
    Story,
)

#: What is drawn here. Some have characters that every encoding writes differently.
GIVEN = {
    "client secret": 'canary+client/"secret"=01',
    "API token": "canary-api/token+02-0123456789",
    "a wrong API token": "canary-wrong-api-token-03",
    "webhook secret in the configuration": "canary-webhook-secret-inline-04",
    "webhook secret in a file": "canary-webhook-secret-file-05",
    "secret of operations' webhooks": "canary-operation-secret-06",
    "webhook URL's path": "canary-hook-path-07",
    "webhook URL's key": "canary-hook-key-08",
    "key in an operation's webhookUrl": "canary-operation-hook-09",
    "guest token of a contact": "canary guest/token+of=contact-10",
    "guest token of a messaging session": 'canary-guest-"token"-messaging-11',
    "guest token that was refused": "canary-guest-token-refused-12",
    "guest token in a bad request": "canary-guest-token-bad-13",
    "guest token in malformed JSON": "canary-malformed-json-14",
    "message of the guest": "canary-text-of-the-guest-15",
    "message of the agent": "canary-text-of-the-agent-16",
    "injected text": "canary-injected-text-17",
    "custom attribute of a session": "canary-attribute-of-a-session-18",
    "custom attribute of a message": "canary-attribute-of-a-message-19",
    "custom attribute of a contact": "canary-attribute-of-a-contact-20",
    "frontend's context": "canary-context-21",
    "prompt's context": "canary-prompt-context-22",
    "a file's content": "canary-content-of-a-file-23",
    "a file's caption": "canary-caption-24",
    "secret in a bad configuration": "canary-bad-configuration-25",
    "password of a proxy": "canary-proxy-password-26",
    "value in a bad query": "canary-bad-query-27",
    "a frontend's malformed frame": "canary-bad-frame-28",
    "cookie of an asker": "canary-cookie-29",
}

#: Where it must be found / where it may be found besides; anywhere else it must not.
BELONGS: dict[str, tuple[set[str], set[str]]] = {
    "client secret": ({SECRET_FILES, WIRE}, set()),
    "OAuth access token": ({WIRE}, set()),
    "API token": ({SECRET_FILES}, set()),
    "a wrong API token": (set(), set()),
    "webhook secret in the configuration": ({CONFIGURATION}, set()),
    "webhook secret in a file": ({SECRET_FILES}, set()),
    "secret of operations' webhooks": ({CONFIGURATION}, set()),
    "webhook URL's path": ({CONFIGURATION, HEADS}, set()),
    "webhook URL's key": ({CONFIGURATION, HEADS}, set()),
    # The asker's own words, shown to him again: the request of an operation.
    "key in an operation's webhookUrl": ({JOURNAL, HEADS, OPERATIONS}, set()),
    # Secrets of an operation: on the disk as long as it is under way, in pages that SQLite has not
    # used again after.
    "guest token of a contact": ({WIRE}, {JOURNAL}),
    "guest token of a messaging session": ({WIRE}, {JOURNAL}),
    "guest token that was refused": ({WIRE}, {JOURNAL}),
    "guest token that guestd signed": ({WIRE}, {JOURNAL}),
    "guest token in a bad request": (set(), set()),
    "guest token in malformed JSON": (set(), set()),
    "session token": ({WIRE, JOURNAL}, set()),
    "JWT of the history": ({WIRE}, set()),
    # Any reader of the conversation may fetch its files.
    "signature of presigned URLs": ({JOURNAL, CONVERSATION}, {WIRE}),
    "private key": ({KEY_FILES}, set()),
    # A list of guest sessions shows the last message of each, and what a frontend said of it.
    "message of the guest": ({WIRE, JOURNAL, CONVERSATION, EXPORT}, {ANSWERS}),
    "message of the agent": ({WIRE, JOURNAL, CONVERSATION, EXPORT}, {ANSWERS}),
    "a file's caption": ({WIRE, JOURNAL, CONVERSATION, EXPORT}, {ANSWERS}),
    "injected text": ({WIRE, JOURNAL, OPERATIONS}, set()),
    "prompt's context": ({WIRE, JOURNAL, OPERATIONS}, {EXPORT}),  # part of what happened (ASSIST-3)
    "custom attribute of a contact": ({WIRE, JOURNAL, OPERATIONS}, set()),
    "custom attribute of a session": ({WIRE, JOURNAL, ANSWERS}, set()),
    "custom attribute of a message": ({WIRE}, {JOURNAL}),
    "frontend's context": ({WIRE}, {JOURNAL}),
    "a file's content": (
        set(),
        set(),
    ),  # it goes to the storage, past our listener; our copy is gone when it has arrived
    "secret in a bad configuration": ({BAD}, set()),
    "password of a proxy": ({CONFIGURATION}, set()),
    "value in a bad query": (set(), set()),
    "a frontend's malformed frame": (set(), set()),
    "cookie of an asker": (set(), set()),
}


def dresses(canary: str) -> set[bytes]:
    """All that a canary may be hidden under."""
    raw = canary.encode()
    found = {raw, quote(raw).encode(), quote(raw, safe="").encode(), quote_plus(raw).encode()}
    found |= {
        json.dumps(canary)[1:-1].encode(),
        json.dumps(json.dumps(canary)[1:-1])[1:-1].encode(),
    }
    for shift in range(3):
        coded = b64encode(b"\0" * shift + raw).rstrip(b"=")
        inner = coded[4 if shift else 0 : -1]
        found |= {
            inner,
            inner.replace(b"+", b"-").replace(b"/", b"_"),
            quote(inner, safe="").encode(),
        }
    return found


@pytest.fixture(scope="module")
def harness(tmp_path_factory) -> CanaryHarness:
    folder = tmp_path_factory.mktemp("canaries")
    harness = CanaryHarness(folder, dict(GIVEN))
    story = Story(harness)
    asyncio.run(asyncio.wait_for(story.tell(), 800.0))
    harness.canaries |= story.platform.caught
    return harness


@pytest.mark.parametrize("name", BELONGS)
def test_audit_2_a_canary_stands_only_where_it_belongs(harness, name):
    must, may = BELONGS[name]
    found = {
        place: dress
        for place, heard in harness.places.items()
        for dress in dresses(harness.canaries[name])
        if dress in heard
    }
    leaks = {
        place: _around(harness.places[place], dress)
        for place, dress in found.items()
        if place not in must | may
    }
    assert not leaks
    assert must <= set(found)


def test_every_canary_has_its_place_and_every_place_was_heard(harness):
    assert set(harness.canaries) == set(BELONGS) and len(BELONGS) > 30
    assert all(harness.places.values()) and len(harness.places) >= 17


def _around(heard: bytes, dress: bytes) -> bytes:
    at = bytes(heard).index(dress)
    return bytes(heard[max(0, at - 120) : at + len(dress) + 40])
