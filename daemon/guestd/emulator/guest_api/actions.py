"""The guest's requests on `/v1`, one function per action (protocol §2), answered as the platform
does.

Tolerant where real clients differ from the schema: a missing `type` with an attachment, a top-level
`channel`, attachment ids at top level, an `echo` without token, quick replies as Text or
Structured. Strict where the platform is: configure first, sizes, rates, presence that the
deployment does not allow."""

from __future__ import annotations

import copy
from collections.abc import Callable

import orjson

from ...policy.buckets import SlidingCount
from ..core import agent_runner, frames
from ..core.ids import draw_hex, draw_message_ids, draw_uuid
from ..core.records import Effect, GuestSession, Json, SendFrame
from ..core.stored_messages import RecordedMessage
from ..core.world import World
from .attachments import AttachmentActions
from .plain_text import answer_text
from .request import is_kept_as_read, object_of, objects_of, text_of

BUTTON_TYPES = ("Button", "DatePicker", "Form", "ListPicker", "QuickReply")


def receive_guest_frame(world: World, connection_id: int, text: bytes, now: float) -> list[Effect]:
    """One text frame from a guest. Never raises."""
    connection = world.connections.get(connection_id)
    if connection is None:
        return []
    answer = answer_text(world, connection, text, now)
    if answer is not None:
        return answer
    try:
        request = orjson.loads(text)
    except ValueError:
        request = None
    if type(request) is dict and is_kept_as_read(text):
        return GuestActions(world, connection, request, now).answer()
    return [SendFrame(connection_id, frames.error(400, "Request failed."))]


