"""Bearer tokens of the HTTP port: compared in constant time, and never repeated."""

from __future__ import annotations

import hmac
import ipaddress
import logging

from aiohttp import web
from pydantic import SecretStr

from ..model.errors import ConfigError
from .client_log import log_token_refused
from .settings import SimulatorSettings

logger = logging.getLogger("guestd.api")

#: RFC 6750 §2.3. A browser's WebSocket cannot set headers.
QUERY_PARAMETER = "access_token"


def has_token(given: str, token: str) -> bool:
    """The comparison takes as long for a wrong token as for a nearly right one."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())


def bearer_token(request: web.Request) -> str:
    """The token of the Authorization header; "" if it has none."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else ""


def simulator_refusal(request: web.Request, token: str) -> web.Response | None:
    """401 for a frontend that gives the token neither as a header nor as ?access_token=; None if it
    may connect."""
    given = bearer_token(request) or request.query.get(QUERY_PARAMETER, "")
    if not token or has_token(given, token):
        return None
    log_token_refused(request, "simulator.token", bool(given))
    text = (
        "send the token of simulator.token or simulator.token_file,"
        " as the header Authorization: Bearer TOKEN or as ?access_token=TOKEN\n"
    )
    return web.Response(
        status=401, text=text, headers={"WWW-Authenticate": 'Bearer realm="guestd"'}
    )


def check_simulator_exposure(settings: SimulatorSettings) -> None:
    """Beyond loopback the simulator has a token, or says that it is open. Raises ConfigError."""
    if settings.token or settings.open or is_loopback(settings.host):
        return
    raise ConfigError(
        "simulator.token",
        f"is not set, and the simulator listens on {settings.host}, where anyone could read and"
        " speak as any guest",
        "set simulator.token or simulator.token_file; or simulator.open = true if that is what you"
        " want",
    )


def warn_if_open(settings: SimulatorSettings) -> None:
    """Logs one line where the simulator is open to other machines."""
    if settings.open and not settings.token and not is_loopback(settings.host):
        logger.warning(
            "the simulator is open on %s (simulator.open): anyone who reaches the port can speak as"
            " any guest",
            settings.host,
        )


def text_of(token: SecretStr | None) -> str:
    """The token itself; "" if there is none."""
    return token.get_secret_value() if token is not None else ""


def is_loopback(host: str) -> bool:
    """Whether a host to listen on is reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
