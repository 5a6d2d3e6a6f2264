"""Files among the texts, in all weathers, with crashes at any step: each message once, in order,
and no copy left behind."""

from __future__ import annotations

from random import Random

import pytest

from guestd.session.outbox import Outbox
from tests.thoroughness import runs

from .story import run


@pytest.mark.parametrize("seed", [*range(1, 1 + runs(13)), "drawn"])
def test_files_and_texts_arrive_once_and_in_order(seed):
    seed = Random().randrange(10**6) if seed == "drawn" else seed
    sim = run(seed, 400.0, pace_s=10.0, crash_every_s=60.0, file_share=0.5, gaps_max=8)
    fates = [
        event["status"]
        for one in sim.frontends
        for event in one.events
        if event["kind"] == "delivery" and event["command_id"] in one.files
    ]
    assert fates.count("confirmed") > 50, fates
    assert sim.storage.puts >= fates.count("confirmed")
    assert not sim.storage.copies, "every copy is gone when its command is settled"


def test_a_daemon_that_resends_files_blindly_after_a_restart_is_caught(monkeypatch):
    monkeypatch.setattr(Outbox, "doubt", lambda self, now, count: None)
    for seed in range(1, 13):
        try:
            run(seed, 200.0, pace_s=5.0, crash_every_s=30.0, file_share=1.0)
        except AssertionError:
            return
    pytest.fail("it was not noticed")
