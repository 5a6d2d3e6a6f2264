"""What a refusal of the platform becomes: its code, its correlation id, and what to do (HTTP-3)."""

from __future__ import annotations

import json

import pytest

from guestd.model.error_body import TEXT_CHARACTERS_MAX
from guestd.platform.answers import HttpReply, refusal


def refused(status: int, headers: dict[str, str] | None = None, **body: str):
    return refusal(HttpReply(status, headers or {}, json.dumps(body).encode()))


@pytest.mark.parametrize(
    "word", ["general:bad", "general/bad", "bad request", "a/b+c==", "x" * 120]
)
def test_http_3_codes_and_correlation_ids_are_told_whatever_signs_they_have(word):
    error = refused(400, message="m", code=word, contextId=word)
    assert (error.platform_code, error.correlation_id) == (word, word)
    assert refused(400, {"inin-correlation-id": word}, message="m").correlation_id == word


def test_http_3_one_that_is_too_long_says_so():
    code = refused(400, message="m", code="x" * 5000).platform_code
    assert len(code) == TEXT_CHARACTERS_MAX and code.endswith("… (cut, 5000 characters)")


def test_http_3_a_code_never_breaks_a_line():
    assert refused(400, message="m", code="a\n\x1b[31mb").platform_code == "a ?[31mb"


@pytest.mark.parametrize(("correlation_id", "is_advised"), [("c-1", True), ("", False)])
def test_http_3_the_correlation_id_is_asked_for_only_where_there_is_one(correlation_id, is_advised):
    error = refused(503, {"inin-correlation-id": correlation_id}, message="m")
    assert error.remedy.startswith("try again later")
    assert ("correlation id" in error.remedy) is is_advised
