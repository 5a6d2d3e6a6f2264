"""The admin API: a guest is found by name, nothing unknown is passed over, and it describes
itself."""

from __future__ import annotations

import asyncio
import json

import pytest

from guestd.app.config import Config
from guestd.app.wiring.endpoints import platform_target
from guestd.emulator import DEFAULT_DEPLOYMENT_ID, GUEST_HEADER
from guestd.model.ports import DialTarget

from .emulator_client import call, configured, emulating, guest

ONE, TWO = "c3a6e0a2-0000-4000-8000-000000000011", "c3a6e0a2-0000-4000-8000-000000000012"


async def control(emulator, path, **body):
    return await call(emulator, "POST", f"/__emulator/{path}", json=body)


async def joined(emulator, name, token):
    """A guest's socket whose client says for whom it is."""
    headers = {GUEST_HEADER: name} if name else {}
    socket = await guest(emulator, additional_headers=headers)
    frame = {"action": "configureSession", "token": token, "deploymentId": DEFAULT_DEPLOYMENT_ID}
    await socket.send(json.dumps(frame))
    assert "SessionResponse" in await asyncio.wait_for(socket.recv(), 30.0)
    return socket


async def test_an_agent_speaks_to_a_guest_by_name():
    async with emulating() as emulator:
        ana, bob = await joined(emulator, "ana", ONE), await joined(emulator, "b%40ob", TWO)
        status, _ = await control(emulator, "say", guest="ana", text="for ana")
        assert status == 200 and "for ana" in await asyncio.wait_for(ana.recv(), 30.0)
        status, _ = await control(emulator, "say", guest="b@ob", text="for bob")
        assert status == 200 and "for bob" in await asyncio.wait_for(bob.recv(), 30.0)
        status, _ = await control(emulator, "typing", which="last")
        assert status == 200 and "yping" in await asyncio.wait_for(bob.recv(), 30.0)
        _, state = await call(emulator, "GET", "/__emulator/state?guest=ana")
        assert [one["guest"] for one in state["sessions"].values()] == ["ana"]
        status, refused = await control(emulator, "say", guest="eve", text="x")
        assert (status, refused["remedy"]) == (404, "there are ana, b@ob")
        status, refused = await control(emulator, "say", text="x")
        assert status == 409 and "there are ana, b@ob" in refused["remedy"]
        status, refused = await control(emulator, "say", guest="ana", token=ONE, text="x")
        assert status == 400 and refused["field"] == "token"
        await bob.close()
        await asyncio.sleep(0.1)
        status, _ = await control(emulator, "say", text="alone")
        assert status == 200 and "alone" in await asyncio.wait_for(ana.recv(), 30.0)
        await ana.close()


async def test_the_only_guest_needs_no_name():
    async with emulating() as emulator:
        status, refused = await control(emulator, "say", text="x")
        assert status == 404 and refused["message"] == "there is no guest session"
        async with guest(emulator) as socket:
            await configured(socket)
            status, _ = await control(emulator, "say", text="hello")
            assert status == 200


@pytest.mark.parametrize(
    ("path", "body", "field", "remedy"),
    [
        ("say", {"quickReplies": []}, "quickReplies", "did you mean quick_replies?"),
        ("say", {"name": "ana"}, "name", "did you mean guest?"),
        ("typing", {"duration": 3}, "duration", "did you mean duration_ms?"),
        ("drop", {"everybody": True}, "everybody", "known are guest, session, token, which, all"),
        ("reset", {"x": 1}, "x", "send {}"),
        ("queues", {"id": "q", "answer_after": 1}, "answer_after", "did you mean answer_after_s?"),
        ("settings", {"token_life": 1}, "token_life", "did you mean token_life_s?"),
        ("faults", {"rules": [{"kind": "drop", "rat": 1}]}, "rules.0.rat", ""),
    ],
)
async def test_an_unknown_field_is_refused_everywhere(path, body, field, remedy):
    async with emulating() as emulator:
        status, refused = await control(emulator, path, **body)
        assert (status, refused["field"]) == (400, field)
        assert remedy in refused["remedy"]


async def test_an_unknown_query_parameter_is_refused():
    async with emulating() as emulator:
        status, refused = await call(emulator, "GET", "/__emulator/journal?limt=3")
        assert status == 400 and refused["remedy"] == "did you mean limit?"


async def test_the_index_describes_every_route_and_other_verbs_are_405():
    async with emulating() as emulator:
        for path in ("/__emulator", "/__emulator/"):
            status, index = await call(emulator, "GET", path)
            assert status == 200
        found = {(one["method"], one["path"]): one for one in index["routes"]}
        assert found["POST", "/__emulator/say"]["body"]["guest"]
        assert all(one["summary"] for one in index["routes"])
        for method, path in [("GET", "say"), ("DELETE", "state"), ("GET", "prompts/x")]:
            status, refused = await call(emulator, method, f"/__emulator/{path}")
            assert status == 405 and "GET /__emulator/ lists" in refused["remedy"]
        status, refused = await call(emulator, "GET", "/__emulator/stat")
        assert status == 404 and "did you mean /__emulator/state?" in refused["remedy"]
        status, up = await call(emulator, "GET", "/healthz")
        assert status == 200 and up["status"] == "up"
        status, entrance = await call(emulator, "GET", "/")
        assert status == 200 and entrance["admin"] == "/__emulator/"


async def test_the_index_is_guarded_like_all_of_the_admin_api():
    async with emulating() as emulator:
        for path in ("/__emulator", "/__emulator/", "/__emulator/none"):
            status, _ = await call(emulator, "GET", path, headers={"Host": "evil.test"})
            assert status == 421


async def test_faults_are_described_once_and_not_with_every_plan():
    async with emulating() as emulator:
        _, found = await call(emulator, "GET", "/__emulator/faults")
        assert found["fields"]["every"]["meaning"] and found["kinds"]["drop"]
        _, set_ = await control(emulator, "faults", rules=[{"kind": "drop", "count": 1}])
        assert "kinds" not in set_ and set_["rules"] == [
            {"id": "f1", "injected": 0, "kind": "drop", "count": 1}
        ]


def test_guestd_tells_the_name_to_an_emulator_and_not_to_the_platform():
    target = DialTarget("ws://x", (("Origin", "o"),), GUEST_HEADER)
    assert target.of_guest("b@ob").headers == (("Origin", "o"), (GUEST_HEADER, "b%40ob"))
    real = Config.model_validate({"platform": {"region": "mypurecloud.de", "deployment_id": "d"}})
    assert platform_target(real, None).is_emulator is False
    emulated = Config.model_validate({"platform": {"emulator": "http://localhost:1"}})
    assert platform_target(emulated, None).is_emulator is True
    assert DialTarget("ws://x").of_guest("ana") == DialTarget("ws://x")
