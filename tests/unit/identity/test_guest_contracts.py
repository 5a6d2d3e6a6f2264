"""What GUEST-1 and GUEST-2 promise, each in one story."""

from __future__ import annotations

import contextlib

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from guestd.identity.pairs import kid_of, private_pem
from guestd.model.errors import ConfigError, GuestdError, TokenError
from guestd.observe.exposition import exposition

from .conftest import NOON, Identity

DAY_S = 86_400.0


def unfit(pair: rsa.RSAPrivateKey) -> rsa.RSAPrivateKey:
    """A key whose public half is that of `pair`, and whose private half is not."""
    own = pair.private_numbers()
    mixed = rsa.RSAPrivateNumbers(
        own.p, own.q, own.d - 2, own.dmp1 - 2, own.dmq1, own.iqmp, own.public_numbers
    )
    return mixed.private_key(unsafe_skip_rsa_key_validation=True)


def signed_and_verified(one: Identity) -> str:
    """The guest of a token, or why there is none."""
    try:
        return one.tokens.verify(one.tokens.sign("ana").token).guest_id
    except GuestdError as error:
        return str(error).partition(";")[0]


def test_guest_1_a_token_is_signed_rs256_for_five_minutes_under_the_registered_kid(identity):
    one = identity(kid="webchat-guest-key-v1")
    token = one.tokens.sign("ana", {"tier": "premium", "visits": 7, "vip": None}).token
    key = jwt.PyJWKSet.from_dict(one.ring.jwks())["webchat-guest-key-v1"]
    claims = jwt.decode(token, key, algorithms=["RS256"], options={"verify_iat": False})
    iat = int(NOON)
    assert (jwt.get_unverified_header(token), claims) == (
        {"alg": "RS256", "kid": "webchat-guest-key-v1", "typ": "JWT"},
        {
            "guestId": "ana",
            "iat": iat,
            "exp": iat + 300,
            "tier": "premium",
            "visits": 7,
            "vip": None,
        },
    )


def test_guest_1_a_token_that_does_not_verify_is_signed_anew_or_not_handed_out(
    tmp_path, identity, pool
):
    one = identity()
    entry = one.ring.ensure().ring.signing
    path = tmp_path / "keys" / f"{entry.kid}.pem"
    good = path.read_bytes()
    path.write_bytes(private_pem(unfit(pool[0])))
    one.ring.reread()
    path.write_bytes(good)
    outcomes = [signed_and_verified(one)]
    path.write_bytes(private_pem(unfit(pool[0])))
    one.ring.reread()
    outcomes.append(signed_and_verified(one))
    assert outcomes == [
        "ana",
        (
            "a guest token just signed is not valid: has a wrong signature: it was altered, or"
            " signed by another"
        ),
    ]


def test_guest_2_a_key_is_published_then_signs_then_overlaps_then_is_retired(
    identity, clock, tmp_path
):
    """A month, looked at by two processes: one rotates on its schedule, the other only reads."""
    one = identity(rotate_every=30 * DAY_S, publish_before=2 * DAY_S, overlap_s=DAY_S)
    other = identity(skip=3)
    token = one.tokens.sign("ana").token
    names: dict[str, int] = {}
    seen = []
    for day in (0, 27.9, 28, 29.9, 30, 30.5, 31):
        clock.now = NOON + day * DAY_S
        done = one.ring.tend()
        ring = other.ring.current(look=True).ring
        states = [
            (names.setdefault(each.kid, len(names)), each.state_at(clock.now))
            for each in ring.entries
        ]
        shown = [names[key["kid"]] for key in other.ring.jwks()["keys"]]
        seen.append((day, done, states, shown))
    assert seen == [
        (0, "", [(0, "signing")], [0]),
        (27.9, "", [(0, "signing")], [0]),
        (28, "published", [(0, "signing"), (1, "published")], [0, 1]),
        (29.9, "", [(0, "signing"), (1, "published")], [0, 1]),
        (30, "promoted", [(1, "signing"), (0, "overlap")], [1, 0]),
        (30.5, "", [(1, "signing"), (0, "overlap")], [1, 0]),
        (31, "", [(1, "signing"), (0, "retired")], [1]),
    ]
    codes = []
    for moment in (NOON + 1, NOON + 30.5 * DAY_S):
        clock.now = moment
        try:
            codes.append(other.tokens.verify(token).guest_id)
        except TokenError as error:
            codes.append(error.code)
    assert codes == ["ana", "expired"]
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "keys").iterdir()} == {0o600}


def test_guest_1_a_key_of_ones_own_signs_under_its_name(identity, tmp_path, pool):
    path = tmp_path / "own.pem"
    path.write_bytes(private_pem(pool[5]))
    path.chmod(0o600)
    one = identity(key_file=path, kid="registered")
    before = one.ring.rotate().ring.signing.kid
    assert one.ring.adopt() is True and one.ring.adopt() is False
    states = [
        (entry.kid, entry.file_stem, entry.state) for entry in one.ring.current().ring.entries
    ]
    assert states == [
        ("registered", kid_of(pool[5].public_key()), "signing"),
        (before, before, "overlap"),
    ]
    assert one.tokens.sign("ana").kid == "registered"
    with pytest.raises(ConfigError, match="another key is named 'registered' already"):
        one.ring.rotate(kid="registered")


def test_guest_2_a_published_key_is_replaced_by_another_and_never_signs(identity, clock):
    one = identity()
    first = one.ring.ensure().ring.signing.kid
    one.ring.publish(60.0, "a")
    ring = one.ring.publish(120.0, "b").ring
    assert [(entry.kid, entry.state) for entry in ring.entries] == [
        (first, "signing"),
        ("b", "published"),
    ]
    clock.now += 119.0
    assert one.ring.tend() == ""
    clock.now += 1.0
    assert one.ring.tend() == "promoted" and one.ring.current(look=True).ring.signing.kid == "b"


def test_guest_3_checks_of_tokens_are_counted_by_outcome_with_the_share_that_failed(identity):
    one = identity()
    token = one.tokens.sign("ana").token
    for given in (token, f"{token.rpartition('.')[0]}.AAAA", "nonsense"):
        with contextlib.suppress(TokenError):
            one.tokens.verify(given)
    wanted = [
        "guestd_tokens_signed_total 1.0",
        'guestd_token_checks_total{outcome="valid"} 2.0',
        'guestd_token_checks_total{outcome="bad_signature"} 1.0',
        'guestd_token_checks_total{outcome="malformed"} 1.0',
        f"guestd_token_validation_failure_ratio {2 / 3}",  # of three tokens, one checked twice
    ]
    shown = exposition(one.metrics).decode().splitlines()
    assert [line for line in wanted if line not in shown] == []
