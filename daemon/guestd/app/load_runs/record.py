"""The comparison of what guests have seen with the platform's record, at the end of a run.

An emulator tells the conversations of this process's guests by pages, by their marker attribute.
Of a real organisation nothing is read: its analytics are minutes behind, and each guest's history
is only read with a token that ends with its session."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime

import aiohttp
import orjson

from ...load.measure.reconcile import (
    GuestView,
    MessageOnRecord,
    RunFindings,
    reconcile,
    wire_findings,
)
from ...load.results import Reconciled
from ...load.run.kept import KeptConversations
from ...runtime.system_errors import in_words
from .session_host import EmulatorRecord

PAGE_CONVERSATIONS = 1000
PAGE_S = 60.0


async def compared(
    kept: KeptConversations, record: EmulatorRecord, mark: tuple[str, str], started_ms: int
) -> tuple[RunFindings, Reconciled]:
    """`mark`: the custom attribute of the guests that are kept. Where there is no record, what the
    sessions have met on their connections."""
    views = {one.session_id: one for one in kept.views()}
    findings = RunFindings()
    earlier: dict[str, list[MessageOnRecord]] = {}
    knows_one = False
    if not record.url:
        return _without_record(views.values(), record.why_not)
    try:
        async for one in _transcripts(record, mark):
            knows_one = True
            messages = [*earlier.pop(one.session_id, ()), *one.messages]
            if (view := views.get(one.session_id)) is None:
                continue
            kept.conversation_ids[one.session_id] = one.conversation_id
            if _has_more(view, messages):
                earlier[one.session_id] = messages
                continue
            del views[one.session_id]
            findings.add(reconcile(view, messages, started_ms), len(messages))
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        why = f"the emulator's record could not be read: {in_words(error)}"
        return _without_record(kept.views(), why)
    if record.if_none and not knows_one and any(map(_has_said, views.values())):
        return _without_record(views.values(), record.if_none)
    for session_id, view in views.items():
        messages = earlier.get(session_id, [])
        if _has_said(view):  # and the record does not have all of it
            findings.add(reconcile(view, messages, started_ms), len(messages))
    return findings, Reconciled(
        by="record", messages=findings.messages, conversations=findings.conversations
    )


def _without_record(views: Iterable[GuestView], why_not: str) -> tuple[RunFindings, Reconciled]:
    findings = RunFindings()
    for view in views:
        findings.add(wire_findings(view), 0)
    return findings, Reconciled(why_not=why_not)


@dataclass(slots=True, frozen=True)
class _Recorded:
    """One conversation. A guest session has several where the agent ended one and the guest went
    on; the later one comes on a later page."""

    session_id: str
    conversation_id: str
    messages: list[MessageOnRecord]


async def _transcripts(record: EmulatorRecord, mark: tuple[str, str]) -> AsyncIterator[_Recorded]:
    timeout = aiohttp.ClientTimeout(total=PAGE_S)
    (name, value), after = mark, 0
    async with aiohttp.ClientSession(timeout=timeout, headers=record.headers) as session:
        while after is not None:
            query = f"attribute={name}:{value}&after={after}&limit={PAGE_CONVERSATIONS}"
            async with session.get(f"{record.url}/__emulator/transcripts?{query}") as response:
                response.raise_for_status()
                page = orjson.loads(await response.read())
            for one in page["conversations"]:
                yield _Recorded(one["session"], one["id"], _messages(one["messages"]))
            after = page["next"]


def _messages(found: list[dict[str, str]]) -> list[MessageOnRecord]:
    return [
        MessageOnRecord(
            one["id"],
            "Inbound" if one["direction"] == "Inbound" else "Outbound",
            one["text"],
            int(datetime.fromisoformat(one["time"]).timestamp() * 1000),
        )
        for one in found
        if one["type"] != "Event"
    ]


def _has_more(view: GuestView, messages: Iterable[MessageOnRecord]) -> bool:
    """A message of the guest's is confirmed and not among them: its session may have had another
    conversation."""
    known = {one.message_id for one in messages}
    own = (one.message_id for one in view.sent)
    return any(one and one not in known for one in own)


def _has_said(view: GuestView) -> bool:
    return bool(view.sent or view.seen)
