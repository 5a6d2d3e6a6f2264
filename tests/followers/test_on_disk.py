"""Webhooks, audit and their commands on a real journal in real files, closed and opened again
(SYNC-1, AUDIT-1)."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import defaultdict

import pytest
from typer.testing import CliRunner

from guestd.app.cli import app
from guestd.audit.verify import select, verify
from guestd.journal.lock import DirectoryLock
from guestd.journal.sqlite import SqliteJournal
from guestd.webhooks.payloads import CONNECTED, INJECTED, TERMINATED
from guestd.webhooks.signing import signature
from tests.audit.audit_harness import new_audit
from tests.webhooks.harness import SECRET, Mortal, Receiver, World, counts, target, until, webhooks


async def opened(directory) -> SqliteJournal:
    journal = SqliteJournal(
        directory, asyncio.get_running_loop(), failed=lambda error: pytest.fail(str(error))
    )
    journal.start()
    journal.cursor("webhooks")
    journal.cursor("audit")
    return journal


def tell(world: World) -> None:
    for state in ("live", "resting", "live", "ended"):
        for name in ("s1", "s2"):
            world.session(name, state)
    world.fact(
        "injection.completed", conversation="s1", webhook_url="http://127.0.0.1:1/", message_count=1
    )


@pytest.mark.parametrize("dies_at", [0, 1, 2, 4, 7])
async def test_sync_1_every_webhook_outlives_the_process(dies_at, tmp_path):
    async with Receiver(lambda n, body: 503 if n in (2, 5) else 200) as crm:
        journal = await opened(tmp_path)
        mortal = Mortal(journal, dies_at)
        service, metrics = webhooks(mortal, target(crm), attempts_max=50)
        service.start()
        tell(World(journal))
        await until(lambda: mortal.dead or metrics.webhooks_delivered == {"crm": 5})
        await service.abandon()
        await journal.stop()

        journal = await opened(tmp_path)
        service, metrics = webhooks(journal, target(crm))
        service.start()
        await until(lambda: counts(service, delivered=5, dead=1))
        await service.stop()
        await journal.stop()
    events = defaultdict(list)
    for one in crm.got:
        lane = one["conversationId"] if "state" in one else one["data"]["conversationId"]
        if one["event"] not in events[lane]:
            events[lane].append(one["event"])
    assert events == {"s1": [CONNECTED, TERMINATED, INJECTED], "s2": [CONNECTED, TERMINATED]}
    assert len(set(crm.ids())) == 5


@pytest.mark.parametrize("dies_at", [0, 1, 2])
async def test_audit_1_complete_after_the_journal_was_closed_and_opened(dies_at, tmp_path):
    journal = await opened(tmp_path)
    world = World(journal)
    audit = new_audit(Mortal(journal, dies_at), tmp_path / "audit")
    audit.start()
    for _ in range(4):
        tell(world)
        world.fact("guest.created")
        await asyncio.sleep(0.03)
        if _ == 0:
            world.session("s3", "live")
    await audit.abandon()
    await journal.stop()
    journal = await opened(tmp_path)
    audit = new_audit(journal, tmp_path / "audit")
    audit.start()
    await audit.stop()
    await journal.stop()
    found = list(select(tmp_path / "audit"))
    assert len(found) == 4 * (6 + 1 + 1) + 1 == len({one["offset"] for one in found})
    assert verify(tmp_path / "audit").problems == []


# ---------------------------------------------------------------------- the commands

run = CliRunner().invoke


@pytest.fixture
async def left_behind(tmp_path):
    """A journal with three dead letters and an audit, as a stopped daemon leaves them."""
    async with Receiver(lambda n, body: 400) as crm:
        journal = await opened(tmp_path)
        service, metrics = webhooks(journal, target(crm), attempts_max=1)
        audit = new_audit(journal, tmp_path / "audit")
        service.start()
        audit.start()
        world = World(journal)
        for n in range(3):
            world.session(f"s{n}", "live")
        await until(lambda: counts(service, dead=3))
        await service.stop()
        await audit.stop()
        await journal.stop()
    return tmp_path


async def test_sync_1_dead_letters_are_listed_and_replayed_by_command(left_behind):
    done = run(app, ["webhooks", "list", "--dead", "-d", str(left_behind), "--json"])
    dead = [json.loads(line) for line in done.output.splitlines()]
    assert [(one["status"], one["target"], one["reason"]) for one in dead] == [
        ("dead", "crm", "answered 400")
    ] * 3
    done = run(app, ["webhooks", "replay", dead[1]["delivery_id"], "-d", str(left_behind)])
    assert (done.exit_code, done.output) == (0, "1 webhooks wait again\n")
    assert (
        "2 webhooks wait again"
        in run(app, ["webhooks", "replay", "--all-dead", "-d", str(left_behind)]).output
    )
    waiting = run(app, ["webhooks", "list", "-d", str(left_behind)]).output.splitlines()
    assert len(waiting) == 3 and "waiting" in waiting[0] and "0 tries" in waiting[0]
    async with Receiver() as crm:
        journal = await opened(left_behind)
        service, _ = webhooks(journal, target(crm))
        service.start()
        await until(lambda: len(crm.got) == 3)
        await service.stop()
        await journal.stop()
    assert crm.ids() == [one["delivery_id"] for one in dead]


async def test_replay_says_what_is_wrong(left_behind):
    done = run(app, ["webhooks", "replay", "nobody", "-d", str(left_behind)])
    assert done.exit_code == 2 and "there is no webhook nobody" in done.output
    assert run(app, ["webhooks", "replay", "-d", str(left_behind)]).exit_code == 2
    lock = DirectoryLock(left_behind)
    lock.take()
    done = run(app, ["webhooks", "replay", "--all-dead", "-d", str(left_behind)])
    one = run(app, ["webhooks", "replay", "42-crm", "-d", str(left_behind)])
    lock.release()
    assert done.exit_code == 78 and "in use by another guestd" in done.output
    assert "curl -X POST http://127.0.0.1:3000/v1/webhooks/replay-dead (" in done.output
    assert "/v1/webhooks/deliveries/42-crm/replay (" in one.output


async def test_audit_1_the_commands_verify_and_export(left_behind):
    place = str(left_behind / "audit")
    done = run(app, ["audit", "verify", place])
    assert done.exit_code == 0 and "the audit is whole: 3 lines" in done.output
    head = json.loads(run(app, ["audit", "verify", place, "--json"]).output)["head"]
    assert run(app, ["audit", "verify", place, "--seen", head]).exit_code == 0
    found = run(
        app, ["audit", "export", place, "--conversation", "s1", "--since", "2026-01-01", "--json"]
    ).output
    assert [json.loads(line)["action"] for line in found.splitlines()] == ["session.connected"]
    assert run(app, ["audit", "export", place, "--until", "2026-01-01"]).output == ""
    assert run(app, ["audit", "export", place, "--since", "yesterday"]).exit_code == 2
    [path] = (left_behind / "audit").glob("*.jsonl")
    path.write_bytes(path.read_bytes().replace(b'"session":"s1"', b'"session":"s9"'))
    done = run(app, ["audit", "verify", place])
    assert done.exit_code == 74 and f"{path.name}, line 2: was changed" in done.output


def test_sync_1_a_receiver_checks_a_signature_with_the_command(tmp_path):
    (tmp_path / "secret").write_bytes(SECRET + b"\n")
    given = [
        "webhooks",
        "verify",
        "--secret-file",
        str(tmp_path / "secret"),
        "--max-age-s",
        "1e12",
        "--signature",
    ]
    header = signature(b'{"id":"1"}', [SECRET], 1_700_000_000)
    assert run(app, [*given, header], input=b'{"id":"1"}').exit_code == 0
    done = run(app, [*given, header], input=b'{"id":"2"}')
    assert done.exit_code == 1 and "no signature fits" in done.output


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
async def test_an_export_says_everything_where_the_output_is_not_utf_8(encoding, tmp_path):
    journal = await opened(tmp_path)
    World(journal).session("ünï 😀", "live")
    await journal.stop()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "guestd", "journal", "export", "-d", str(tmp_path)),
        env={**os.environ, "PYTHONIOENCODING": encoding},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, error = await process.communicate()
    assert (process.returncode, error) == (0, b"") and b"\\U0001f600" in out
