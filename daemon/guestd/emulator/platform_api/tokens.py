"""Tokens: of OAuth clients (AUTH-1), at three paths and in two ways; and of guests who sign in
(protocol §11.2)."""

from __future__ import annotations

from urllib.parse import parse_qsl

from aiohttp import web

from ..core.ids import draw_hex
from ..core.records import Json
from .calls import PlatformRefusal
from .context import PlatformContext
from .http_answers import basic, bearer, body_of, problem

TOKEN_PATHS = ("/oauth/token", "/login/oauth2/v2/token", "/api/v2/oauth/token")


class TokenRoutes:
    def __init__(self, server: PlatformContext) -> None:
        self._server = server
        self._world = server.world

    def routes(self) -> list[web.RouteDef]:
        guests = "/api/v2/webdeployments/token"
        return [
            *(web.post(path, self.token) for path in TOKEN_PATHS),
            web.post(f"{guests}/oauthcodegrantjwtexchange", self.exchange),
            web.post(f"{guests}/refresh", self.refresh),
            web.delete(f"{guests}/revoke", self.revoke),
        ]

    async def token(self, request: web.Request) -> web.Response:
        form = dict(parse_qsl((await request.read()).decode(errors="replace")))
        if form.get("grant_type", request.query.get("grant_type", "")) != "client_credentials":
            return _no_token("unsupported_grant_type", "client_credentials only", 400)
        given = basic(request.headers.get("Authorization", ""))
        client, secret = given or (form.get("client_id", ""), form.get("client_secret", ""))
        now = self._server.now()
        try:
            grant = self._server.platform_api.clients.issue(
                client, secret, form.get("scope", "").split(), now
            )
        except PlatformRefusal as refusal:
            return _no_token(refusal.code, str(refusal), refusal.status)
        if grant is None:
            return _no_token("invalid_client", "authentication failed", 401)
        body = {
            "access_token": grant.token,
            "token_type": "bearer",
            "expires_in": round(grant.expires - now),
        }
        return web.json_response({**body, "scope": " ".join(sorted(grant.scopes))})

    # ------------------------------------------------------------------ guests

    async def exchange(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        given = body.get("oauth")
        oauth: Json = given if isinstance(given, dict) else {}
        deployment = self._world.deployment(str(body.get("deploymentId", "")))
        code = str(oauth.get("code") or oauth.get("idToken") or "")
        if deployment is None or not deployment.authentication:
            return problem(
                404, "deployment.not.found", "No such deployment with authentication enabled"
            )
        if not code or code == "bad":
            return problem(400, "bad.request", "The authorization code was refused")
        user = f"user-{code}"
        refresh = draw_hex(self._world.rng)
        self._world.refresh_tokens[refresh] = user
        return web.json_response({"jwt": self._guest_jwt(user), "refreshToken": refresh})

    async def refresh(self, request: web.Request) -> web.Response:
        user = self._world.refresh_tokens.get(str((await body_of(request)).get("refreshToken", "")))
        if user is None:
            return problem(401, "authentication.required", "The refresh token is not valid")
        return web.json_response({"jwt": self._guest_jwt(user)})

    async def revoke(self, request: web.Request) -> web.Response:
        user = self._world.users.pop(bearer(request), None)
        if user is None:
            return problem(401, "authentication.required", "The JWT is not valid")
        for refresh in [one for one, whose in self._world.refresh_tokens.items() if whose == user]:
            del self._world.refresh_tokens[refresh]
        for session in list(self._world.sessions.values()):
            if session.user == user:
                self._server.perform(self._world.log_out(session))
        return web.Response(status=204)

    def _guest_jwt(self, user: str) -> str:
        rng = self._world.rng
        jwt = f"{draw_hex(rng)}.{draw_hex(rng)}.{draw_hex(rng)}"
        self._world.users[jwt] = user
        return jwt


def _no_token(error: str, description: str, status: int) -> web.Response:
    return web.json_response({"error": error, "description": description}, status=status)
