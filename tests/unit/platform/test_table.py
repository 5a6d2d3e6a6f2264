"""HTTP-2, HTTP-3: paths are filled so that no value can lead elsewhere, and what is said is said
without secrets."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from guestd.model.errors import PayloadRefused
from guestd.platform.answers import redacted_line, secrets_in
from guestd.platform.table import CALLS

ROOT = Path(__file__).parents[3]


@given(st.text(max_size=80))
def test_http_3_no_value_leads_out_of_its_place(value):
    call = CALLS["prompt.get"]
    try:
        path = call.fill({"injectionId": value})
    except PayloadRefused:
        return
    head, _, tail = path.rpartition("/")
    assert head == "/api/v2/agent-assist/prompt-injections"
    assert unquote(tail) == value
    url = URL(f"http://host{path}", encoded=True)
    assert (url.host, url.raw_path, url.raw_query_string, url.raw_fragment) == (
        "host",
        path,
        "",
        "",
    )


def test_http_3_a_value_too_few_or_too_many_is_our_own_mistake():
    for parameters in ({}, {"queue": "q"}, {"queueId": "q", "more": "m"}):
        with pytest.raises(ValueError, match="queueId"):
            CALLS["queue.get"].fill(parameters)


def test_http_1_what_the_table_promises():
    for call in CALLS.values():
        assert call.repeatable or not call.reads
        assert call.repeatable or call.verb == "POST"
        assert call.scopes
    assert {one.name for one in CALLS.values() if not one.repeatable} == {
        "contact.create",
        "conversation.create",
        "interaction.inject",
        "prompt.inject",
    }


def test_http_1_what_is_made_again_without_a_key_says_why_that_is_harmless():
    """At the table, and to operators in the same words."""
    unkeyed = [one for one in CALLS.values() if one.repeatable and one.verb != "GET"]
    text = (ROOT / "docs" / "platform-differences.md").read_text()
    reasons = {one.name for one in CALLS.values() if one.harmless}
    documented = {one.name for one in unkeyed if f"| `{one.name}` | {one.harmless} |" in text}
    calls = {"analytics.events", "attachment.presign", "conversation.patch"}
    assert ({one.name for one in unkeyed}, reasons, documented) == (calls, calls, calls)


def test_http_3_secrets_are_found_wherever_they_lie_in_a_request():
    body = {
        "a": [{"guestToken": "secret-1"}, {"b": ({"PASSWORD": "secret-2"},)}],
        "token": "short",
        "name": "harmless",
    }
    assert list(secrets_in(body)) == ["secret-1", "secret-2"]
    assert list(secrets_in(None)) == []


@given(st.text(max_size=200), st.lists(st.text(min_size=6, max_size=20), max_size=3))
def test_http_3_what_is_told_is_one_line_without_secrets(text, secrets):
    reported = redacted_line(text, tuple(secrets))
    assert len(reported) <= 300
    assert "\n" not in reported
    words = [" ".join(one.split()) for one in secrets]
    assert not [one for one in words if one and "…" not in one and one in reported]
