"""The comparison of the long runs sees what it is there to see."""

from __future__ import annotations

from random import Random

import pytest

from .comparison import Findings, judge, judge_legacy, judge_stream
from .frontends import Frontend

TIMES = ("10:00:00.001Z", "10:00:00.002Z", "10:00:00.002Z", "10:00:00.004Z")


def body(n: int) -> dict:
    direction = "Inbound" if n % 2 == 0 else "Outbound"
    return {
        "id": f"m{n}",
        "channel": {"time": TIMES[n]},
        "direction": direction,
        "text": f"says {n}",
        "sequenceId": f"m{n}",
    }


RECORD = [body(n) for n in range(4)]


def frontend_that_saw(*ids: str, late: tuple[str, ...] = ()) -> Frontend:
    """One whose two messages, 0 and 2, were accepted and confirmed."""
    frontend = Frontend("", "g", Random(1))
    commands = [("g-0", "accepted", {}), ("g-2", "accepted", {})]
    commands += [(one, "delivery", {"status": "confirmed"}) for one in ("g-0", "g-2")]
    frontend.events = [{"kind": kind, "command_id": one, **more} for one, kind, more in commands]
    frontend.events += [{"kind": "message", "id": one, "late": one in late} for one in ids]
    for seq, event in enumerate(frontend.events, 1):
        event["seq"] = seq
    frontend.answered = {"g-0", "g-2"}
    return frontend


def counts(frontend: Frontend, record=RECORD, by=judge) -> dict[str, int]:
    findings = Findings()
    by(frontend, record, "here", findings)
    return dict(findings.counts)


def test_all_in_order_is_no_finding():
    assert counts(frontend_that_saw("m0", "m1", "m2", "m3")) == {}


@pytest.mark.parametrize(
    ("ids", "found"),
    [
        (("m0", "m1", "m3"), {"lost": 1}),
        (("m0", "m1", "m1", "m2", "m3"), {"doubled": 1, "out of order": 1}),
        (("m0", "m2", "m1", "m3"), {"out of order": 1}),
        (("m0", "m1", "m2", "m3", "m9"), {"invented": 1}),
    ],
)
def test_what_is_wrong_is_counted(ids, found):
    assert counts(frontend_that_saw(*ids)) == found


def test_one_of_equal_time_may_come_after_its_place_if_it_is_marked_late():
    assert counts(frontend_that_saw("m0", "m2", "m1", "m3", late=("m1",))) == {}


def test_a_doubled_message_at_the_platform_is_counted():
    record = [*RECORD, {**body(0), "id": "m4"}]
    assert counts(frontend_that_saw("m0", "m1", "m2", "m3", "m4"), record)["doubled"] == 1


def test_what_was_answered_and_never_settled_is_lost():
    frontend = frontend_that_saw("m0", "m1", "m2", "m3")
    frontend.answered.add("g-7")
    assert counts(frontend) == {"lost": 1}


def test_in_webchat_the_order_of_agents_messages_counts_and_late_ones_are_marked():
    assert counts(frontend_that_saw("m1", "m3"), by=judge_legacy) == {}
    assert counts(frontend_that_saw("m3", "m1"), by=judge_legacy) == {"out of order": 1}
    assert counts(frontend_that_saw("m3", "m1", late=("m1",)), by=judge_legacy) == {}


@pytest.mark.parametrize("seqs", [[1, 3], [2, 3], [1, 1, 2], [1, 2, 3, 4, 5], [1, 2]])
def test_a_stream_unlike_the_journal_is_counted(seqs):
    findings = Findings()
    judge_stream(
        [{"seq": seq} for seq in seqs], 3, [{"seq": seq} for seq in (1, 2, 3, 4)], "here", findings
    )
    assert findings.counts == {"stream differs": 1}


def test_a_stream_may_end_before_the_journal_does():
    findings = Findings()
    judge_stream(
        [{"seq": seq} for seq in (1, 2, 3)],
        3,
        [{"seq": seq} for seq in (1, 2, 3, 4)],
        "here",
        findings,
    )
    findings.check()
