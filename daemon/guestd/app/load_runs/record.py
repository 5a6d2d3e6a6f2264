"""The comparison of what guests have seen with the platform's record, at the end of a run.

An emulator tells all conversations of a run by pages, under the run's marker attribute. Of a real
organisation nothing is read: its analytics are minutes behind, and each guest's history is only
read with a token that ends with its session."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
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
from ...load.run.driver import RUN_ATTRIBUTE

PAGE_CONVERSATIONS = 1000
PAGE_S = 60.0


async def compared(
    views_of: Callable[[], Iterable[GuestView]], url: str, run_id: str, started_ms: int
) -> tuple[RunFindings, Reconciled]:
    """`url`: the emulator's. Where there is none and so no record, what the sessions have met on
    their connections."""
    views = {one.conversation_id: one for one in views_of()}
    findings = RunFindings()
    if not url:
        return _without_record(views.values(), "the record of a real organisation is not read")
    try:
        async for session_id, messages in _transcripts(url, run_id):
            view = views.pop(session_id, None)
            if view is not None:
                findings.add(reconcile(view, messages, started_ms), len(messages))
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        why = f"the emulator's record could not be read: {error or type(error).__name__}"
        return _without_record(views_of(), why)
    for view in views.values():
        if _has_said(view):  # and the record knows nothing of it
            findings.add(reconcile(view, (), started_ms), 0)
    return findings, Reconciled(
        by="record", messages=findings.messages, conversations=findings.conversations
    )


def _without_record(views: Iterable[GuestView], why_not: str) -> tuple[RunFindings, Reconciled]:
    findings = RunFindings()
    for view in views:
        findings.add(wire_findings(view), 0)
    return findings, Reconciled(why_not=why_not)


async def _transcripts(url: str, run_id: str) -> AsyncIterator[tuple[str, list[MessageOnRecord]]]:
    timeout = aiohttp.ClientTimeout(total=PAGE_S)
    after = 0
    async with aiohttp.ClientSession(timeout=timeout) as session:
        while after is not None:
            query = f"attribute={RUN_ATTRIBUTE}:{run_id}&after={after}&limit={PAGE_CONVERSATIONS}"
            async with session.get(f"{url}/__emulator/transcripts?{query}") as response:
                response.raise_for_status()
                page = orjson.loads(await response.read())
            for one in page["conversations"]:
                yield one["session"], _messages(one["messages"])
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


def _has_said(view: GuestView) -> bool:
    return bool(view.sent or view.seen)
