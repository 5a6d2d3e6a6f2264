"""The platform as a pure machine: what a request changes, and which frames are sent because of it.

Nothing here opens a socket, reads a clock or sleeps. A server passes (connection, request, now) and
performs the effects that come back; time comes in as epoch seconds, chance from one seeded
`Random`. That makes the emulator repeatable, and lets a test ask it anything without a network.

The record is the truth. A guest's message either is in `GuestSession.messages`, once, or was
answered with an error: whatever faults then happen to the frames that announce it, history and
`/__emulator/state` give the same answer. Tests of clients compare themselves with that.

Where the reference leaves something open, the choice here is the one that breaks no known client,
and a comment says so.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from random import Random
from typing import Any

from ...policy.buckets import SlidingCount
from ..agents.script import AgentScript, load_script
from ..settings import Deployment, EmulatorLimits, EmulatorSettings
from . import frames, guest_jwts, storage_urls, webchat_frames
from .event_log import EventLog
from .ids import draw_hex, draw_message_ids, draw_uuid, iso
from .presigned_files import PresignedFiles
from .records import (
    Attachment,
    CloseConnection,
    ConnectionRecord,
    Effect,
    GuestConversation,
    GuestSession,
    Json,
    ScriptedAgent,
    SendFrame,
    StartTimer,
)
from .stored_messages import RecordedMessage, sender_of

CLEARED_KEPT_MAX = 1000
CONVERSATIONS_KEPT_MAX = 100_000  # a load test's own and those of some before it


class World:
    """All guest sessions of the emulated platform.

    `equal_time(token, now)`: a fault makes a message share the time of the one before.
    `forget_file(name)` deletes an uploaded file, `rejoined(token, now)` is told of a connection."""

    def __init__(
        self,
        settings: EmulatorSettings,
        equal_time: Callable[[str, float], bool] = lambda token, now: False,
        forget_file: Callable[[str], None] = lambda name: None,
    ) -> None:
        self.settings = settings
        self.limits: EmulatorLimits = settings.limits
        self.deployments = {deployment.id: deployment for deployment in settings.deployments}
        self.script: AgentScript = load_script(settings.agent)
        self.base_url = "http://127.0.0.1"
        self.events = EventLog()
        self.rejoined: Callable[[str, float], None] = lambda token, now: None
        self._session_count = 0
        self._equal_time = equal_time
        self.forget_file = forget_file
        self.rng = Random(settings.seed)
        self.reset()

    def apply_settings(self, settings: EmulatorSettings) -> None:
        """Take effect at once, also for sessions and connections that exist."""
        if settings.agent != self.settings.agent:
            self.script = load_script(settings.agent)
        if settings.limits != self.settings.limits:
            self.limits = settings.limits
        self.settings = settings
        self.deployments = {deployment.id: deployment for deployment in settings.deployments}
        for session in self.sessions.values():
            session.deployment = self.deployments.get(session.deployment.id, session.deployment)
        for connection in self.connections.values():
            connection.deployment = self.deployments.get(
                connection.deployment.id, connection.deployment
            )

    def reset(self) -> None:
        """Delete everything except the state of `rng`: an id is never used twice, as on the real
        platform."""
        self.secret = draw_hex(self.rng) + draw_hex(self.rng)
        self.sessions: dict[str, GuestSession] = {}
        self.cleared: OrderedDict[str, GuestSession] = OrderedDict()
        self.connections: dict[int, ConnectionRecord] = {}
        #: In the order of their beginning; the oldest are forgotten.
        self.conversations: OrderedDict[str, GuestSession] = OrderedDict()
        self.conversations_forgotten = 0
        self.refresh_tokens: dict[str, str] = {}
        self.users: dict[str, str] = {}
        #: By deployment and session token.
        self.push_devices: OrderedDict[tuple[str, str], Json] = OrderedDict()
        self._connects: dict[str, SlidingCount] = {}
        self._connection_count = 0
        self.files = PresignedFiles(self.settings.records_max)

    # ------------------------------------------------------------------ connections

    def deployment(self, deployment_id: str) -> Deployment | None:
        """The deployment with that id, if it exists and is active."""
        found = self.deployments.get(deployment_id)
        if found is None and self.settings.accept_any_deployment and deployment_id:
            found = self.settings.deployments[0].model_copy(update={"id": deployment_id})
        return found if found is not None and found.status == "Active" else None

    def may_connect(self, deployment: Deployment, now: float) -> float:
        """Seconds to wait before a new connection is allowed; 0 takes one of the deployment's
        minute."""
        limit = self.limits.connections_per_minute
        if limit is None:
            return 0.0
        count = self._connects.setdefault(deployment.id, SlidingCount(limit, 60.0))
        wait_s = count.ready_at(now) - now
        if wait_s <= 0 or not self.limits.strict:
            count.take(now)
            return 0.0
        return wait_s

    def connect(
        self, deployment: Deployment, now: float, guest: str = "", session: str = ""
    ) -> ConnectionRecord:
        self._connection_count += 1
        record = ConnectionRecord(
            self._connection_count, deployment, now, guest=guest, session=session
        )
        self.connections[record.id] = record
        return record

    def disconnect(self, connection_id: int) -> None:
        connection = self.connections.pop(connection_id, None)
        session = self.sessions.get(connection.token) if connection is not None else None
        if session is not None and connection_id in session.connections:
            session.connections.remove(connection_id)

    def attach(
        self, connection: ConnectionRecord, session: GuestSession, now: float
    ) -> list[Effect]:
        """Add this socket to the session; the oldest connection over the limit is evicted (§5)."""
        if connection.token and connection.token != session.token:
            self._detach(connection)
        connection.token = session.token
        session.guest = connection.guest or session.guest
        session.session = connection.session or session.session
        if connection.id in session.connections:
            return []
        session.connections.append(connection.id)
        self.events.note("joined", session, now, connections=len(session.connections))
        self.rejoined(session.token, now)
        effects: list[Effect] = []
        most = self.limits.connections_per_session
        while most is not None and len(session.connections) > most:
            effects += self.evict(session, session.connections[0], "")
        return effects

    def _detach(self, connection: ConnectionRecord) -> None:
        session = self.sessions.get(connection.token)
        if session is not None and connection.id in session.connections:
            session.connections.remove(connection.id)
        connection.token = ""

    def evict(self, session: GuestSession, connection_id: int, reason: str) -> list[Effect]:
        """ConnectionClosedEvent; the client is expected to close. One that does not is closed after
        a while."""
        connection = self.connections.get(connection_id)
        if connection_id in session.connections:
            session.connections.remove(connection_id)
        if connection is not None:
            connection.token = ""
        is_webchat = session.dialect == "webchat"
        frame = (
            webchat_frames.disconnect("replaced")
            if is_webchat
            else frames.connection_closed(reason)
        )
        return [SendFrame(connection_id, frame), StartTimer(2.0, ("close", str(connection_id)))]

    # ------------------------------------------------------------------ sessions

    def is_expired(self, session: GuestSession, now: float) -> bool:
        return now >= session.expires

    def new_session(
        self, token: str, deployment: Deployment, now: float, **more: Any
    ) -> GuestSession:
        old = self.sessions.pop(token, None)
        if old is not None:
            self._archive(old)
        self._session_count += 1
        expires = now + deployment.session_duration_s
        session = GuestSession(token, deployment, now, expires, number=self._session_count, **more)
        if old is not None:
            session.last_ms = old.last_ms
        self.sessions[token] = session
        return session

    def erase(self, session: GuestSession) -> None:
        """Clear: guests lose the session; its record is kept for tests."""
        session.cleared = True
        self.end_conversation(session, session.last_ms / 1000.0)
        if self.sessions.get(session.token) is session:
            del self.sessions[session.token]
        self._archive(session)

    def _archive(self, session: GuestSession) -> None:
        self.cleared[
            (
                f"{session.token}#{len(self.cleared)}"
                if session.token in self.cleared
                else session.token
            )
        ] = session
        while len(self.cleared) > CLEARED_KEPT_MAX:
            self.cleared.popitem(last=False)

    def start_conversation(self, session: GuestSession, now: float) -> GuestConversation:
        conversation = session.conversation
        if conversation is None:
            conversation = GuestConversation(draw_uuid(self.rng), now)
            session.conversations.append(conversation)
            self._remember(conversation, session)
            session.agent = ScriptedAgent(self.script.nickname, self.script.bot)
        return conversation

    def _remember(self, conversation: GuestConversation, session: GuestSession) -> None:
        self.conversations[conversation.id] = session
        if len(self.conversations) > CONVERSATIONS_KEPT_MAX:
            self.conversations.popitem(last=False)
            self.conversations_forgotten += 1

    def end_conversation(self, session: GuestSession, now: float) -> None:
        conversation = session.conversation
        if conversation is not None:
            conversation.state, conversation.ended = "disconnected", now
        session.agent = None

    # ------------------------------------------------------------------ messages

    def stamp(self, session: GuestSession, now: float) -> str:
        """`channel.time`: strictly increasing within a session, in milliseconds; a fault may repeat
        the last one."""
        ms = int(now * 1000)
        if session.last_ms and self._equal_time(session.token, now):
            ms = session.last_ms
        else:
            ms = ms if ms > session.last_ms else session.last_ms + 1
        session.last_ms = ms
        return iso(ms)

    def equal_time(self, token: str, now: float) -> bool:
        """Whether a fault gives the next message the time of the one before."""
        return self._equal_time(token, now)

    def add_message(
        self, session: GuestSession, body: Json, now: float, trace: str = ""
    ) -> RecordedMessage:
        """Give the body its id, time and place. `trace`: the tracing id of the request that it came
        with."""
        conversation = self.start_conversation(session, now)
        if "id" not in body:
            body["id"] = draw_hex(self.rng)
        time = self.stamp(session, now)
        body.setdefault("channel", {})["time"] = time
        frame = frames.recorded(body, trace)
        self.events.message(session, body, now)
        session.expires = now + session.deployment.session_duration_s  # each moves it (§6.8)
        conversation.messages.add(frame, self.settings.history_messages_max)
        return RecordedMessage(body["id"], time, sender_of(body), frame)

    def find_message(self, message_id: str) -> tuple[str, Json] | None:
        """The id of its conversation, and its body. A search, the newest conversations first: few
        ask for one message, and a load test says millions."""
        for conversation_id in reversed(self.conversations):
            for conversation in self.conversations[conversation_id].conversations:
                if conversation.id == conversation_id and (
                    body := conversation.messages.find(message_id)
                ):
                    return conversation_id, body
        return None

    def fan_out(
        self, session: GuestSession, frame: bytes, message: RecordedMessage | None = None
    ) -> list[Effect]:
        return [SendFrame(connection_id, frame, message) for connection_id in session.connections]

    def show(self, session: GuestSession, message: RecordedMessage) -> list[Effect]:
        """To every connection."""
        connections = session.connections
        if len(connections) == 1:
            return [SendFrame(connections[0], message.frame, message)]
        return self.fan_out(session, message.frame, message)

    def outbound(self, session: GuestSession, body: Json, now: float) -> tuple[Json, list[Effect]]:
        """A message of the agent's or bot's, to every connection."""
        body["direction"] = "Outbound"
        channel = body.setdefault("channel", {})
        channel.setdefault("type", "Private")
        channel.setdefault("from", {})
        channel.setdefault("to", {})
        body.setdefault("metadata", {})["correlationId"] = draw_uuid(self.rng)
        if session.dialect == "webchat":
            session.sequence += 1
            body["sequenceId"] = str(session.sequence)
            frame = webchat_frames.message(
                body.get("text") or webchat_frames.labels(body), body["sequenceId"]
            )
            return body, self.fan_out(session, frame, self.add_message(session, body, now))
        return body, self.show(session, self.add_message(session, body, now))

    def agent_says(
        self, session: GuestSession, text: str, now: float, **more: Any
    ) -> tuple[Json, list[Effect]]:
        """`more`: type, content, nickname, image, bot."""
        sender = {key: more[key] for key in ("nickname", "image") if more.get(key)}
        content = more.get("content")
        body: Json = {
            "id": draw_hex(self.rng),
            "type": more.get("type") or ("Structured" if content else "Text"),
            "text": text,
        }
        body["channel"] = {"type": "Private", "from": sender, "to": {}}
        if content:
            body["content"] = content
        body["originatingEntity"] = "Bot" if more.get("bot") else "Human"
        return self.outbound(session, body, now)

    def agent_types(
        self,
        session: GuestSession,
        now: float,
        duration_ms: int = 5000,
        bot: bool = False,
        state: str | bool = True,
    ) -> list[Effect]:
        """Typing is shown and not stored: history has none (§11.1). `state` is webchat's word;
        false: not typing."""
        if not session.deployment.agent_typing:
            return []
        self.events.note("typing", session, now, direction="Outbound")
        if session.dialect == "webchat":
            return self.fan_out(session, webchat_frames.typing(state))
        time = iso(max(int(now * 1000), session.last_ms))
        shown = frames.typing(draw_hex(self.rng), time, bool(state), duration_ms, bot)
        return self.fan_out(session, shown)

    def agent_disconnects(
        self, session: GuestSession, now: float, mode: str | None = None
    ) -> list[Effect]:
        """The agent or flow ends the conversation; what the guest is sent is the deployment's
        choice (§6.6)."""
        mode = mode or session.deployment.conversation_disconnect
        if session.conversation is None:
            return []
        effects: list[Effect] = []
        if mode != "disabled" and session.dialect == "webchat":
            effects = self.fan_out(
                session, webchat_frames.disconnect("agent", read_only=mode == "ReadOnly")
            )
        elif mode != "disabled":
            body = frames.disconnect_body(*draw_message_ids(self.rng), mode == "ReadOnly")
            effects = self.show(session, self.add_message(session, body, now))
        session.read_only = mode == "ReadOnly"
        self.events.note("disconnected", session, now, mode=mode)
        self.end_conversation(session, now)
        return effects

    def expire(self, session: GuestSession, now: float) -> list[Effect]:
        session.expires = now
        self.events.note("expired", session, now)
        self.end_conversation(session, now)
        is_webchat = session.dialect == "webchat"
        frame = (
            webchat_frames.disconnect("expired")
            if is_webchat
            else frames.push("SessionExpiredEvent", {})
        )
        return self.fan_out(session, frame)

    def log_out(self, session: GuestSession) -> list[Effect]:
        """The guest is logged out of the session, on every connection."""
        if session.dialect == "webchat":
            return self.fan_out(session, webchat_frames.disconnect("logout"))
        return self.fan_out(session, frames.push("LogoutEvent", {}))

    # ------------------------------------------------------------------ tokens and files

    def grant_jwt(self, session: GuestSession, now: float) -> tuple[str, int]:
        return guest_jwts.grant(self.secret, session, now)

    def session_of_jwt(self, token: str, now: float) -> GuestSession | None:
        return self.sessions.get(guest_jwts.session_token_in(self.secret, token, now) or "")

    def reject_upload(self, attachment_id: str) -> None:
        """The upload is accepted, and then reported as failed."""
        for attachment in self._attachments(attachment_id):
            attachment.rejected = True

    def invalidate_upload_url(self, attachment_id: str) -> None:
        """The upload URL stops working."""
        for attachment in self._attachments(attachment_id):
            attachment.secret = draw_hex(self.rng)

    def _attachments(self, attachment_id: str) -> list[Attachment]:
        every = [one.attachments for one in self.sessions.values() if one.attachments]
        return [found[attachment_id] for found in every if attachment_id in found]

    def upload_url(self, attachment: Attachment) -> str:
        return f"{self.base_url}{storage_urls.PATH}{attachment.id}?sig={attachment.secret}"

    def history(self, session: GuestSession, page_number: int, page_size: int) -> Json:
        """Newest first; an empty page past the end (§11.1)."""
        return frames.history_page(session.messages, page_number, page_size)

    def register_device(self, deployment_id: str, token: str, device: Json) -> None:
        """At most `records_max`; the oldest is evicted."""
        self.push_devices[deployment_id, token] = device
        while len(self.push_devices) > self.settings.records_max:
            self.push_devices.popitem(last=False)

    def close_connection(self, connection_id: int) -> list[Effect]:
        return (
            [CloseConnection(connection_id, 1000, "")] if connection_id in self.connections else []
        )
