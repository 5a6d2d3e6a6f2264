"""What every reader saw, compared with the platform's record and with the journal. Every finding is
counted, and said."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .frontends import Frontend

Json = dict[str, Any]
SHOWN_MAX = 20


class Findings:
    """What is wrong, by kind. `told` says of the first ones where and what."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.told: list[str] = []

    def add(self, kind: str, count: int, text: str) -> None:
        if count:
            self.counts[kind] += count
            if len(self.told) < SHOWN_MAX:
                self.told.append(f"{kind}: {text}")

    def check(self) -> None:
        assert not self.counts, f"{dict(self.counts)}\n" + "\n".join(self.told)


def seen(frontend: Frontend) -> list[Json]:
    return [event for event in frontend.events if event["kind"] == "message"]


def held(record: Json, token: str) -> list[Json]:
    return [body for body in record[token]["messages"] if body["type"] != "Event"]


def ids_of(record: list[Json]) -> list[str]:
    return [body["channel"].get("messageId") or body["id"] for body in record]


def repeated(items: Iterable[Any]) -> list[Any]:
    return [item for item, times in Counter(items).items() if times > 1]


def compare(frontend: Frontend, record: list[Json], where: str) -> None:
    """As `judge`; raises AssertionError if anything is wrong."""
    findings = Findings()
    judge(frontend, record, where, findings)
    findings.check()


def judge(frontend: Frontend, record: list[Json], where: str, findings: Findings) -> None:
    """webmessaging: each message of the platform once, in the platform's order or marked late; each
    command confirmed.

    `late` may be any message that came after its place had passed, also one whose time equals that
    of a message shown before: when such a pair is told apart, by the history, the second one to be
    shown is marked. The emulator's `reorder` never lets a message overtake one of equal time, so no
    order among equal times is left to chance."""
    fates = _judge_seqs_and_fates(frontend, where, findings)
    got, wanted = [event["id"] for event in seen(frontend)], ids_of(record)
    findings.add("doubled", len(repeated(got)), f"{where} was shown {repeated(got)} more than once")
    lost, invented = set(wanted) - set(got), set(got) - set(wanted)
    findings.add("lost", len(lost), f"{where} was never shown {lost}")
    findings.add(
        "invented", len(invented), f"{where} was shown {invented}, which the platform does not hold"
    )
    late = {event["id"] for event in seen(frontend) if event["late"]}
    on_time = [one for one in wanted if one not in late and one not in lost]
    if [one for one in got if one not in late and one not in invented] != on_time:
        findings.add(
            "out of order", 1, f"{where}, and not marked late; {first_difference(frontend, record)}"
        )
    texts = [body["text"] for body in record if body["direction"] == "Inbound"]
    findings.add(
        "doubled",
        len(repeated(texts)),
        f"the platform holds {repeated(texts)} of {where} more than once",
    )
    accepted = [event["command_id"] for event in frontend.events if event["kind"] == "accepted"]
    confirmed = [int(one.split("-")[1]) for one in accepted if fates.get(one) == ["confirmed"]]
    if confirmed != [int(text.split()[-1]) for text in texts]:
        findings.add(
            "out of order",
            1,
            f"{where}: its own words are not the commands confirmed, in the order accepted",
        )
    others = {command_id: fate for command_id, fate in fates.items() if set(fate) - {"confirmed"}}
    findings.add("not confirmed", len(others), f"{where}: {others}")


