"""Guest tokens, once the organization has keys for them."""

from __future__ import annotations

import json
from functools import cache

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from guestd.emulator.platform_api.guest_keys import GuestKeyError

from .platform_client import START, PlatformClient, contact, creation, opening


@cache
def key(name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def jwk(name: str) -> dict[str, str]:
    return {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key(name).public_key())), "kid": name}


def token(name: str = "new", kid: str | None = None, **claims: object) -> str:
    reported = {"guestId": "g1", "iat": int(START), "exp": int(START) + 300, **claims}
    reported = {claim: value for claim, value in reported.items() if value is not None}
    return jwt.encode(reported, key(name), algorithm="RS256", headers={"kid": kid or name})


@pytest.fixture
def client() -> PlatformClient:
    found = PlatformClient()
    assert found.api.guest_keys.upload({"keys": [jwk("old"), jwk("new")]}) == ["old", "new"]
    return found


@pytest.mark.parametrize("name", ["old", "new"])
def test_guest_2_in_the_overlap_both_keys_are_good(client, name):
    body = contact(customAttributes__guestToken=token(name))
    made = client.call("POST", "/api/v2/externalcontacts/contacts", body).body
    given = creation(made["address"], customAttributes__sessionToken=token(name))
    client.call("POST", "/api/v2/conversations/messaging", given)
    client.call(
        "POST", "/api/v2/conversations/messaging", opening(metadata__guestIdToken=token(name))
    )


@pytest.mark.parametrize(
    "bad",
    [
        lambda: "no token",
        lambda: token("strange"),
        lambda: token("strange", kid="new"),
        lambda: token("old", kid="new"),
        lambda: token(guestId=None),
        lambda: token(exp=None),
        lambda: token(exp=int(START)),
        lambda: jwt.encode(
            {"guestId": "g1", "iat": 1, "exp": 2**40},
            "x" * 32,
            algorithm="HS256",
            headers={"kid": "new"},
        ),
        lambda: jwt.encode(
            {"guestId": "g1", "iat": 1, "exp": 2**40},
            None,
            algorithm="none",
            headers={"kid": "new"},
        ),
    ],
    ids=[
        "no-jwt",
        "unknown-key",
        "wrong-kid",
        "old-key-new-kid",
        "no-guest",
        "no-exp",
        "expired",
        "hs256",
        "unsigned",
    ],
)
def test_guest_1_a_token_that_is_not_right(client, bad):
    bad = bad()
    body = contact(customAttributes__guestToken=bad)
    refusal = client.refused(400, "POST", "/api/v2/externalcontacts/contacts", body)
    assert refusal.field == "customAttributes.guestToken" and bad not in str(refusal)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"keys": {}},
        {"keys": ["x"]},
        {"keys": [{"kty": "EC", "kid": "a"}]},
        {"keys": [{"kty": "RSA", "kid": "a"}]},
    ],
)
def test_a_document_that_is_none_changes_nothing(client, document):
    with pytest.raises(GuestKeyError):
        client.api.guest_keys.upload(document)
    client.refused(400, "POST", "/api/v2/externalcontacts/contacts", contact())


def test_guest_2_a_private_key_is_not_taken():
    private = {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key("new"))), "kid": "new"}
    with pytest.raises(GuestKeyError, match="private"):
        PlatformClient().api.guest_keys.upload({"keys": [private]})
