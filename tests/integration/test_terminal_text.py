"""Whatever the platform, a guest or a daemon says, it commands no terminal: real commands, on a
pipe and on a terminal."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from guestd.observe.terminal_text import json_line, one_line, several_lines
from tests.acceptance.conftest import fork_server
from tests.acceptance.forked_program import ForkedProgram
from tests.patience import PATIENCE_S

#: A title, a cleared screen, a C1 command, a line moved up, DEL, marks that turn a line round, a
#: separator, a half surrogate.
EVIL = "x\x1b]0;PWNED\x07\x1b[2J\x9b2J\x84\x7f\x08\r\u202egnp.exe\u2066\u2028\u200fz"
COMMANDS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]"
)
#: What `guestd chat` itself tells a terminal: tints, and how its prompt is drawn, erased and redrawn.
#: None of it clears the screen, sets a title, or is C1.
OUR_OWN = re.compile(
    "\x1b\\[[0-9;]*m|\x1b\\[[0-9]*[A-D]|\x1b\\[0?[JK]|\x1b\\[\\?(1|7|12|25|1049|2004)[hl]|\x1b\\[6n|\r"
    "|(?<=[ \n])\x08+"  # the cursor one to the left, after a blank that the prompt has drawn
)

FILE = {
    "id": EVIL,
    "filename": f"{EVIL}.pdf",
    "mime": EVIL,
    "url": f"https://h.example/{EVIL}",
    "fileSize": 5,
}
CONTENT = [
    {"contentType": "QuickReply", "quickReply": {"text": EVIL, "payload": EVIL}},
    {"contentType": "Card", "card": {"title": EVIL}},
    {"contentType": EVIL, "x": EVIL},
    {"contentType": "Attachment", "attachment": FILE},
    {"contentType": "QuickReply", "quickReply": {}},
]
MESSAGE = {
    "kind": "message",
    "direction": "Outbound",
    "sender": EVIL,
    "text": f"{EVIL}\nyou: I agree",
    "seq": 1,
}
EVENTS: list[dict[str, Any]] = [
    {"kind": "session", "state": "live", "reason": EVIL, "seq": 1},
    {**MESSAGE, "content": CONTENT},
    {"kind": "typing"},
    {**MESSAGE, "direction": "Inbound", "content": []},
    {"kind": "attachment", "status": "retrying", "filename": EVIL, "reason": EVIL},
    {"kind": "delivery", "status": "failed", "reason": EVIL, "command_id": EVIL, "seq": 2},
    {"kind": "gap", "reason": EVIL, "seq": 3},
    {"kind": "presence", "presence": EVIL, "seq": 4},
    {"error": EVIL},
    {"kind": "session", "state": "ended", "reason": EVIL, "seq": 5},
]
PROBLEM = {"type": "urn:guestd:problem:x", "code": EVIL, "detail": f"{EVIL}\n{EVIL}", "field": EVIL}


async def evil_daemon(request: web.Request) -> web.StreamResponse:
    if request.path == "/":
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for event in EVENTS:
            await socket.send_str(json.dumps(event))
        await socket.close()
        return socket
    if "refused" in request.path:
        return web.json_response(PROBLEM, status=409)
    if request.path.endswith("/events") and "event-stream" in request.headers["Accept"]:
        lines = [
            f"event: {one.get('kind')}\ndata: {json.dumps(one)}\n\n"
            for one in EVENTS
            if "seq" in one
        ]
        return web.Response(
            text="".join([*lines, "event: over\ndata: {}\n\n"]), content_type="text/event-stream"
        )
    row = {
        "name": EVIL,
        "state": EVIL,
        "seq": 1,
        "session_id": EVIL,
        "operation_id": EVIL,
        "kind": EVIL,
        "step": EVIL,
    }
    reported = [{"sender": "", "reason": "", **one} for one in EVENTS if "seq" in one]
    page = {
        "sessions": [row],
        "operations": [{**row, "status": EVIL}],
        "messages": reported,
        "events": reported,
        "next": None,
        "more": False,
    }
    return web.json_response(
        {
            **row,
            **page,
            "status": "accepted",
            "command_id": "c",
            EVIL: EVIL,
            "nested": {EVIL: [EVIL]},
        }
    )


@asynccontextmanager
async def daemon() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", evil_daemon)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    try:
        yield f"127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    finally:
        await runner.cleanup()


def started(arguments: tuple[str, ...], more: dict[str, str], **standard: int) -> ForkedProgram:
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", **more}
    return ForkedProgram(fork_server(), arguments, environment, **standard)


async def on_a_pipe(*arguments: str) -> str:
    return await asyncio.to_thread(_piped, arguments)


def _piped(arguments: tuple[str, ...]) -> str:
    process = started(arguments, {}, stderr=subprocess.STDOUT)
    with process.stdout as out:
        said = out.buffer.read().decode()  # as text it would lose a bare \r
    process.wait(PATIENCE_S)
    return said


async def on_a_terminal(*arguments: str) -> str:
    return await asyncio.to_thread(_shown, arguments)


def _shown(arguments: tuple[str, ...]) -> str:
    more = {"TERM": "xterm", "COLUMNS": "400", "PROMPT_TOOLKIT_NO_CPR": "1"}
    ours, theirs = pty.openpty()
    process = started(arguments, more, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    out = _drain(ours)
    process.wait(PATIENCE_S)
    os.close(ours)
    return out.decode().replace("\r\n", "\n")


def _drain(terminal: int) -> bytes:
    found = b""
    while True:
        try:
            part = os.read(terminal, 65_536)
        except OSError:  # the other end is closed
            return found
        if not part:
            return found
        found += part


def commands_in(output: str) -> list[str]:
    return COMMANDS.findall(OUR_OWN.sub("", output))


async def test_a_chat_on_a_terminal_obeys_nobody_but_us():
    async with daemon() as where:
        out = await on_a_terminal("chat", "--url", f"ws://{where}/")
    assert "PWNED" in out and "[file]" in out and "/1" in out and "╭" in out
    assert commands_in(out) == []
    assert not any(line.startswith("you: I agree") for line in out.splitlines()), (
        "no text begins a line of another's"
    )


@pytest.mark.parametrize("options", [(), ("--json",)])
async def test_a_chat_on_a_pipe_says_no_commands(options):
    async with daemon() as where:
        out = await on_a_pipe("chat", "--url", f"ws://{where}/", *options)
    assert "PWNED" in out and commands_in(out) == []
    if options:
        reported = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        assert reported[: len(EVENTS)] == EVENTS, "as JSON it is the same text"


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["lines", "json"])
@pytest.mark.parametrize(
    "command",
    [
        "sessions list",
        "sessions show ana",
        "sessions transcript ana",
        "sessions follow ana",
        "sessions show refused",
        "operations list",
        "operations show guest g",
        "operations show guest refused",
        "send ana hello --wait 0",
        "send refused hello",
    ],
)
async def test_the_commands_say_no_commands(command, options):
    async with daemon() as where:
        out = await on_a_pipe(*command.split(), "--url", f"http://{where}", *options)
    assert "PWNED" in out and commands_in(out) == [], out


async def test_a_table_on_a_terminal():
    async with daemon() as where:
        out = await on_a_terminal("sessions", "list", "--url", f"http://{where}")
    styled = re.sub("\x1b\\[[0-9;]*m", "", out)
    assert "PWNED" in out and COMMANDS.findall(styled) == []


def test_text_is_kept_as_far_as_it_is_text():
    family = "👩\u200d👩\u200d👧 naïve\tİ 日本 \u0645\u0631\u062d\u0628\u0627"
    assert several_lines(f"{family}\r\nnext", "  ") == f"{family}\n  next"
    assert one_line(f"{family}\nnext") == f"{family} next".replace("\t", " ")
    for value in (EVIL, {EVIL: [EVIL, "\ud800"]}, "plain"):
        assert json.loads(json_line(value)) == value
        assert COMMANDS.findall(json_line(value) + one_line(value)) == []