def judge_legacy(frontend: Frontend, record: list[Json], where: str, findings: Findings) -> None:
    """webchat confirms nothing and has no history: what may be missing is said (`uncertain`,
    `gap`), nothing comes twice.

    What the network still holds of a broken connection may arrive after what was sent on the next
    one, so the order of the guest's own words at the platform is not knowable. The sequence ids
    are: an agent's message that comes after one with a greater id is marked late."""
    _judge_seqs_and_fates(frontend, where, findings)
    numbers = [int(body["text"].split()[-1]) for body in record if body["direction"] == "Inbound"]
    findings.add(
        "doubled",
        len(repeated(numbers)),
        f"the platform holds {repeated(numbers)} of {where} more than once",
    )
    shown = [event["id"] for event in seen(frontend)]
    findings.add(
        "doubled", len(repeated(shown)), f"{where} was shown {repeated(shown)} more than once"
    )
    places = {body.get("sequenceId"): n for n, body in enumerate(record)}
    order = [
        places[event["id"]]
        for event in seen(frontend)
        if not event["late"] and event["id"] in places
    ]
    if order != sorted(order):
        findings.add("out of order", 1, f"{where}: agents' messages, and not marked late")
    ended = [
        event
        for event in frontend.events
        if event["kind"] == "session" and event["state"] == "ended"
    ]
    findings.add("ended", len(ended), f"{where}: {ended}")


def _judge_seqs_and_fates(
    frontend: Frontend, where: str, findings: Findings
) -> dict[str, list[str]]:
    seqs = [event["seq"] for event in frontend.events]
    if seqs != list(range(1, len(seqs) + 1)):
        findings.add("holes", 1, f"{where}: holes or repetitions in seq")
    fates: dict[str, list[str]] = {}
    for event in frontend.events:
        if event["kind"] == "delivery":
            fates.setdefault(event["command_id"], []).append(event["status"])
    twice = {command_id: fate for command_id, fate in fates.items() if len(fate) > 1}
    findings.add("doubled", len(twice), f"{where} was told twice what became of {twice}")
    unsettled = frontend.answered - set(fates)
    findings.add(
        "lost", len(unsettled), f"{where}: acknowledged and never settled {sorted(unsettled)}"
    )
    return fates


def journaled(state: Path) -> dict[str, list[Json]]:
    """By guest, all that the journal holds. Read when the daemon is gone."""
    reader = sqlite3.connect(f"{(state / 'journal.sqlite3').as_uri()}?mode=ro", uri=True)
    try:
        rows = reader.execute(
            "SELECT s.name, e.payload FROM events e JOIN sessions s ON s.id = e.session ORDER BY"
            " e.session, e.seq"
        ).fetchall()
    finally:
        reader.close()
    found: dict[str, list[Json]] = {}
    for name, payload in rows:
        found.setdefault(name, []).append(json.loads(payload))
    return found


def judge_stream(
    events: list[Json], upto_seq: int, journal: list[Json], where: str, findings: Findings
) -> None:
    """A reader's stream is the journal's from its beginning, at least up to `upto_seq`."""
    kept = journal[: len(events)]
    if events != kept:
        at = next(
            (n for n, (one, other) in enumerate(zip(events, kept, strict=False)) if one != other),
            len(kept),
        )
        findings.add(
            "stream differs",
            1,
            f"{where} at event {at}: {events[at : at + 2]}; journal {kept[at : at + 2]}",
        )
    elif len(events) < upto_seq:
        findings.add("stream differs", 1, f"{where} has {len(events)} events of {upto_seq}")


def first_difference(frontend: Frontend, record: list[Json]) -> str:
    """What the platform and the frontend have around the first place where they differ."""
    shown = seen(frontend)
    pairs = list(zip(ids_of(record), [event["id"] for event in shown], strict=False))
    at = next((n for n, (one, other) in enumerate(pairs) if one != other), len(pairs))
    around = slice(max(0, at - 2), at + 6)
    platform = [
        (body["channel"]["time"], body["direction"], body["text"]) for body in record[around]
    ]
    seqs = [event["seq"] for event in shown[around]] or [0]
    keys = ("seq", "kind", "time", "direction", "text", "late", "state", "status")
    events = [
        {key: event[key] for key in keys if key in event}
        for event in frontend.events
        if seqs[0] <= event["seq"] <= seqs[-1]
    ]
    return f"at message {at}:\n  platform {platform}\n  frontend {events}"
