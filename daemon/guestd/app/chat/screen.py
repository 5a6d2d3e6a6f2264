"""Where a chat is shown and typed: a stream of lines, or a terminal with a prompt of its own.

On a terminal prompt_toolkit edits the line, keeps the history and completes; what arrives is
written above the prompt. It is loaded only there: a pipe needs none of it, and its import takes a
tenth of a second."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import textwrap
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from ...observe.terminal_text import json_line, one_line
from .drawing import INDENT, Line
from .input_lines import COMMANDS

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import Completer

    from .drawing import OfferedChoice


#: For a terminal that does not answer where its cursor is.
FLUSH_S = 2.0


class ChatScreen(Protocol):
    """`is_prompt`: a person types here. `lines` ends with the input."""

    is_prompt: bool

    def write(self, line: Line) -> None: ...

    def status(self, text: str) -> None:
        """What is going on just now, replaced by the next; "" for nothing. On a prompt only."""

    def give_back(self, line: str) -> None:
        """A line that could not be sent stands in the input again, if nothing else does."""

    def unsent(self) -> str:
        """The line that was being typed when `lines` was cancelled; "" for none."""

    def lines(self) -> AsyncIterator[str]: ...

    async def flush(self) -> None:
        """What was written is on the screen, also if the prompt is gone."""


def has_colors() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def tinted(line: Line, colors: bool) -> str:
    return "".join(f"\x1b[{tint}m{text}\x1b[0m" if tint and colors else text for text, tint in line)


def wrapped(line: Line, columns: int) -> Line:
    """A line that is longer than the terminal breaks between words; its last part is what is
    long."""
    *before, (text, tint) = line
    begin = sum(len(part) for part, _ in before)
    if begin + len(text) <= columns or begin > columns // 2 or "\n" in text:
        return line
    wrap = textwrap.TextWrapper(
        columns - 1, " " * begin, INDENT, break_long_words=False, break_on_hyphens=False
    )
    return (*before, ("\n".join(wrap.wrap(text))[begin:], tint))


class StreamScreen:
    """Lines from a pipe or a file, lines to standard output; with `as_json` what is for people goes
    to standard error."""

    is_prompt = False

    def __init__(self, as_json: bool) -> None:
        self._to = sys.stderr if as_json else sys.stdout
        self._colors = has_colors()

    def write(self, line: Line) -> None:
        print(tinted(line, self._colors), flush=True, file=self._to)

    def status(self, text: str) -> None:
        pass

    def give_back(self, line: str) -> None:
        pass

    def unsent(self) -> str:
        return ""

    async def flush(self) -> None:
        pass

    async def lines(self) -> AsyncIterator[str]:
        """A thread reads what a loop cannot wait for: a terminal, a pipe, or a file."""
        loop, found = asyncio.get_running_loop(), asyncio.Queue[str | None]()

        def read() -> None:
            for line in sys.stdin:
                loop.call_soon_threadsafe(found.put_nowait, line)
            loop.call_soon_threadsafe(found.put_nowait, None)

        threading.Thread(target=read, name="stdin", daemon=True).start()
        while (line := await found.get()) is not None:
            yield line


class PromptScreen:
    """A prompt at the bottom, the conversation above it, and a line below for what goes on."""

    is_prompt = True

    def __init__(self, place: str, choices: Callable[[], list[OfferedChoice]]) -> None:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.formatted_text import ANSI
        from prompt_toolkit.history import InMemoryHistory

        self._status, self._place = "", place
        self._returned = self._unsent = ""
        self._unwritten: deque[str] = deque()
        self._writing: asyncio.Future[None] | None = None
        self._colors = has_colors()
        prompt = ANSI(tinted((("you", "36"), ("> ", "")), self._colors))
        self._session: PromptSession[str] = PromptSession(
            prompt,
            completer=_completer(choices),
            complete_while_typing=True,
            history=InMemoryHistory(),  # what guests say is kept nowhere
            bottom_toolbar=lambda: self._toolbar(),
            key_bindings=_keys(),
            erase_when_done=True,
            reserve_space_for_menu=5,
        )

    def write(self, line: Line) -> None:
        columns = shutil.get_terminal_size().columns
        self._unwritten.append(tinted(wrapped(line, columns), self._colors))
        if self._writing is None:
            self._begin_writing()

    def _begin_writing(self) -> None:
        self._writing = asyncio.ensure_future(self._write_above())
        self._writing.add_done_callback(self._written)

    async def _write_above(self) -> None:
        """The library's own `patch_stdout` does this in a thread, and loses what comes while the
        prompt is being taken away: the last words of a conversation."""
        from prompt_toolkit.application import in_terminal

        async with in_terminal():
            self._write_all()

    def _written(self, task: asyncio.Future[None]) -> None:
        """What came while the prompt was drawn again waits for the prompt to make room for it."""
        self._writing = None
        if self._unwritten and not task.cancelled() and task.exception() is None:
            self._begin_writing()

    def _write_all(self) -> None:
        while self._unwritten:
            print(self._unwritten.popleft(), flush=True)

    async def flush(self) -> None:
        while self._writing is not None:
            done, _ = await asyncio.wait({self._writing}, timeout=FLUSH_S)
            if not done:
                break
        self._write_all()

    def status(self, text: str) -> None:
        self._status = one_line(text)
        self._session.app.invalidate()

    def give_back(self, line: str) -> None:
        buffer = self._session.default_buffer
        if not self._session.app.is_running:
            self._returned = line
        elif not buffer.text:
            buffer.insert_text(line)

    def unsent(self) -> str:
        return self._unsent

    async def lines(self) -> AsyncIterator[str]:
        """Ends with Ctrl-D, and with Ctrl-C on an empty line."""
        while True:
            await self.flush()
            typed, self._returned = self._returned, ""
            try:
                line = await self._session.prompt_async(default=typed, handle_sigint=False)
            except (EOFError, KeyboardInterrupt):
                return
            except asyncio.CancelledError:
                self._unsent = self._session.default_buffer.text.strip()
                raise
            yield line

    def _toolbar(self) -> str:
        return f" {self._status or self._place}"


def _keys() -> Any:
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

    keys = KeyBindings()

    @keys.add("c-c")
    def leave(event: KeyPressEvent) -> None:
        """As in a shell: a line that is begun is given up first."""
        if event.app.current_buffer.text:
            event.app.current_buffer.reset()
        else:
            event.app.exit(exception=KeyboardInterrupt)

    return keys


def _completer(choices: Callable[[], list[OfferedChoice]]) -> Completer:
    """Commands and choices after a /, paths after /file."""
    from prompt_toolkit.completion import Completer, Completion, PathCompleter
    from prompt_toolkit.document import Document

    paths = PathCompleter(expanduser=True)

    class SlashCompleter(Completer):
        def get_completions(self, document: Document, complete_event: Any) -> Iterator[Completion]:
            text = document.text_before_cursor
            if text.startswith("/file "):
                path = Document(text[len("/file ") :].lstrip())
                yield from paths.get_completions(path, complete_event)
            elif text.startswith("/") and " " not in text:
                for word, meaning in _words(choices()):
                    if word.startswith(text):
                        yield Completion(word, -len(text), display_meta=one_line(meaning))

    return SlashCompleter()


def _words(choices: list[OfferedChoice]) -> Iterator[tuple[str, str]]:
    for n, choice in enumerate(choices, 1):
        yield f"/{n}", choice.label
    yield from COMMANDS.items()


def as_json_line(event: dict[str, Any]) -> None:
    print(json_line(event), flush=True)
