"""OAuth clients (AUTH-1, 3, 4): who gets a token, its scopes, and how often it may be used."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from math import ceil

from ...policy.buckets import SlidingCount
from ..core.ids import draw_hex
from ..core.stores import BoundedStore
from .calls import PlatformRefusal
from .world_view import WorldBase

#: Every scope that a route of the platform requires.
SCOPES = (
    "interaction:chat:write",
    "conversation:write",
    "conversation:view",
    "conversations:messaging",
    "webchat:write",
    "webchat:attachment:write",
    "conversation:webchat:write",
    "agent-assist:prompt:write",
    "analytics:events:read",
    "externalcontacts:create",
    "external-contacts:readonly",
    "routing:readonly",
)
GRANTS_MAX = 10_000


@dataclass(slots=True, frozen=True)
class OAuthGrant:
    """What a bearer token stands for."""

    client: str
    scopes: frozenset[str]
    expires: float
    token: str = field(repr=False)


class OAuthClientStore:
    def __init__(self, world: WorldBase) -> None:
        self._world = world
        self._grants: BoundedStore[OAuthGrant] = BoundedStore(GRANTS_MAX)
        self._rates: dict[str, tuple[int, SlidingCount]] = {}  # one per client of the settings

    def issue(
        self, client: str, secret: str, wanted: Collection[str], now: float
    ) -> OAuthGrant | None:
        """A token for those scopes (all of the client's if none is named); None for credentials
        that are wrong.

        Raises PlatformRefusal for a scope the client does not have."""
        settings = self._world.settings
        if settings.oauth_clients.get(client) != secret:
            return None
        has = frozenset(settings.oauth_scopes.get(client, SCOPES))
        beyond = sorted(set(wanted) - has)
        if beyond:
            raise PlatformRefusal(
                400, "invalid_scope", f"the client does not have {', '.join(beyond)}", "scope"
            )
        life_s = settings.token_life_s
        grant = OAuthGrant(
            client, frozenset(wanted) or has, now + life_s, draw_hex(self._world.rng)
        )
        self._grants.put(grant.token, grant)
        return grant

    def expire_all(self) -> int:
        """Invalidate every token; returns how many there were."""
        count = len(self._grants)
        self._grants = BoundedStore(GRANTS_MAX)
        return count

    def admit(self, token: str, scopes: tuple[str, ...], now: float) -> OAuthGrant:
        """The token's grant, if it has one of the scopes and its client has not called too often.

        Raises PlatformRefusal: 401, 403 naming the scope, 429."""
        grant = self._grants.get(token)
        if grant is None or grant.expires <= now:
            raise PlatformRefusal(
                401, "authentication.required", "No valid access token; POST /oauth/token first"
            )
        if not grant.scopes.intersection(scopes):
            names = " or ".join(scopes)
            message = (
                f"Unable to perform the requested action. Missing required OAuth scope: {names}"
            )
            raise PlatformRefusal(403, "missing.any.permissions", message, scopes=scopes)
        self._count(grant.client, now)
        return grant

    def _count(self, client: str, now: float) -> None:
        limits = self._world.limits
        most = limits.rest_calls_per_client_per_minute
        if most is None or not limits.strict:
            return
        limit, rate = self._rates.get(client, (0, SlidingCount(most, 60.0)))
        if limit != most:
            rate = SlidingCount(most, 60.0)
            self._rates[client] = most, rate
        if not rate.take(now):
            wait_s = max(1, ceil(rate.ready_at(now) - now))
            message = f"Rate limit exceeded: {most} calls per minute and client"
            refusal = PlatformRefusal(429, "too.many.requests", message)
            refusal.headers["Retry-After"] = str(wait_s)
            raise refusal
