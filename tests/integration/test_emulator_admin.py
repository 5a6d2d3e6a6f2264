"""The emulator's admin API: what a test sees and does behind the platform's back."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.exceptions import ConnectionClosed

from .emulator_client import TOKEN, call, configured, control, emulating, guest, say


class TestControl:
    async def test_state_say_and_reset(self):
        async with emulating() as emulator, guest(emulator) as socket:
            await configured(socket)
            await say(socket, "hello")
            answer = await control(
                emulator,
                "say",
                token=TOKEN,
                text="hi",
                nickname="Leo",
                quick_replies=[["Yes", "Y"]],
            )
            pushed = json.loads(await socket.recv())
            assert (
                pushed["body"]["id"] == answer["id"]
                and pushed["body"]["content"][0]["quickReply"]["payload"] == "Y"
            )
            _, state = await call(emulator, "GET", f"/__emulator/state?token={TOKEN}")
            assert [one["text"] for one in state["sessions"][TOKEN]["messages"]] == ["hello", "hi"]
            assert [
                one["text"] for one in state["sessions"][TOKEN]["conversations"][0]["messages"]
            ] == ["hello", "hi"]
            await control(emulator, "reset")
            _, state = await call(emulator, "GET", "/__emulator/state")
            assert state == {"sessions": {}, "connections": 0}
            with pytest.raises(ConnectionClosed):
                await socket.recv()

    async def test_typing_disconnect_logout_expire(self):
        async with emulating() as emulator, guest(emulator) as socket:
            await configured(socket)
            await say(socket, "hello")
            await control(emulator, "typing", token=TOKEN, duration_ms=700)
            assert json.loads(await socket.recv())["body"]["events"][0]["typing"] == {
                "type": "On",
                "duration": 700,
            }
            await control(emulator, "disconnect", token=TOKEN, mode="ReadOnly")
            assert json.loads(await socket.recv())["body"]["metadata"]["readOnly"] == "true"
            await control(emulator, "logout", token=TOKEN)
            assert json.loads(await socket.recv())["class"] == "LogoutEvent"
            await control(emulator, "expire", token=TOKEN)
            assert json.loads(await socket.recv())["class"] == "SessionExpiredEvent"

    @pytest.mark.parametrize(("how", "code"), [("abort", 1006), ("close", 4321)])
    async def test_drop(self, how, code):
        async with emulating() as emulator, guest(emulator) as socket:
            await configured(socket)
            assert await control(emulator, "drop", all=True, how=how, code=4321) == {"dropped": 1}
            with pytest.raises(ConnectionClosed):
                await socket.recv()
            assert socket.close_code == code

    async def test_half_open_is_silence(self):
        async with emulating() as emulator, guest(emulator, close_timeout=0.2) as socket:
            await configured(socket)
            await control(emulator, "drop", token=TOKEN, how="half_open")
            await socket.send('{"action":"echo"}')
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(socket.recv(), 0.3)

    async def test_limits_and_agent_can_be_changed_while_it_runs(self):
        async with emulating() as emulator, guest(emulator) as socket:
            await configured(socket)
            await control(emulator, "settings", limits="off", agent="echo")
            await say(socket, "hello")
            assert (
                json.loads(await asyncio.wait_for(socket.recv(), 30.0))["body"]["text"] == "hello"
            )
            _, body = await call(emulator, "GET", "/__emulator/settings")
            assert body["limits"]["messages_per_session_per_s"] is None

    async def test_any_setting_can_be_changed_while_it_runs(self):
        async with emulating() as emulator, guest(emulator) as socket:
            await configured(socket)
            changes = {
                "deployment": {"agent_typing": False},
                "token_life_s": 7,
                "queues": [{"id": "second"}],
            }
            _, body = await call(emulator, "POST", "/__emulator/settings", json=changes)
            values = {one["key"]: one["value"] for one in body["settings"]}
            await control(emulator, "typing", token=TOKEN)
            await control(emulator, "say", token=TOKEN, text="not typing")
            heard = json.loads(await socket.recv())
            found = values["deployment.agent_typing"], values["token_life_s"], heard["body"]["text"]
            assert found == (False, 7, "not typing")
            assert emulator.platform_api.queues.named("second", "queue").name == "Support"

    @pytest.mark.parametrize(
        ("changes", "field", "remedy"),
        [
            (
                {"limits": {"text_bytes": 0}},
                "limits.text_bytes",
                "it must be: integer or null, at least 1",
            ),
            ({"port": 1}, "port", "give it to guestd emulate --set port=VALUE"),
            ({"colour": 1}, "colour", "see the list of settings"),
        ],
    )
    async def test_a_setting_that_is_refused_says_key_and_bound(self, changes, field, remedy):
        async with emulating() as emulator:
            status, body = await call(emulator, "POST", "/__emulator/settings", json=changes)
            assert (status, body["field"], body["remedy"]) == (400, field, remedy)

    async def test_counters_and_journal(self):
        async with emulating() as emulator, guest(emulator) as socket:
            await configured(socket)
            await say(socket, "hello")
            _, counters = await call(emulator, "GET", "/__emulator/counters")
            assert (
                counters["connects_total"] == 1
                and counters["connects_most_in_a_minute"] == 1
                and counters["sessions"] == 1
            )
            _, journal = await call(emulator, "GET", f"/__emulator/journal?token={TOKEN}")
            assert [json.loads(one["text"])["action"] for one in journal["entries"]] == [
                "onMessage"
            ]

    @pytest.mark.parametrize(
        ("path", "body", "status", "field"),
        [
            ("say", {"token": "none", "text": "x"}, 404, "token"),
            ("say", {"token": TOKEN}, 400, "text"),
            ("say", {"token": TOKEN, "text": 7}, 400, "text"),
            ("say", {"token": TOKEN, "text": "x" * 4001}, 400, "text"),
            ("say", {"token": TOKEN, "text": "x", "quick_replies": ["a"]}, 400, "quick_replies"),
            ("disconnect", {"token": TOKEN, "mode": "loud"}, 400, "mode"),
            ("drop", {"all": True, "how": "gently"}, 400, "how"),
            ("drop", {"all": True, "code": 5}, 400, "code"),
            ("faults", [{"kind": "meteor", "rate": 1}], 400, "rules.0"),
            ("settings", {"limits": {"speed": 1}}, 400, "limits.speed"),
            ("settings", {"agent": "nobody"}, 400, "agent"),
            ("settings", {"colour": 1}, 400, "colour"),
        ],
    )
    async def test_bad_orders_name_their_field(self, path, body, status, field):
        async with emulating() as emulator, guest(emulator) as socket:
            await configured(socket)
            found, answer = await call(emulator, "POST", f"/__emulator/{path}", json=body)
            assert (found, answer["field"]) == (status, field), answer

    async def test_a_body_that_is_no_json(self):
        async with emulating() as emulator:
            for path in ("say", "faults", "drop"):
                assert (await call(emulator, "POST", f"/__emulator/{path}", data=b"[" * 100_000))[
                    0
                ] == 400
