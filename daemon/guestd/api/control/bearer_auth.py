"""Authenticates the control API: by bearer token, or by the Unix socket, whose file mode decides.

Without a token the HTTP port is open to this machine only, and `OriginCheck` refuses pages from
elsewhere."""

from __future__ import annotations

from aiohttp import web

from ...model.errors import ConfigError
from ..client_log import log_token_refused
from ..problems import Problem
from ..settings import ApiSettings
from ..tokens import bearer_token, has_token, is_loopback, text_of


class BearerAuth:
    def __init__(self, settings: ApiSettings) -> None:
        self._token = text_of(settings.token)

    def check(self, request: web.Request) -> None:
        """Raises Problem 401. The comparison takes as long for a wrong token as for a nearly right
        one."""
        if not self._token:
            return
        given = bearer_token(request)
        if has_token(given, self._token):
            return
        log_token_refused(request, "api.token", bool(given))
        realm = 'Bearer realm="guestd"' + (', error="invalid_token"' if given else "")
        detail = (
            "send the header Authorization: Bearer TOKEN, with the token of api.token or"
            " api.token_file"
        )
        raise Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": realm})


def check_exposure(host: str, settings: ApiSettings) -> None:
    """Beyond loopback a token is required. Raises ConfigError."""
    if not settings.tcp or settings.token or is_loopback(host):
        return
    raise ConfigError(
        "api.token",
        f"is not set, and the HTTP port listens on {host}, where anyone could use the control API",
        "set api.token or api.token_file; or api.tcp = false, which leaves /v1 to api.unix_socket",
    )
