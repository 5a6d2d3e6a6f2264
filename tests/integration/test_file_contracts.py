"""Contracts of files, which webchat sends over REST, in the events, the audit and the figures."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp

from guestd.audit.verify import select
from guestd.emulator.platform_api.calls import PlatformResponse
from guestd.emulator.platform_api.webchat_files import WebchatFiles
from tests.webhooks.harness import until

from .operations_daemon import running_daemon
from .product_harness import audited, outcomes

WEBCHAT = {"platform": {"dialect": "webchat"}}


PLACES = "/api/v2/webchat/attachments"


async def send_bill(daemon: Any, command_id: str, name: str = "ana") -> None:
    form = aiohttp.FormData(default_to_multipart=True)
    form.add_field("command_id", command_id)
    form.add_field("file", b"%PDF", filename="bill.pdf", content_type="application/pdf")
    async with aiohttp.ClientSession(daemon.http.url) as http:
        answer = await http.post(f"/v1/sessions/{name}/attachments", data=form)
        assert answer.status == 202, await answer.text()


@asynccontextmanager
async def webchat_guest(directory: Path, **sections: Any) -> AsyncIterator[tuple[Any, ...]]:
    """(the daemon, how to ask it, the session's id, how to set the emulator's faults)."""
    async with running_daemon(**WEBCHAT, journal={"directory": str(directory)}, **sections) as (
        daemon,
        ask,
    ):
        _, opened, _ = await ask("POST", "/v1/sessions", {"name": "ana", "email": "a@example.org"})
        await until(lambda: daemon.metrics.sessions.get("live") == 1)

        def faults(*rules: dict[str, Any]) -> None:
            whole = [{"kind": "http_status", "count": 1, **rule} for rule in rules]
            daemon.emulator.faults.set(whole, daemon.emulator.now())

        yield daemon, ask, opened["session_id"], faults


def failures(page: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of what failed."""
    return [one for one in page["events"] if one.get("status") == "failed"]


def told_of(state: dict[str, Any], page: dict[str, Any]) -> list[list[Any]]:
    """The kind, the reason and the codes in the answer about a command and in its events."""
    names = ("kind", "reason", "code", "platform_status", "platform_code")
    return [[one.get(name) for name in names] for one in (state, *failures(page))]


def audit_of(directory: Path, *actions: str) -> list[list[Any]]:
    """The status, the words and the codes of what came of them."""
    names = ("error_message", "error_code", "error_status", "platform_code")
    lines = outcomes(directory, *actions)
    return [[one["status"], *(one["error"].get(name) for name in names)] for one in lines]


async def test_http_4_a_place_for_a_file_has_its_latency_in_the_audit(tmp_path):
    """webchat asks for it over REST: one that is given after a failed attempt, then one that is
    refused."""
    async with webchat_guest(tmp_path) as (daemon, _, session_id, faults):
        for status, lines in ((503, 1), (403, 2)):
            faults({"status": status, "path": PLACES})
            await send_bill(daemon, f"f{status}")
            await until(lambda n=lines: len(outcomes(tmp_path, "attachment.presign")) == n)
    lines = outcomes(tmp_path, "platform.attempt", "attachment.presign")
    found = [
        (one["action"], one["status"], one.get("error", {}).get("error_status"))
        for one in lines
        if one.get("latency_ms", 0.0) > 0.0 and one["session"] == session_id
    ]
    assert (found, [one.get("latency_ms", 0.0) > 1000.0 for one in lines]) == (
        [
            ("platform.attempt", "failed", 503),
            ("attachment.presign", "success", None),
            ("attachment.presign", "failed", 403),
        ],
        [False, True, False],
    )


async def test_http_4_the_upload_of_a_file_is_measured_in_metrics_and_audit(tmp_path):
    """A PUT that the storage fails, and the next one; and the token's request beside them."""
    async with webchat_guest(tmp_path, attachments={"retry_s": 0.1}) as (daemon, _, _, faults):
        faults({"status": 503, "path": "/__storage", "method": "PUT"})
        await send_bill(daemon, "f1")
        await until(lambda: len(outcomes(tmp_path, "attachment.put")) == 2)
        async with aiohttp.ClientSession(daemon.http.url) as http:
            text = await (await http.get("/metrics")).text()
    shown = [
        f'guestd_rest_seconds_count{{operation="{operation}",outcome="{outcome}"}} {count}.0'
        for operation, outcome, count in (
            ("attachment.presign", "ok", 2),
            ("attachment.put", "ok", 1),
            ("attachment.put", "unavailable", 1),
            ("oauth.token", "ok", 1),
        )
    ]
    missing = [line for line in shown if line not in text.splitlines()]
    measured = [one["latency_ms"] > 0.0 for one in outcomes(tmp_path, "attachment.put")]
    assert (missing, measured) == ([], [True, True])


