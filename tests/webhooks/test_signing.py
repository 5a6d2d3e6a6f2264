from __future__ import annotations

import hashlib
import hmac

from guestd.webhooks.signing import problem_with, signature

OLD, NEW = b"the secret of before", b"the secret from now on"
BODY = b'{"id":"1"}'


def test_sync_1_the_signature_is_hmac_sha256_over_time_and_body():
    wanted = hmac.new(OLD, b"1700000000." + BODY, hashlib.sha256).hexdigest()
    assert signature(BODY, [OLD], 1_700_000_000) == f"t=1700000000,v1={wanted}"


def test_sync_1_while_two_secrets_are_active_either_fits():
    header = signature(BODY, [OLD, NEW], 1_700_000_000)
    assert header.count("v1=") == 2
    for secret in (OLD, NEW):
        assert problem_with(header, BODY, secret, 1_700_000_010) == ""
    assert "no signature fits" in problem_with(header, BODY, b"another", 1_700_000_010)


def test_a_changed_body_time_or_an_old_one_does_not_pass():
    header = signature(BODY, [OLD], 1_700_000_000)
    assert "no signature fits" in problem_with(header, BODY + b" ", OLD, 1_700_000_000)
    assert "no signature fits" in problem_with(
        header.replace("t=17", "t=18"), BODY, OLD, 1_800_000_000
    )
    assert "away from now" in problem_with(header, BODY, OLD, 1_700_000_301)
    assert "away from now" in problem_with(header, BODY, OLD, 1_699_999_699)


def test_any_header_gets_an_answer():
    for header in ("", "t=", "t=x,v1=1", "v1=1", "t=1,t=2,v1=3", "t=²,v1=1", "t=1,v1=ü", ",,,=,"):
        assert problem_with(header, BODY, OLD, 1.0)
