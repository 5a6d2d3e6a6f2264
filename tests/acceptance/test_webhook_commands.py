"""`guestd webhooks listen` and `test`: a receiver and a daemon on one machine, as a developer sets
them up."""

from __future__ import annotations

import json
import signal
import tomllib
import urllib.error
import urllib.request

import pytest

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


def test_a_receiver_with_a_secret_refuses_what_does_not_verify(run, config, tmp_path):
    shared = tmp_path / "crm.secret"
    shared.write_text("a secret of forty characters, or nearly so")
    listener = run(
        "webhooks", "listen", "--port", "0", "--secret-file", str(shared), "--status", "202"
    )
    right = target_of(listener)
    assert run("webhooks", "test", "-c", config(right)).wait() == 0
    assert "signature good" in listener.until("webhook.test")
    wrong = right.replace(f"file:{shared}", "another secret of forty characters or so")
    refused = run("webhooks", "test", "-c", config(wrong))
    assert refused.wait() == 1 and "failed: answered 401" in "\n".join(refused.out)
    listener.until("NOT VERIFIED: no signature fits")
    as_json = run("webhooks", "test", "-c", config(wrong), "--json")
    assert as_json.wait() == 1
    (found,) = map(json.loads, as_json.out)
    assert (found["delivered"], found["reason"]) == (False, "answered 401")
    url = tomllib.loads(right)["webhooks"]["targets"][0]["url"]
    with pytest.raises(urllib.error.HTTPError) as unsigned:
        urllib.request.urlopen(url, data=b"{}")
    with unsigned.value as answer:
        assert answer.code == 401
    listener.until("NOT VERIFIED: it is not signed")


def test_what_is_wrong_with_a_test_is_said(run, config):
    program = run("webhooks", "test", "-c", config(""))
    assert program.wait() == 78 and program.said("webhooks.targets")
