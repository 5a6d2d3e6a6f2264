"""What is done to two daemons so that every canary flies, well and badly; and everywhere that is
listened."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
from base64 import b64encode
from functools import partial
from pathlib import Path

import aiohttp
from aiohttp import web

from guestd.emulator import DEFAULT_QUEUE_ID

from .canary_harness import (
    CanaryHarness,
    Child,
    Platform,
    command,
    listen,
    receive,
    refused_start,
    until,
)
from .conftest import Program

WIRE, JOURNAL, CONVERSATION, EXPORT = "wire", "journal file", "conversation", "journal export"
CONFIGURATION, SECRET_FILES, KEY_FILES = "configuration files", "secret files", "key files"
OPERATIONS, HEADS, BAD = "operations", "webhook heads", "bad configuration files"
ANSWERS = "answers"


class Story:
    def __init__(self, harness: CanaryHarness) -> None:
        self.harness = harness
        self.secret = harness.canaries
        self.places = harness.places

    async def tell(self) -> None:
        folder = self.harness.folder
        (folder / "journal").mkdir()
        emulator = Program(
            *("emulate", "--port", "0", "--no-limits", "--agent", "echo"),
            *("--oauth-client", f"canary-client:{self.secret['client secret']}"),
        )
        self.emulator = await asyncio.to_thread(emulator.url)
        self.platform = Platform(self.emulator, self.places)
        platform, self.api = await listen(self.platform.app())
        crm = web.Application()
        crm.router.add_route("*", "/{path:.*}", partial(receive, self.places))
        runner, self.crm = await listen(crm)
        try:
            await self._first_life(self._config("json"))
            await self._second_life(self._config("text"))
            await self._bad_configurations()
            await self._look_around()
        finally:
            await asyncio.to_thread(emulator.end)
            for one in (platform, runner):
                await one.cleanup()

    def _config(self, form: str) -> str:
        return self.harness.config(form, self.api, self.crm, self.emulator)

    # ------------------------------------------------------------------ two lives

    async def _first_life(self, config: str) -> None:
        """Everything goes well; then everything is refused; the guests outlive it."""
        daemon = await Child.start("serve", "-c", config)
        self.url = await daemon.url()
        try:
            async with aiohttp.ClientSession(self.url) as self.http:
                await self._converse()
                await self._history()
                await self._operate("good")
                self.platform.said_back = (self.secret["client secret"],)
                for status in (400, 401, 403, 409, 500):
                    self.platform.refusing = {"/api": status}
                    await self._operate(f"bad-{status}")
                self.platform.refusing = {"/oauth": 401}
                await self._post(f"{self.emulator}/__emulator/tokens/expire")
                await self._operate("no-token")
                self.platform.refusing = {}
                await self._misuse()
                await self._listen(daemon)
        finally:
            code = await daemon.end()
            self.places["log as JSON"] += daemon.out + daemon.err
        assert code == 0

    async def _second_life(self, config: str) -> None:
        """Revived, spoken to once more, and killed by a signal that leaves a dump."""
        daemon = await Child.start("serve", "-c", config)
        self.url = await daemon.url()
        try:
            async with aiohttp.ClientSession(self.url) as self.http:
                await self._live("ana")
                await self._ask(
                    "POST",
                    "/v1/sessions/ana/messages",
                    {"text": self.secret["message of the guest"]},
                )
                for status in (401, 403, 500):
                    self.platform.refusing = {"/api": status}
                    await self._operate(f"again-{status}")
                await self._history()
                self.platform.refusing = {}
                await self._listen(daemon)
                await self._ask("DELETE", "/v1/sessions/ben")
                await until(lambda: b"terminated" in self.places["webhook bodies"])
        finally:
            assert await daemon.end(signal.SIGABRT) == -signal.SIGABRT
            self.places["log as text, and the dump"] += daemon.out + daemon.err
        assert b"Fatal Python error: Aborted" in daemon.err

    # ------------------------------------------------------------------ what is done

    async def _converse(self) -> None:
        secret = self.secret
        await self._ask("POST", "/v1/sessions", {"name": "ben"})
        attributes = {"password": secret["custom attribute of a session"]}
        await self._ask("POST", "/v1/sessions", {"name": "ana", "attributes": attributes})
        await self._live("ana")
        attributes = {"pin": secret["custom attribute of a message"]}
        text = {"text": secret["message of the guest"], "attributes": attributes}
        await self._ask("POST", "/v1/sessions/ana/messages", text)
        context = {"context": {"secret": secret["frontend's context"]}}
        await self._ask("PUT", "/v1/sessions/ana/context", context)
        token = await self._token_of_ana()
        await self._post(
            f"{self.emulator}/__emulator/say",
            {"token": token, "text": secret["message of the agent"]},
        )
        await self._attach()
        await self._frontend()

    async def _token_of_ana(self) -> str:
        """As the emulator knows it."""
        async with aiohttp.ClientSession(self.emulator) as client:
            while True:
                async with client.get("/__emulator/state") as answer:
                    found = (await answer.json())["sessions"]
                tokens = [
                    one
                    for one, state in found.items()
                    if self.secret["message of the guest"] in str(state)
                ]
                if tokens:
                    self.platform.caught["session token"] = tokens[0]
                    return tokens[0]

    async def _attach(self) -> None:
        query = {"filename": "note.txt", "caption": self.secret["a file's caption"]}
        content = self.secret["a file's content"].encode()
        await self._ask(
            "POST", "/v1/sessions/ana/attachments", data=content, params=query, key="file-1"
        )
        async with asyncio.timeout(120.0):
            while (await self._ask("GET", "/v1/sessions/ana/commands/file-1"))[
                "status"
            ] != "confirmed":
                await asyncio.sleep(0.05)

    async def _frontend(self) -> None:
        """A frontend, that asks for a link and writes nonsense as well."""
        bad = self.secret["a frontend's malformed frame"]
        async with self.http.ws_connect("/?guest=ana&since=0") as socket:
            for frame in (
                f'{{"action": "send", "text": "{bad}"',
                f'{{"action": "send", "token": "{bad}", "text": 7}}',
                f'{{"action": "upload", "filename": "x", "contentType": "y", "buffer": "{bad}!"}}',
                f'{{"action": "{bad}"}}',
            ):
                await socket.send_str(frame)
                answer = await self._until_frame(socket, "error")
                self.places["problems"] += answer.encode()
            events = (await self._conversation("events"))["events"]
            file = next(one["attachment_id"] for one in events if one.get("attachment_id"))
            await socket.send_str(json.dumps({"action": "link", "attachment_id": file}))
            self.places["conversation"] += (await self._until_frame(socket, "result")).encode()

    async def _until_frame(self, socket, key: str) -> str:
        async with asyncio.timeout(120.0):
            while key not in json.loads(text := await socket.receive_str()):
                self.places["conversation"] += text.encode()
        return text

    async def _history(self) -> None:
        """Links break; what was said meanwhile is read up, with a JWT; also when that is
        refused."""
        for refusing in ({"/api/v2/webmessaging": 403}, {"/api/v2/webmessaging": 401}, {}):
            self.platform.refusing = refusing
            self.platform.caught.pop("JWT of the history", None)
            await self._post(f"{self.emulator}/__emulator/drop", {"all": True})
            await until(lambda: "JWT of the history" in self.platform.caught)
        await self._live("ana")

    async def _operate(self, name: str) -> None:
        """Every REST operation. The asker's webhookUrl has a key in it."""
        secret = self.secret
        key = secret["key in an operation's webhookUrl"]
        hook = {"webhookUrl": f"{self.crm}/?key={key}"}
        contact = {"guestId": f"guest-{name}", "queueId": DEFAULT_QUEUE_ID, **hook}
        contact["customAttributes"] = {"passphrase": secret["custom attribute of a contact"]}
        token = secret[
            "guest token of a contact" if name == "good" else "guest token that was refused"
        ]
        await self._start("guests", f"{name}-contact", {**contact, "guestToken": token})
        await self._start("guests", f"{name}-signed", {**contact, "guestId": f"signed-{name}"})
        session = {
            "guestToken": secret["guest token of a messaging session"],
            "queueId": DEFAULT_QUEUE_ID,
            **hook,
        }
        begun = await self._start("messaging-sessions", f"{name}-messaging", session)
        conversation = begun.get("result", {}).get(
            "conversation_id", "5f2c0e1a-0000-4000-8000-000000000000"
        )
        message = {"type": "text", "from": "agent", "text": secret["injected text"]}
        injection = {"interactionId": conversation, "messages": [message], **hook}
        await self._start("injections", f"{name}-injection", injection)
        prompt = {
            "conversationId": conversation,
            "promptId": "5f2c0e1a-0000-4000-8000-000000000000",
            "displaySettings": {
                "delayMs": 1000,
                "maxConcurrentPrompts": 1,
                "autoDismissMs": 10_000,
            },
            "contextData": {"secret": secret["prompt's context"]},
            **hook,
        }
        await self._start("prompts", f"{name}-prompt", prompt)
        await self._start(
            "adoption",
            f"{name}-adoption",
            {"interval": "2026-01-01T00:00:00Z/2026-02-01T00:00:00Z"},
        )

    async def _start(self, kind: str, name: str, wish: dict) -> dict:
        return await self._ask("POST", f"/v1/{kind}?wait=2s", {**wish, "operation_id": name})

    async def _misuse(self) -> None:
        """Wrong requests with secrets in them, and wrong people with secrets of their own."""
        secret = self.secret
        bad = secret["guest token in a bad request"]
        for wish in (
            {"guestToken": [bad]},
            {"guestToken": bad, "queueId": 7},
            {"guestToken": bad * 400},
            {bad: 1},
        ):
            await self._ask("POST", "/v1/guests", wish)
        malformed = f'{{"guestToken": "{secret["guest token in malformed JSON"]}", '
        for path in ("/v1/guests", "/v1/sessions", "/v1/sessions/ana/messages"):
            await self._ask("POST", path, data=malformed.encode(), type="application/json")
        await self._ask("GET", "/v1/sessions", params={"token": secret["value in a bad query"]})
        await self._ask("GET", "/v1/sessions", params={"limit": secret["value in a bad query"]})
        wrong = secret["a wrong API token"]
        for header in (f"Bearer {wrong}", f"Basic {b64encode(wrong.encode()).decode()}", wrong):
            await self._ask("GET", "/v1/sessions", authorization=header)
        await self._ask("GET", "/v1/sessions", cookie=secret["cookie of an asker"])

    # ------------------------------------------------------------------ what is heard

    async def _listen(self, daemon: Child) -> None:
        """Everything that can be asked, by HTTP and by command line, while it runs."""
        pid, folder = daemon.process.pid, self.harness.folder
        await until(lambda: b"injection.completed" in self.places["webhook bodies"])
        for path in (
            "/metrics",
            "/healthz",
            "/readyz",
            "/jwks",
            "/.well-known/jwks.json",
            "/v1/openapi.json",
        ):
            async with self.http.get(path) as answer:
                self.places["metrics, health and documents"] += await answer.read()
        for path in (
            "/v1/sessions",
            "/v1/sessions/ana",
            "/v1/webhooks/deliveries?status=delivered",
        ):
            await self._ask("GET", path)
        for path in (
            "/v1/operations",
            "/v1/guests/good-contact",
            "/v1/messaging-sessions/good-messaging",
        ):
            await self._ask("GET", path)
        await self._conversation("messages")
        await self._conversation("events")
        async with (
            aiohttp.ClientSession(self.emulator) as client,
            client.get("/__emulator/journal?limit=9999") as answer,
        ):
            self.places[WIRE] += await answer.read()
        self.places["/proc"] += _command_line(pid)
        names = [str(one) for one in folder.rglob("*")] + _open_files(pid)
        self.places["names of files"] += "\n".join(names).encode()
        there = {"GUESTDCTL_URL": self.url, "GUESTDCTL_TOKEN": self.secret["API token"]}
        for words in (
            ("list",),
            ("show", "guest", "good-contact"),
            ("show", "guest", "bad-403-contact"),
        ):
            for form in ((), ("--json",)):
                self.places["operations"] += await command(
                    "operations", *words, *form, code=None, **there
                )
        wrong = {**there, "GUESTDCTL_TOKEN": self.secret["a wrong API token"]}
        self.places["problems"] += await command("sessions", "list", code=1, **wrong)
        config = str(folder / "json.toml")
        for words in (
            ("webhooks", "list", "--dead", "--delivered", "--waiting"),
            ("journal", "info"),
        ):
            for form in ((), ("--json",)):
                self.places["commands"] += await command(*words, "-c", config, *form)
        for form in ((), ("--json",)):
            self.places["configuration shown"] += await command(
                "config", "show", "-c", config, *form
            )
            self.places["commands"] += await command("audit", "export", "-c", config, *form)
            keys = str(folder / "journal" / "keys")
            self.places["commands"] += await command("keys", "list", "-d", keys, *form, code=None)
        self.places[JOURNAL] += _journal(folder)

    async def _conversation(self, what: str) -> dict:
        async with self.http.get(
            f"/v1/sessions/ana/{what}?limit=1000", headers=self._headers()
        ) as answer:
            found = await answer.read()
            self.places["conversation"] += found
            if signed := re.search(rb"sig=([0-9a-zA-Z]+)", found):
                self.platform.caught["signature of presigned URLs"] = signed[1].decode()
            return json.loads(found)

    async def _bad_configurations(self) -> None:
        """Secrets where they cannot be read: every one is told by its key alone."""
        word, proxy = (
            self.secret["secret in a bad configuration"],
            self.secret["password of a proxy"],
        )
        good = (self.harness.folder / "json.toml").read_text()
        texts = [
            f'[api]\ntoken = ["{word}"]',
            f'[platform]\nclient_secret = ["{word}"]',
            f'[[platform]]\nclient_secret = "{word}"',
            f'[platform]\nclient_secret = {{value = "{word}"}}',
            f'[platform]\nproxy_url = ["http://me:{word}@proxy"]',
            f'[platform]\nproxy_url = "{word}@proxy"',
            f'[platform]\nclient_secrett = "{word}"',
            f'[webhooks]\noperation_secrets = "{word}"',
            f'[webhooks]\ntargets = ["{word}"]',
            f'[webhooks]\ntargets = "{word}"',
            (
                '[[webhooks.targets]]\nname = "a"\nurl ='
                f' "https://me:{word}@crm.example.org/"\nsecrets = ["{word}"]'
            ),
            f'[[webhooks.targets]]\nname = "a"\nurl = "{word}"\nsecrets = ["{word}"]',
            f'[[webhooks.targets]]\nname = "a"\nurl = 7\nsecrets = "{word}"',
            f'[webhooks]\ntargets = [[{{secrets = ["{word}"]}}]]',
            f'[[api]]\ntoken = "{word}"',
            f'[api]\ntoken = "{word} {word}"',
            f'[api]\ntoken = "{word}',
            f'api = "{word}"',
            f'platform = ["{word}"]',
            f'[identity]\ndirectory = ["{word}"]',
        ]
        for n, text in enumerate(texts):
            path = self.harness.folder / f"bad-{n}.toml"
            path.write_text(f"{text}\n")
            for form in ((), ("--json",)):
                self.places["configuration checked"] += await command(
                    "config", "check", "-c", str(path), *form, code=None
                )
            serve = ("serve", "-c", str(path), "--port", "0")
            self.places["configuration checked"] += await refused_start(*serve, code=78)
        environment = {
            "GUESTD_API__TOKEN": "short",
            "GUESTD_PLATFORM": word,
            "GUESTD_PLATFORM__NO_KEY": word,
        }
        self.places["configuration checked"] += await command(
            "config", "check", code=78, **environment
        )
        path = self.harness.folder / "proxy.toml"
        path.write_text(
            good.replace(
                "[platform]", f'[platform]\nproxy_url = "http://me:{proxy}@127.0.0.1:9/?{proxy}"'
            )
        )
        for form in ((), ("--json",)):
            self.places["configuration shown"] += await command(
                "config", "show", "-c", str(path), *form
            )

    async def _look_around(self) -> None:
        """What is left when everybody is gone."""
        folder = self.harness.folder
        config = str(folder / "json.toml")
        self.places[EXPORT] += await command("journal", "export", "-c", config)
        self.places["commands"] += await command("audit", "verify", "-c", config)
        self.places["commands"] += await command("journal", "check", "-c", config)
        self.places[JOURNAL] += _journal(folder)
        for path in (path for path in folder.rglob("*") if path.is_file()):
            found = path.read_bytes()
            self.places[_kind_of(path)] += found
            if b"PRIVATE KEY" in found:
                self.platform.caught["private key"] = found.decode().split("-----")[2].split()[3]

    # ------------------------------------------------------------------ asking

    def _headers(self, **more: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret['API token']}", **more}

    async def _ask(
        self,
        method,
        path,
        body=None,
        *,
        data=None,
        params=None,
        key="",
        authorization="",
        cookie="",
        type="",
    ):
        headers = self._headers(
            **({"Idempotency-Key": key} if key else {}), **({"Cookie": cookie} if cookie else {})
        )
        if authorization:
            headers["Authorization"] = authorization
        if data is not None:
            headers["Content-Type"] = type or "text/plain"
        async with self.http.request(
            method, path, json=body, data=data, params=params, headers=headers
        ) as answer:
            found = await answer.read()
            whole = str(dict(answer.headers)).encode() + found
            if answer.status >= 400:
                self.places["problems"] += whole
            elif any(
                f"/v1/{kind}" in path
                for kind in ("operations", "guests", "messaging", "injections", "prompts")
            ):
                self.places["operations"] += whole
            else:
                self.places["answers"] += whole
            return json.loads(found) if found else {}

    async def _post(self, url: str, body: dict | None = None) -> None:
        async with aiohttp.ClientSession() as client, client.post(url, json=body or {}) as answer:
            assert answer.status == 200, await answer.text()

    async def _live(self, guest: str) -> None:
        async with asyncio.timeout(120.0):
            while (await self._ask("GET", f"/v1/sessions/{guest}"))["state"] != "live":
                await asyncio.sleep(0.05)


def _command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def _open_files(pid: int) -> list[str]:
    """Without those that are closed between the list and the look at them."""
    found = []
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(str(one.readlink()))
    assert found
    return found


def _journal(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in (folder / "journal").glob("*.sqlite3*"))


def _kind_of(path: Path) -> str:
    if path.name.endswith(".toml"):
        return BAD if path.name.startswith("bad") else CONFIGURATION
    if "sqlite3" in path.name:
        return JOURNAL
    if path.name in ("client-secret", "api-token", "webhook-secret"):
        return SECRET_FILES
    return (
        KEY_FILES
        if "keys" in path.parts
        else "audit files"
        if "audit" in path.parts
        else "other files"
    )