async def test_http_1_a_place_for_a_file_waits_before_each_retry_and_has_a_key(tmp_path):
    """One request of each call (`rest.attempts_max`), three tries of the file: three requests, and
    a rest before each but the first. It is one question, so it has one key (HTTP-2)."""
    sections = {"rest": {"attempts_max": 1}, "attachments": {"attempts_max": 3, "retry_s": 0.4}}
    async with webchat_guest(tmp_path, **sections) as (daemon, _, _, faults):
        faults({"status": 503, "path": PLACES, "count": 9})
        await send_bill(daemon, "f1")
        await until(lambda: len(audited(tmp_path, "command.settled")) == 1)
    lines = [one for one in outcomes(tmp_path, "attachment.presign") if one["status"] == "failed"]
    at_s = [datetime.fromisoformat(one["time"]).timestamp() for one in lines]
    rests = [after - before for before, after in pairwise(at_s)]
    keys = {one["idempotency_key"] for one in lines}
    found = len(rests), rests[0] >= 0.35, rests[1] >= 0.75, len(keys)
    assert found == (2, True, True, 1), rests


async def test_http_3_a_refused_place_is_told_in_full_wherever_it_is_told(tmp_path):
    """The platform's status, code and correlation id: in the events of file and message, in the
    answer about the command, and in the audit, whose codes are codes."""
    async with webchat_guest(tmp_path) as (daemon, ask, _, faults):
        faults({"status": 403, "path": PLACES})
        await send_bill(daemon, "f1")
        await until(lambda: len(audited(tmp_path, "command.settled")) == 1)
        _, state, _ = await ask("GET", "/v1/sessions/ana/commands/f1")
        _, page, _ = await ask("GET", "/v1/sessions/ana/events")
    correlation_id = state["correlation_id"]
    found = told_of(state, page), audit_of(tmp_path, "attachment.presign", "command.settled")
    words = "attachment.presign: the platform answered 403 refused by a fault with 403; "
    codes = ["platform_refused", 403, "fault"]
    ids = {one["correlation_id"] for one in (state, *failures(page))}
    ids |= {one["details"]["correlation_id"] for one in audited(tmp_path, "command.settled")}
    assert (found, words in state["reason"], ids, len(correlation_id) > 8) == (
        (
            [[kind, state["reason"], *codes] for kind in (None, "attachment", "delivery")],
            [["failed", state["reason"], *codes]] * 2,
        ),
        True,
        {correlation_id},
        True,
    )


async def test_http_3_an_answer_without_a_place_says_what_to_do(tmp_path, monkeypatch):
    """In the events of file and message, in the answer about the command, and in the audit; without
    a number that nobody has said, and without an empty id."""
    monkeypatch.setattr(WebchatFiles, "presign", lambda self, call: PlatformResponse({"a": 1}))
    async with webchat_guest(tmp_path, attachments={"attempts_max": 1}) as (daemon, ask, _, _):
        await send_bill(daemon, "f1")
        await until(lambda: len(audited(tmp_path, "command.settled")) == 1)
        _, state, _ = await ask("GET", "/v1/sessions/ana/commands/f1")
        _, page, _ = await ask("GET", "/v1/sessions/ana/events")
    told = [one["reason"] for one in page["events"] if one.get("status") == "failed"]
    failed = [
        one
        for one in outcomes(tmp_path, "attachment.presign", "command.settled")
        if one["status"] == "failed"
    ]
    words = {state["reason"], *told, *(one["error"]["error_message"] for one in failed)}
    assert (len(told), len(failed), words) == (
        2,
        2,
        {
            "attachment.presign: the platform's answer holds no uploadUrl and metadata; send the"
            " file again; if it stays, tell the platform's support the correlation id"
        },
    )


