"""What the daemon and the emulator say of their sockets is what they do: every frame of real
conversations fits the AsyncAPI documents, which fit AsyncAPI's own schema; and the page on which
the control API is tried needs no other host."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from pathlib import Path

import aiohttp
import jsonschema_rs
import pytest

from guestd.api import asyncapi as simulator_document
from guestd.api import try_page
from guestd.api.frame_models import SENT_BY_FRONTENDS, SENT_BY_GUESTD
from guestd.api.frames import _READ
from guestd.emulator import DEFAULT_DEPLOYMENT_ID, Emulator
from guestd.emulator.core.records import SendFrame
from guestd.emulator.guest_api import asyncapi as platform_document
from guestd.emulator.guest_api import connection
from guestd.emulator.guest_api.actions import _ACTIONS

from .emulator_client import ask, configured, emulating, guest, say
from .frontend_client import frame, live, open_frontend

SCHEMA = Path(__file__).parents[1] / "structure" / "asyncapi" / "3.0.0.json"
DOCUMENTS = {"simulator": simulator_document.as_data, "platform": platform_document.as_data}
MENU = {
    "default": [
        {"typing_s": 0.01},
        {"quick_replies": {"text": "Which one?", "options": [["Track", "TRACK"]]}},
        {
            "text": "A card",
            "content": [
                {
                    "contentType": "Card",
                    "card": {"title": "Shop", "actions": [{"type": "Postback", "text": "Go"}]},
                }
            ],
        },
    ]
}


def strict(schema: object) -> object:
    """The schema as it would be if nothing else were allowed: a field that a document lacks would
    not be seen otherwise."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: strict(one) for name, one in schema.items()}
    if isinstance(found.get("properties"), dict) and "type" in found:
        found.setdefault("additionalProperties", False)
    return found


class Frames:
    """Judges frames by the schemas of a document, one of which must fit."""

    def __init__(self, document: dict, names: list[str]) -> None:
        schemas = strict(document["components"]["schemas"])
        self.seen: set[str] = set()
        self.validators = {
            name: jsonschema_rs.validator_for(
                {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
            )
            for name in names
        }

    def judge(self, found: object) -> None:
        fits = [name for name, one in self.validators.items() if one.is_valid(found)]
        assert fits, self.why(found)
        self.seen.update(fits)

    def why(self, found: object) -> str:
        problems = [
            f"{name}: {error.message} at {list(error.instance_path)}"
            for name, one in self.validators.items()
            for error in one.iter_errors(found)
        ]
        return f"{found}\n" + "\n".join(problems)


def operation_names(document: dict, action: str) -> list[str]:
    (operation,) = [one for one in document["operations"].values() if one["action"] == action]
    return [one["$ref"].rpartition("/")[2] for one in operation["messages"]]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_documents_fit_asyncapis_own_schema(name):
    validator = jsonschema_rs.validator_for(json.loads(SCHEMA.read_text()))
    assert [error.message for error in validator.iter_errors(DOCUMENTS[name]())] == []
    assert not validator.is_valid(DOCUMENTS[name]() | {"asyncapi": 3})


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_reference_in_the_documents_leads_somewhere(name):
    document = DOCUMENTS[name]()
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)):
        found = document
        for part in reference.split("/"):
            found = found[part]


class _Reading(dict):
    """A frame that remembers which fields were asked for."""

    def __init__(self, *given) -> None:
        super().__init__(*given)
        self.read: set[str] = set()

    def get(self, key, default=None):
        self.read.add(key)
        return super().get(key, default)


EXAMPLES = {
    "withdraw": {"target": "u1"},
    "link": {"attachment_id": "a1"},
    "typing": {},
    "end": {},
}


@pytest.mark.parametrize("action", _READ)
def test_a_frames_model_has_the_fields_that_are_read(action):
    model = SENT_BY_FRONTENDS[action]
    example = (model.model_json_schema().get("examples") or [EXAMPLES.get(action, {})])[0]
    given = _Reading(example)
    _READ[action](given, "c1")
    assert given.read == set(model.model_fields) - {"action", "command_id"}
    model.model_validate({"action": action, **example})


def test_every_action_of_the_simulator_and_of_the_platform_is_described():
    assert set(SENT_BY_FRONTENDS) == {*_READ, "guest"}
    assert set(platform_document.REQUESTS) == set(_ACTIONS)


