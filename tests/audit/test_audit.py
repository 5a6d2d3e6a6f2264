"""The audit: complete after any crash, whole or known not to be, and never a secret in it (AUDIT-1,
AUDIT-2, ASSIST-5)."""

from __future__ import annotations

import asyncio
import os
from hashlib import sha256

import pytest

from guestd.audit.directory import files_of
from guestd.audit.verify import select, verify
from guestd.model.events import AcceptedEvent
from tests.webhooks.harness import Mortal, World, until

from .audit_harness import days_of_events, lines, new_audit


async def test_audit_1_an_end_that_was_not_asked_for_has_failed_and_says_why(tmp_path):
    """The same ends of which the log warns; words of earlier versions are no failures."""
    world = World()
    audit = new_audit(world.journal, tmp_path)
    audit.start()
    for n, reason in enumerate(("finished", "drained", "left", "access_denied", "session_expired")):
        world.session(f"g{n}", "ended", reason)
    await audit.stop()
    told = [(one["status"], one.get("error", {}).get("error_code")) for one in lines(tmp_path)]
    assert told == [
        ("success", None),
        ("success", None),
        ("success", None),
        ("failed", "access_denied"),
        ("failed", "session_expired"),
    ]


async def test_audit_1_every_attempt_and_outcome_has_a_line(tmp_path):
    world = World()
    audit = new_audit(world.journal, tmp_path)
    audit.start()
    days_of_events(world, 1)
    world.fact(
        "guest.contact",
        "failed",
        "c9",
        idempotency_key="k9",
        latency_ms=3.0,
        error_code="conflict",
        error_status=409,
    )
    await audit.stop()
    found = lines(tmp_path)
    assert [(one["action"], one["status"]) for one in found] == [
        ("session.connected", "success"),
        ("command.accepted", "attempt"),
        ("command.settled", "confirmed"),
        ("session.connected", "success"),
        ("session.ended", "success"),
        ("injection.completed", "attempt"),
        ("injection.completed", "success"),
        ("guest.contact", "failed"),
    ]
    assert [one["n"] for one in found] == list(range(1, 9))
    accepted, failed = found[1], found[7]
    assert (accepted["session"], accepted["idempotency_key"]) == ("s0", "cmd-0")
    assert accepted["details"]["text"] == {
        "sha256": sha256(b"Where is my parcel?").hexdigest(),
        "characters": 19,
    }
    assert (failed["conversation"], failed["operation"], failed["idempotency_key"]) == (
        "c9",
        "op-1",
        "k9",
    )
    assert failed["latency_ms"] == 3.0 and failed["error"] == {
        "error_code": "conflict",
        "error_status": 409,
    }
    assert verify(tmp_path).problems == []
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in tmp_path.iterdir())


CANARIES = [f"canary-{n:04d}-{'x' * 12}" for n in range(14)]


async def test_audit_2_no_secret_gets_in_whatever_a_fact_holds(tmp_path):
    """Facts hold no secret by rule; this is what happens when somebody breaks it."""
    world = World()
    audit = new_audit(world.journal, tmp_path, bodies=True)
    audit.start()
    names = [
        "token",
        "guestToken",
        "session_token",
        "client_secret",
        "password",
        "Authorization",
        "apiKey",
        "api-key",
        "jwt",
    ]
    held = dict(zip(names, CANARIES, strict=False))
    world.fact("guest.created", **held, nested={"list": [{"privateKey": CANARIES[9]}]})
    world.fact(
        "guest.created",
        note=f"Bearer {CANARIES[10]}",
        webhook_url=f"https://h.example/{CANARIES[11]}?k={CANARIES[12]}",
    )
    world.fact("guest.created", link=f"https://files.example/a?sig={CANARIES[13]}")
    await audit.stop()
    text = b"".join(path.read_bytes() for path in tmp_path.iterdir()).decode()
    assert [one for one in CANARIES if one in text] == []
    assert '"webhook_url":"https://h.example"' in text and len(lines(tmp_path)) == 3


async def test_audit_1_texts_are_kept_only_if_asked_for(tmp_path):
    for bodies in (False, True):
        world = World()
        audit = new_audit(world.journal, tmp_path / str(bodies), bodies=bodies)
        audit.start()
        world._put("s", AcceptedEvent(1, "cmd", "send", "my private words"))
        world.fact(
            "injection.completed",
            "attempt",
            messages=[{"type": "html", "html": "more private words"}],
        )
        await audit.stop()
        text = b"".join(path.read_bytes() for path in (tmp_path / str(bodies)).iterdir())
        assert (b"private words" in text) == bodies