async def test_guest_3_an_answer_without_a_place_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(WebchatFiles, "presign", lambda self, call: PlatformResponse({"a": 1}))
    async with webchat_guest(tmp_path, attachments={"attempts_max": 1}) as (daemon, _, _, _):
        await send_bill(daemon, "f1")
        await until(lambda: len(audited(tmp_path, "command.settled")) == 1)
        figures = daemon.metrics.error_figures()
    names = ("failed_calls", "failed_attempts")
    counts = [(figures[name]["other"], figures[name]["total"]) for name in names]
    assert counts == [(1, 1), (1, 1)]


async def test_http_1_an_upload_waits_as_long_as_the_storage_asks(tmp_path):
    """From its answer to the next question for a place, with a rest of our own that is shorter."""
    async with webchat_guest(tmp_path, attachments={"retry_s": 0.01}) as (daemon, _, _, faults):
        rule = {"status": 429, "path": "/__storage", "method": "PUT", "retry_after_s": 2}
        faults(rule)
        await send_bill(daemon, "f1")
        await until(lambda: len(outcomes(tmp_path, "attachment.put")) == 2)
    first, second = (
        datetime.fromisoformat(one["time"]).timestamp()
        for one in outcomes(tmp_path, "attachment.put")
    )
    assert 1.95 <= second - first < 4.0


async def test_http_3_a_failed_upload_is_told_in_full_wherever_it_is_told(tmp_path, caplog):
    """What the storage said, and what to do: in the events of file and message, in the answer about
    the command, in the audit and in the log; it is put once (HTTP-1)."""
    async with webchat_guest(tmp_path) as (daemon, ask, _, faults):
        faults({"status": 422, "path": "/__storage", "method": "PUT", "count": 9})
        await send_bill(daemon, "f1")
        await until(lambda: len(audited(tmp_path, "command.settled")) == 1)
        _, state, _ = await ask("GET", "/v1/sessions/ana/commands/f1")
        _, page, _ = await ask("GET", "/v1/sessions/ana/events")
    found = told_of(state, page), audit_of(tmp_path, "attachment.put", "command.settled")
    words = "the storage answered 422 refused by a fault with 422; correct the file"
    codes = ["platform_refused", 422, "fault"]
    (logged,) = [one for one in caplog.messages if one.startswith("an upload failed")]
    shown = state["reason"].startswith(words), words in logged, "code fault" in logged
    assert (found, shown) == (
        (
            [[kind, state["reason"], *codes] for kind in (None, "attachment", "delivery")],
            [["failed", state["reason"], *codes]] * 2,
        ),
        (True, True, True),
    )


async def test_audit_1_each_upload_of_a_file_has_a_line_under_its_session(tmp_path):
    """Of each try, with the command, and what the storage said; the export of the session has
    them, and those of the places."""
    async with webchat_guest(tmp_path, attachments={"retry_s": 0.1}) as (
        daemon,
        _,
        session_id,
        faults,
    ):
        faults({"status": 503, "path": "/__storage", "method": "PUT"})
        await send_bill(daemon, "f1")
        await until(lambda: len(outcomes(tmp_path, "attachment.put")) == 2)
    of_session = list(select(tmp_path / "audit", conversation=session_id))
    lines = [one for one in of_session if one["action"].startswith("attachment.")]
    found = [
        (one["action"], one["status"], one["details"]["command_id"], one["details"]["try"])
        for one in lines
    ]
    keys = [one["idempotency_key"] for one in lines if one["action"] == "attachment.presign"]
    assert (found, len(set(keys)), lines[3]["error"]) == (
        [
            ("attachment.presign", "attempt", "f1", 1),
            ("attachment.presign", "success", "f1", 1),
            ("attachment.put", "attempt", "f1", 1),
            ("attachment.put", "failed", "f1", 1),
            ("attachment.presign", "attempt", "f1", 2),
            ("attachment.presign", "success", "f1", 2),
            ("attachment.put", "attempt", "f1", 2),
            ("attachment.put", "success", "f1", 2),
        ],
        2,  # a place that came to nothing is over; the next is another one
        {
            "error_code": "platform_unavailable",
            "error_status": 503,
            "platform_code": "fault",
            "error_message": "the storage answered 503 refused by a fault with 503; wait 1 s; if it"
            " stays, tell the support of the storage",
        },
    )
