"""Contracts of the audit, seen in its files."""

from __future__ import annotations

import asyncio
import json
from hashlib import sha256
from pathlib import Path

import aiohttp
import orjson
from typer.testing import CliRunner

from guestd.app.cli import app
from guestd.audit.verify import select, verify
from guestd.emulator import (
    DEFAULT_DEPLOYMENT_ID,
    DEFAULT_QUEUE_ID,
    Emulator,
    EmulatorSettings,
)
from guestd.webhooks.payloads import CREATED, TERMINATED
from tests.webhooks.harness import Receiver, until

from .operations_daemon import MESSAGING, conversation, running_daemon
from .product_harness import audited, hooks, wish


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
        await until(lambda: len(audited(tmp_path, "command.settled")) == 1)
    (line,) = audited(tmp_path, "platform.attempt")
    (settled,) = audited(tmp_path, "command.settled")
    (connected,) = audited(tmp_path, "session.connected")
    told = line["idempotency_key"], line["error"]["error_status"], line["details"]["rate_limited"]
    latencies_ms = [one["latency_ms"] for one in (connected, line, settled)]
    in_ms = [0.0 <= one < 900.0 for one in latencies_ms]
    assert (told, line["details"]["retry_after_s"] > 0, "secret" in str(line), in_ms) == (
        ("c1", 429, True),
        True,
        False,
        [True, True, False],
    ), latencies_ms


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
    told = line["latency_ms"] > 0.0, bool(line["details"]["correlation_id"])
    measured = seconds["deployment.read", "unavailable"].count
    assert (line["status"], codes, told, measured) == (
        "failed",
        ["platform_unavailable", 503, "fault"],
        (True, True),
        1,
    )


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
    tries = [one["details"]["attempt"] for one in lines if one["action"].startswith("webhook.")]
    details = {one["action"]: one["details"] for one in lines}
    told = (
        details["platform.attempt"]["rate_limited"],
        details["messaging.ended"]["disconnection_rate"],
        details["guest.created"]["guest_token_expires_ms"] > 0,
        details["identity.key_rotated"]["kid"] == rotated.output.split()[0],
    )
    assert (reported, tries, told) == (
        {
            "": [
                ("identity.key_created", "success"),
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
        },
        [1, 2, 3, 1],
        (True, 1.0, True, True),
    )


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
