"""Contracts of several parts, seen where a user sees them: the daemon as `guestd serve` has it, a
receiver, its files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import orjson
from typer.testing import CliRunner

from guestd.app.cli import app
from guestd.app.config import Config
from guestd.audit.verify import select, verify
from guestd.emulator import (
    DEFAULT_DEPLOYMENT_ID,
    DEFAULT_QUEUE_ID,
    Emulator,
    EmulatorSettings,
)
from guestd.emulator.platform_api.calls import PlatformResponse
from guestd.emulator.platform_api.webchat_files import WebchatFiles
from guestd.webhooks.payloads import CONNECTED, CREATED, INJECTED, PROMPTED, TERMINATED
from tests.webhooks.harness import Receiver, until

from .operations_daemon import MESSAGING, conversation, running_daemon

PROMPT_ID = "77ab0000-0000-4000-8000-000000000001"
DISPLAY = {"delayMs": 1000, "maxConcurrentPrompts": 1, "autoDismissMs": 10_000}


def hooks(crm: Receiver, *events: str, **more: Any) -> dict[str, Any]:
    """The section [webhooks] with that receiver."""
    target = {
        "name": "crm",
        "url": crm.url,
        "secrets": ["0123456789abcdef"],
        "allow_internal": ["127.0.0.1"],
    }
    figures = {"retry_base_s": 0.01, "retry_cap_s": 0.02, "circuit_failures": 99}
    # a machine under load answers late, and a webhook is then sent again
    figures |= {"time_out_s": 60.0, "prompt_time_out_s": 60.0}
    return {
        "targets": [{**target, "events": list(events)}],
        "operation_allow_internal": ["127.0.0.1"],
        **figures,
        **more,
    }


def wish(conversation_id: str, operation_id: str, **more: Any) -> dict[str, Any]:
    settings = {
        "conversationId": conversation_id,
        "promptId": PROMPT_ID,
        "displaySettings": DISPLAY,
    }
    return {**settings, "operation_id": operation_id, **more}


#: Of the calls that failed for good (GUEST-3).
KINDS = ("total", "token_validation", "rate_limit", "auth", "network", "other")


def audited(directory: Path, *actions: str) -> list[dict[str, Any]]:
    return [line for line in select(directory / "audit") if line["action"] in actions]


def outcomes(directory: Path, *actions: str) -> list[dict[str, Any]]:
    """Without the lines that stand before an attempt."""
    return [one for one in audited(directory, *actions) if one["status"] != "attempt"]


def since_the_start(stats):
    """Without what belongs to the moment of asking."""
    of_now = ("at", "budgets", "history")
    return {name: value for name, value in stats.items() if name not in of_now}


async def test_sess_8_the_figures_are_shown_in_metrics_in_stats_and_by_the_command():
    """Two messaging sessions, one of which ends, and three guest sessions, two of which end; the
    receiver takes three tenths of a second for each of eight webhooks."""

    async def slowly() -> int:
        await asyncio.sleep(0.3)
        return 204

    async with (
        Receiver(lambda n, body: slowly()) as crm,
        running_daemon(webhooks=hooks(crm, CONNECTED, TERMINATED)) as (daemon, ask),
    ):
        for name in ("m1", "m2"):
            await ask(
                "POST", "/v1/messaging-sessions?wait=10s", {**MESSAGING, "operation_id": name}
            )
        await ask("DELETE", "/v1/messaging-sessions/m1")
        await until(lambda: daemon.metrics.sync_s.count == 3 and daemon.metrics.rest_sessions == 1)
        for name in ("ana", "ben", "eva"):
            await ask("POST", "/v1/sessions", {"name": name})
        await until(lambda: daemon.metrics.sessions.get("live") == 3)
        for name in ("ana", "ben"):
            await ask("DELETE", f"/v1/sessions/{name}")
        await until(lambda: daemon.metrics.sync_s.count == 8 and len(daemon.fleet.sessions()) == 1)
        _, stats, _ = await ask("GET", "/v1/stats")
        async with aiohttp.ClientSession(daemon.http.url) as http:
            text = await (await http.get("/metrics")).text()
        command = ["sessions", "stats", "--url", daemon.http.url]
        as_json = await asyncio.to_thread(CliRunner().invoke, app, [*command, "--json"])
        as_table = await asyncio.to_thread(CliRunner().invoke, app, command)
    average_ms = stats["average_sync_latency_ms"]
    figures = since_the_start(stats)
    assert {**figures, "average_sync_latency_ms": average_ms >= 300.0} == {
        "total_sessions": 5,
        "disconnections": 3,
        "disconnection_rate": 0.6,
        "messaging_sessions_total": 2,
        "messaging_sessions_ended": 1,
        "guest_sessions_total": 3,
        "guest_sessions_ended": 2,
        "average_sync_latency_ms": True,
        "syncs": 8,
        "messaging_sessions": 1,
        "guest_sessions": {"live": 1},
        "failed_calls": dict.fromkeys(KINDS, 0),
        "failed_attempts": dict.fromkeys(KINDS, 0),
        "token_checks": {"accepted_by_platform": 2},
        "tokens_judged": 1,
        "token_validation_failure_ratio": 0.0,
    }
    shown = [
        "guestd_rest_sessions_opened_total 2.0",
        "guestd_guest_sessions_opened_total 3.0",
        "guestd_rest_disconnection_ratio 0.5",
        "guestd_disconnection_ratio 0.6",
        f"guestd_sync_latency_average_seconds {average_ms / 1000.0}",
    ]
    missing = [line for line in shown if line not in text.splitlines()]
    assert (missing, since_the_start(json.loads(as_json.output))) == ([], figures)
    assert as_table.output.splitlines() == [
        f"average sync latency\t{average_ms:.3f} ms\t8 webhooks delivered",
        "disconnection rate\t0.6000\t3 disconnections of 5 sessions",
        "total sessions\t5\t3 guest sessions, 2 REST messaging sessions",
        "guest sessions\t3\t2 ended, 1 now (1 live)",
        "REST messaging sessions\t2\t1 ended, 1 now",
        f"failed calls\t0\t{', '.join(f'0 {kind}' for kind in KINDS[1:])}",
        f"failed attempts\t0\t{', '.join(f'0 {kind}' for kind in KINDS[1:])}",
        "token validation failures\t0.0000\t1 guest tokens",
    ]


async def test_assist_3_a_prompt_is_told_to_its_own_webhook_within_its_time_and_synced_once_delivered(
    tmp_path,
):
    """The receiver lets the first try hang, and takes the second."""

    async def hang() -> int:
        await asyncio.sleep(3600)
        return 204

    own_time = {"prompt_time_out_s": 0.2, "time_out_s": 60.0}
    async with Receiver(lambda n, body: hang() if n == 1 else 204) as own:
        sections = {
            "webhooks": hooks(own, CREATED, **own_time),
            "journal": {"directory": str(tmp_path)},
        }
        async with running_daemon(**sections) as (daemon, ask):
            request = wish(
                await conversation(ask), "p1", contextData={"agentId": "a-1"}, webhookUrl=own.url
            )
            _, view, _ = await ask("POST", "/v1/prompts?wait=10s", request)
            await until(lambda: audited(tmp_path, "webhook.delivered"))
    (reported,) = [
        line for line in audited(tmp_path, "prompt.injected") if line["status"] == "success"
    ]
    body = own.got[1]
    assert [
        body[name]
        for name in ("eventType", "injectionId", "latencyMs", "context", "alignmentStatus")
    ] == [
        PROMPTED,
        view["result"]["injection_id"],
        reported["latency_ms"],
        {"agentId": "a-1"},
        "SYNCED",
    ]
    tries = [reported, *audited(tmp_path, "webhook.failed", "webhook.delivered")]
    assert [(line["action"], line["details"]["alignmentStatus"]) for line in tries] == [
        ("prompt.injected", "PENDING"),
        ("webhook.failed", "PENDING"),
        ("webhook.delivered", "SYNCED"),
    ]
    assert tries[1]["error"] == {"error_reason": "no answer within 0.2 s"}
    assert Config().webhooks.prompt_time_out_s == 3.0


async def test_assist_5_the_audit_has_id_tag_retention_and_the_status_from_pending_to_its_end(
    tmp_path,
):
    """Two prompts: one is shown, and one for a conversation that does not exist."""
    async with running_daemon(
        journal={"directory": str(tmp_path)}, audit={"retention_days": 30}
    ) as (
        _,
        ask,
    ):
        await ask("POST", "/v1/prompts?wait=10s", wish(await conversation(ask), "p1"))
        await ask("POST", "/v1/prompts?wait=10s", wish(PROMPT_ID, "p2"))
    lines = audited(tmp_path, "prompt.injected")
    found = {
        name: [one["compliance"] for one in lines if one["operation"] == name]
        for name in ("p1", "p2")
    }
    ids = {name: str(UUID(found[name][0]["auditId"])) for name in found}
    common = {"complianceTag": "AGENT_ASSIST_INJECTION", "retentionPolicy": "30_DAYS"}
    assert found == {
        name: [{"auditId": ids[name], **common, "status": status} for status in ("PENDING", end)]
        for name, end in (("p1", "SUCCESS"), ("p2", "FAILED"))
    }
    assert (len(set(ids.values())), Config().audit.retention_days) == (2, 90)


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


async def test_http_4_a_place_for_a_file_has_its_latency_in_the_audit(tmp_path):
    """webchat asks for it over REST: one that is given after a failed attempt, then one that is
    refused."""
    async with webchat_guest(tmp_path) as (daemon, _, session_id, faults):
        for status, lines in ((503, 1), (403, 2)):
            faults({"status": status, "path": PLACES})
            await send_bill(daemon, f"f{status}")
            await until(lambda n=lines: len(outcomes(tmp_path, "attachment.presign")) == n)
    lines = outcomes(tmp_path, "platform.attempt", "attachment.presign")
    assert [
        (one["action"], one["status"], one.get("error", {}).get("error_status"))
        for one in lines
        if one["latency_ms"] > 0.0 and one["session"] == session_id
    ] == [
        ("platform.attempt", "failed", 503),
        ("attachment.presign", "success", None),
        ("attachment.presign", "failed", 403),
    ]
    assert lines[1]["latency_ms"] > 1000.0 > lines[0]["latency_ms"]


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
    assert [line for line in shown if line not in text.splitlines()] == []
    lines = outcomes(tmp_path, "attachment.put")
    assert [one["latency_ms"] > 0.0 for one in lines] == [True, True]


async def test_http_1_a_place_for_a_file_waits_before_each_retry_and_has_a_key(tmp_path):
    """One request of each call (`rest.attempts_max`), three tries of the file: three requests, and
    a rest before each but the first. It is one question, so it has one key (HTTP-2)."""
    sections = {"rest": {"attempts_max": 1}, "attachments": {"attempts_max": 3, "retry_s": 0.4}}
    async with webchat_guest(tmp_path, **sections) as (daemon, _, _, faults):
        faults({"status": 503, "path": PLACES, "count": 9})
        await send_bill(daemon, "f1")
        await until(lambda: len(audited(tmp_path, "command.settled")) == 1, 10.0)
    lines = [one for one in outcomes(tmp_path, "attachment.presign") if one["status"] == "failed"]
    at_s = [datetime.fromisoformat(one["time"]).timestamp() for one in lines]
    rests = [after - before for before, after in pairwise(at_s)]
    assert (len(rests), rests[0] >= 0.35, rests[1] >= 0.75) == (2, True, True), rests
    assert len({one["idempotency_key"] for one in lines}) == 1


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
    assert len(correlation_id) > 8
    codes = {
        "code": "platform_refused",
        "platform_status": 403,
        "platform_code": "fault",
        "correlation_id": correlation_id,
    }
    told = [one for one in page["events"] if one.get("status") == "failed"]
    for one, kind in ((state, None), (told[0], "attachment"), (told[1], "delivery")):
        assert {name: one[name] for name in codes} == codes, kind
        assert ("refused by a fault with 403" in one["reason"], one.get("kind")) == (True, kind)
    for line in outcomes(tmp_path, "attachment.presign", "command.settled"):
        message = line["error"].pop("error_message")
        assert ("refused by a fault" in message, line["status"]) == (True, "failed")
        assert line["error"] == {
            "error_code": "platform_refused",
            "error_status": 403,
            "platform_code": "fault",
        }
        assert line["details"]["correlation_id"] == correlation_id


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


async def test_http_1_an_upload_waits_as_long_as_the_storage_asks(tmp_path):
    """From its answer to the next question for a place, with a rest of our own that is shorter."""
    async with webchat_guest(tmp_path, attachments={"retry_s": 0.01}) as (daemon, _, _, faults):
        rule = {"status": 429, "path": "/__storage", "method": "PUT", "retry_after_s": 2}
        faults(rule)
        await send_bill(daemon, "f1")
        await until(lambda: len(outcomes(tmp_path, "attachment.put")) == 2, 10.0)
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
    codes = {"code": "platform_refused", "platform_status": 422, "platform_code": "fault"}
    words = "the storage answered 422 refused by a fault with 422; correct the file"
    told = [one for one in page["events"] if one.get("status") == "failed"]
    for one, kind in ((state, None), (told[0], "attachment"), (told[1], "delivery")):
        assert {name: one[name] for name in codes} == codes, kind
        assert (one["reason"].startswith(words), one.get("kind")) == (True, kind)
    (put,) = outcomes(tmp_path, "attachment.put")
    (settled,) = audited(tmp_path, "command.settled")
    for line in (put, settled):
        assert line["error"].pop("error_message").startswith(words)
        assert line["error"] == {
            "error_code": "platform_refused",
            "error_status": 422,
            "platform_code": "fault",
        }
    (logged,) = [one for one in caplog.messages if one.startswith("an upload failed")]
    assert words in logged and "code fault" in logged


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
    assert [
        (one["action"], one["status"], one["details"]["command_id"], one["details"]["try"])
        for one in lines
    ] == [
        ("attachment.presign", "attempt", "f1", 1),
        ("attachment.presign", "success", "f1", 1),
        ("attachment.put", "attempt", "f1", 1),
        ("attachment.put", "failed", "f1", 1),
        ("attachment.presign", "attempt", "f1", 2),
        ("attachment.presign", "success", "f1", 2),
        ("attachment.put", "attempt", "f1", 2),
        ("attachment.put", "success", "f1", 2),
    ]
    keys = [one["idempotency_key"] for one in lines if one["action"] == "attachment.presign"]
    assert len(set(keys)) == 2, "a place that came to nothing is over; the next is another one"
    assert lines[3]["error"] == {
        "error_code": "platform_unavailable",
        "error_status": 503,
        "platform_code": "fault",
        "error_message": "the storage answered 503 refused by a fault with 503; wait 1 s; if it"
        " stays, tell the support of the storage",
    }


async def test_audit_1_a_message_that_met_429_has_a_line_and_each_outcome_its_latency(tmp_path):
    """Of the message and not of its text: the command, the number of the try, and how long to
    wait; what became of it has the time since it was accepted."""
    sections = {"journal": {"directory": str(tmp_path)}}
    async with running_daemon(**sections) as (daemon, ask):
        await ask("POST", "/v1/sessions", {"name": "ana"})
        await until(lambda: daemon.metrics.sessions.get("live") == 1)
        rule = {"kind": "throttle", "count": 1, "retry_after_s": 1}
        daemon.emulator.faults.set([rule], daemon.emulator.now())
        await ask("POST", "/v1/sessions/ana/messages", {"command_id": "c1", "text": "secret words"})
        await until(lambda: len(audited(tmp_path, "command.settled")) == 1, 10.0)
    (line,) = audited(tmp_path, "platform.attempt")
    (settled,) = audited(tmp_path, "command.settled")
    (connected,) = audited(tmp_path, "session.connected")
    told = line["idempotency_key"], line["error"]["error_status"], line["details"]["rate_limited"]
    latencies_ms = [one["latency_ms"] for one in (connected, line, settled)]
    assert (told, line["details"]["retry_after_s"] > 0, "secret" in str(line)) == (
        ("c1", 429, True),
        True,
        False,
    )
    assert [0.0 < one < 900.0 for one in latencies_ms] == [True, True, False], latencies_ms


async def test_audit_1_a_reading_of_the_deployment_that_failed_has_a_line(tmp_path):
    """As one of a history: it is measured and told, and the one that succeeds is measured."""
    rule = {"kind": "http_status", "status": 503, "count": 1, "path": "/webdeployments"}
    async with Emulator(EmulatorSettings(faults=(rule,))) as emulator:
        platform = {
            "guest_socket_url": "ws" + emulator.url.removeprefix("http"),
            "deployment_id": DEFAULT_DEPLOYMENT_ID,
            "cdn_url": emulator.url,
            "api_url": emulator.url,
        }
        sections = {"platform": platform, "journal": {"directory": str(tmp_path)}}
        async with running_daemon(**sections) as (daemon, _):
            seconds = daemon.metrics.rest_s
            await until(lambda: ("deployment.read", "ok") in seconds)
            await until(lambda: len(audited(tmp_path, "deployment.read")) == 1)
    (line,) = audited(tmp_path, "deployment.read")
    codes = [line["error"][name] for name in ("error_code", "error_status", "platform_code")]
    assert (line["status"], codes) == ("failed", ["platform_unavailable", 503, "fault"])
    assert (line["latency_ms"] > 0.0, bool(line["details"]["correlation_id"])) == (True, True)
    assert seconds["deployment.read", "unavailable"].count == 1


async def test_audit_1_attempts_outcomes_webhooks_limits_tokens_and_keys_have_a_line(tmp_path):
    """A guest whose webhook fails twice, a rate limit on the way, a key that is rotated, and a
    session that ends."""
    async with Receiver(lambda n, body: 503 if n <= 2 else 204) as crm:
        sections = {"webhooks": hooks(crm, CREATED, TERMINATED), "identity": {"reread_s": 0}}
        async with running_daemon(journal={"directory": str(tmp_path)}, **sections) as (
            daemon,
            ask,
        ):
            rule = {
                "kind": "http_status",
                "status": 429,
                "retry_after_s": 1,
                "path": "/api/v2/routing",
                "count": 1,
            }
            daemon.emulator.faults.set([rule], daemon.emulator.now())
            guest = {"guestId": "ana", "queueId": DEFAULT_QUEUE_ID, "operation_id": "g1"}
            await ask("POST", "/v1/guests?wait=10s", guest)
            await until(lambda: daemon.metrics.webhooks_delivered == {"crm": 1})
            rotated = await asyncio.to_thread(
                CliRunner().invoke, app, ["keys", "rotate", "-d", f"{tmp_path}/keys"]
            )
            await asyncio.to_thread(
                CliRunner().invoke, app, ["keys", "list", "-d", f"{tmp_path}/keys"]
            )
            async with aiohttp.ClientSession(daemon.http.url) as http:
                await http.get("/.well-known/jwks.json")
            await ask(
                "POST", "/v1/messaging-sessions?wait=10s", {**MESSAGING, "operation_id": "m1"}
            )
            await ask("DELETE", "/v1/messaging-sessions/m1")
            await until(lambda: daemon.metrics.webhooks_delivered == {"crm": 2})
            await until(lambda: len(audited(tmp_path, "webhook.delivered")) == 2)
    lines = list(select(tmp_path / "audit"))
    reported = {
        name: [(one["action"], one["status"]) for one in lines if one.get("operation", "") == name]
        for name in ("", "g1")
    }
    assert reported == {
        "": [
            ("oauth.fetched", "success"),
            ("identity.key_rotated", "success"),
        ],
        "g1": [
            ("guest.queue", "attempt"),
            ("platform.attempt", "failed"),
            ("guest.queue", "success"),
            ("guest.contact", "attempt"),
            ("guest.contact", "success"),
            ("guest.conversation", "attempt"),
            ("guest.conversation", "success"),
            ("guest.created", "success"),
            ("webhook.failed", "failed"),
            ("webhook.failed", "failed"),
            ("webhook.delivered", "success"),
        ],
    }
    tries = [one["details"]["attempt"] for one in lines if one["action"].startswith("webhook.")]
    assert tries == [1, 2, 3, 1]
    details = {one["action"]: one["details"] for one in lines}
    assert details["platform.attempt"]["rate_limited"] is True
    assert details["messaging.ended"]["disconnection_rate"] == 1.0
    assert details["guest.created"]["guest_token_expires_ms"] > 0
    assert details["identity.key_rotated"]["kid"] == rotated.output.split()[0]


async def test_audit_1_the_chain_shows_what_was_changed_taken_out_moved_or_cut_off(tmp_path):
    async with running_daemon(journal={"directory": str(tmp_path)}) as (_, ask):
        await ask("POST", "/v1/prompts?wait=10s", wish(await conversation(ask), "p1"))
    path = next((tmp_path / "audit").glob("*.jsonl"))
    raw = path.read_bytes().splitlines()
    hashes = [sha256(line[: -len(b',"hash":""}') - 64] + b"}").hexdigest() for line in raw]
    assert [orjson.loads(line)["prev"] for line in raw] == ["0" * 64, *hashes[:-1]]
    damage = {
        "none": raw,
        "changed": [line.replace(b'"status":"success"', b'"status":"failed"') for line in raw],
        "taken out": raw[:2] + raw[3:],
        "moved": [raw[1], raw[0], *raw[2:]],
        "cut off": raw[:-1],
    }
    found = {}
    for name, lines in damage.items():
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        found[name] = bool(verify(tmp_path / "audit").problems)
    assert found == {name: name != "none" for name in damage}


def documented_check() -> Any:
    """The function by which docs/webhooks.md has a receiver check the signature."""
    page = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
    namespace: dict[str, Any] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], namespace)
    return namespace["is_from_guestd"]


class Stack:
    """A receiver that is away in the first life of the daemon, and in the second refuses each event
    once; guests it does not want at all."""

    def __init__(self) -> None:
        self.is_away = True
        self.refused: set[str] = set()
        self.taken: list[tuple[str, str]] = []

    def __call__(self, n: int, body: dict[str, Any]) -> int:
        event, delivery_id = body["event"], body["id"]
        if event == CREATED and self.is_away:
            return 410
        if self.is_away or delivery_id not in self.refused:
            if not self.is_away:
                self.refused.add(delivery_id)
            return 503
        self.taken.append((event, delivery_id))
        return 204


def events_and_ids(crm: Receiver) -> set[tuple[str, str]]:
    return {(headers["Guestd-Event"], headers["Guestd-Event-Id"]) for headers in crm.headers}


async def test_sync_1_webhooks_outlive_the_daemon_in_order_signed_and_dead_ones_are_replayed(
    tmp_path,
):
    stack = Stack()
    async with Receiver(stack) as crm:
        sections = {
            "webhooks": hooks(crm),
            "journal": {"directory": str(tmp_path)},
            "drain": {"sessions": "keep"},
        }
        async with running_daemon(**sections) as (daemon, ask):
            there = await conversation(ask)
            await ask(
                "POST", "/v1/guests?wait=10s", {"guestId": "ana", "queueId": DEFAULT_QUEUE_ID}
            )
            message = {"type": "text", "from": "agent", "text": "hello"}
            await ask(
                "POST", "/v1/injections?wait=10s", {"interactionId": there, "messages": [message]}
            )
            await ask("POST", "/v1/prompts?wait=10s", wish(there, "p1"))
            await until(lambda: daemon.metrics.webhooks_dead and len(crm.got) > 3)
        first_life = events_and_ids(crm)
        stack.is_away = False
        async with running_daemon(**sections) as (daemon, ask):
            await until(lambda: len(stack.taken) == 3)
            await ask("POST", "/v1/webhooks/replay-dead")
            await until(lambda: len(stack.taken) == 4)
    order = [event for event, _ in stack.taken]
    again = {one for one in events_and_ids(crm) if one[0] in (CONNECTED, CREATED)}
    assert (order, again) == ([CONNECTED, INJECTED, PROMPTED, CREATED], first_life)
    is_from_guestd = documented_check()
    signatures = [headers["Guestd-Signature"] for headers in crm.headers]
    assert {
        is_from_guestd(signature, raw, b"0123456789abcdef")
        for signature, raw in zip(signatures, crm.raw, strict=True)
    } == {True}


def files_with(directory: Path, secret: str) -> list[str]:
    return [
        str(path)
        for path in directory.rglob("*")
        if path.is_file() and secret.encode() in path.read_bytes()
    ]


async def test_audit_2_a_guest_token_is_in_no_file_once_its_operation_is_over(tmp_path, caplog):
    """Not in the journal or its WAL, the audit or anywhere in the state directory, while the daemon
    runs."""
    token = "canary-of-the-files-0123456789"
    fingerprint = f"sha256:{sha256(token.encode()).hexdigest()[:32]}"
    async with running_daemon(journal={"directory": str(tmp_path)}) as (daemon, ask):
        rule = {"kind": "slow_rest", "ms": 500, "path": "/api/v2/externalcontacts", "count": 1}
        daemon.emulator.faults.set([rule], daemon.emulator.now())
        guest = {
            "guestId": "ana",
            "queueId": DEFAULT_QUEUE_ID,
            "guestToken": token,
            "operation_id": "g1",
        }
        await ask("POST", "/v1/guests", guest)
        await until(lambda: files_with(tmp_path, token))
        _, view, _ = await ask("POST", "/v1/guests?wait=10s", guest)
        deadline = asyncio.get_running_loop().time() + 8.0
        while (
            left := files_with(tmp_path, token)
        ) and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.05)
        assert (view["status"], left, token in caplog.text) == ("succeeded", [], False)
    (created,) = audited(tmp_path, "guest.created")
    CliRunner().invoke(app, ["keys", "rotate", "-d", f"{tmp_path}/keys"])
    checked = CliRunner().invoke(app, ["keys", "verify", token, "-d", f"{tmp_path}/keys", "--json"])
    found = [view["request"]["guestToken"], created["details"]["guest_token_fingerprint"]]
    assert [*found, json.loads(checked.output)["fingerprint"]] == [fingerprint] * 3
