"""Where the platform is: a region, an address, or the embedded emulator."""

from __future__ import annotations

import errno
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ...emulator import DEFAULT_DEPLOYMENT_ID
from ...model.errors import ConfigError
from ...platform.regions import Endpoints, endpoints
from ..config import Config

if TYPE_CHECKING:
    from ...emulator import Emulator


@dataclass(slots=True, frozen=True)
class PlatformTarget:
    """Where the platform is, real or emulated, and which deployment."""

    endpoints: Endpoints
    deployment_id: str


def platform_target(config: Config, emulator: Emulator | None) -> PlatformTarget:
    platform = config.platform
    if emulator is not None:
        base = Endpoints(emulator.ws_url, emulator.url, emulator.url, emulator.url)
        return PlatformTarget(base, DEFAULT_DEPLOYMENT_ID)
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


def new_emulator(config: Config) -> Emulator:
    """The embedded one; its connection limit follows our own admission, so that a large demo is not
    throttled by it."""
    from ...emulator import Emulator, EmulatorSettings
    from ...emulator.settings import EmulatorLimits

    per_minute = max(1000, config.admission.connects_per_minute)
    return Emulator(
        EmulatorSettings(
            **asdict(config.emulator),
            limits=EmulatorLimits(connections_per_minute=per_minute),
            contact_reference=config.operations.contact_reference,
        )
    )


async def start_emulator(emulator: Emulator, port: int) -> None:
    """Raises ConfigError where its port cannot be had."""
    try:
        await emulator.start()
    except OSError as error:
        is_taken = error.errno == errno.EADDRINUSE
        why = "is already in use" if is_taken else f"cannot be listened on: {error.strerror}"
        remedy = "choose another; 0 takes a free one"
        raise ConfigError("emulator.port", f"port {port} {why}", remedy) from None
