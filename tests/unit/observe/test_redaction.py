"""What is known to be secret is not shown, whatever it is dressed as."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest

from guestd.observe.redaction import redacted, without_values

SECRET = 'can"ary / secret+é=77?'


@pytest.mark.parametrize(
    "dress",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
    ],
)
def test_every_dress_of_a_secret_is_taken_out(dress):
    reported = without_values(f"client {dress} is unknown", [SECRET])
    assert "…" in reported and reported.startswith("client ") and reported.endswith(" is unknown")
    assert "ary" not in reported and "Y2Fu" not in reported


def test_the_longer_goes_first_so_that_no_tail_of_it_stays():
    assert (
        without_values("canary-secret-tail", ["canary", "canary-secret-tail"], "(secret)")
        == "(secret)"
    )


@pytest.mark.parametrize("short", ["", "0", "abcde"])
def test_what_is_too_short_to_be_a_secret_stays(short):
    assert (
        without_values("the platform answered 400: abcde", [short])
        == "the platform answered 400: abcde"
    )


@pytest.mark.parametrize(
    "text",
    [
        "check the token: its signature, kid and exp",
        "Invalid token: expired at 12:00",
        "Guest token: Bad signature",
        "guest token: not-yet-valid",
        "Invalid token: (expired)",
        "sessionToken: must be a JWT",
        "closed with code: 1006",
        "error code=403",
        "guestToken: Field required",
        "token: null",
        "the basic configuration",
        "nextPageToken: none given; pageToken: cannot be used twice",
    ],
)
def test_a_sentence_after_a_token_is_no_secret(text):
    assert redacted(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("token: s3cr3t", "token: …"),
        ("token=secret", "token=…"),
        ("password: hunter", "password: …"),
        ("token: averylongsecretword", "token: …"),
        ("token: hunter", "token: …"),
        ("Authorization: swordfish", "Authorization: …"),
        ("token=bad", "token=…"),
        ('{"access_token": "s3cr3t-abc"}', '{"access_token": "…"}'),
        ("access_token=s3cr3t-abc", "access_token=…"),
        ("guestToken: s3cr3t-abc", "guestToken: …"),
        ("x-api-key: s3cr3t-abc", "x-api-key: …"),
        ("aws_secret_access_key=s3cr3t-abc", "aws_secret_access_key=…"),
        ('"access_token":["s3cr3t-abc"]', '"access_token":["…"]'),
        ("Basic Zm9vOmJhcg==", "Basic …"),
        ("Authorization: Digest s3cr3t-abc", "Authorization: …"),
        ("<access_token>s3cr3t-abc</access_token>", "<access_token>…</access_token>"),
        ("token: not-hunter", "token: …"),
    ],
)
def test_audit_1_what_may_be_a_secret_is_taken_out(text, shown):
    assert redacted(text) == shown


@pytest.mark.parametrize("word", ["eyJaaaaaaaaaa-", "token-", "a_token", "basic "])
def test_a_long_text_costs_no_more_than_its_length(word):
    """A megabyte: with its square this test would not end."""
    text = word * (1_000_000 // len(word))
    assert redacted(text) == text