async def test_every_frame_of_a_frontends_conversations_fits_the_document(new_stack, tmp_path):
    document = simulator_document.as_data()
    sent = Frames(document, operation_names(document, "receive"))
    got = Frames(document, operation_names(document, "send"))

    async def talk(socket, **command) -> None:
        sent.judge(command)
        await socket.send(json.dumps(command))

    async def until(socket, **wanted) -> dict:
        async with asyncio.timeout(10.0):
            while True:
                found = json.loads(await socket.recv())
                got.judge(found)
                if all(found.get(key) == value for key, value in wanted.items()):
                    return found

    async with new_stack(emulator={"agent": MENU}) as stack:
        async with open_frontend(stack, "?details=first_frame&guest=ana") as socket:
            await talk(socket, action="guest", name="Ana Müller", metadata={"tier": "gold"})
            await until(socket, kind="session", state="live")
            await talk(socket, action="context", data={"page": "/cart"}, command_id="x1")
            await until(socket, command_id="x1", ok=True)
            await talk(socket, action="typing")
            await talk(socket, action="send", text="hello", command_id="c1", when_down="queue")
            offered = await until(socket, kind="message", direction="Outbound")
            await until(socket, kind="message", text="A card")
            await talk(
                socket, action="reply", text="Track", payload="TRACK", in_reply_to=offered["id"]
            )
            await until(socket, kind="delivery")
            upload = {"filename": "a.txt", "contentType": "text/plain", "buffer": "SGVsbG8="}
            await talk(socket, action="upload", command_id="u1", **upload)
            uploaded = await until(socket, kind="attachment", status="uploaded")
            await until(socket, kind="delivery", command_id="u1")
            file_id = uploaded["attachment_id"]
            await talk(socket, action="link", attachment_id=file_id, command_id="l1")
            assert (await until(socket, command_id="l1"))["result"]["url"]
            await talk(socket, action="withdraw", target="u1", command_id="w1")
            assert (await until(socket, command_id="w1"))["code"] == "not_found"
            await socket.send('{"action": "dance"}')
            assert (await until(socket, code="unknown_action"))["field"] == "action"
            await talk(socket, action="resume", since=0, command_id="r1")
            await until(socket, command_id="r1", ok=True)
            token = next(iter(stack.emulator.world.sessions))
            world = stack.emulator.world
            stack.emulator.perform(
                world.agent_disconnects(world.sessions[token], stack.emulator.now())
            )
            await until(socket, kind="presence")
            await talk(socket, action="end")
            await until(socket, kind="session", state="ended")
    assert sent.seen == set(SENT_BY_FRONTENDS[one].__name__ for one in SENT_BY_FRONTENDS)
    assert {one.__name__ for one in SENT_BY_GUESTD} - got.seen == {"LaggingFrame"}
    assert {"MessageEvent", "TypingEvent", "AttachmentEvent", "PresenceEvent"} <= got.seen


@pytest.fixture
def recorded(monkeypatch):
    """Every frame of the platform's guest socket, both ways, judged."""
    document = platform_document.as_data()
    asked = Frames(document, operation_names(document, "receive"))
    answered = Frames(document, operation_names(document, "send"))
    perform, receive = Emulator.perform, connection.receive_guest_frame

    def judged_perform(self, effects):
        for effect in effects:
            if type(effect) is SendFrame:
                answered.judge(effect.frame)
        perform(self, effects)

    def judged_receive(world, connection_id, text, now):
        asked.judge(json.loads(text))
        return receive(world, connection_id, text, now)

    monkeypatch.setattr(Emulator, "perform", judged_perform)
    monkeypatch.setattr(connection, "receive_guest_frame", judged_receive)
    return asked, answered


