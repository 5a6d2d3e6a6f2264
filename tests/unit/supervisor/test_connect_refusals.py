"""A connect that the platform answers otherwise has a line in the audit."""

from __future__ import annotations

from types import SimpleNamespace

from guestd.model.endings import Cause, Ending
from guestd.supervisor.connector import Connector


def test_audit_1_a_refused_upgrade_has_a_line_and_what_had_no_answer_has_none():
    told = []
    connector = Connector.__new__(Connector)
    connector._note = lambda *fact: told.append(fact)
    machine = SimpleNamespace(connection=SimpleNamespace(attempt=2))
    runner = SimpleNamespace(session_id="g1", token="", machine=machine)
    for ending in (
        Ending(Cause.UPGRADE_REFUSED, 429, "busy", 7.0),
        Ending(Cause.UPGRADE_REFUSED, 503),
        Ending(Cause.UNREACHABLE),
    ):
        connector._tell_of_refusal(runner, ending, 0.25)
    common = {"session_id": "g1", "attempt": 3, "latency_ms": 250.0}
    common["error_code"] = "upgrade_refused"
    limit = {"retry_after_s": 7.0, "rate_limited": True}
    messages = [facts.pop("error_message") for _, _, facts in told]
    meaning = "the upgrade was answered with another status; it is told"
    assert (messages, told) == (
        [f"upgrade_refused 429 (busy): {meaning}", f"upgrade_refused 503: {meaning}"],
        [
            ("session.connect", "failed", {**common, "error_status": 429, **limit}),
            ("session.connect", "failed", {**common, "error_status": 503}),
        ],
    )
