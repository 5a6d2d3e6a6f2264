"""HTTP-1 … 3: every call of the platform's REST side meets every fault; `docs/faults.md` says
what follows.

The document is what is compared with, so neither it nor the behavior can change alone. To write it
anew, and then to read the difference with care:

    TEST_WRITE_DOCS=1 .venv/bin/python -m pytest tests/integration/faults
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from guestd.platform.table import CALLS
from tests.patience import PATIENCE_S

from .call_faults import CALL_FAULTS, WITHOUT_ANSWER, Rule
from .document import Cells, read, written
from .guest_rows import File, History
from .harness import CLIENT_SECRET, GUEST_TOKEN, WITHHELD_S, Stack, stack
from .rows import CONTACTS, INTERACTIONS, MESSAGING, PROMPTS, Beat, Goodbye, Operation, Row

DOCUMENT = Path(__file__).parents[3] / "docs" / "faults.md"
WEBCHAT = {"platform": {"dialect": "webchat"}}
OFTEN = {"operations": {"heartbeat_interval_s": 0.05}}
SELDOM = {"operations": {"heartbeat_interval_s": 2700.0, "heartbeats_per_duration": 1}}

ROWS = (
    Operation("oauth.token", "a guest", "POST", "/oauth/token", place="guests"),
    Operation("queue.get", "a guest", "GET", "/api/v2/routing/queues/", place="guests"),
    Operation(
        "contact.create", "a guest", "POST", CONTACTS, place="guests", makes=("contact", "-contact")
    ),
    Operation(
        "contact.find", "a guest whose contact is there already", "GET", CONTACTS, place="guests"
    ),
    Operation(
        "conversation.create",
        "a guest",
        "POST",
        MESSAGING,
        place="guests",
        makes=("conversation", "-conversation"),
    ),
    Operation(
        "conversation.create",
        "a messaging session",
        "POST",
        MESSAGING,
        SELDOM,
        "messaging-sessions",
        ("conversation", "-conversation"),
    ),
    Operation(
        "conversation.get",
        "a messaging session whose opening got a 500 each time, and was done",
        "GET",
        MESSAGING,
        SELDOM,
        "messaging-sessions",
    ),
    Beat(
        "conversation.patch",
        "nothing: a heartbeat of a messaging session",
        "PATCH",
        MESSAGING,
        OFTEN,
    ),
    Goodbye("conversation.patch", "the end of a messaging session", "PATCH", MESSAGING, SELDOM),
    Operation("interaction.get", "an injection", "GET", INTERACTIONS, place="injections"),
    Operation(
        "interaction.inject",
        "an injection",
        "POST",
        f"{INTERACTIONS}/inject",
        place="injections",
        makes=("injection", "-injection"),
    ),
    Operation(
        "prompt.inject", "a prompt", "POST", PROMPTS, place="prompts", makes=("prompt", "-prompt")
    ),
    Operation(
        "analytics.events",
        "an adoption report",
        "POST",
        "/api/v2/analytics/events/query",
        place="adoption",
    ),
    File(
        "attachment.presign",
        "to send a file (webchat)",
        "POST",
        "/api/v2/webchat/attachments",
        WEBCHAT,
    ),
    File("presigned PUT", "to send a file (webchat)", "PUT", "/__storage", WEBCHAT),
    File("presigned PUT", "to send a file (webmessaging)", "PUT", "/__storage"),
    History(
        "history",
        "nothing: a message came while the connection was down",
        "GET",
        "/api/v2/webmessaging/messages",
    ),
)


async def test_http_3_every_cell_of_the_table(caplog, monkeypatch):
    # a piece of a slow body comes later than an answer is waited for
    monkeypatch.setattr("guestd.emulator.platform_api.fault_middleware.PIECES", 6)
    caplog.set_level(logging.DEBUG)
    thresholds = gc.get_threshold()
    try:
        columns = await _columns()
    finally:
        gc.unfreeze()
        gc.collect()
        gc.freeze()  # as tests/conftest.py left it
        gc.set_threshold(*thresholds)
    found: Cells = {
        (row.call, row.asked): column for row, column in zip(ROWS, columns, strict=True)
    }
    assert "canary" not in caplog.text and "Traceback" not in caplog.text
    if os.environ.get("TEST_WRITE_DOCS"):
        DOCUMENT.write_text(written(found))
    documented = read(DOCUMENT.read_text())
    differing = {
        (row, fault): (documented.get(row, {}).get(fault), outcomes)
        for row, column in found.items()
        for fault, outcomes in column.items()
        if documented.get(row, {}).get(fault) != outcomes
    }
    assert not differing, f"docs/faults.md says (first) and it is (second): {differing}"
    assert written(documented) == DOCUMENT.read_text() and documented.keys() == found.keys()


async def _columns() -> list[dict[str, tuple[str, str]]]:
    """Of each row, by fault, what the user sees if it happens once, and if it happens every time.

    Where an answer is waited for in vain each fault has a stack of its own, and all wait at once;
    these are begun when every one is there, and over before the others begin, so that nothing but
    a fault takes so long."""
    waiting = [(row, [name], WITHHELD_S) for row in ROWS for name in WITHOUT_ANSWER]
    others = [name for name in CALL_FAULTS if name not in WITHOUT_ANSWER]
    parts = [
        *await _met_by_all(waiting),
        *await _met_by_all([(row, others, PATIENCE_S) for row in ROWS]),
    ]
    met = [
        {name: cell for one, cells in parts if one is row for name, cell in cells.items()}
        for row in ROWS
    ]
    return [{name: one[name] for name in CALL_FAULTS} for one in met]


Part = tuple[Row, dict[str, tuple[str, str]]]


async def _met_by_all(columns: list[tuple[Row, list[str], float]]) -> list[Part]:
    async with AsyncExitStack() as stacks:
        here = [
            await stacks.enter_async_context(stack(answer_s, **row.sections))
            for row, _, answer_s in columns
        ]
        found = await asyncio.gather(
            *(_met_by(one, row, names) for one, (row, names, _) in zip(here, columns, strict=True)),
            return_exceptions=True,
        )
    troubles = [one for one in found if isinstance(one, BaseException)]
    assert not troubles, "\n".join(map(repr, troubles))
    return [one for one in found if not isinstance(one, BaseException)]


async def _met_by(here: Stack, row: Row, names: list[str]) -> Part:
    found = {}
    for name in names:
        rule = CALL_FAULTS[name]
        once = await _cell(here, row, name, {**rule, "count": 1})
        found[name] = once, await _cell(here, row, name, {**rule, "every": 1})
    assert not here.doubled(), f"{row.call}: done twice: {here.doubled()}"
    told = "\n".join(here.told)
    assert GUEST_TOKEN not in told and CLIENT_SECRET not in told and "Traceback" not in told
    return row, found


async def _cell(here: Stack, row: Row, name: str, rule: Rule) -> str:
    prepared = await row.prepare(here)
    before = here.injected()
    here.faults({**rule, "method": row.method, "path": row.path}, *row.more_rules())
    try:
        async with asyncio.timeout(200.0):
            outcome = await row.ask(here, prepared, "every" in rule)
    except (AssertionError, TimeoutError, LookupError) as error:
        raise AssertionError(
            f"{row.call} ({row.asked}), {name}, {rule}: {type(error).__name__} {error}"
        ) from error
    assert here.injected() > before, f"{row.call}, {name}: no fault was injected"
    here.faults()
    return outcome


def test_every_call_there_is_stands_in_the_table():
    not_made_yet = {"prompt.get"}
    assert {row.call for row in ROWS} == {
        *CALLS,
        "oauth.token",
        "presigned PUT",
        "history",
    } - not_made_yet
    for name, asked in read(DOCUMENT.read_text()):
        assert (name, asked) in {(row.call, row.asked) for row in ROWS}


@pytest.mark.parametrize("text", ["", "## a, asked for: b\n\n| 401 | no such row |\n"])
def test_another_document_is_noticed(text):
    assert written(read(text)) != DOCUMENT.read_text()
