"""`guestd emulate`: the emulator by itself."""

from __future__ import annotations

import errno
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import typer

from ...emulator import (
    DEFAULT_AGENT,
    DEFAULT_CLIENT_ID,
    DEFAULT_CLIENT_SECRET,
    DEFAULT_DEPLOYMENT_ID,
)
from ...emulator.agents.script import script_of
from ...model.errors import ConfigError
from .. import exit_codes
from ..open_files import allow_open_files
from . import emulate_options as options

if TYPE_CHECKING:
    from ...emulator import Emulator, EmulatorSettings
    from ...emulator.settings import EmulatorLimits, QueueSettings
    from ...observe.log import Log

EXAMPLES = """Examples:

guestd emulate --port 8443 --tls-dir ./tls      https and wss, with a CA of its own in ./tls/ca.pem

guestd emulate --port 0 --agent menu --seed 7   a free port; read it from the line "ready http://…"

curl -s localhost:PORT/__emulator/state         what the emulated platform holds

curl -s localhost:PORT/__emulator/mutations     what its REST API created, once each

guestd emulate --set token_life_s=30            OAuth tokens live 30 s; --list-settings shows all
"""


DEFAULT_CLIENT = f"{DEFAULT_CLIENT_ID}:{DEFAULT_CLIENT_SECRET}"


def emulate(
    host: options.Host = "localhost",
    port: options.Port = 8080,
    tls_dir: options.TlsDirectory = None,
    tls_name: options.TlsNames = None,
    seed: options.Seed = None,
    agent: options.Agent = DEFAULT_AGENT,
    limits: options.Limits = True,
    tolerant: options.Tolerant = False,
    deployment_id: options.DeploymentId = DEFAULT_DEPLOYMENT_ID,
    any_deployment: options.AnyDeployment = False,
    auto_start: options.AutoStart = False,
    clear: options.Clearing = True,
    disconnect: options.Disconnect = "Send",
    authentication: options.Authentication = False,
    oauth_client: options.OAuthClients = None,
    control_host: options.ControlHosts = None,
    control_origin: options.ControlOrigins = None,
    bare_injections: options.BareInjections = False,
    queue: options.Queues = None,
    assignment: options.Assignments = None,
    list_settings: options.ListSettings = False,
) -> None:
    """A local stand-in for Genesys Cloud web messaging, for any client. It is not the platform."""
    if list_settings:
        return _print_settings()
    _check_disconnect(disconnect)
    clients, scopes = _oauth_clients(oauth_client or [DEFAULT_CLIENT])
    settings = _settings(
        host=host,
        port=port,
        tls_dir=tls_dir,
        tls_names=tuple(tls_name or ()),
        **({} if seed is None else {"seed": seed}),
        agent=_script(agent),
        deployments=[
            {
                "id": deployment_id,
                "auto_start": auto_start,
                "conversation_clear": clear,
                "conversation_disconnect": disconnect,
                "authentication": authentication,
                "session_upgrade": authentication,
            }
        ],
        accept_any_deployment=any_deployment,
        limits=_limits(limits, tolerant),
        control_hosts=tuple(control_host or ()),
        control_origins=tuple(control_origin or ()),
        oauth_clients=clients,
        oauth_scopes=scopes,
        bare_injections=bare_injections,
        queues=_queues(queue or []),
    )
    raise typer.Exit(_serve(_with_assignments(settings, assignment or [])))


def _print_settings() -> None:
    from ...emulator.setting_list import table

    print("\n".join(table()))


def _check_disconnect(disconnect: str) -> None:
    if disconnect not in ("disabled", "Send", "ReadOnly"):
        raise typer.BadParameter(
            f"{disconnect!r} must be disabled, Send or ReadOnly", param_hint="--disconnect"
        )


def _script(agent: str) -> str | dict[str, Any]:
    try:
        return script_of(agent)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--agent") from None


def _settings(**given: Any) -> EmulatorSettings:
    from ...emulator import EmulatorSettings

    return EmulatorSettings.model_validate(given)


