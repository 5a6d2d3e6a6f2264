"""The real daemon on a journal in which bytes have changed: it starts without them, or says why not
and ends with 74."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
import urllib.error
import urllib.request
from random import Random

import pytest
from websockets.sync.client import connect

from guestd.journal import database
from guestd.journal.writer import Writer
from guestd.model.journal import Commit, EventRow, SessionRecord

STARTS = int(os.environ.get("TEST_FLIPPED_STARTS", "8"))
DAY_MS = 86_400_000

CONFIG = """
[journal]
directory = "{state}"
[log]
form = "json"
"""


def row(name, seq, kind, key="", intent=None, **more):
    content = {"seq": seq, "kind": kind, "time": "2027-05-31T09:15:02.417Z", **more}
    return EventRow(
        name,
        seq,
        kind,
        json.dumps(content).encode(),
        key,
        json.dumps(intent).encode() if intent else b"",
    )


def talk(name):
    send = {"action": "send", "trace": "t", "text": f"hello of {name}", "attributes": None}
    return [
        row(name, 1, "session", state="live", read_only=False, reason=""),
        row(name, 2, "accepted", "c1", send, command_id="c1", action="send", text="hello"),
        row(
            name, 3, "delivery", "c1", command_id="c1", status="confirmed", message_id="", reason=""
        ),
        row(name, 4, "message", f"m-{name}", id=f"m-{name}", text=f"canary-{name}"),
    ]


@pytest.fixture
def state(tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    now_ms = int(time.time() * 1000)
    connection = database.create_or_open(folder)
    writer = Writer(connection)
    for name in "abc":
        record = SessionRecord(
            name, f"guest-{name}", f"{name * 32}", "a@example.org", {}, {}, now_ms, now_ms + DAY_MS
        )
        writer.write([Commit(opened=[record], rows=talk(name), at_ms=now_ms)])
    writer.write([Commit(cursors=[("audit", 0), ("webhooks", 0)])])
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return folder


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=60.0) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_one_damaged_row_costs_one_guest_session(run, config, state):
    connection = sqlite3.connect(state / database.NAME)
    connection.execute(
        "UPDATE events SET intent = x'7b' WHERE id = (SELECT max(id) FROM events WHERE kind ="
        " 'accepted' AND session = 2)"
    )
    connection.commit()
    connection.close()
    daemon = run("serve", "--port", "0", "-c", config(CONFIG.format(state=state)))
    url = daemon.url()
    status, found = get(f"{url}/v1/sessions/b/events")
    assert status == 500 and json.loads(found)["code"] == "damaged" and "canary" not in found
    assert get(f"{url}/v1/sessions/a/events")[0] == 200
    shown = get(f"{url}/v1/sessions")[1]
    assert "guest-a" in shown and "guest-c" in shown and "guest-b" not in shown
    damaged = next(
        line
        for line in get(f"{url}/metrics")[1].splitlines()
        if line.startswith("guestd_journal_damaged")
    )
    assert damaged == "guestd_journal_damaged_rows_total 1.0"
    daemon.interrupt()
    assert daemon.wait() == 0
    errors = "\n".join(daemon.err)
    assert "session b" in errors and database.NAME in errors and "Traceback" not in errors
    lines = [
        line for path in (state / "audit").glob("*.jsonl") for line in path.read_text().splitlines()
    ]
    actions = [json.loads(line)["action"] for line in lines]
    assert "journal.damaged" in actions and actions.count("command.accepted") == 2, (
        "the audit went on after it"
    )


def test_flipped_bytes_never_end_a_start_with_a_traceback(run, config, state, tmp_path):
    whole, rng = (
        (state / database.NAME).read_bytes(),
        Random(int(os.environ.get("TEST_FLIP_SEED", "5"))),
    )
    for number in range(STARTS):
        shutil.rmtree(state)
        state.mkdir()
        flipped = bytearray(whole)
        while True:
            at = rng.randrange(len(whole))
            if whole[at]:
                break
        flipped[at] ^= rng.randrange(1, 256)
        (state / database.NAME).write_bytes(flipped)
        daemon = run("serve", "--port", "0", "-c", config(CONFIG.format(state=state)))
        try:
            url = daemon.url()
        except AssertionError:
            assert daemon.wait() == 74, (number, at, daemon.err)
            assert any("journal" in line for line in daemon.err), daemon.err
        else:
            for name in "abc":
                status, found = get(f"{url}/v1/sessions/{name}/events")
                json.loads(found)
                assert status in (200, 404, 500)
                assert status != 200 or f"canary-{name}" in found, (number, at)
            daemon.interrupt()
            assert daemon.wait() == 0, daemon.err
        assert not [line for line in daemon.err if "Traceback" in line], (number, at)


@pytest.fixture
def damaged_under_way(run, config, state):
    """A daemon that runs, and has let go of what it read, when the third event of `b` changes on
    the disk. Its url."""
    daemon = run("serve", "--port", "0", "-c", config(CONFIG.format(state=state)))
    url = daemon.url()
    assert get(f"{url}/v1/sessions/b/events")[0] == 200
    connection = sqlite3.connect(state / database.NAME)
    connection.execute("UPDATE events SET payload = x'7b7d' WHERE session = 2 AND seq = 3")
    connection.commit()
    connection.close()
    yield url
    daemon.interrupt()
    assert daemon.wait() == 0
    assert "Traceback" not in "\n".join(daemon.err)


def streamed(url, **headers):
    """Status, and the events that come until the stream ends, as their kinds, ids and data."""
    asked = urllib.request.Request(url, headers={"Accept": "text/event-stream", **headers})
    found, event = [], {}
    with urllib.request.urlopen(asked, timeout=60.0) as answer:
        for line in answer:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name:
                event[name] = value
            elif event:
                found.append((event.get("event"), event.get("id"), json.loads(event["data"])))
                if event.get("event") in ("closed", "message"):
                    return answer.status, found
                event = {}
        return answer.status, found


def test_a_stream_that_meets_damage_shows_what_is_sound_says_why_it_ends_and_does_not_come_back_for_ever(
    damaged_under_way,
):
    events = f"{damaged_under_way}/v1/sessions/b/events"
    for _ in range(2):
        status, found = streamed(f"{events}?after=0")
        assert status == 200 and [one[1] for one in found] == ["1", "2", None]
        kind, _, data = found[-1]
        assert kind == "closed" and data["seq"] == 2
        assert "damaged" in data["reason"] and data["reason"].endswith("resume after 2")
    assert streamed(f"{events}?after=0", **{"Last-Event-ID": "2"}) == (
        204,
        [],
    ), "an EventSource stops on that"
    status, found = get(f"{events}?after=2")
    assert status == 500 and json.loads(found)["code"] == "damaged"
    status, found = streamed(f"{events}?after=3")
    assert status == 200 and found[0][1] == "4", "behind it everything is there"
    assert streamed(f"{damaged_under_way}/v1/sessions/a/events?after=0")[1][-1][0] == "message"


def test_a_frontend_whose_replay_meets_damage_gets_what_is_sound_an_error_and_what_comes(
    damaged_under_way,
):
    with connect(f"ws{damaged_under_way[4:]}/?guest=guest-b&since=0", proxy=None) as frontend:
        frames = [json.loads(frontend.recv(10.0)) for _ in range(4)]
        assert [frame.get("seq") for frame in frames[1:3]] == [1, 2]
        assert frames[3]["code"] == "damaged" and "guest session b" in frames[3]["error"]
        frontend.send(json.dumps({"action": "resume", "since": 0}))
        while (frame := json.loads(frontend.recv(10.0))).get("code") != "damaged":
            assert frame["seq"] != 3
        frontend.send(json.dumps({"action": "resume", "since": 3}))
        while (frame := json.loads(frontend.recv(10.0))).get("seq") != 4:
            assert frame.get("code") != "damaged"
