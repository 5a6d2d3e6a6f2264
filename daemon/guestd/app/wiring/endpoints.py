"""Where the platform is: a region, an address, another process's emulator, or the embedded one."""

from __future__ import annotations

import asyncio
import errno
import logging
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from ...emulator import (
    DEFAULT_CLIENT_ID,
    DEFAULT_CLIENT_SECRET,
    DEFAULT_DEPLOYMENT_ID,
)
from ...model.errors import ConfigError, PlatformRefused, PlatformUnavailable
from ...platform.emulator_admin import EmulatorForwarder
from ...platform.http import Http
from ...platform.regions import Endpoints, endpoints
from ...platform.settings import OAuthClient
from ..config import Config

if TYPE_CHECKING:
    from ...emulator import Emulator

logger = logging.getLogger("guestd")

#: Between two tries to reach an emulator that is about to start as well.
RETRY_S = 0.25


@dataclass(slots=True, frozen=True)
class PlatformTarget:
    """Where the platform is, real or emulated, and which deployment. `client`: the OAuth client of
    an emulator, used where none is configured. `is_emulator`: it is told the guest's name and the
    session's id; the platform never is."""

    endpoints: Endpoints
    deployment_id: str
    client: OAuthClient | None = None
    is_emulator: bool = False


def platform_target(config: Config, emulator: Emulator | None) -> PlatformTarget:
    """Without a word over the network. `emulator` is the embedded one."""
    platform = config.platform
    if emulator is not None:
        base = Endpoints(emulator.ws_url, emulator.url, emulator.url, emulator.url)
        client = next(iter(emulator.settings.oauth_clients.items()), None)
        return PlatformTarget(base, DEFAULT_DEPLOYMENT_ID, client and _client(*client), True)
    if platform.emulator is not None:
        url = platform.emulator.rstrip("/")
        deployment = platform.deployment_id or DEFAULT_DEPLOYMENT_ID
        client_of_all = _client(DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET)
        base = Endpoints(f"ws{url[4:]}", url, url, url)
        return PlatformTarget(base, deployment, client_of_all, True)
    base = endpoints(platform.region) if platform.region is not None else Endpoints("", "", "", "")
    own_socket = base.socket(platform.dialect)
    socket_url = (platform.guest_socket_url or own_socket).rstrip("/")
    same_host = "http" + socket_url[2:]
    return PlatformTarget(
        Endpoints(
            socket_url,
            (platform.api_url or base.api or same_host).rstrip("/"),
            (platform.cdn_url or base.cdn or same_host).rstrip("/"),
            base.login or same_host,
        ),
        platform.deployment_id or "",
    )


async def asked_target(
    config: Config, http: Http, wait_s: float, *, must_answer: bool = False
) -> PlatformTarget:
    """As `platform_target`; another process's emulator is asked for its deployment and OAuth
    client, for `wait_s` if it cannot be reached. After that, and where it does not let us ask, it
    is taken to have the ones that every emulator begins with. Raises ConfigError if it is none, and
    with `must_answer` PlatformUnavailable if nothing listens there."""
    target = platform_target(config, None)
    if config.platform.emulator is None:
        return target
    about = await _asked(http, target.endpoints.api, wait_s, must_answer)
    client, secret = about.get("client_id"), about.get("client_secret")
    deployment = config.platform.deployment_id or about.get("deployment_id")
    return replace(
        target,
        deployment_id=str(deployment or target.deployment_id),
        client=_client(str(client), str(secret)) if client and secret else target.client,
    )


async def _asked(http: Http, url: str, wait_s: float, must_answer: bool) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    until = loop.time() + wait_s
    while True:
        try:
            about = await http.get_object(f"{url}/__emulator/about")
            if about.get("api_url") != url:
                await _check_is_no_daemon(http, url, must_answer)
            return about
        except PlatformRefused as error:
            await _check_is_no_daemon(http, url, must_answer)
            if error.status not in (403, 421):
                problem = f"{url} answers, but is not an emulator of guestd ({error})"
                remedy = "write the URL that `guestd emulate` prints"
                raise ConfigError("platform.emulator", problem, remedy) from None
            why = f"does not tell us ({error.status}); allow it with --control-host"
        except PlatformUnavailable as error:
            why = f"cannot be asked: {error}"
            if loop.time() < until:
                await asyncio.sleep(RETRY_S)
                continue
            if must_answer and error.cause == "unreachable":
                raise
        logger.warning(
            "the emulator at %s %s; going on with the deployment and OAuth client that every"
            " emulator begins with",
            url,
            why,
        )
        return {}


async def _check_is_no_daemon(http: Http, url: str, may_play_through: bool) -> None:
    """A daemon has the admin API of its emulator, and nothing else of a platform. Raises
    ConfigError for one."""
    try:
        health = await http.get_object(f"{url}/healthz")
    except (PlatformRefused, PlatformUnavailable):
        return
    if not health.keys() >= {"status", "version", "emulator", "messages_in"}:
        return
    emulator = health["emulator"]
    remedy = f"name its emulator, {emulator}" if emulator else "start one with `guestd emulate`"
    if may_play_through:
        remedy += f"; `guestd load` plays guests through a daemon with --daemon {url}"
    raise ConfigError(
        "platform.emulator", f"what answers at {url} is a guestd daemon, not an emulator", remedy
    )


def _client(name: str, secret: str) -> OAuthClient:
    return OAuthClient(id=name, secret=SecretStr(secret))


def emulator_admin(
    config: Config, emulator: Emulator | None, stops: AsyncExitStack
) -> EmulatorForwarder | None:
    """The way to the admin API, whose end is left in `stops`; None: the platform is a real one."""
    url, ca_file = config.platform.emulator, config.platform.ca_file
    if emulator is not None:
        url, ca_file = emulator.url, emulator.ca_file
    if url is None:
        return None
    forwarder = EmulatorForwarder(url, ca_file)
    stops.push_async_callback(forwarder.close)
    return forwarder


def new_emulator(config: Config) -> Emulator:
    """The embedded one; its connection limit follows our own admission, so that a large demo is not
    throttled by it."""
    from ...emulator import Emulator, EmulatorSettings
    from ...emulator.agents.script import script_of
    from ...emulator.settings import EmulatorLimits

    per_minute = max(1000, config.admission.connects_per_minute)
    own = {key: value for key, value in asdict(config.emulator).items() if value is not None}
    return Emulator(
        EmulatorSettings(
            **own | {"agent": script_of(config.emulator.agent)},
            limits=EmulatorLimits(connections_per_minute=per_minute),
            contact_reference=config.operations.contact_reference,
        )
    )


async def start_emulator(config: Config, stops: AsyncExitStack) -> Emulator:
    """The embedded one, whose stop is left in `stops`. Raises ConfigError where its port cannot be
    had."""
    emulator, port = new_emulator(config), config.emulator.port
    stops.push_async_callback(emulator.stop)
    try:
        await emulator.start()
    except OSError as error:
        is_taken = error.errno == errno.EADDRINUSE
        why = "is already in use" if is_taken else f"cannot be listened on: {error.strerror}"
        remedy = "choose another; 0 takes a free one"
        raise ConfigError("emulator.port", f"port {port} {why}", remedy) from None
    return emulator