def _limits(are_enforced: bool, tolerant: bool) -> EmulatorLimits:
    from ...emulator.settings import EmulatorLimits

    limits = EmulatorLimits(strict=not tolerant)
    return limits if are_enforced else limits.off()


def _queues(ids: list[str]) -> tuple[QueueSettings, ...]:
    """Beside the one that is always there."""
    from ...emulator.settings import QueueSettings

    return (QueueSettings(), *(QueueSettings(id=one, name=one) for one in ids))


def _with_assignments(settings: EmulatorSettings, assignments: list[str]) -> EmulatorSettings:
    """They count more than the options beside them."""
    from ...emulator.setting_list import SettingError, changed, parsed

    try:
        return changed(settings, parsed(assignments))
    except SettingError as bad:
        raise typer.BadParameter(
            f"{bad} (guestd emulate --list-settings shows all)", param_hint="--set"
        ) from None


def _oauth_clients(given: list[str]) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """Secrets and scopes by client; one without scopes has all."""
    from ...emulator.platform_api.oauth_clients import SCOPES

    secrets: dict[str, str] = {}
    scopes: dict[str, tuple[str, ...]] = {}
    for one in given:
        client, _, rest = one.partition(":")
        secret, limited, named = rest.partition(":")
        if not client or not secret:
            raise typer.BadParameter(
                "write id:secret, with :scope,scope after it", param_hint="--oauth-client"
            )
        secrets[client] = secret
        if limited:
            scopes[client] = tuple(named.split(","))
            unknown = sorted(set(scopes[client]) - set(SCOPES))
            if unknown:
                why = f"no scope named {unknown[0]!r}; there are {', '.join(SCOPES)}"
                raise typer.BadParameter(why, param_hint="--oauth-client")
    return secrets, scopes


@asynccontextmanager
async def _listening(settings: EmulatorSettings) -> AsyncIterator[Emulator]:
    from ...emulator import Emulator

    emulator = Emulator(settings)
    try:
        await emulator.start()
    except OSError as error:
        if error.filename is not None:
            raise ConfigError(
                "--tls-dir", f"{error.filename}: {error.strerror}", "name a directory we may write"
            ) from None
        why = (
            "is already in use"
            if error.errno == errno.EADDRINUSE
            else f"cannot be listened on: {error.strerror}"
        )
        remedy = "choose another with --port (0 takes a free one)"
        raise ConfigError(
            "--port", f"port {settings.port} on {settings.host} {why}", remedy
        ) from None
    try:
        yield emulator
    finally:
        await emulator.stop()


def _serve(settings: EmulatorSettings) -> int:
    from ...observe.log import configure_logging

    log = configure_logging("info", "auto")
    allow_open_files(0)
    return exit_codes.run_logged(lambda: _run(settings, log), log)


async def _run(settings: EmulatorSettings, log: Log) -> None:
    import asyncio

    from ...observe.log import log_loop_error

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log_loop_error)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    async with _listening(settings) as emulator:
        for line in _introduction(emulator):
            log.plain(line)
        _spare_the_collector()
        log.out(f"ready {emulator.url}")
        await stop.wait()


def _spare_the_collector() -> None:
    """What is there now stays; what a guest session keeps hardly ever is garbage."""
    import gc

    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _introduction(emulator: Emulator) -> list[str]:
    """What a client needs, and the one line by which guestd knows the rest."""
    settings, about = emulator.settings, emulator.about(emulator.url)
    return [
        "this is guestd's emulator, not the platform",
        f"agent         {settings.agent if isinstance(settings.agent, str) else 'a script'}",
        f"deployment    {about['deployment_id']}",
        f"guest socket  {about['guest_socket_url']}",
        f"OAuth client  {about['client_id']}, secret {about['client_secret']}",
        f"token URL     {about['token_url']}",
        f"queue         {about['queue_id']}",
        f"admin API     {emulator.url}/__emulator/",
        f"seed          {settings.seed}",
        f'for guestd    [platform] emulator = "{emulator.url}"',
        *([f'              ca_file = "{emulator.ca_file}"'] if emulator.ca_file else []),
    ]
