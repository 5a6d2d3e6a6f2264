"""Lines in, events out, until the guest session has ended or the input has and nothing more
comes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

from ...model.errors import NotReady, PlatformUnavailable
from ...observe.terminal_text import one_line
from .connection import FrontendConnection, NotConnected, SimulatorAddress
from .drawing import ConversationView, name_of, remark
from .files import outgoing_file, readable_size
from .input_lines import HELP, InputLine, Verb, read_line
from .screen import ChatScreen, PromptScreen, StreamScreen, as_json_line
from .sent_lines import SentLine, SentLines, quoted

#: Before a person is told that the platform is waited for.
SILENCE_S = 3.0
#: For a goodbye to reach the platform and to be confirmed.
GOODBYE_S = 20.0
#: Of an event that does not say how long (protocol §3.8).
TYPING_MS = 5000

#: An input line of a pipe was refused.
REFUSED_INPUT = 1


class TerminalChat:
    """`banner`: who answers, and where. `ends`: leaving ends the conversation. `wait_s`: with
    input from a pipe, how long to wait for an answer."""

    def __init__(
        self,
        address: SimulatorAddress,
        guest: str,
        banner: str,
        ends: bool,
        wait_s: float,
        as_json: bool,
    ) -> None:
        self._banner = banner
        self._ends = ends
        self._wait_s = wait_s
        self._as_json = as_json
        self._view = ConversationView()
        self._screen = self._new_screen(guest)
        self._connection = FrontendConnection(address, guest, self._lost, self._back)
        self._live = asyncio.Event()
        self._heard = asyncio.Event()
        self._session_id = ""
        self._ended = ""
        self._refused_lines = 0
        self._other = "the agent"
        self._sent = SentLines()

    def _new_screen(self, guest: str) -> ChatScreen:
        if self._as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
            return StreamScreen(self._as_json)
        leaving = "ends the conversation" if self._ends else "leaves it open"
        place = f"as {guest} | Tab completes /commands | Ctrl-D {leaving}"
        return PromptScreen(place, lambda: self._view.choices)

    async def hold(self) -> int:
        """The exit code. Raises PlatformUnavailable, ConfigError or FrontendRefused."""
        try:
            async with self._connection:
                self._say(self._banner)
                await self._talk()
        finally:
            if unsent := self._screen.unsent():
                self._say(f"not sent: {unsent}")
            await self._screen.flush()
        if not self._live.is_set():
            raise PlatformUnavailable(
                f"the guest session was never live: {self._ended or 'the simulator went away'}"
            )
        return REFUSED_INPUT if self._refused_lines and not self._screen.is_prompt else 0

    async def _talk(self) -> None:
        listening = asyncio.ensure_future(self._listen())
        speaking = asyncio.ensure_future(self._speak())
        try:
            await asyncio.wait({listening, speaking}, return_when=asyncio.FIRST_COMPLETED)
            if listening.done():
                listening.result()
            else:
                speaking.result()
                await self._leave(listening)
        except asyncio.CancelledError:
            await self._leave(listening)
            raise
        finally:
            for task in (listening, speaking):
                task.cancel()
            await asyncio.gather(listening, speaking, return_exceptions=True)

    # ------------------------------------------------------------------ what comes

    async def _listen(self) -> None:
        async for event in self._connection.events():
            self._heard.set()
            if event.get("state") == "live":
                self._live.set()
            if event.get("state") == "ended":
                self._ended = str(event.get("reason", ""))
            self._show(event)

    def _show(self, event: dict[str, Any]) -> None:
        line, text = self._sent.answered(event), self._sent.text_of(event)
        if line is not None and "error" in event:
            is_lost = event.get("code") == NotReady.code
            self._tell_refused(line, "the connection is lost" if is_lost else str(event["error"]))
        elif line is not None and line.action == "typing":
            self._say("the agent is shown that you are typing")
        if "ok" in event:
            return
        if self._as_json:
            as_json_line(event)
        elif line is None or "error" not in event:
            for drawn in self._view.drawn(event, text):
                self._screen.write(drawn)
        match event.get("kind"):
            case "typing":
                self._show_typing(int(event.get("duration_ms") or TYPING_MS))
            case "message" if self._screen.is_prompt and event.get("direction") == "Outbound":
                self._other = one_line(name_of(event))
                self._screen.status("")
            case "hello":
                self._note_session(str(event.get("session", "")))

    def _tell_refused(self, line: SentLine, why: str) -> None:
        if line.action == "typing":  # it is over in a moment, and nothing is lost with it
            self._say(f"the agent is not shown that you are typing: {why}")
            return
        self._refuse(f"{quoted(line.text)} was not sent: {why}")
        self._screen.give_back(line.text)

    def _show_typing(self, for_ms: int) -> None:
        text = f"{self._other} is typing …"
        if self._screen.is_prompt:
            self._screen.status(text)
            asyncio.get_running_loop().call_later(for_ms / 1000, self._screen.status, "")
        elif not self._as_json:
            self._say(text)

    def _note_session(self, session_id: str) -> None:
        if self._session_id and session_id != self._session_id:
            self._say("guestd no longer knows the conversation: a new one has begun")
        self._session_id = session_id

    def _lost(self, why: str) -> None:
        self._say(f"{why}; trying to come back …")
        for line in self._sent.unanswered():
            self._say(f"{quoted(line.text)}: whether it was sent is not known")
        self._screen.status("guestd does not answer")

    def _back(self) -> None:
        self._screen.status("")
        self._say("connected again")

    # ------------------------------------------------------------------ what is typed

    async def _speak(self) -> None:
        try:
            async with asyncio.timeout(SILENCE_S):
                await self._live.wait()
        except TimeoutError:
            self._say("waiting for the platform …")
            await self._live.wait()
        if self._screen.is_prompt:
            self._say(HELP)
        async for text in self._screen.lines():
            line = read_line(text)
            if line is None:
                continue
            if line.verb in (Verb.END, Verb.QUIT):
                self._ends = line.verb is Verb.END
                return
            await self._do(line, text)
        if not self._screen.is_prompt:
            await self._wait_until()

    async def _do(self, line: InputLine, text: str) -> None:
        if not self._screen.is_prompt:
            await self._connection.connected.wait()
        try:
            await self._act(line, text.strip())
        except NotConnected as error:
            self._refuse(str(error))
            self._screen.give_back(text)

    async def _act(self, line: InputLine, text: str) -> None:
        """`text`: as it was typed. Raises NotConnected."""
        match line.verb:
            case Verb.SAY:
                await self._send({"action": "send", "text": line.text}, text)
            case Verb.TYPING:
                await self._send({"action": "typing"}, text)
            case Verb.CHOOSE:
                await self._choose(line.number, text)
            case Verb.FILE:
                await self._send_file(line.text)
            case Verb.HELP:
                self._say(HELP)
            case _:
                self._refuse(line.text)

    async def _send(self, frame: dict[str, Any], text: str) -> None:
        """Raises NotConnected."""
        noted = self._sent.noted(frame, text)
        try:
            await self._connection.send(noted)
        except NotConnected:
            self._sent.forget(noted)
            raise

    async def _choose(self, number: int, text: str) -> None:
        if not self._screen.is_prompt:
            await self._wait_until(lambda: number <= len(self._view.choices))
        if not 0 < number <= len(self._view.choices):
            self._refuse(f"there is no choice /{number} now")
            return
        choice = self._view.choices[number - 1]
        reply = {"type": choice.type, "text": choice.label, "payload": choice.payload}
        await self._send({"action": "reply", **reply}, text)

    async def _send_file(self, line: str) -> None:
        try:
            file = await asyncio.to_thread(outgoing_file, line)
            frame = await asyncio.to_thread(file.frame) if file.is_small else None
        except ValueError as error:
            self._refuse(str(error))
            return
        if frame is not None:
            await self._send(frame, line)
            return
        name, size = file.path.name, readable_size(file.size_bytes)

        def sent(gone: int) -> None:
            if self._screen.is_prompt:
                percent = 100 * gone // max(1, file.size_bytes)
                self._screen.status(f"{name}: {percent} % of {size} at guestd")

        problem = await self._connection.upload(file, sent)
        self._screen.status("")
        if problem:
            self._refuse(f"{name} was not sent: {problem}")

    async def _wait_until(self, is_there: Callable[[], bool] = lambda: False) -> None:
        """Or until nothing has come for `wait_s`."""
        while not is_there():
            self._heard.clear()
            try:
                async with asyncio.timeout(self._wait_s):
                    await self._heard.wait()
            except TimeoutError:
                return

    async def _leave(self, listening: asyncio.Future[None]) -> None:
        """If that ends the conversation: wait until the platform has confirmed it."""
        if not self._ends:
            self._say("the conversation stays open")
            return
        try:
            await self._connection.send({"action": "end"})
        except NotConnected:
            return
        await asyncio.wait({listening}, timeout=GOODBYE_S)

    def _say(self, text: str) -> None:
        self._screen.write(remark(text))

    def _refuse(self, text: str) -> None:
        self._refused_lines += 1
        self._say(text)
