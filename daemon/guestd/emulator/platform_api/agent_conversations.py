"""The platform side that drives agents (protocol §11.4), for the conversations of guests on the
socket."""

from __future__ import annotations

from ..core.ids import iso
from ..core.records import GuestSession, Json
from .calls import PlatformCall, PlatformResponse, not_found, wrong
from .world_view import ConversationWorld


class AgentConversations:
    def __init__(self, world: ConversationWorld) -> None:
        self._world = world

    def _session(self, call: PlatformCall) -> GuestSession:
        found = self._world.conversations.get(call.path["id"])
        if found is None:
            raise not_found("conversation", call.path["id"])
        return found

    def details(self, call: PlatformCall) -> PlatformResponse:
        message_id = call.path["id"]
        found = self._world.find_message(message_id)
        if found is None:
            raise not_found("message", message_id)
        conversation_id, body = found
        return PlatformResponse(
            {
                "id": message_id,
                "conversationId": conversation_id,
                "timestamp": body.get("channel", {}).get("time", ""),
                "direction": str(body.get("direction", "")).lower(),
                "textBody": body.get("text", ""),
                "status": "delivery-success",
                "normalizedMessage": body,
            }
        )

    def running(self, call: PlatformCall) -> PlatformResponse:
        found = [
            _describe(session, session.conversation.id)
            for session in self._world.sessions.values()
            if session.conversation is not None
        ]
        return PlatformResponse({"entities": found, "total": len(found)})

    def conversation(self, call: PlatformCall) -> PlatformResponse:
        return PlatformResponse(_describe(self._session(call), call.path["id"]))

    def participant(self, call: PlatformCall) -> PlatformResponse:
        session = self._session(call)
        state = str(call.body.get("state", "")).upper()
        if state == "DISCONNECTED":
            return PlatformResponse(
                status=204, effects=self._world.agent_disconnects(session, call.now)
            )
        if state != "CONNECTED":
            raise wrong("state", "is CONNECTED or DISCONNECTED")
        if session.agent is not None:
            session.agent.silent = True  # a person has taken over: the script is quiet
        return PlatformResponse(status=204)

    def say(self, call: PlatformCall) -> PlatformResponse:
        session = self._session(call)
        text = call.body.get("textBody")
        limit = self._world.limits.agent_text_characters
        if not isinstance(text, str) or not text or (limit is not None and len(text) > limit):
            raise wrong("textBody", f"is 1 to {limit} characters")
        body, effects = self._world.agent_says(session, text, call.now, nickname="Agent")
        message = {"id": body["id"], "textBody": text, "timestamp": body["channel"]["time"]}
        return PlatformResponse(message, effects=effects, created=("message", body["id"]))

    def type(self, call: PlatformCall) -> PlatformResponse:
        return PlatformResponse(
            status=204, effects=self._world.agent_types(self._session(call), call.now)
        )

    def wrap_up(self, call: PlatformCall) -> PlatformResponse:
        self._session(call)
        return PlatformResponse(status=204)


def _describe(session: GuestSession, conversation_id: str) -> Json:
    found = next(one for one in session.conversations if one.id == conversation_id)
    return {
        "id": found.id,
        "startTime": iso(int(found.started * 1000)),
        **({"endTime": iso(int(found.ended * 1000))} if found.ended is not None else {}),
        "participants": [
            {
                "id": f"{found.id}-{role}",
                "purpose": role,
                "messages": [{"id": f"{found.id}-{role}-c", "state": found.state}],
            }
            for role in ("customer", "agent")
        ],
    }
