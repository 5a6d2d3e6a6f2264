"""`guestd chat`: talk as a guest in the terminal."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import typer

from ...model.errors import ConfigError, PlatformUnavailable
from ...model.numbers import whole_number
from ...observe.log import configure_logging
from ...observe.terminal_text import json_line, one_line, several_lines
from .. import exit_codes
from ..config import Config
from ..config_problems import ConfigProblems
from ..control_client import platform_facts, why
from ..daemon import Daemon
from ..load_config import configured
from ..systemd import Notifier
from .chat_files import described, file_frame
from .client_options import duration

EXAMPLES = """Examples:

guestd chat                                    with the embedded emulator's agent

guestd chat -c guestd.toml                     with the platform named there

guestd chat --url ws://localhost:3000/         through a running guestd, as the guest --guest

printf 'hello\\nwhere is my parcel?\\n' | guestd chat --wait 2s --json
"""

SILENCE_S = 3.0

#: Before everything that belongs to the line above it.
INDENT = "   "

#: The simulator of a running guestd takes frames of a mebibyte; our own is told to take any file
#: that a platform may allow.
FRAME_BYTES_MAX, OWN_FRAME_BYTES_MAX = 1_048_576, 67_108_864

HELP = (
    "/1, /2, … choose a quick reply, /file PATH [caption] sends a file, /typing shows that you are"
    " typing, /end ends the conversation, /quit leaves it open"
)


def chat(
    config: Annotated[
        Path | None,
        typer.Option("-c", "--config", help="Talk with the platform named in this file."),
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Talk through the simulator of a running guestd.")
    ] = None,
    guest: Annotated[str, typer.Option(help="The guest's name.")] = "me",
    wait: Annotated[
        str, typer.Option(help="With input from a pipe: how long to wait for an answer.")
    ] = "3s",
    as_json: Annotated[
        bool, typer.Option("--json", help="Every event as a JSON line on standard output.")
    ] = False,
) -> None:
    """Talk as a guest: type a line and press Enter. Ctrl-C or Ctrl-D ends the conversation in an
    orderly way."""
    wait_s = duration(wait)
    try:
        own = {
            "simulator.port": 0,
            "simulator.host": "127.0.0.1",
            "simulator.frame_bytes_max": OWN_FRAME_BYTES_MAX,
        }
        settings = configured(config, os.environ, own)
    except ConfigProblems as problems:
        raise typer.Exit(exit_codes.tell(problems, exit_codes.CONFIG)) from None
    settings = without_what_is_the_daemons(settings)
    configure_logging("error", "text")
    raise typer.Exit(exit_codes.run(lambda: _talk(settings, url, guest, wait_s, as_json)))


def without_what_is_the_daemons(config: Config) -> Config:
    """A chat ends when its terminal does: it keeps nothing, sends no webhooks, and leaves the
    daemon's files and socket alone."""
    mine: dict[str, dict[str, Any]] = {
        "journal": {"directory": None},
        "attachments": {"spool_directory": None},
        "audit": {"directory": None},
        "webhooks": {"targets": ()},
        "api": {"unix_socket": None},
        "simulator": {"token": None, "token_file": None},
    }
    return config.model_copy(
        update={key: replace(getattr(config, key), **own) for key, own in mine.items()}
    )


async def _talk(config: Config, url: str | None, guest: str, wait_s: float, as_json: bool) -> None:
    _listen_for_ctrl_c()
    daemon: Daemon | None = None
    try:
        frame_bytes_max = FRAME_BYTES_MAX
        if url is None:
            frame_bytes_max = OWN_FRAME_BYTES_MAX
            daemon = Daemon(config, asyncio.get_running_loop(), Notifier())
            await daemon.start(quiet=True)
            url = f"ws{daemon.http.url[4:]}/"
        await TerminalChat(url, guest, wait_s, as_json, frame_bytes_max).hold()
    finally:
        if daemon is not None:
            await daemon.stop()


def _listen_for_ctrl_c() -> None:
    """The first one says goodbye, the second one just goes."""
    talking = asyncio.current_task()
    assert talking is not None
    seen: list[int] = []

    def interrupted() -> None:
        seen.append(1)
        if len(seen) > 1:
            os._exit(exit_codes.INTERRUPTED)
        talking.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupted)


