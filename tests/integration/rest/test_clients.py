"""Several OAuth clients share the load: each with a token and a budget of its own (AUTH-1, AUTH-3,
HTTP-1, HTTP-2)."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from guestd.app.config import Config
from guestd.app.config_problems import ConfigProblems
from guestd.app.load_config import load_config
from guestd.app.wiring.endpoints import platform_target
from guestd.app.wiring.rest import oauth_clients
from guestd.model.errors import NotAuthenticated, RateLimited


def look(line, n):
    return line.calls.call("queue.get", path={"queueId": str(n)})


async def test_http_1_requests_are_spread_by_what_is_left_of_each_budget(new_line):
    async with new_line(clients={"one": 4, "two": 12}) as line:
        await asyncio.gather(*(look(line, n) for n in range(16)))
        assert Counter(line.script.clients_seen()) == {"one": 4, "two": 12}
        assert line.time.slept == []


async def test_auth_3_a_refused_client_does_not_stop_the_others(new_line):
    async with new_line(clients={"one": 100, "two": 100}) as line:
        line.script.refused_clients.add("one")
        await asyncio.gather(*(look(line, n) for n in range(20)))
        assert Counter(line.script.clients_seen()) == {"two": 20}


async def test_auth_3_all_clients_refused_is_told(new_line):
    async with new_line(clients={"one": 100, "two": 100}) as line:
        line.script.refused_clients |= {"one", "two"}
        with pytest.raises(NotAuthenticated, match="invalid client"):
            await look(line, 1)


async def test_http_1_a_client_told_to_wait_does_not_stop_the_others(new_line):
    async with new_line(clients={"one": 100, "two": 99}, rest={"attempts_max": 1}) as line:
        line.script.turns.append(line.script.say(429, None, Retry_After="8"))
        with pytest.raises(RateLimited):
            await look(line, 0)
        await asyncio.gather(*(look(line, n) for n in range(20)))
        line.time.at += 8.0
        await asyncio.gather(*(look(line, n) for n in range(80)))
        found = Counter(line.script.clients_seen()[1:21]), Counter(line.script.clients_seen()[21:])
        assert found[0] == {"two": 20} and found[1]["one"] > 40


@pytest.mark.parametrize("key", [f"op-{n}-contact" for n in range(6)])
async def test_http_2_all_tries_of_a_key_go_as_one_client_over_a_restart_too(new_line, key):
    """The platform remembers a key for each client apart."""
    used = set()
    for _ in range(2):
        async with new_line(clients={"one": 100, "two": 100, "three": 100}) as line:
            line.script.turns.extend([line.script.say(503)] * 2)
            await line.make("contact.create", idempotency_key=key)
            used |= set(line.script.clients_seen())
    assert len(used) == 1


async def test_http_2_keys_are_spread_over_the_clients(new_line):
    async with new_line(clients={"one": 100, "two": 100}) as line:
        for n in range(20):
            await line.make("contact.create", idempotency_key=f"op-{n}")
        assert set(line.script.clients_seen()) == {"one", "two"}


async def test_auth_3_the_key_of_a_refused_client_goes_as_another(new_line):
    async with new_line(clients={"one": 100, "two": 100}) as line:
        line.script.refused_clients.add("one")
        await look(line, 0)
        for n in range(10):
            await line.make("contact.create", idempotency_key=f"op-{n}")
        assert set(line.script.clients_seen()) == {"two"}


# ------------------------------------------------------------------ the configuration

LIST = """
[platform]
region = "mypurecloud.de"
deployment_id = "d"
[[platform.oauth_clients]]
id = "one"
secret = "canary-1"
requests_per_minute = 600
scope = "conversations:messaging"
[[platform.oauth_clients]]
id = "two"
secret = "file:{secret}"
"""


def test_auth_1_a_list_of_clients_is_read(tmp_path):
    (tmp_path / "secret").write_text("canary-2\n")
    (tmp_path / "guestd.toml").write_text(LIST.format(secret=tmp_path / "secret"))
    config = load_config(tmp_path / "guestd.toml", {})
    found = oauth_clients(config, platform_target(config, None))
    reported = [
        (one.client.id, one.secret, one.client.requests_per_minute, one.client.scope or "")
        for one in found
    ]
    assert reported == [
        ("one", "canary-1", 600, "conversations:messaging"),
        ("two", "canary-2", None, ""),
    ]
    assert "canary" not in repr(config) + repr(found)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (
            "client_id = 'c'\nclient_secret = 's'",
            "platform.oauth_clients: stands beside platform.client_id",
        ),
        ("scope = 's'", "platform.scope: stands beside platform.oauth_clients"),
        ("", "platform.oauth_clients[1].id: is in the list twice"),
    ],
)
def test_auth_1_a_list_that_contradicts_itself_is_refused(tmp_path, more, expected):
    text = LIST.replace('deployment_id = "d"', f'deployment_id = "d"\n{more}').replace(
        "file:{secret}", "canary-2"
    )
    (tmp_path / "guestd.toml").write_text(
        text if more else text.replace('id = "two"', 'id = "one"')
    )
    with pytest.raises(ConfigProblems) as caught:
        load_config(tmp_path / "guestd.toml", {})
    assert expected in str(caught.value) and "canary" not in str(caught.value)


def test_auth_1_a_single_client_may_ask_for_a_scope():
    platform = {"client_id": "c", "client_secret": "s", "scope": "a:b c:d"}
    config = Config.model_validate({"platform": {"region": "mypurecloud.de", **platform}})
    (found,) = oauth_clients(config, platform_target(config, None))
    assert found.client.scope == "a:b c:d"
