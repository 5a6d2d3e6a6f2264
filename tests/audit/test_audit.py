"""The audit: complete after any crash, whole or known not to be, and never a secret in it (AUDIT-1,
AUDIT-2, ASSIST-5)."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime
from hashlib import sha256
from random import Random

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestd.audit.audit import Audit
from guestd.audit.day_files import AuditFiles
from guestd.audit.directory import day_of, files_of
from guestd.audit.entries import unseal
from guestd.audit.file_retention import LOOK_EVERY_S, LOOK_FIRST_S
from guestd.audit.settings import AuditSettings
from guestd.audit.verify import select, verify
from guestd.model.errors import ConfigError
from guestd.model.events import AcceptedEvent, DeliveryEvent, MessageEvent
from guestd.observe.metrics import Metrics
from guestd.runtime.clock import LoopClock
from tests.thoroughness import examples
from tests.webhooks.harness import Mortal, World, until

DAY_MS = 86_400_000


def new_audit(journal, directory, **more) -> Audit:
    loop = asyncio.get_running_loop()
    figures = AuditSettings(**{"linger_s": 0.0, **more})
    return Audit(loop, LoopClock(loop), journal, directory, figures, Metrics())


def lines(directory):
    return list(select(directory))


def days_of_events(world: World, n: int = 3) -> None:
    for k in range(n):
        world.session(f"s{k}", "live")
        world._put(
            f"s{k}", AcceptedEvent(world._seq(f"s{k}"), f"cmd-{k}", "send", "Where is my parcel?")
        )
        world._put(
            f"s{k}",
            MessageEvent(
                world._seq(f"s{k}"), f"m{k}", "Inbound", "Text", "Where is my parcel?", "now"
            ),
        )
        world._put(
            f"s{k}", DeliveryEvent(world._seq(f"s{k}"), f"cmd-{k}", "confirmed", "", f"m{k}")
        )
        world.session(f"s{k}", "resting", "lost")
        world.session(f"s{k}", "live")
        world.session(f"s{k}", "ended", "left")
        world.fact("injection.completed", "attempt", f"c{k}", idempotency_key=f"key-{k}")
        world.fact(
            "injection.completed", "success", f"c{k}", idempotency_key=f"key-{k}", latency_ms=12.5
        )


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


# ---------------------------------------------------------------------- crashes


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


# ---------------------------------------------------------------------- files


def at(day: int, hour: int = 12) -> int:
    return int(datetime(2026, 1, 1, hour, tzinfo=UTC).timestamp() * 1000) + day * DAY_MS


def line(n: int, day: int) -> dict:
    return {"time": f"2026-{day:04d}", "offset": n, "seq": n, "action": "x", "status": "success"}


class Running:
    """Seconds that a process has run."""

    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


def written(
    directory, days: int, retention_days: int = 90, file_bytes_max: int = 2**26
) -> AuditFiles:
    running = Running()
    settings = AuditSettings(retention_days=retention_days, file_bytes_max=file_bytes_max)
    files = AuditFiles(directory, settings, 1000, running)
    files.open(at(0))
    for day in range(days):
        running.s += 86_400.0
        files.append([line(10 * day + k, day) for k in range(5)], at(day))
    return files


def test_audit_1_a_file_for_every_day_and_one_chain_through_them(tmp_path):
    written(tmp_path, 4).close()
    assert [path.name for path in files_of(tmp_path)] == [
        f"audit-{5 * day + 1:012d}-2026010{day + 1}.jsonl" for day in range(4)
    ]
    assert verify(tmp_path).problems == [] and verify(tmp_path).lines == 20


def test_audit_1_a_full_file_is_turned_over(tmp_path):
    files = written(tmp_path, 0, file_bytes_max=500)
    for n in range(10):
        files.append([line(n, 0)], at(0))
    files.close()
    assert len(files_of(tmp_path)) > 3 and verify(tmp_path).problems == []


def test_audit_1_retention_throws_whole_files_away_and_keeps_an_anchor(tmp_path):
    written(tmp_path, 12, retention_days=5).close()
    names = [path.name for path in files_of(tmp_path)]
    assert len(names) == 7 and names[0].endswith("20260106.jsonl")
    assert verify(tmp_path).problems == []
    assert [one["details"] for one in lines(tmp_path) if one["action"] == "audit.retired"][-1][
        "files"
    ] == 1
    files_of(tmp_path)[0].unlink()
    assert "are missing" in verify(tmp_path).problems[0]


def test_audit_1_retention_interrupted_before_deleting_is_not_taken_for_a_forgery(tmp_path):
    written(tmp_path, 8, retention_days=5).close()
    kept = {path.name: path.read_bytes() for path in files_of(tmp_path)}
    running = Running()
    files = AuditFiles(tmp_path, AuditSettings(retention_days=5), 1000, running)
    files.open(at(9))
    running.s = LOOK_FIRST_S
    files.append([line(999, 9)], at(9))
    files.close()
    for name, data in kept.items():
        (tmp_path / name).write_bytes(data)
    assert verify(tmp_path).problems == []


def test_a_directory_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"audit.directory: .*file/audit cannot be made"):
        AuditFiles(tmp_path / "file" / "audit", AuditSettings(), 10).open()


# ---------------------------------------------------------------------- tampering


def change_byte(rng, data):
    files = [path for path in data if data[path]]
    path = rng.choice(files)
    k = rng.randrange(len(data[path]))
    changed = bytearray(data[path])
    changed[k] ^= 1 << rng.randrange(8)
    data[path] = bytes(changed)


def lines_in(data, path):
    return data[path].splitlines(keepends=True)


def remove_line(rng, data):
    path = rng.choice(list(data))
    found = lines_in(data, path)
    del found[rng.randrange(len(found))]
    data[path] = b"".join(found)


def repeat_line(rng, data):
    path = rng.choice(list(data))
    found = lines_in(data, path)
    found.insert(rng.randrange(len(found) + 1), rng.choice(found))
    data[path] = b"".join(found)


def put_in_line(rng, data):
    path = rng.choice(list(data))
    found = lines_in(data, path)
    k = rng.randrange(len(found))
    found.insert(k, found[k].replace(b'"action":"x"', b'"action":"y"'))
    data[path] = b"".join(found)


def swap_lines(rng, data):
    path = rng.choice(list(data))
    found = lines_in(data, path)
    k = rng.randrange(len(found) - 1)
    found[k], found[k + 1] = found[k + 1], found[k]
    data[path] = b"".join(found)


def cut_end(rng, data):
    path = max(data)
    data[path] = data[path][: -rng.randrange(1, len(data[path]) + 1)]


def remove_file(rng, data):
    del data[rng.choice(list(data))]


def forge_line(rng, data):
    """A line changed, and its own hash with it: the next one no longer fits."""
    path = rng.choice(list(data))
    found = lines_in(data, path)
    k = rng.randrange(len(found))
    body = found[k].replace(b'"status":"success"', b'"status":"failed"')[:-76] + b"}"
    found[k] = body[:-1] + b',"hash":"%s"}\n' % sha256(body).hexdigest().encode()
    assert unseal(found[k].rstrip(b"\n")) is not None
    data[path] = b"".join(found)


TAMPERINGS = [
    change_byte,
    remove_line,
    repeat_line,
    put_in_line,
    swap_lines,
    cut_end,
    remove_file,
    forge_line,
]


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    directory = tmp_path_factory.mktemp("audit")
    written(directory, 3).close()
    return directory, {path: path.read_bytes() for path in files_of(directory)}


@settings(max_examples=examples(300))
@given(seed=st.integers(0, 2**32), tamper=st.sampled_from(TAMPERINGS))
def test_audit_1_any_changed_removed_or_inserted_line_is_found(sound, seed, tamper):
    directory, before = sound
    after = dict(before)
    tamper(Random(seed), after)
    for path in before:
        path.unlink(missing_ok=True)
    for path, data in after.items():
        path.write_bytes(data)
    assert after == before or verify(directory).problems


def test_audit_1_the_verdict_says_where(tmp_path):
    written(tmp_path, 2).close()
    first, second = files_of(tmp_path)
    second.write_bytes(second.read_bytes().replace(b'"offset":12', b'"offset":13'))
    assert verify(tmp_path).problems == [
        f"{second.name}, line 3: was changed, or is not a line of ours"
    ]
    noted = orjson.loads(first.read_bytes().splitlines()[0])["hash"]
    assert not any("no line has" in one for one in verify(tmp_path, noted).problems)
    assert f"no line has the hash {'f' * 64}" in verify(tmp_path, "f" * 64).problems
    (tmp_path / "chain.json").unlink()
    assert any("chain.json is missing" in one for one in verify(tmp_path).problems)


# ---------------------------------------------------------------------- chain.json, and what the
# daemon does about it


def reopened(directory, day: int = 5) -> None:
    """A later life of the daemon, which writes one line."""
    files = AuditFiles(directory, AuditSettings(), 1000)
    files.open(at(day))
    files.append([line(999, day)], at(day))
    files.close()


@settings(max_examples=examples(300))
@given(at_byte=st.integers(0, 2**16), bits=st.integers(1, 255))
def test_audit_1_any_changed_byte_of_chain_json_is_found(sound, at_byte, bits):
    directory, before = sound
    for path, data in before.items():
        path.write_bytes(data)
    state = directory / "chain.json"
    good = state.read_bytes()
    changed = bytearray(good)
    changed[at_byte % len(good)] ^= bits
    try:
        state.write_bytes(changed)
        assert "chain.json is not as it was written" in verify(directory).problems[0]
    finally:
        state.write_bytes(good)
    assert verify(directory).problems == []


STATES_DAMAGED = {
    "empty object": b"{}",
    "empty": b"",
    "other types": b'{"head": [], "anchor": 1}',
    "nested": b"[" * 100_000,
    "no UTF-8": b"\xff",
    "missing": None,
}


@pytest.mark.parametrize("damage", STATES_DAMAGED)
def test_audit_1_a_damaged_chain_json_is_damage_and_a_start_records_it(damage, tmp_path, caplog):
    written(tmp_path, 3).close()
    before = {path: path.read_bytes() for path in files_of(tmp_path)}
    state, content = tmp_path / "chain.json", STATES_DAMAGED[damage]
    if content is None:
        state.unlink()
    else:
        state.write_bytes(content)
    said = "chain.json is missing" if content is None else "chain.json is not as it was written"
    assert verify(tmp_path).problems[0].startswith(said)
    reopened(tmp_path)
    assert said in caplog.text and "guestd audit verify" in caplog.text
    assert all(path.read_bytes() == data for path, data in before.items()), "nothing was repaired"
    first, *_ = found = [one for one in lines(tmp_path) if one["n"] > 15]
    assert (first["n"], first["action"], first["status"]) == (16, "audit.break", "failed") and len(
        found
    ) == 2
    assert first["details"]["reason"] == said
    if content is not None:
        assert (tmp_path / first["details"]["kept_as"]).read_bytes() == content
    [problem] = verify(tmp_path).problems
    assert "line 1: the daemon found damage here: chain.json" in problem, (
        "the break stays on record"
    )


def test_audit_1_a_cut_end_behind_a_damaged_chain_json_is_not_taken_for_whole(tmp_path):
    written(tmp_path, 2).close()
    last = files_of(tmp_path)[-1]
    last.write_bytes(b"".join(last.read_bytes().splitlines(keepends=True)[:-2]))
    (tmp_path / "chain.json").write_bytes(b"{}")
    assert verify(tmp_path).problems
    reopened(tmp_path)
    assert [one["n"] for one in lines(tmp_path)] == list(range(1, 11)) and verify(tmp_path).problems


@pytest.mark.parametrize(
    "renamed", ["audit-000000000006-20260103.jsonl", "audit-000000000007-20260102.jsonl"]
)
def test_audit_1_the_last_file_renamed_is_found(renamed, tmp_path):
    written(tmp_path, 2).close()
    files_of(tmp_path)[-1].rename(tmp_path / renamed)
    assert verify(tmp_path).problems
    reopened(tmp_path)
    assert any("is missing" in one for one in verify(tmp_path).problems)


def test_audit_1_everything_deleted_is_found(tmp_path):
    written(tmp_path, 2).close()
    for path in files_of(tmp_path):
        path.unlink()
    assert verify(tmp_path).problems == [
        "the end is missing: lines 1 to 10 were written, the last one into"
        " audit-000000000006-20260102.jsonl"
    ]
    (tmp_path / "chain.json").unlink()
    assert "chain.json is missing" in verify(tmp_path).problems[0]


def test_audit_1_everything_deleted_but_chain_json_is_recorded_by_a_start(tmp_path):
    written(tmp_path, 2).close()
    for path in files_of(tmp_path):
        path.unlink()
    reopened(tmp_path)
    assert [(one["n"], one["action"]) for one in lines(tmp_path)] == [
        (11, "audit.break"),
        (12, "x"),
    ]
    assert verify(tmp_path).problems


def test_an_audit_without_lines_is_whole_and_one_of_an_earlier_version_too(tmp_path):
    written(tmp_path, 0).close()
    assert verify(tmp_path).problems == [] and verify(tmp_path).lines == 0
    written(tmp_path, 2).close()
    state = tmp_path / "chain.json"
    found = orjson.loads(state.read_bytes())
    state.write_bytes(json.dumps({"head": found["head"], "anchor": found["anchor"]}).encode())
    assert verify(tmp_path).problems == []
    reopened(tmp_path)
    assert verify(tmp_path).problems == [] and b'"sum"' in state.read_bytes()


def test_a_disk_that_refuses_at_the_start_is_tried_again_and_loses_no_break(
    tmp_path, monkeypatch, caplog
):
    written(tmp_path, 1).close()
    (tmp_path / "chain.json").write_bytes(b"{}")
    files, real = AuditFiles(tmp_path, AuditSettings(), 1000), os.fsync

    def refuses(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuses)
    files.open(at(1))
    for _ in range(3):
        with pytest.raises(OSError, match="No space"):
            files.append([line(50, 1)], at(1))
    assert "cannot be opened (No space left on device)" in caplog.text
    monkeypatch.setattr(os, "fsync", real)
    files.append([line(50, 1)], at(1))
    files.close()
    assert any(one["action"] == "audit.break" for one in lines(tmp_path))
    assert len(list(tmp_path.glob("chain.json.damaged-*"))) == 1


# ---------------------------------------------------------------------- retention and a wrong clock


def test_a_clock_that_stays_wrong_costs_a_day_for_each_look(tmp_path):
    written(tmp_path, 8).close()
    kept = {path.name for path in files_of(tmp_path)}
    running = Running()

    def append(n: int) -> int:
        files.append([line(n, 200)], at(200) + int(running.s * 1000))
        return len(kept - {path.name for path in files_of(tmp_path)})

    files = AuditFiles(tmp_path, AuditSettings(), 1000, running)
    files.open(at(200))
    assert append(900) == 0, "nothing goes in the first minutes"
    running.s = LOOK_FIRST_S
    assert [append(901 + n) for n in range(10)] == [1] * 10, "one look, one day"
    running.s += LOOK_EVERY_S
    assert append(990) == 2
    files.close()
    assert verify(tmp_path).problems == []


def test_a_clock_that_leaps_and_comes_back_deletes_nothing(tmp_path):
    running = Running()
    files = AuditFiles(tmp_path, AuditSettings(), 1000, running)
    files.open(at(0))
    for day in range(8):
        running.s = day * 86_400.0
        files.append([line(day, day)], at(day))
    kept = {path.name for path in files_of(tmp_path)}
    for n in range(5):  # a look is due each time
        running.s += 43_200.0
        files.append([line(100 + 2 * n, 8)], at(300 + n))
        running.s += 43_200.0
        files.append([line(101 + 2 * n, 8)], at(8 + n))
    files.close()
    assert kept <= {path.name for path in files_of(tmp_path)} and verify(tmp_path).problems == []


def test_a_shorter_retention_is_caught_up_with(tmp_path):
    written(tmp_path, 30).close()
    running = Running()
    files = AuditFiles(tmp_path, AuditSettings(retention_days=5), 1000, running)
    files.open(at(30))
    running.s = LOOK_FIRST_S
    for n in range(40):
        files.append([line(900 + n, 30)], at(30) + int(running.s * 1000))
        running.s += LOOK_EVERY_S
    files.close()
    assert (
        all(day_of(path.name) >= "20260125" for path in files_of(tmp_path))
        and verify(tmp_path).problems == []
    )


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


def test_lines_put_behind_the_end_are_left_for_the_examiner(tmp_path):
    written(tmp_path, 1).close()
    [path] = files_of(tmp_path)
    with path.open("ab") as file:
        file.write(b'{"n":6,"forged":true}\n')
    files = AuditFiles(tmp_path, AuditSettings(), 1000)
    files.open(at(0))
    files.append([line(50, 0)], at(0))
    files.close()
    assert len(files_of(tmp_path)) == 2
    assert (
        verify(tmp_path).problems[0]
        == f"{path.name}, line 6: was changed, or is not a line of ours"
    )


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
