"""The calls to the platform API, each with the user's request that causes it and how its outcome is
read."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import uuid4

from guestd.emulator import DEFAULT_QUEUE_ID

from .call_faults import Rule
from .harness import GUEST_TOKEN, Json, Stack

CONTACTS, MESSAGING = "/api/v2/externalcontacts/contacts", "/api/v2/conversations/messaging"
INTERACTIONS, PROMPTS = "/api/v2/interactions/chat", "/api/v2/agent-assist/prompt-injections"
#: An operation is over, or runs on by itself, long before.
WAIT = "20s"
#: Between two looks at what cannot be waited for: seldom, since fifty look at once.
POLL_S = 0.1
OUTCOMES = {"succeeded": "succeeded", "running": "open", "deferred": "deferred"}


def guest(guest_id: str) -> Json:
    return {"guestId": guest_id, "queueId": DEFAULT_QUEUE_ID, "guestToken": GUEST_TOKEN}


@dataclass
class Row:
    """`call` by name, `asked`: what the user does; `method` and `path`: what the fault applies
    to."""

    call: str
    asked: str
    method: str
    path: str
    sections: dict[str, Json] = field(default_factory=dict)

    async def prepare(self, stack: Stack) -> str:
        """Before the fault; gives what `ask` needs."""
        return ""

    async def ask(self, stack: Stack, prepared: str, lasting: bool) -> str:
        """What the user sees in the end, in a few words."""
        raise NotImplementedError  # each row asks in its own way

    def more_rules(self) -> list[Rule]:
        """What else must go wrong for this call to be made."""
        return []


@dataclass
class Operation(Row):
    """One that is begun by a POST. `makes`: the mutation of this call and the end of its
    idempotency key; "" for one that reads."""

    place: str = ""
    makes: tuple[str, str] = ("", "")
    DISPLAY: ClassVar[Json] = {"delayMs": 500, "maxConcurrentPrompts": 3, "autoDismissMs": 10_000}

    async def prepare(self, stack: Stack) -> str:
        match self.place:
            case "injections" | "prompts":
                _, found = await stack.ask("POST", "/v1/guests?wait=20s", guest(stack.new("guest")))
                return str(found["result"]["conversation_id"])
        if self.call == "oauth.token":
            stack.emulator.platform_api.clients.expire_all()
        if self.call == "contact.find":
            name = stack.new("known")
            await stack.ask("POST", "/v1/guests?wait=20s", guest(name))
            return name
        return stack.new("guest")

    def request(self, prepared: str) -> Json:
        match self.place:
            case "guests":
                return guest(prepared)
            case "messaging-sessions":
                return {"guestToken": GUEST_TOKEN, "queueId": DEFAULT_QUEUE_ID}
            case "injections":
                message = {"type": "text", "from": "agent", "text": "hello"}
                return {"interactionId": prepared, "messages": [message]}
            case "prompts":
                return {
                    "conversationId": prepared,
                    "promptId": str(uuid4()),
                    "displaySettings": self.DISPLAY,
                }
        return {"interval": "2026-01-01T00:00:00Z/2026-02-01T00:00:00Z"}

    async def ask(self, stack: Stack, prepared: str, lasting: bool) -> str:
        operation_id = stack.new("operation")
        wish = {**self.request(prepared), "operation_id": operation_id}
        await stack.ask("POST", f"/v1/{self.place}?wait={WAIT}", wish)
        while not _is_settled((await stack.ask("GET", f"/v1/{self.place}/{operation_id}"))[1]):
            await asyncio.sleep(POLL_S)
        stack.faults()
        outcome = outcome_of(*await stack.ask("POST", f"/v1/{self.place}", wish))
        self._compare_with_mutations(stack, operation_id, outcome)
        if outcome in ("deferred", "open"):
            await stack.ask("DELETE", f"/v1/{self.place}/{operation_id}")
        return outcome

    def _compare_with_mutations(self, stack: Stack, operation_id: str, outcome: str) -> None:
        what, end = self.makes
        made = stack.mutations(operation_id + end, what) if what else 0
        least, most = (
            (1, 1)
            if outcome in ("succeeded", "open")
            else (0, int(outcome.startswith("uncertain")))
        )
        assert not what or least <= made <= most, f"{outcome}, and {made} were made"

    def more_rules(self) -> list[Rule]:
        if self.call == "conversation.get":
            return [
                {
                    "kind": "http_status",
                    "status": 500,
                    "when": "after",
                    "every": 1,
                    "method": "POST",
                    "path": MESSAGING,
                }
            ]
        if self.call == "contact.find":
            return [
                {
                    "kind": "http_status",
                    "status": 409,
                    "every": 1,
                    "method": "POST",
                    "path": CONTACTS,
                }
            ]
        return []


def _is_settled(view: Json) -> bool:
    return view["status"] != "running" or view["step"] == "beat"


def outcome_of(status: int, found: Json) -> str:
    """In the words of the table. A problem must say what is wrong and what to do."""
    problem = found.get("problem") or {}
    if status >= 400:
        check_problem(found["code"], found["detail"])
        return f"failed: {status} {found['code']}"
    if found["status"] == "uncertain":
        check_problem(problem["code"], problem["message"])
        assert "check there before you try again" in problem["message"]
        return "uncertain"
    return OUTCOMES[found["status"]]


def check_problem(code: str, text: str) -> None:
    what, _, remedy = text.partition("; ")
    assert code and len(what) > 10 and len(remedy) > 5, (
        f"it does not say what to do: {code}: {text}"
    )
    assert "Traceback" not in text and "canary" not in text


@dataclass
class Beat(Row):
    async def prepare(self, stack: Stack) -> str:
        return await open_session(stack)

    async def ask(self, stack: Stack, prepared: str, lasting: bool) -> str:
        """The session goes on after it, or ends in an orderly way."""
        beats = conversation(stack, prepared).beats
        heard, delayed_before = len(beats), stack.delayed()
        while True:
            _, found = await stack.ask("GET", f"/v1/messaging-sessions/{prepared}")
            if found["result"].get("ended"):
                return f"the session ends: {found['result']['ended']}"
            if not lasting and stack.injected() and len(beats) > heard + 3:
                return "the session goes on"
            if (
                lasting and stack.delayed() > delayed_before + 3
            ):  # three failures would have ended it
                return "the session goes on, its heartbeats delayed"
            await asyncio.sleep(POLL_S)


@dataclass
class Goodbye(Row):
    async def prepare(self, stack: Stack) -> str:
        return await open_session(stack)

    async def ask(self, stack: Stack, prepared: str, lasting: bool) -> str:
        path = f"/v1/messaging-sessions/{prepared}"
        await stack.ask("DELETE", f"{path}?wait={WAIT}")
        while (found := (await stack.ask("GET", path))[1])["status"] == "running":
            await asyncio.sleep(POLL_S)
        assert found["result"]["ended"] == "asked"
        if found["status"] == "succeeded" and found["result"]["platform_told"]:
            return "succeeded"
        if found["status"] == "succeeded":
            return "succeeded, the platform not told"
        check_problem(found["problem"]["code"], found["problem"]["message"])
        return f"{found['status']}: {found['problem']['code']}"


async def open_session(stack: Stack) -> str:
    name = stack.new("session")
    wish = {"guestToken": GUEST_TOKEN, "queueId": DEFAULT_QUEUE_ID, "operation_id": name}
    status, found = await stack.ask("POST", "/v1/messaging-sessions?wait=20s", wish)
    assert status == 202 and found["step"] == "beat", found
    return name


def conversation(stack: Stack, name: str) -> Any:
    """The platform's own view of a messaging session."""
    return next(
        one
        for one in stack.emulator.platform_api.conversations
        if one.key == f"{name}-conversation"
    )
