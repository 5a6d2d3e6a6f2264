"""`guestd webhooks listen` and `test`: a receiver and a daemon on one machine, as a developer sets
them up."""

from __future__ import annotations

import json
import signal

from .test_programs import converse

ASKED = '["message.sent", "message.received", "session.connected", "session.terminated"]'


def target_of(listener) -> str:
    """What the listener says is to be written into the configuration."""
    listener.until("allow_internal", listener.err)
    lines = list(listener.err)
    return "\n".join(lines[lines.index("[[webhooks.targets]]") :])


def test_a_developer_sees_a_conversation_arrive_with_the_guests_name(run, config):
    listener = run("webhooks", "listen", "--port", "0", "--json")
    path = config(f"{target_of(listener)}\nevents = {ASKED}\n")
    url = (daemon := run("serve", "-c", path, "--port", "0")).url()
    converse(url, name="ana", text="Where is my parcel?")
    listener.until('"message.received"')
    daemon.interrupt(signal.SIGTERM)
    assert daemon.wait() == 0
    listener.until('"session.terminated"')
    listener.interrupt()
    assert listener.wait() == 0
    got = [json.loads(line) for line in listener.out]
    assert all(one["verified"] and one["body"]["data"]["guest"] == "ana" for one in got)
    events = [one["event"] for one in got]
    assert events[0] == "session.connected" and events[-1] == "session.terminated"
    sent = next(one["body"] for one in got if one["event"] == "message.sent")
    assert sent["data"]["text"] == "Where is my parcel?" and sent["data"]["commandId"] == "c-ana"


def test_a_test_event_is_sent_to_the_targets_and_its_outcome_is_said(run, config):
    listener = run("webhooks", "listen", "--port", "0")
    path = config(target_of(listener))
    first = run("webhooks", "test", "-c", path, "--json")
    assert first.wait() == 0
    (found,) = map(json.loads, first.out)
    assert found["target"] == "local" and found["delivered"] is True
    line = listener.until("webhook.test")
    assert "signature good" in line
    path = config(target_of(listener).replace('secrets = ["', 'secrets = ["another '))
    assert run("webhooks", "test", "-c", path).wait() == 0, "it was taken, though not verified"
    listener.until("NOT VERIFIED")
    listener.interrupt()
    assert listener.wait() == 0
    refused = run("webhooks", "test", "-c", path)
    assert refused.wait() == 1 and "cannot be reached" in "\n".join(refused.out)


def test_what_is_wrong_with_a_test_is_said(run, config):
    program = run("webhooks", "test", "-c", config(""))
    assert program.wait() == 78 and program.said("webhooks.targets")
