"""The JWT with which a guest reads its history (protocol §11.1)."""

from __future__ import annotations

import jwt as pyjwt

from .records import GuestSession, Json

JWT_LIFE_S = 60


def grant(secret: str, session: GuestSession, now: float) -> tuple[str, int]:
    """The JWT, and when it expires."""
    expires = int(now) + JWT_LIFE_S
    claims: Json = {"token": session.token, "deployment": session.deployment.id}
    claims |= {"iat": int(now), "exp": expires}
    return pyjwt.encode(claims, secret, algorithm="HS256"), expires


def session_token_in(secret: str, jwt: str, now: float) -> str | None:
    """None if the JWT is not ours, or expired."""
    try:
        claims = pyjwt.decode(
            jwt,
            secret,
            algorithms=["HS256"],
            options={"verify_exp": False, "verify_iat": False},
        )
    except pyjwt.PyJWTError:
        return None
    return None if claims.get("exp", 0) < now else str(claims.get("token", ""))
