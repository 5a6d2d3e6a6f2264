"""Faults that the emulator makes on purpose, by rule."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from .emulator_client import TOKEN, ask, call, configured, control, emulating, guest, say


class TestFaults:
    async def test_on_request_and_gone_again(self):
        async with emulating() as emulator, guest(emulator) as socket:
            await configured(socket)
            await call(
                emulator,
                "POST",
                "/__emulator/faults",
                json={"seed": 3, "rules": [{"kind": "throttle", "every": 1, "retry_after_s": 9}]},
            )
            answer = await say(socket, "hello")
            assert (answer["code"], answer["body"]["retryAfter"]) == (429, 9)
            assert not emulator.world.sessions[TOKEN].messages, "a throttled message was not taken"
            _, report = await call(emulator, "DELETE", "/__emulator/faults")
            assert report["rules"] == [] and report["injected"] == {"throttle": 1}
            assert (await say(socket, "hello"))["code"] == 200

    @pytest.mark.parametrize(
        ("rule", "frames"),
        [
            ({"kind": "duplicate"}, ["a", "a", "b"]),
            ({"kind": "mute"}, ["b"]),
            ({"kind": "delay", "ms": 50}, ["a", "b"]),
            ({"kind": "malformed"}, ["a", "?", "b"]),
            ({"kind": "malformed", "mode": "replace"}, ["?", "b"]),
            ({"kind": "binary"}, ["a", "?", "b"]),
        ],
        ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
    )
    async def test_what_a_fault_makes_of_the_telling(self, rule, frames):
        async with emulating(faults=({**rule, "count": 1},)) as emulator, guest(emulator) as socket:
            await configured(socket)
            for text in ("a", "b"):
                await control(emulator, "say", token=TOKEN, text=text)
            seen = []
            while len(seen) < len(frames):
                raw = await asyncio.wait_for(socket.recv(), 30.0)
                try:
                    seen.append(json.loads(raw)["body"]["text"])
                except (ValueError, UnicodeDecodeError):
                    seen.append("?")
            assert seen == frames
            assert [one["text"] for one in emulator.world.sessions[TOKEN].messages] == [
                "a",
                "b",
            ], "the record stays true"

    async def test_reorder_lets_later_ones_overtake(self):
        async with (
            emulating(faults=({"kind": "reorder", "count": 1, "ms": 400},), seed=1) as emulator,
            guest(emulator) as socket,
        ):
            await configured(socket)
            for text in ("a", "b", "c"):
                await control(emulator, "say", token=TOKEN, text=text)
            seen = [
                json.loads(await asyncio.wait_for(socket.recv(), 30.0))["body"] for _ in range(3)
            ]
            assert sorted(one["text"] for one in seen) == ["a", "b", "c"]
            assert [one["text"] for one in seen] != ["a", "b", "c"]

    async def test_equal_times(self):
        async with (
            emulating(faults=({"kind": "equal_times", "every": 2},)) as emulator,
            guest(emulator) as socket,
        ):
            await configured(socket)
            for text in "abcd":
                await control(emulator, "say", token=TOKEN, text=text)
            times = [json.loads(await socket.recv())["body"]["channel"]["time"] for _ in range(4)]
            assert len(set(times)) < 4 and times == sorted(times)

    @pytest.mark.parametrize(
        ("rule", "code"),
        [
            ({"kind": "close", "code": 1012}, 1012),
            ({"kind": "drop", "when": "before"}, 1006),
            ({"kind": "drop", "when": "after"}, 1006),
        ],
    )
    async def test_what_ends_the_link(self, rule, code):
        async with emulating() as emulator, guest(emulator) as socket:
            await configured(socket)
            await call(emulator, "POST", "/__emulator/faults", json=[{**rule, "count": 1}])
            await socket.send(
                json.dumps(
                    {
                        "action": "onMessage",
                        "token": TOKEN,
                        "message": {"type": "Text", "text": "x"},
                    }
                )
            )
            with pytest.raises(ConnectionClosed):
                while True:
                    await asyncio.wait_for(socket.recv(), 30.0)
            assert socket.close_code == code
            expected = 1 if rule.get("when") == "after" else 0
            assert len(emulator.world.sessions[TOKEN].messages) == expected

    @pytest.mark.parametrize("kind", ["kick", "expired_session"])
    async def test_what_ends_the_session(self, kind):
        async with emulating() as emulator, guest(emulator) as socket:
            await configured(socket)
            await call(emulator, "POST", "/__emulator/faults", json=[{"kind": kind, "count": 1}])
            await socket.send(json.dumps({"action": "getJwt", "token": TOKEN}))
            frame = json.loads(await asyncio.wait_for(socket.recv(), 30.0))
            assert (
                frame["class"]
                == {"kick": "ConnectionClosedEvent", "expired_session": "SessionExpiredEvent"}[kind]
            )

    async def test_rest_faults(self):
        async with emulating() as emulator, guest(emulator) as socket:
            await configured(socket)
            await say(socket, "hello")
            headers = {"Authorization": f"Bearer {(await ask(socket, 'getJwt'))['body']['jwt']}"}
            rules = [
                {"kind": "http_status", "count": 1, "status": 503},
                {"kind": "empty_history", "count": 1},
            ]
            await call(emulator, "POST", "/__emulator/faults", json=rules)
            answers = [
                await call(emulator, "GET", "/api/v2/webmessaging/messages", headers=headers)
                for _ in range(3)
            ]
            assert answers[0][0] == 503
            assert answers[1][1]["entities"] == [] and answers[1][1]["total"] == 1
            assert len(answers[2][1]["entities"]) == 1

    async def test_a_refused_upgrade(self):
        async with emulating(
            faults=({"kind": "refuse_upgrade", "count": 1, "status": 503},)
        ) as emulator:
            with pytest.raises(InvalidStatus) as refused:
                async with guest(emulator):
                    pass
            assert refused.value.response.status_code == 503
            async with guest(emulator) as socket:
                await configured(socket)
