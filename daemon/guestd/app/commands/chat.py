"""`guestd chat`: talk as a guest in the terminal."""

from __future__ import annotations

import functools
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import exit_codes
from ..interrupts import INTERRUPTED
from .client_options import duration
from .completions import agents

if TYPE_CHECKING:
    from ..chat.connection import SimulatorAddress
    from ..config import Config

EXAMPLES = """Examples:

guestd chat                                    with the embedded emulator's agent

guestd chat --agent menu                       with another of its agents

guestd chat -c guestd.toml                     with the platform named there

guestd chat ana --url ws://localhost:3000/     through a running guestd, as the guest ana

printf 'hello\\nwhere is my parcel?\\n' | guestd chat --wait 2s --json

Exit codes: 0 done, 1 a line of a pipe was refused, 2 usage, 69 no daemon or no platform answers,
78 configuration."""

DEFAULT_NAME = "me"

#: How long a piped chat waits for a daemon that went away; a person waits as long as he likes.
GIVE_UP_S = 30.0


def chat(
    name: Annotated[
        str | None, typer.Argument(help="The guest's name, as --guest gives it.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("-c", "--config", help="Talk with the platform named in this file."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(help="Talk through a running guestd: host:port, or its ws:// or http:// URL."),
    ] = None,
    guest: Annotated[
        str | None, typer.Option(help="The guest's name.", show_default=DEFAULT_NAME)
    ] = None,
    agent: Annotated[
        str | None,
        typer.Option(
            help="Who answers in the embedded emulator: echo, faq, goodbye, handover, human, menu,"
            " silent.",
            autocompletion=agents,
        ),
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="With --url: a file with the daemon's simulator.token.")
    ] = None,
    wait: Annotated[
        str, typer.Option(help="With input from a pipe: how long to wait for an answer.")
    ] = "3s",
    as_json: Annotated[
        bool, typer.Option("--json", help="Every event as a JSON line on standard output.")
    ] = False,
) -> None:
    """Talk as a guest: type a line and press Enter. Ctrl-D on an empty line leaves, and so does
    Ctrl-C, which first clears what is typed; that ends the conversation, but with --url, where only
    /end does."""
    wait_s = duration(wait)
    if name is not None and guest is not None:
        raise typer.BadParameter("is given twice; leave out --guest", param_hint="NAME")
    guest = name or guest or DEFAULT_NAME
    if url is not None and agent is not None:
        raise typer.BadParameter(
            "goes with the embedded emulator; leave out --url", param_hint="--agent"
        )
    from ...observe.log import configure_logging

    configure_logging("error", "text")
    if url is not None:
        talking = _Talk(guest, wait_s, as_json)
        hold = functools.partial(talking.through, url, token_file)
        raise typer.Exit(exit_codes.run(hold, as_json=as_json))
    hold = functools.partial(
        _Talk(guest, wait_s, as_json).with_own, _own_settings(config, agent, as_json)
    )
    raise typer.Exit(exit_codes.run(hold, as_json=as_json))


def _own_settings(config: Path | None, agent: str | None, as_json: bool) -> Config:
    from ..config_problems import ConfigProblems
    from ..load_config import configured
    from .load_arguments import chosen_agent

    own: dict[str, Any] = {"simulator.port": 0, "simulator.host": "127.0.0.1"}
    if agent is not None:
        own["emulator.agent"] = chosen_agent(agent)
    try:
        return without_what_is_the_daemons(configured(config, os.environ, own))
    except ConfigProblems as problems:
        failed = exit_codes.failed_as_json if as_json else exit_codes.failed
        raise typer.Exit(failed(problems)) from None


def without_what_is_the_daemons(config: Config) -> Config:
    """A chat ends when its terminal does: it keeps nothing, sends no webhooks, and leaves the
    daemon's files, socket and tokens alone."""
    mine: dict[str, dict[str, Any]] = {
        "journal": {"directory": None},
        "attachments": {"spool_directory": None},
        "audit": {"directory": None},
        "webhooks": {"targets": ()},
        "api": {"unix_socket": None, "token": None, "token_file": None},
        "simulator": {"token": None, "token_file": None},
    }
    return config.model_copy(
        update={key: replace(getattr(config, key), **own) for key, own in mine.items()}
    )


class _Talk:
    def __init__(self, guest: str, wait_s: float, as_json: bool) -> None:
        self._guest, self._wait_s, self._as_json = guest, wait_s, as_json

    async def through(self, url: str, token_file: Path | None) -> int:
        """Through a running daemon; leaving leaves the conversation as it is."""
        from ..chat.connection import SimulatorAddress
        from ..daemon_address import simulator_url
        from .client_options import address_of, read_token

        _listen_for_ctrl_c()
        token = "" if token_file is None else read_token(token_file)
        give_up_s = None if _is_person() else GIVE_UP_S
        address = SimulatorAddress(address_of(url, simulator_url), token, give_up_s)
        banner = f"you are {self._guest!r}, through guestd at {address.url}"
        return await self._hold(address, banner, ends=False)

    async def with_own(self, config: Config) -> int:
        """With a daemon that lives as long as this chat."""
        import asyncio

        from ..chat.connection import SimulatorAddress
        from ..daemon import Daemon
        from ..systemd import Notifier

        _listen_for_ctrl_c()
        daemon = Daemon(config, asyncio.get_running_loop(), Notifier())
        try:
            await daemon.start(quiet=True)
            address = SimulatorAddress(f"ws{daemon.http.url[4:]}/")
            return await self._hold(address, self._banner(config), ends=True)
        finally:
            await daemon.stop()

    def _banner(self, config: Config) -> str:
        platform = config.platform
        if not platform.is_given:
            return (
                f"you are {self._guest!r}; the embedded emulator's agent"
                f" {config.emulator.agent!r} answers, and nothing leaves this machine"
            )
        place = platform.region or platform.guest_socket_url
        return f"you are {self._guest!r} at {place}, deployment {platform.deployment_id or '-'}"

    async def _hold(self, address: SimulatorAddress, banner: str, ends: bool) -> int:
        from ..chat.terminal_chat import TerminalChat

        talk = TerminalChat(address, self._guest, banner, ends, self._wait_s, self._as_json)
        return await talk.hold()


def _is_person() -> bool:
    return os.isatty(0) and os.isatty(1)


def _listen_for_ctrl_c() -> None:
    """The first one leaves as the end of the input does, the second one just goes."""
    import asyncio

    talking = asyncio.current_task()
    assert talking is not None
    seen: list[int] = []

    def interrupted() -> None:
        seen.append(1)
        if len(seen) > 1:
            os._exit(INTERRUPTED)
        talking.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupted)
