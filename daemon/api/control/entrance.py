"""Who may use the control API: by bearer token, or because he came by the Unix socket, whose file mode has judged him already.

Without a token the HTTP port is open to this machine only, and the doorkeeper keeps pages from elsewhere out of it.
"""

from __future__ import annotations

import hmac
import ipaddress

from aiohttp import web

from ...model.errors import ConfigError
from ..problems import Problem
from .settings import ControlSettings


class Entrance:
    def __init__(self, settings: ControlSettings) -> None:
        self._token = settings.token.encode()

    def check(self, request: web.Request) -> None:
        """Raises Problem 401. The comparison takes as long for a wrong token as for a nearly right one."""
        if not self._token:
            return
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode("utf-8", "replace"), self._token):
            return
        realm = 'Bearer realm="guestd"' + (', error="invalid_token"' if given else "")
        detail = "send the header Authorization: Bearer TOKEN, with the token of api.token or api.token_file"
        raise Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": realm})


def check_exposure(host: str, settings: ControlSettings) -> None:
    """Beyond loopback nobody may come in without a token. Raises ConfigError."""
    if not settings.tcp or settings.token or _is_loopback(host):
        return
    raise ConfigError(
        "api.token",
        f"is not set, and the HTTP port listens on {host}, where anybody could use the control API",
        "set api.token or api.token_file; or api.tcp = false, which leaves /v1 to api.unix_socket",
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
