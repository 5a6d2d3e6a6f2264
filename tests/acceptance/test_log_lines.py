"""What an operator finds in the log: every line JSON, who lost the connection and came back, and
nothing of what guests say."""

from __future__ import annotations

import json
import re
import signal
import urllib.error

from websockets.sync.client import connect

from .test_programs import converse, get

TOKEN = "an-api-token-of-32-characters-xx"


def lines(program):
    return [json.loads(line) for line in program.err]


def test_every_line_is_json_and_says_who_lost_a_connection_and_came_back(run):
    program = run("serve", "--port", "0", env={"GUESTD_API__TOKEN": TOKEN})
    url = program.url()
    converse(url, name="ana", text="Where is my parcel fourty-two?")
    (emulator,) = re.findall(r"stands in at (http://[^\"]+)", "\n".join(program.err))
    get(f"{emulator}/__emulator/faults", seed=1, rules=[{"kind": "drop_out", "count": 1}])
    with connect(f"ws{url[4:]}/?guest=ana", proxy=None) as frontend:
        frontend.send('{"action": "send", "text": "still fourty-two", "command_id": "c2"}')
        program.until('"session_lost"', program.err)
        program.until('"session_back"', program.err)
    for _ in range(3):
        try:
            get(f"{url}/v1/sessions")
        except urllib.error.HTTPError as refused:
            assert refused.code == 401
    program.interrupt(signal.SIGTERM)
    assert program.wait() == 0
    found = lines(program)
    of_ana = [one for one in found if one.get("guest") == "ana"]
    events = [one["event"] for one in of_ana]
    assert events[:3] == ["session_opened", "session_joined", "session_lost"]
    assert "session_back" in events and events[-1] == "session_ended"
    assert len({one["session_id"] for one in of_ana}) == 1
    lost = of_ana[2]
    assert lost["level"] == "warning" and lost["cause"] == "lost" and lost["attempt"] == 1
    assert lost["host"] == emulator.removeprefix("http://") and lost["next_try_s"] >= 0
    (refused,) = (one for one in found if one.get("event") == "token_refused")
    assert refused["peer"] == "127.0.0.1" and refused["path"] == "/v1/sessions"
    everything = "\n".join(program.err)
    assert "fourty-two" not in everything and TOKEN not in everything
