"""What comes is written above the prompt, whenever it comes."""

from __future__ import annotations

import asyncio
import contextlib
import io

from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from guestd.app.chat.drawing import remark
from guestd.app.chat.screen import PromptScreen

ERASED = "\x1b[J"


class Terminal(io.StringIO):
    """`meanwhile` is called when the prompt is drawn again below `the first`."""

    is_armed = False

    def __init__(self, meanwhile):
        super().__init__()
        self._meanwhile = meanwhile

    def write(self, text):
        if self.is_armed and "you" in text:
            self.is_armed = False
            self._meanwhile()
        self.is_armed |= "the first" in text
        return super().write(text)

    async def shows(self, text):
        async with asyncio.timeout(3.0):
            while text not in self.getvalue():
                await asyncio.sleep(0)


@contextlib.contextmanager
def prompt(terminal):
    """The keys, for a screen that is made within."""
    output = Vt100_Output(terminal, lambda: Size(24, 80), term="xterm", enable_cpr=False)
    with (
        create_pipe_input() as keys,
        create_app_session(input=keys, output=output),
        contextlib.redirect_stdout(terminal),
    ):
        yield keys


async def test_a_line_that_was_being_typed_when_the_prompt_was_taken_away_is_known():
    terminal = Terminal(lambda: None)
    with prompt(terminal) as keys:
        screen = PromptScreen("as ana", list)
        lines = screen.lines()
        typed = asyncio.ensure_future(anext(lines))
        await terminal.shows("you>")
        keys.send_text("sent\r")
        assert await typed == "sent" and screen.unsent() == ""
        typed = asyncio.ensure_future(anext(lines))
        keys.send_text("my number is 4711")
        await terminal.shows("4711")
        typed.cancel()
        await asyncio.wait({typed})
        assert screen.unsent() == "my number is 4711"


async def test_what_comes_while_the_prompt_is_drawn_again_is_not_written_behind_it():
    terminal = Terminal(lambda: screen.write(remark("the second")))
    with prompt(terminal) as keys:
        screen = PromptScreen("as ana", list)
        lines = screen.lines()
        typed = asyncio.ensure_future(anext(lines))
        await terminal.shows("you>")
        screen.write(remark("the first"))
        await terminal.shows("the second")
        keys.send_text("hello\r")
        assert await typed == "hello"
    before = terminal.getvalue().partition("the second")[0]
    assert ERASED in before[before.rindex("you>") :]