async def test_every_frame_of_the_platforms_socket_fits_the_document(recorded, new_stack):
    """guestd's own requests, then those of another client."""
    asked, answered = recorded
    async with (
        new_stack(emulator={"agent": MENU}) as stack,
        open_frontend(stack, "?guest=ana") as socket,
    ):
        await live(socket)
        await socket.send('{"action": "context", "data": {"page": "/cart"}}')
        await socket.send('{"action": "typing"}')
        await socket.send('{"action": "send", "text": "hello"}')
        await frame(socket, kind="message", text="A card")
        reply = {"action": "reply", "text": "Track", "payload": "TRACK"}
        await socket.send(json.dumps(reply))
        await frame(socket, kind="message", direction="Inbound", text="Track")
        upload = {"filename": "a.txt", "contentType": "text/plain", "buffer": "SGVsbG8="}
        await socket.send(json.dumps({"action": "upload", **upload}))
        await frame(socket, kind="attachment", status="uploaded")
        await frame(socket, kind="delivery", status="confirmed")
        await socket.send('{"action": "end"}')
        await frame(socket, kind="session", state="ended")
    assert {"configureSession", "onMessage", "onAttachment"} <= asked.seen

    async with (
        emulating() as emulator,
        guest(emulator) as socket,
    ):
        await configured(socket)
        for action, more in (
            ("getConfiguration", {"deploymentId": DEFAULT_DEPLOYMENT_ID}),
            ("getJwt", {}),
            ("echo", {"message": {"type": "Text", "text": "ping"}}),
            ("echo", {}),
            ("echo", {}),  # one too many
            ("onAttachment", {"attachmentId": "mine", "fileName": "a.txt", "fileSize": 5}),
            ("onAttachment", {"fileName": "a", "fileSize": 5}),
            ("getAttachment", {"attachmentId": "nowhere"}),
            ("deleteAttachment", {"attachmentId": "mine"}),
            (
                "configureAuthenticatedSession",
                {"deploymentId": DEFAULT_DEPLOYMENT_ID, "data": {"code": "x"}},
            ),
        ):
            await ask(socket, action, **more)
        await say(socket, "hello")
        clear = {"eventType": "Presence", "presence": {"type": "Clear"}}
        await ask(socket, "onMessage", message={"type": "Event", "events": [clear]})
    async with emulating() as emulator, guest(emulator) as socket:
        await configured(socket)
        await ask(socket, "closeSession", closeAllConnections=True)
    assert asked.seen == set(platform_document.REQUESTS)
    assert {"SessionClearedEvent", "ConnectionClosedEvent"} <= answered.seen
    never = set(platform_document.BODIES) - answered.seen
    assert never == {"UploadFailureEvent", "SessionExpiredEvent", "LogoutEvent"}


FILES = Path(try_page.__file__).parent
#: Of swagger-ui-dist 5.35.0, unchanged.
HASHES = {
    "swagger-ui-bundle.js": "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
    "swagger-ui.css": "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d",
}


@pytest.mark.parametrize("name", HASHES)
def test_the_library_of_the_page_is_the_published_one(name):
    content = (FILES / "swagger-ui" / name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == HASHES[name]
    assert "Apache License" in (FILES / "swagger-ui" / "LICENSE").read_text()


class TestTryPage:
    async def test_the_page_and_its_files_are_served_without_a_token(self, new_stack):
        token = {"token": "a-token-of-enough-length"}
        async with (
            new_stack(control=token) as stack,
            aiohttp.ClientSession(stack.http.url) as session,
        ):
            async with session.get("/docs") as answer:
                page = await answer.text()
                policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy and "http" not in policy
            wanted = re.findall(r'(?:href|src)="([^"]+)"', page)
            assert set(wanted) - {"data:,"} == {
                path.lstrip("/") for path in try_page.FILES if path != "/docs"
            }
            for path in try_page.FILES:
                async with session.get(path) as answer:
                    assert answer.status == 200 and await answer.read()
                    assert answer.headers["X-Content-Type-Options"] == "nosniff"
            async with session.get("/v1/openapi.json") as answer:
                assert answer.status == 401

    async def test_both_sockets_are_described_beside_the_api(self, new_stack, client_of):
        async with new_stack() as stack, client_of(stack) as client:
            status, found, _ = await client.get("/v1/asyncapi.json")
            assert status == 200 and found == simulator_document.as_data()
            status, found, _ = await client.get("/v1/asyncapi-platform.json")
            assert (status, found["code"]) == (404, "not_configured"), "none was given here"
            url = f"{stack.emulator.url}/__emulator/asyncapi"
            async with client.session.get(url) as answer:
                assert await answer.json() == platform_document.as_data()
