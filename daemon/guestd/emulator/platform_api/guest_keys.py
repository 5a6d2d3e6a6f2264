"""The organization's guest token keys (GUEST-1, 2): public keys, uploaded as an administrator does.

As long as there are none, a guest token is a word like any other. With keys it must be signed by
one of them."""

from __future__ import annotations

from typing import Any

import jwt as pyjwt

from ..core.records import Json
from . import checks
from .calls import wrong

KEYS_MAX = 20


class GuestKeyError(ValueError):
    pass


class GuestKeys:
    def __init__(self) -> None:
        self._keys: dict[str, Any] = {}

    def upload(self, document: Json) -> list[str]:
        """Replace all keys by those of a JWKS document; returns the key ids. Raises GuestKeyError
        and changes nothing."""
        given = document.get("keys")
        if not isinstance(given, list) or len(given) > KEYS_MAX:
            raise GuestKeyError(f"keys is a list of at most {KEYS_MAX} JSON web keys")
        keys: dict[str, Any] = {}
        for n, one in enumerate(given):
            if not isinstance(one, dict) or one.get("kty") != "RSA" or not one.get("kid"):
                raise GuestKeyError(f"keys[{n}] is not an RSA key with a kid")
            if "d" in one:
                raise GuestKeyError(f"keys[{n}] is a private key; upload the public one")
            try:
                keys[str(one["kid"])] = pyjwt.PyJWK.from_dict(one, "RS256").key
            except (pyjwt.PyJWTError, ValueError, TypeError, KeyError):
                raise GuestKeyError(f"keys[{n}] cannot be read") from None
        self._keys = keys
        return list(keys)

    def check(self, body: Json, place: str, now: float) -> None:
        """The token at that place. Raises PlatformRefusal."""
        token = checks.text(body, place)
        if not self._keys:
            return
        try:
            kid = pyjwt.get_unverified_header(token).get("kid")
            claims = pyjwt.decode(
                token,
                self._keys.get(str(kid), ""),
                algorithms=["RS256"],
                options={
                    "verify_exp": False,
                    "verify_iat": False,
                    "require": ["guestId", "iat", "exp"],
                },
            )
        except (pyjwt.PyJWTError, ValueError, TypeError):
            raise wrong(
                place, "is not signed RS256 by one of the guest token keys, or lacks a claim"
            ) from None
        if not isinstance(claims["exp"], int) or claims["exp"] <= now:
            raise wrong(place, "has expired")
