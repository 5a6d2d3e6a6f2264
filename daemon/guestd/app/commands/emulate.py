"""`guestd emulate`: the emulator by itself."""

from __future__ import annotations

import asyncio
import errno
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...emulator import DEFAULT_DEPLOYMENT_ID
from ...emulator.agents.script import built_in
from ...model.errors import ConfigError
from ...observe.log import Log, configure_logging, log_loop_error
from .. import exit_codes
from ..open_files import allow_open_files

if TYPE_CHECKING:
    from ...emulator import Emulator, EmulatorSettings

EXAMPLES = """Examples:

guestd emulate --port 8443 --tls-dir ./tls      https and wss, with a CA of its own in ./tls/ca.pem

guestd emulate --port 0 --agent menu --seed 7   a free port; read it from the line "ready http://…"

curl -s localhost:PORT/__emulator/state         what the emulated platform holds

curl -s localhost:PORT/__emulator/mutations     what its REST API created, once each

guestd emulate --set token_life_s=30            OAuth tokens live 30 s; --list-settings shows all
"""


def emulate(
    host: Annotated[
        str, typer.Option(help="Where to listen. Beyond loopback anyone there can use it.")
    ] = "localhost",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The one port; 0 takes a free one.")
    ] = 8080,
    tls_dir: Annotated[
        Path | None, typer.Option(help="Serve TLS; keep the made certificates and ca.pem there.")
    ] = None,
    tls_name: Annotated[
        list[str] | None, typer.Option(help="One more host name for the certificate; repeatable.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Makes ids and faults repeatable.")] = 0,
    agent: Annotated[
        str, typer.Option(help=f"Who answers: {', '.join(sorted(built_in()))}.")
    ] = "human",
    limits: Annotated[bool, typer.Option(help="Enforce the platform's published rates.")] = True,
    tolerant: Annotated[
        bool,
        typer.Option(help="Never answer with an error for a rate: for clients that die of one."),
    ] = False,
    deployment_id: Annotated[
        str, typer.Option(help="The id of its deployment.")
    ] = DEFAULT_DEPLOYMENT_ID,
    any_deployment: Annotated[bool, typer.Option(help="Accept every deployment id.")] = False,
    auto_start: Annotated[bool, typer.Option(help="The deployment's autoStart.")] = False,
    clear: Annotated[bool, typer.Option(help="The deployment's conversationClear.")] = True,
    disconnect: Annotated[
        str, typer.Option(help="conversationDisconnect: disabled, Send or ReadOnly.")
    ] = "Send",
    authentication: Annotated[
        bool, typer.Option(help="The deployment's authenticated sessions.")
    ] = False,
    oauth_client: Annotated[
        list[str] | None,
        typer.Option(
            help=(
                "id:secret, with :scope,scope after it if it lacks some; repeatable. "
                " [emulator-client:emulator-secret]"
            )
        ),
    ] = None,
    control_host: Annotated[
        list[str] | None,
        typer.Option(
            help=(
                "A name under which /__emulator answers, beside localhost and addresses;"
                " repeatable."
            )
        ),
    ] = None,
    control_origin: Annotated[
        list[str] | None,
        typer.Option(
            help=(
                "A page's origin that may use /__emulator, beside those of this machine;"
                " repeatable."
            )
        ),
    ] = None,
    bare_injections: Annotated[
        bool, typer.Option(help="Answer an injection with the bare list of its messages.")
    ] = False,
    queue: Annotated[
        list[str] | None, typer.Option(help="The id of one more routing queue; repeatable.")
    ] = None,
    assignment: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Any setting: key=value, the value as JSON or a bare word; repeatable."
        ),
    ] = None,
    list_settings: Annotated[
        bool,
        typer.Option(
            "--list-settings",
            help="Show all settings with type, bounds and default, and do nothing.",
        ),
    ] = False,
) -> None:
    """A local stand-in for Genesys Cloud web messaging, for any client. It is not the platform."""
    from ...emulator import EmulatorSettings
    from ...emulator.settings import Deployment, EmulatorLimits, QueueSettings

    if list_settings:
        from ...emulator.setting_list import table

        print("\n".join(table()))
        return
    log = configure_logging("info", "auto")
    if agent not in built_in():
        raise typer.BadParameter(
            f"{agent!r} must be one of {', '.join(sorted(built_in()))}", param_hint="--agent"
        )
    if disconnect not in ("disabled", "Send", "ReadOnly"):
        raise typer.BadParameter(
            f"{disconnect!r} must be disabled, Send or ReadOnly", param_hint="--disconnect"
        )
    deployment = Deployment.model_validate(
        {
            "id": deployment_id,
            "auto_start": auto_start,
            "conversation_clear": clear,
            "conversation_disconnect": disconnect,
            "authentication": authentication,
            "session_upgrade": authentication,
        }
    )
    figures = EmulatorLimits(strict=not tolerant)
    clients, scopes = _oauth_clients(oauth_client or ["emulator-client:emulator-secret"])
    settings = EmulatorSettings(
        host=host,
        port=port,
        tls_dir=tls_dir,
        tls_names=tuple(tls_name or ()),
        seed=seed,
        agent=agent,
        deployments=(deployment,),
        accept_any_deployment=any_deployment,
        limits=figures if limits else figures.off(),
        control_hosts=tuple(control_host or ()),
        control_origins=tuple(control_origin or ()),
        oauth_clients=clients,
        oauth_scopes=scopes,
        bare_injections=bare_injections,
        queues=(QueueSettings(), *(QueueSettings(id=one, name=one) for one in queue or ())),
    )
    settings = _with_assignments(settings, assignment or [])
    allow_open_files(0)
    raise typer.Exit(exit_codes.run_logged(lambda: _run(settings, log), log))


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


async def _run(settings: EmulatorSettings, log: Log) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log_loop_error)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    async with _listening(settings) as emulator:
        log.line("this is guestd's emulator, not the platform")
        log.line(f"deployment {settings.deployments[0].id}, agent {settings.agent}")
        log.out(f"ready {emulator.url}")
        await stop.wait()
