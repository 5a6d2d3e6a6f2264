"""Clients that are refused: said in the log by the limit they met, without what is secret."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading

from aiohttp.test_utils import make_mocked_request

from guestd.api.client_log import PATH_CHARS_MAX, log_limit, log_token_refused
from guestd.api.origin_check import AccessRefusal
from guestd.api.refusal_log import RefusalLog
from guestd.api.settings import SimulatorSettings
from guestd.observe.log import configure_logging
from guestd.observe.metrics import Metrics


def test_a_limit_is_said_with_its_word(caplog):
    metrics = Metrics()
    metrics.on_refusal = log_limit
    metrics.count_refused_frontend("full")
    metrics.count_http_refused("connections_max")
    metrics.count_refused_frontend("address")  # said where the address is counted
    found = [one.fields for one in caplog.records]
    assert found == [
        {"event": "overload", "refused": "frontend", "reason": "full"},
        {"event": "overload", "refused": "request", "reason": "connections_max"},
    ]
    assert all(one.levelname == "WARNING" for one in caplog.records)


def test_a_refused_token_is_said_without_it_and_without_the_query(caplog):
    path = "/" + "x" * 500 + "?access_token=a-token-that-is-wrong"
    request = make_mocked_request("GET", path, {"Authorization": "Bearer another-wrong-token"})
    log_token_refused(request, "simulator.token", was_given=True)
    log_token_refused(request, "simulator.token", was_given=False)
    wrong, missing = (one.getMessage() for one in caplog.records)
    assert "another token than the one of simulator.token" in wrong
    assert "lacks the token of simulator.token" in missing
    for one in caplog.records:
        assert "wrong" not in one.getMessage() + str(one.fields)
        assert len(one.fields["path"]) == PATH_CHARS_MAX


def test_two_refused_pages_are_two_lines_though_they_come_together(monkeypatch):
    """Each is told once and never again, so the log must not take the second for a repetition."""
    ours = logging.getLogger("guestd")
    for name in ("handlers", "propagate"):
        monkeypatch.setattr(ours, name, getattr(ours, name))
    for name in ("handlers", "level"):
        monkeypatch.setattr(logging.getLogger(), name, getattr(logging.getLogger(), name))
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    stream = io.StringIO()
    log = configure_logging("info", "json", stream)
    logging.captureWarnings(False)
    refusals = RefusalLog(SimulatorSettings())
    for page in ("https://one.example.org", "https://two.example.org"):
        refusals.tell(AccessRefusal(403, "origin_refused", "", "origins_allowed", page))
    log.close()
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [one["origin"] for one in found] == [
        "https://one.example.org",
        "https://two.example.org",
    ]
    assert {one["event"] for one in found} == {"origin_refused"}
