"""Creates a guest in three steps: check the queue, create a contact, create a conversation in the
queue; each exactly once (SESS-7).

A returning guest already has a contact: whether the platform answers 409 or returns it again, it is
found by its external id or address and used. A token of ours that is about to expire before a step
begins, or that the platform rejects (a key was rotated, a clock differs), is signed anew: before
the step's first attempt, or after a refusal, so that an attempt that may have acted never
changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from ..model.errors import GUEST_TOKEN, CommandError, PlatformError
from ..model.ids import fingerprint
from ..model.ports import PlatformAnswer
from .failure_policy import problem_of
from .operation import InvalidPlatformAnswer, Operation, PlatformRequest, Transition
from .requests import GuestCreationRequest, WorkflowRequest
from .settings import ContactReference
from .workflow import SignToken, Workflow, WorkflowContext, id_of, succeeded

#: A token of ours that expires sooner than this is signed anew before a step, whose attempts may
#: take some seconds.
TOKEN_LEFT_MS_MIN = 60_000


class GuestCreationWorkflow(Workflow):
    kind = "guest"
    request_model = GuestCreationRequest
    path, noun = "guests", "Guest"
    summary = "Create a guest in its three steps"
    outcome = "guest.created"
    field_by_step: Mapping[str, str] = {"queue": "queueId", "conversation": "queueId"}

    def __init__(
        self, sign: SignToken | None = None, contact_reference: ContactReference = "address"
    ) -> None:
        """`contact_reference`: what names the contact in a conversation's `contactId`."""
        self._sign = sign
        self._contact_reference = contact_reference

    @classmethod
    def create(cls, context: WorkflowContext) -> Self:
        return cls(context.sign, context.settings.contact_reference)

    def begin(self, operation: Operation, request: WorkflowRequest) -> None:
        assert isinstance(request, GuestCreationRequest)
        operation.step = "queue"
        operation.result = {"guest_id": request.guest_id, "queue_id": request.queue_id}
        operation.data = {"token_expires_ms": 0, "token_renewals": 0}
        if request.guest_token is not None:
            operation.secrets = {"guest_token": request.guest_token}
            operation.data["token_fingerprint"] = fingerprint(request.guest_token)
        elif self._sign is None:
            raise CommandError(
                "guestToken: must be given, because no keys are configured to sign one",
                field="guestToken",
            )
        else:
            self._sign_token(operation)

    def _sign_token(self, operation: Operation) -> None:
        assert self._sign is not None
        attributes = operation.request.get("customAttributes", {})
        token, expires_ms = self._sign(operation.result["guest_id"], attributes)
        operation.secrets = {"guest_token": token}
        operation.data |= {"token_fingerprint": fingerprint(token), "token_expires_ms": expires_ms}

    def _renew_old_token(self, operation: Operation, now_ms: int) -> None:
        """Only before the first attempt of a step: what may have been sent is resent unchanged."""
        expires_ms = operation.data.get("token_expires_ms", 0)
        is_old = expires_ms and expires_ms - now_ms < TOKEN_LEFT_MS_MIN
        if is_old and not (operation.first_try_ms or operation.in_doubt) and self._sign is not None:
            self._sign_token(operation)

    def next_request(self, operation: Operation, now_ms: int) -> PlatformRequest:
        queue = operation.result["queue_id"]
        self._renew_old_token(operation, now_ms)
        match operation.step:
            case "queue":
                return PlatformRequest(
                    "queue.get", "guest.queue", path={"queueId": queue}, acts=False
                )
            case "contact":
                return PlatformRequest(
                    "contact.create",
                    "guest.contact",
                    body=_contact(operation),
                    key=_key(operation),
                )
            case _:
                body = self._conversation(operation)
                return PlatformRequest(
                    "conversation.create",
                    "guest.conversation",
                    body=body,
                    key=_key(operation),
                )

    def answered(self, operation: Operation, answer: PlatformAnswer, now_ms: int) -> Transition:
        match operation.step:
            case "queue":
                return Transition(step="contact")
            case "contact":
                operation.result["contact_id"] = id_of(answer.body, "contact")
                return Transition(step="conversation")
            case _:
                operation.result["conversation_id"] = id_of(answer.body, "conversation")
                return succeeded()

    def refused(self, operation: Operation, error: PlatformError, now_ms: int) -> Transition | None:
        """409: the guest has a contact already, which is used. A rejected token of ours is signed
        anew, once."""
        if self._rejects_our_token(operation, error):
            self._sign_token(operation)
            operation.data["token_renewals"] += 1
            operation.data["renewed_step"] = operation.step
            return Transition(
                facts=[("guest.token_renewed", "success", {"error_status": error.status})]
            )
        if operation.step != "contact" or error.status_of_thing != 409:
            return None
        operation.probing = True
        operation.in_doubt |= error.acted
        return Transition(problem={**problem_of(operation, error, self), "field": "guestId"})

    def _rejects_our_token(self, operation: Operation, error: PlatformError) -> bool:
        """A refusal that is about the token, and no attempt may have acted."""
        is_ours = bool(operation.data.get("token_expires_ms")) and self._sign is not None
        is_refusal = error.cause == GUEST_TOKEN and not error.acted and not operation.in_doubt
        return is_ours and is_refusal and not operation.data["token_renewals"]

    def probe(self, operation: Operation) -> PlatformRequest | None:
        """A contact can be found by the guest's id or address; a conversation cannot, since only
        the platform knows its id."""
        if operation.step != "contact":
            return None
        guest_id = operation.result["guest_id"]
        query: dict[str, str | int] = {"externalContactId": guest_id, "q": address_of(guest_id)}
        return PlatformRequest("contact.find", "guest.contact", query=query, acts=False)

    def probed(
        self, operation: Operation, answer: PlatformAnswer, now_ms: int
    ) -> Transition | None:
        entities = answer.body.get("entities")
        if not isinstance(entities, list):
            raise InvalidPlatformAnswer("the platform's answer has no list of contacts")
        contacts = [one for one in entities if isinstance(one, dict)]
        guest_id = operation.result["guest_id"]
        mine = [one for one in contacts if one.get("externalContactId") == guest_id]
        mine = mine or [one for one in contacts if one.get("address") == address_of(guest_id)]
        if not mine:
            return None
        operation.result["contact_id"] = id_of(mine[0], "contact")
        return Transition(
            step="conversation", facts=[("guest.contact", "success", {"found": True})]
        )

    def end(self, operation: Operation, now_ms: int) -> Transition | None:
        raise CommandError(
            "the creation of a guest cannot be ended; it ends on its own", code="conflict"
        )

    def details(self, operation: Operation) -> dict[str, Any]:
        details = {
            **operation.result,
            "guest_token_fingerprint": operation.data["token_fingerprint"],
        }
        if expires_ms := operation.data.get("token_expires_ms"):
            details["guest_token_expires_ms"] = expires_ms
        return details

    def _conversation(self, operation: Operation) -> dict[str, Any]:
        queue = operation.result["queue_id"]
        is_by_address = self._contact_reference == "address"
        contact = (
            address_of(operation.result["guest_id"])
            if is_by_address
            else operation.result["contact_id"]
        )
        return {
            "contactId": contact,
            "routingData": {
                "queueId": queue,
                "skillRequirements": operation.request.get("skillRequirements", []),
            },
            "customAttributes": {
                "sessionToken": operation.secrets["guest_token"],
                "routingTarget": queue,
            },
        }


def address_of(guest_id: str) -> str:
    """The contact address of a guest."""
    return f"guest-{guest_id}"


def _key(operation: Operation) -> str:
    """A step that was refused for its token is asked for again with another body, which is another
    request, and so has a key of its own (HTTP-2)."""
    key = operation.key(operation.step)
    return f"{key}-2" if operation.data.get("renewed_step") == operation.step else key


def _contact(operation: Operation) -> dict[str, Any]:
    guest_id = operation.result["guest_id"]
    attributes = operation.request.get("customAttributes", {})
    return {
        "type": "webchat",
        "address": address_of(guest_id),
        "externalContactId": guest_id,
        "customAttributes": {**attributes, "guestToken": operation.secrets["guest_token"]},
    }