class GuestActions(AttachmentActions):
    def answer(self) -> list[Effect]:
        limited = self._limit_requests()
        if limited is not None:
            return limited
        action = _ACTIONS.get(text_of(self.request, "action"))
        return action(self) if action is not None else self._error(400, "Request failed.")

    # ------------------------------------------------------------------ configure

    def _configure(self) -> list[Effect]:
        return self._configure_as("")

    def _configure_authenticated(self) -> list[Effect]:
        deployment = self.connection.deployment
        if not deployment.authentication:
            return self._error(
                403,
                "Session authentication failed: authentication is not enabled for this deployment",
            )
        user = self.world.users.get(text_of(object_of(self.request, "data"), "code"), "")
        if not user:
            return self._error(401, "User is unauthorized")
        return self._configure_as(user)

    def _configure_as(self, user: str) -> list[Effect]:
        world = self.world
        if not self.token or text_of(self.request, "deploymentId") != self.connection.deployment.id:
            return self._error(400, "Request failed.")
        session = world.sessions.get(self.token)
        start_new = self.request.get("startNew") is True
        if session is not None and not start_new:
            if world.is_expired(session, self.now):
                return self._say(frames.push("SessionExpiredEvent", {}, self.trace))
            if session.user and not user:
                return self._error(
                    4017, "Cannot downgrade an authenticated session to unauthenticated"
                )
        limited = self._limit_configures(session)
        if limited is not None:
            return limited
        new = session is None or start_new
        if session is None or start_new:
            session = self._new_session(session)
        effects, cleared = self._sign_in(session, user, new) if user else ([], False)
        effects += world.attach(self.connection, session, self.now)
        answer = frames.session_response(session, world.limits, new, self.trace, cleared)
        return [*effects, SendFrame(self.connection.id, answer)]

    def _limit_configures(self, session: GuestSession | None) -> list[Effect] | None:
        if session is None or session.configures is None:
            return None
        return self._too_many(session.configures, "Configure")

    def _new_session(self, old: GuestSession | None) -> GuestSession:
        """`startNew` keeps the sockets and does not reset the rate."""
        session = self.world.new_session(self.token, self.connection.deployment, self.now)
        limit = self.world.limits.configures_per_session_per_minute
        if old is not None:
            session.connections, session.configures = list(old.connections), old.configures
        elif limit is not None:
            session.configures = SlidingCount(limit, 60.0)
            session.configures.take(self.now)
        return session

    def _sign_in(self, session: GuestSession, user: str, new: bool) -> tuple[list[Effect], bool]:
        """Authenticated: other sessions of the same user are evicted; a step-up is announced
        (§6.9).

        The second value says whether there was such a session."""
        world = self.world
        effects: list[Effect] = []
        for other in list(world.sessions.values()):
            if other.user == user and other is not session:
                for connection_id in list(other.connections):
                    effects += world.evict(other, connection_id, "signedIn")
        cleared = bool(effects)
        stepped_up = not new and not session.user
        session.user = user
        if stepped_up:
            body: Json = {
                "id": draw_hex(world.rng),
                "type": "Event",
                "direction": "Inbound",
                "channel": {
                    "messageId": draw_uuid(world.rng),
                    "from": {"firstName": user[:8], "lastName": "Guest"},
                },
                "events": [{"eventType": "Presence", "presence": {"type": "SignIn"}}],
                "metadata": {"authenticated": "true"},
            }
            effects += world.fan_out(session, world.add_message(session, body, self.now).frame)
        return effects, cleared

    # ------------------------------------------------------------------ messages

    def _message(self) -> list[Effect]:
        session = self._session()
        if isinstance(session, list):
            return session
        message = object_of(self.request, "message")
        if text_of(message, "type") == "Event":
            return self._events(session, message)
        if session.read_only:
            return self._error(409, "The conversation is read-only")
        refused = self._refuse_message(session, message) or self._limit_messages(session)
        if refused is not None:
            return refused
        content, problem = self._content(session, message)
        if problem is not None:
            return problem
        return self._accept(session, message, content)

    def _limit_messages(self, session: GuestSession) -> list[Effect] | None:
        limit = self.world.limits.messages_per_session_per_s
        if limit is None:
            return None
        session.rate = session.rate or SlidingCount(limit, 1.0)
        return self._too_many(session.rate, "Message")

    def _refuse_message(self, session: GuestSession, message: Json) -> list[Effect] | None:
        limits = self.world.limits
        text = text_of(message, "text")
        if limits.text_bytes is not None and (size := _bytes_in(text)) > limits.text_bytes:
            return self._error(4011, f"Message length {size} is larger than {limits.text_bytes}")
        if not message or not (text or message.get("content") or self.request.get("attachmentIds")):
            return self._error(400, "Request failed.")
        attributes = self._attributes(message)
        size = sum(_bytes_in(str(key)) + _bytes_in(str(value)) for key, value in attributes.items())
        if limits.attribute_bytes is not None and size > limits.attribute_bytes:
            return self._error(
                4013,
                f"Custom Attributes in channel metadata is larger than {limits.attribute_bytes}"
                " bytes",
            )
        return None

    def _attributes(self, message: Json) -> Json:
        """Inside the message; the deprecated place beside it counts only if the switch says so
        (§2.5)."""
        found = object_of(object_of(object_of(message, "channel"), "metadata"), "customAttributes")
        if not found and self.world.settings.honor_legacy_attributes:
            found = object_of(
                object_of(object_of(self.request, "channel"), "metadata"), "customAttributes"
            )
        return found

    def _content(
        self, session: GuestSession, message: Json
    ) -> tuple[list[Json], list[Effect] | None]:
        """Content with attachments filled in; or the error for one that is not ready."""
        content: list[Json] = []
        if "content" not in message and "attachmentIds" not in self.request:
            return content, None
        wanted = [one for one in self.request.get("attachmentIds") or () if isinstance(one, str)]
        for item in objects_of(message, "content"):
            if text_of(item, "contentType") == "Attachment":
                wanted.append(text_of(object_of(item, "attachment"), "id"))
            elif "buttonResponse" in item and not _is_button_response(item["buttonResponse"]):
                return [], self._error(400, "Request failed.")
            else:
                content.append(copy.deepcopy(item))
        for attachment_id in wanted:
            attachment = (session.attachments or {}).get(attachment_id)
            if attachment is None:
                return [], self._error(4009, "Attachment not found")
            if not attachment.uploaded:
                return [], self._error(4010, "Attachment has not been uploaded successfully")
            attachment.sent = True
            content.append(frames.attachment_content(attachment, self.world.upload_url(attachment)))
        return content, None

    def _accept(self, session: GuestSession, message: Json, content: list[Json]) -> list[Effect]:
        """Record it, echo it to every connection (with the request's tracing id and metadata), and
        pass it to the agent."""
        world = self.world
        first = session.conversation is None
        kind = text_of(message, "type")
        message_id, channel_id, correlation_id = draw_message_ids(world.rng)
        body: Json = {
            "id": message_id,
            "type": kind if kind in ("Text", "Structured") else "Text",
        }
        if "text" in message:
            body["text"] = text_of(message, "text")
        body["direction"] = "Inbound"
        body["channel"] = {"messageId": channel_id, "from": {}, "to": {}}
        if content:
            body["content"] = content
        body["originatingEntity"] = "Human"
        body["metadata"] = self._metadata(session, message, correlation_id)
        recorded = world.add_message(session, body, self.now, self.trace)
        self._keep_attributes(session, message)
        effects = world.show(session, recorded)
        if first:
            effects += agent_runner.greet(world, session, self.now)
        text, payload, file = text_of(message, "text"), "", ""
        if content:
            payload = _first([object_of(item, "buttonResponse") for item in content], "payload")
            file = _first([object_of(item, "attachment") for item in content], "filename")
        return effects + agent_runner.hear(
            world, session, text or payload, payload, file, now=self.now
        )

    def _metadata(
        self, session: GuestSession, message: Json, correlation_id: str
    ) -> dict[str, str]:
        given = {
            key: str(value)
            for key, value in object_of(message, "metadata").items()
            if isinstance(value, str)
        }
        more = {"authenticated": "true"} if session.user else {}
        return {**given, **more, "correlationId": correlation_id}

    def _keep_attributes(self, session: GuestSession, message: Json) -> None:
        attributes = self._attributes(message)
        if attributes:
            session.attributes = {
                **(session.attributes or {}),
                **{key: str(value) for key, value in attributes.items()},
            }

    # ------------------------------------------------------------------ events

    def _events(self, session: GuestSession, message: Json) -> list[Effect]:
        events = objects_of(message, "events")
        if not events:
            return self._error(400, "Request failed.")
        event = events[0]
        kind = text_of(event, "eventType")
        if kind == "Typing":
            if session.deployment.user_typing:
                return []
            return self._error(403, "Turn on the Feature Toggle or fix the configuration.")
        if kind == "Presence":
            presence = text_of(object_of(event, "presence"), "type")
            if presence == "Join":
                return self._join(session, message, event)
            if presence == "Clear":
                return self._clear(session, event)
            return self._error(400, "Request failed.")
        if kind in ("CoBrowse", "Video", "Reactions"):
            return []
        return self._error(400, "Request failed.")

    def _presence(
        self, session: GuestSession, event: Json, metadata: dict[str, str]
    ) -> RecordedMessage:
        body: Json = {
            "id": draw_hex(self.world.rng),
            "type": "Event",
            "direction": "Inbound",
            "channel": {"messageId": draw_uuid(self.world.rng)},
            "events": [
                {
                    "eventType": "Presence",
                    "presence": {"type": text_of(object_of(event, "presence"), "type")},
                }
            ],
            "metadata": metadata,
        }
        return self.world.add_message(session, body, self.now, self.trace)

    def _join(self, session: GuestSession, message: Json, event: Json) -> list[Effect]:
        if session.read_only:
            return self._error(409, "The conversation is read-only")
        first = session.conversation is None
        self._keep_attributes(session, message)
        joined = self._presence(
            session, event, self._metadata(session, message, draw_uuid(self.world.rng))
        )
        effects = self.world.show(session, joined)
        return effects + (agent_runner.greet(self.world, session, self.now) if first else [])

    def _clear(self, session: GuestSession, event: Json) -> list[Effect]:
        """Echo, SessionClearedEvent, the session is gone, ConnectionClosedEvent (§6.5)."""
        if not session.deployment.conversation_clear:
            return self._error(403, "Presence events Conversation Clear are not supported")
        world = self.world
        cleared = self._presence(session, event, {"correlationId": draw_uuid(world.rng)})
        effects = world.fan_out(session, cleared.frame)
        effects += world.fan_out(session, frames.push("SessionClearedEvent", {}))
        connections = list(session.connections)
        world.erase(session)
        for connection_id in connections:
            effects += world.evict(session, connection_id, "")
        return effects

    # ------------------------------------------------------------------ the rest

    def _close_session(self) -> list[Effect]:
        """The caller gets `connected: false, readOnly: true` and keeps the socket; the others are
        evicted (§2.8)."""
        session = self._session()
        if isinstance(session, list):
            return session
        if not isinstance(self.request.get("closeAllConnections"), bool):
            return self._error(400, "Request failed.")
        effects: list[Effect] = []
        if self.request["closeAllConnections"]:
            for connection_id in list(session.connections):
                if connection_id != self.connection.id:
                    effects += self.world.evict(session, connection_id, "")
        session.read_only = True
        self.world.end_conversation(session, self.now)
        return [*self._say(frames.session_closed(self.trace)), *effects]

    def _echo(self) -> list[Effect]:
        limit = self.world.limits.echoes_per_connection_per_minute
        if limit is not None:
            self.connection.echoes = self.connection.echoes or SlidingCount(limit, 60.0)
            limited = self._too_many(self.connection.echoes, "Health check")
            if limited is not None:
                return limited
        session = self.world.sessions.get(self.token)
        if session is not None and self.world.is_expired(session, self.now):
            return self._say(frames.response("SessionExpiredEvent", {}, self.trace))
        if session is None:
            return self._error(4007, "Session not found")
        message = object_of(self.request, "message")
        metadata = {
            key: value
            for key, value in object_of(message, "metadata").items()
            if isinstance(value, str)
        }
        text = text_of(message, "text") or "ping"
        return self._say(
            frames.health_check(session, text, metadata, draw_hex(self.world.rng), self.trace)
        )

    def _jwt(self) -> list[Effect]:
        session = self._session()
        if isinstance(session, list):
            return session
        jwt, expires = self.world.grant_jwt(session, self.now)
        return self._say(frames.response("JwtResponse", {"jwt": jwt, "exp": expires}, self.trace))

    def _configuration(self) -> list[Effect]:
        if text_of(self.request, "deploymentId") != self.connection.deployment.id:
            return self._error(400, "Request failed.")
        return self._say(
            frames.configuration(self.connection.deployment, self.world.limits, self.trace)
        )


def _bytes_in(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _first(found: list[Json], name: str) -> str:
    return next((text_of(one, name) for one in found if one), "")


def _is_button_response(found: object) -> bool:
    """What the schema requires of one (§2.6); clients cannot read the echo of any other."""
    if not isinstance(found, dict) or found.get("type") not in BUTTON_TYPES:
        return False
    return isinstance(found.get("text"), str) and isinstance(found.get("payload"), str)


_ACTIONS: dict[str, Callable[[GuestActions], list[Effect]]] = {
    "configureSession": GuestActions._configure,
    "configureAuthenticatedSession": GuestActions._configure_authenticated,
    "onMessage": GuestActions._message,
    "closeSession": GuestActions._close_session,
    "echo": GuestActions._echo,
    "getJwt": GuestActions._jwt,
    "getConfiguration": GuestActions._configuration,
    "onAttachment": GuestActions._attachment,
    "getAttachment": GuestActions._refresh,
    "deleteAttachment": GuestActions._delete,
}