class Screen:
    """What a person sees. Color only on a terminal, and not with NO_COLOR."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._is_terminal = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._typing_shown = False
        self.choices: list[tuple[str, str]] = []

    def show(self, event: dict[str, Any]) -> None:
        if self._as_json:
            print(json_line(event), flush=True)
        self._note_choices(event)
        if not self._as_json:
            self._show_line(event)

    def say(self, text: str) -> None:
        """A remark, in one line."""
        self._line((one_line(text), "2"))

    def _note_choices(self, event: dict[str, Any]) -> None:
        if event.get("kind") == "message" and event.get("direction") == "Outbound":
            content = [one for one in event.get("content") or () if isinstance(one, dict)]
            replies = [one.get("quickReply") for one in content]
            self.choices = [
                (str(one.get("text", "")), str(one.get("payload", "")))
                for one in replies
                if isinstance(one, dict)
            ]

    def _show_line(self, event: dict[str, Any]) -> None:
        match event.get("kind"):
            case "message":
                self._show_message(event)
            case "typing":
                self._show_typing()
            case "presence" if event.get("presence") == "Disconnect":
                self.say("the agent has ended the conversation")
            case "session":
                reason = f" ({event['reason']})" if event.get("reason") else ""
                self.say(f"session {event.get('state')}{reason}")
            case "attachment" if event.get("status") in ("uploading", "retrying"):
                reason = f" ({event['reason']})" if event.get("reason") else ""
                self.say(f"{event.get('filename')}: {event.get('status')}{reason}")
            case "delivery" if event.get("status") not in ("confirmed", "sent"):
                said = f"your message: {event.get('status')} {event.get('reason', '')}"
                self.say("; ".join(filter(None, (said, platform_facts(event)))))
            case "gap":
                self.say(f"messages may be missing here: {event.get('reason', '')}")
            case None if "error" in event:
                self.say(f"error: {event['error']}")

    def _show_message(self, event: dict[str, Any]) -> None:
        mine = event.get("direction") == "Inbound"
        name = "you" if mine else (event.get("sender") or ("bot" if event.get("bot") else "agent"))
        text = several_lines(str(event.get("text", "")), INDENT)
        self._line((one_line(name), "36" if mine else "33"), (f": {text}", ""))
        for n, (label, _) in enumerate(self.choices if not mine else (), 1):
            self._line((INDENT, ""), (f"/{n}", "1"), (f" {one_line(label)}", ""))
        for one in event.get("content") or ():
            kind = one.get("contentType") if isinstance(one, dict) else None
            file = one.get("attachment") if isinstance(one, dict) else None
            if isinstance(file, dict):
                self._line((f"{INDENT}[file] {several_lines(described(file))}", ""))
            elif kind not in (None, "QuickReply", "ButtonResponse"):
                self._line((f"{INDENT}{one_line(f'[{kind}] {json_line(one)[:200]}')}", "2"))

    def _show_typing(self) -> None:
        if self._is_terminal:
            sys.stdout.write("\r\x1b[2m… is typing\x1b[0m")
            sys.stdout.flush()
            self._typing_shown = True
        else:
            self._line(("… is typing", ""))

    def _line(self, *parts: tuple[str, str]) -> None:
        """Parts of a line, each with its tint or "". What others have said is clean by now: only
        here are commands added."""
        text = "".join(self._tinted(part, tint) for part, tint in parts)
        clear = "\r\x1b[2K" if self._typing_shown else ""
        self._typing_shown = False
        print(f"{clear}{text}", flush=True, file=sys.stderr if self._as_json else sys.stdout)

    def _tinted(self, text: str, tint: str) -> str:
        return f"\x1b[{tint}m{text}\x1b[0m" if tint and self._is_terminal else text


class TerminalChat:
    """Lines in, events out, until the guest session has ended or the input has and nothing more
    comes."""

    def __init__(
        self,
        url: str,
        guest: str,
        wait_s: float,
        as_json: bool,
        frame_bytes_max: int = FRAME_BYTES_MAX,
    ) -> None:
        self._url = url
        self._guest = guest
        self._wait_s = wait_s
        self._frame_bytes_max = frame_bytes_max
        self._screen = Screen(as_json)
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._interactive = sys.stdin.isatty()
        self._live = asyncio.Event()
        self._heard = asyncio.Event()
        self._keep = False
        self._ended = ""

    async def hold(self) -> None:
        async with aiohttp.ClientSession(trust_env=False) as session:
            try:
                socket = await session.ws_connect(
                    self._url, params={"guest": self._guest}, max_msg_size=0
                )
            except (aiohttp.ClientError, OSError) as error:
                raise ConfigError(
                    "--url",
                    f"no simulator answers at {self._url}: {why(error)}",
                    "start guestd serve",
                ) from None
            async with socket:
                listening = asyncio.ensure_future(self._listen(socket))
                speaking = asyncio.ensure_future(self._speak(socket))
                try:
                    await asyncio.wait({listening, speaking}, return_when=asyncio.FIRST_COMPLETED)
                except asyncio.CancelledError:
                    await self._end(socket, listening)
                    raise
                if speaking.done():
                    speaking.result()
                    await self._end(socket, listening)
                for task in (listening, speaking):
                    task.cancel()
                await asyncio.gather(listening, speaking, return_exceptions=True)
        if not self._live.is_set():
            raise PlatformUnavailable(
                f"the guest session never came to life: {self._ended or 'the simulator went away'}"
            )

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            event = json.loads(message.data)
            self._heard.set()
            if event.get("state") == "live":
                self._live.set()
            if event.get("state") == "ended":
                self._ended = str(event.get("reason", ""))
            self._screen.show(event)
        if socket.close_code not in (None, 1000):
            self._screen.say(f"the simulator closed the connection ({socket.close_code})")

    async def _speak(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        try:
            async with asyncio.timeout(SILENCE_S):
                await self._live.wait()
        except TimeoutError:
            self._screen.say("waiting for the platform …")
            await self._live.wait()
        if self._interactive:
            self._screen.say(HELP)
        self._read_input()
        while (line := await self._lines.get()) is not None:
            if not await self._do(line.strip(), socket):
                return
        if not self._interactive:
            await self._wait_until_quiet()

    def _read_input(self) -> None:
        """Standard input may be a terminal, a pipe or a file: a thread reads what a loop cannot
        wait for."""
        loop = asyncio.get_running_loop()

        def read() -> None:
            for line in sys.stdin:
                loop.call_soon_threadsafe(self._lines.put_nowait, line)
            loop.call_soon_threadsafe(self._lines.put_nowait, None)

        threading.Thread(target=read, name="stdin", daemon=True).start()

    async def _do(self, line: str, socket: aiohttp.ClientWebSocketResponse) -> bool:
        """One line of input; False if it was the last."""
        if line in ("/end", "/quit"):
            self._keep = line == "/quit"
            return False
        if line == "/help":
            self._screen.say(HELP)
        elif line == "/typing":
            await socket.send_json({"action": "typing"})
        elif line.split(maxsplit=1)[:1] == ["/file"]:
            await self._send_file(line, socket)
        elif line.startswith("/") and (number := whole_number(line[1:])) is not None:
            await self._choose(number, socket)
        elif line:
            await socket.send_json({"action": "send", "text": line})
        return True

    async def _choose(self, number: int, socket: aiohttp.ClientWebSocketResponse) -> None:
        if not 0 < number <= len(self._screen.choices):
            self._screen.say(f"there is no choice /{number} now")
            return
        text, payload = self._screen.choices[number - 1]
        await socket.send_json(
            {"action": "reply", "type": "QuickReply", "text": text, "payload": payload}
        )

    async def _send_file(self, line: str, socket: aiohttp.ClientWebSocketResponse) -> None:
        try:
            frame = await asyncio.to_thread(file_frame, line, self._frame_bytes_max)
        except ValueError as error:
            self._screen.say(str(error))
        else:
            await socket.send_json(frame)

    async def _wait_until_quiet(self) -> None:
        while True:
            self._heard.clear()
            try:
                async with asyncio.timeout(self._wait_s):
                    await self._heard.wait()
            except TimeoutError:
                return

    async def _end(
        self, socket: aiohttp.ClientWebSocketResponse, listening: asyncio.Future[None]
    ) -> None:
        """End the guest session, and wait until the platform has confirmed it."""
        if self._keep or socket.closed:
            return
        await socket.send_json({"action": "end"})
        await asyncio.wait({listening}, timeout=20.0)
