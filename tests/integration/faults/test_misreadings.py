"""A status means something about the thing asked for only if it is the answer to that very
question."""

from __future__ import annotations

import pytest

from .harness import stack
from .rows import CONTACTS, MESSAGING, PROMPTS, Operation

TOKEN = "/oauth/token"
OPENING = Operation("conversation.get", "", "GET", MESSAGING, place="messaging-sessions")
GUEST = Operation("contact.find", "", "GET", CONTACTS, place="guests")
PROMPT = Operation(
    "prompt.inject", "", "POST", PROMPTS, place="prompts", makes=("prompt", "-prompt")
)


@pytest.mark.parametrize("status", [404, 410])
async def test_http_2_no_token_while_looking_does_not_mean_that_nothing_is_there(status):
    async with stack() as here:
        await GUEST.prepare(here)  # a token is had by then
        here.faults(
            {"kind": "expired_tokens", "every": 1, "method": "GET", "path": MESSAGING},
            {"kind": "http_status", "status": status, "every": 1, "path": TOKEN, "when": "before"},
            *OPENING.more_rules(),
        )
        assert await OPENING.ask(here, "", True) == "uncertain"


async def test_assist_2_no_token_is_no_full_screen():
    async with stack() as here:
        prepared = await PROMPT.prepare(here)
        here.emulator.platform_api.clients.expire_all()
        here.faults(
            {"kind": "http_status", "status": 409, "every": 1, "path": TOKEN, "when": "before"}
        )
        assert await PROMPT.ask(here, prepared, True) == "failed: 502 platform_token_refused"


async def test_http_2_a_search_that_is_not_there_has_not_looked():
    """Whether the contact was made is not known, and a 404 of the search itself says nothing about
    it."""
    async with stack() as here:
        prepared = await GUEST.prepare(here)
        here.faults(
            {"kind": "reset", "when": "after", "every": 1, "method": "POST", "path": CONTACTS},
            {"kind": "http_status", "status": 404, "every": 1, "method": "GET", "path": CONTACTS},
        )
        assert await GUEST.ask(here, f"{prepared}-new", True) == "uncertain"