@pytest.mark.parametrize("dies_at", range(8))
async def test_audit_1_complete_after_a_crash_at_any_commit(dies_at, tmp_path):
    """Killed between the file's sync and the cursor, again and again: no event twice, none left
    out."""
    world = World()
    world.journal.cursor("audit")
    mortal = Mortal(world.journal, dies_at)
    first = new_audit(mortal, tmp_path)
    first.start()
    for _ in range(6):
        days_of_events(world, 1)
        await asyncio.sleep(0.01)
    await first.abandon()
    for _ in range(2):
        audit = new_audit(world.journal, tmp_path)
        audit.start()
        await audit.stop()
    assert len({(one.get("session", ""), one["seq"]) for one in lines(tmp_path)}) == 6 * 7
    assert len(lines(tmp_path)) == 6 * 7 and verify(tmp_path).problems == []


@pytest.mark.parametrize("cut", [1, 20, 75, 76, 77, 200])
async def test_audit_1_a_torn_end_is_cut_off_and_written_again(cut, tmp_path):
    world = World()
    world.journal.cursor("audit")
    audit = new_audit(Mortal(world.journal, 0), tmp_path)
    audit.start()
    before = (tmp_path / "chain.json").read_bytes()
    days_of_events(world, 2)
    await until(lambda: len(lines(tmp_path)) == 14)
    await audit.abandon()
    [path] = files_of(tmp_path)
    (tmp_path / "chain.json").write_bytes(before)  # killed before it was written anew
    with path.open("rb+") as file:
        file.truncate(path.stat().st_size - cut)
    audit = new_audit(world.journal, tmp_path)
    audit.start()
    await audit.stop()
    assert [one["n"] for one in lines(tmp_path)] == list(range(1, 15)) and verify(
        tmp_path
    ).problems == []


async def test_audit_1_a_disk_that_refuses_is_waited_for(tmp_path, monkeypatch):
    world = World()
    audit = new_audit(world.journal, tmp_path)
    monkeypatch.setattr("guestd.audit.audit.RETRY_S", 0.01)
    real, failures = os.fsync, iter([True, False, True, True] + [False] * 1000)

    def fsync(handle: int) -> None:
        if next(failures):
            raise OSError(5, "Input/output error")
        real(handle)

    audit.start()
    monkeypatch.setattr(os, "fsync", fsync)
    days_of_events(world, 3)
    await until(lambda: len(lines(tmp_path)) == 21)
    monkeypatch.setattr(os, "fsync", real)
    await audit.stop()
    assert audit._metrics.audit_failures == 3
    assert [one["n"] for one in lines(tmp_path)] == list(range(1, 22)) and verify(
        tmp_path
    ).problems == []


async def test_export_selects_by_time_and_conversation(tmp_path):
    world = World()
    audit = new_audit(world.journal, tmp_path)
    audit.start()
    days_of_events(world, 3)
    await audit.stop()
    assert [one["action"] for one in select(tmp_path, conversation="c1")] == [
        "injection.completed"
    ] * 2
    assert len(list(select(tmp_path, conversation="s1"))) == 5
    every = lines(tmp_path)
    assert list(select(tmp_path, since=every[5]["time"], until=every[9]["time"])) == every[5:9]


async def test_audit_2_the_fingerprint_of_a_token_is_kept_and_nothing_else_of_that_name(tmp_path):
    world = World()
    audit = new_audit(world.journal, tmp_path, bodies=True)
    audit.start()
    world.fact(
        "guest.created",
        guest_token_fingerprint="sha256:0123456789abcdef",
        other_token_fingerprint=CANARIES[0],
    )
    await audit.stop()
    details = lines(tmp_path)[-1]["details"]
    assert details["guest_token_fingerprint"] == "sha256:0123456789abcdef"
    assert CANARIES[0] not in str(details)


async def test_audit_1_a_success_has_no_error(tmp_path):
    world = World()
    audit = new_audit(world.journal, tmp_path)
    audit.start()
    world.fact("messaging.disconnect", platform_told=True)
    await audit.stop()
    line = lines(tmp_path)[-1]
    assert "error" not in line and line["details"] == {"platform_told": True}
