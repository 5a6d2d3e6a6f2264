"""A guest in three steps: the queue is there, a contact, a conversation in the queue; never one of them twice (SESS-7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..model.errors import CommandError, PlatformError
from ..model.ids import fingerprint
from ..model.ports import PlatformAnswer
from .kind import Kind, id_of, succeeded
from .operation import Ask, Operation, Turn, Unreadable
from .requests import GuestRequest, Request

#: Signs a token for a guest id and its attributes (GUEST-1).
Sign = Callable[[str, Mapping[str, str]], str]


class GuestCreation(Kind):
    name = "guest"
    outcome = "guest.created"
    culprits: Mapping[str, str] = {"queue": "queueId", "conversation": "queueId"}

    def __init__(self, sign: Sign | None = None) -> None:
        self._sign = sign

    def begin(self, operation: Operation, request: Request) -> None:
        assert isinstance(request, GuestRequest)
        operation.step = "queue"
        operation.result = {"guest_id": request.guest_id, "queue_id": request.queue_id}
        token = request.guest_token
        if token is None:
            if self._sign is None:
                raise CommandError(
                    "guestToken: it is missing, and no keys are configured to sign one; give one", field="guestToken"
                )
            token = self._sign(request.guest_id, request.custom_attributes)
        operation.secrets = {"guest_token": token}
        operation.data = {"token_fingerprint": fingerprint(token)}

    def ask(self, operation: Operation, now_ms: int) -> Ask:
        queue = operation.result["queue_id"]
        match operation.step:
            case "queue":
                return Ask("queue.get", "guest.queue", path={"queueId": queue}, acts=False)
            case "contact":
                return Ask("contact.create", "guest.contact", body=_contact(operation), key=operation.key("contact"))
            case _:
                body = _conversation(operation)
                return Ask("conversation.create", "guest.conversation", body=body, key=operation.key("conversation"))

    def answered(self, operation: Operation, answer: PlatformAnswer, now_ms: int) -> Turn:
        match operation.step:
            case "queue":
                return Turn(step="contact")
            case "contact":
                operation.result["contact_id"] = id_of(answer.body, "contact")
                return Turn(step="conversation")
            case _:
                operation.result["conversation_id"] = id_of(answer.body, "conversation")
                return succeeded()

    def refused(self, operation: Operation, error: PlatformError, now_ms: int) -> Turn | None:
        """A contact of that guest is there already, from before: it is taken, not made twice."""
        if operation.step != "contact" or error.status != 409:
            return None
        operation.looking = True
        return Turn(problem={"code": "conflict", "message": str(error), "status": 409, "field": "guestId"})

    def look(self, operation: Operation) -> Ask | None:
        """A contact can be found by the guest's own id; a conversation's id is known to nobody but its maker."""
        if operation.step != "contact":
            return None
        query: dict[str, str | int] = {"externalContactId": operation.result["guest_id"]}
        return Ask("contact.find", "guest.contact", query=query, acts=False)

    def found(self, operation: Operation, answer: PlatformAnswer, now_ms: int) -> Turn | None:
        entities = answer.body.get("entities")
        if not isinstance(entities, list):
            raise Unreadable("the platform's answer has no list of contacts")
        mine = [one for one in entities if isinstance(one, dict) and _is_of(one, operation.result["guest_id"])]
        if not mine:
            return None
        operation.result["contact_id"] = id_of(mine[0], "contact")
        return Turn(step="conversation", facts=[("guest.contact", "success", {"found": True})])

    def end(self, operation: Operation, now_ms: int) -> Turn | None:
        raise CommandError("the creation of a guest cannot be ended; it ends by itself", code="conflict")

    def details(self, operation: Operation) -> dict[str, Any]:
        return {**operation.result, "guest_token_fingerprint": operation.data["token_fingerprint"]}


def _is_of(contact: dict[str, Any], guest_id: str) -> bool:
    return contact.get("externalContactId") == guest_id


def _contact(operation: Operation) -> dict[str, Any]:
    guest_id = operation.result["guest_id"]
    attributes = operation.request.get("customAttributes", {})
    return {
        "type": "webchat",
        "address": f"guest-{guest_id}",
        "externalContactId": guest_id,
        "customAttributes": {**attributes, "guestToken": operation.secrets["guest_token"]},
    }


def _conversation(operation: Operation) -> dict[str, Any]:
    queue = operation.result["queue_id"]
    skills = operation.request.get("skillRequirements", [])
    return {
        "contactId": operation.result["contact_id"],
        "routingData": {"queueId": queue, "skillRequirements": skills},
        "customAttributes": {"sessionToken": operation.secrets["guest_token"], "routingTarget": queue},
    }
