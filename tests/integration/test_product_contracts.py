"""Contracts of several parts, seen where a user sees them: the daemon as `guestd serve` has it, a
receiver, its files."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
from typer.testing import CliRunner

from guestd.app.cli import app
from guestd.app.config import Config
from guestd.emulator import (
    DEFAULT_QUEUE_ID,
)
from guestd.webhooks.payloads import CONNECTED, CREATED, INJECTED, PROMPTED, TERMINATED
from tests.webhooks.harness import Receiver, until

from .operations_daemon import MESSAGING, conversation, running_daemon
from .product_harness import PROMPT_ID, audited, hooks, wish

#: Of the calls that failed for good (GUEST-3).
KINDS = ("total", "token_validation", "rate_limit", "auth", "network", "other")


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
        "tokens_judged": 2,
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
        "token validation failures\t0.0000\t2 guest tokens",
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
    assert tries[1]["error"] == {"error_message": "no answer within 0.2 s"}
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
