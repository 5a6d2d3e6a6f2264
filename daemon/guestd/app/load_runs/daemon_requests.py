"""What guests want of a running daemon, as requests of its control API; and its refusals. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...model.commands import Attach, Command, End, Reply, Send, Typing
from ...model.errors import CommandError
from ...model.guest_names import NAME_CHARS_MAX
from ...model.ports import OpenGuest
from ..control_words import session_path

Json = dict[str, Any]

#: Refusals that pass by themselves within a moment: a bound on requests, a slow journal.
PASSING = frozenset({"overloaded", "journal_slow", "timeout"})

#: What helps against a refusal, where the daemon does not say it itself.
_REMEDIES = {
    "unauthorized": "set GUESTDCTL_TOKEN, or give --token-file, with the daemon's api.token",
    "limit_exceeded": "raise limits.max_sessions of the daemon, or play fewer guests with -u",
    "draining": "the daemon is stopping; start the run again when it is back",
    "storage_low": "make room on the daemon's disk",
    "storage_full": "make room on the daemon's disk",
    "origin_refused": "name the daemon by localhost, or add the name to simulator.hosts_allowed",
    "no_such_host": "name the daemon by localhost, or add the name to simulator.hosts_allowed",
}


@dataclass(slots=True, frozen=True)
class DaemonRequest:
    """`path`: below the guest session's own; "" of one that is to be opened. `key`: makes it safe
    to ask again. `file`: the body is this file's bytes."""

    method: str
    path: str = ""
    body: Json | None = None
    query: Mapping[str, str | int] = field(default_factory=dict)
    key: str = ""
    file: str = ""
    content_type: str = ""

    @property
    def headers(self) -> dict[str, str]:
        named = {"Idempotency-Key": self.key, "Content-Type": self.content_type}
        return {name: value for name, value in named.items() if value}

    def url(self, session: str) -> str:
        """`session`: its id, or its name; "": it is to be opened."""
        return session_path(session, self.path) if session else "/v1/sessions"


def remote_name(guest: str, run_id: str) -> str:
    """Of a guest at a daemon, where others may have the same name: with the run's id."""
    return f"{guest[: NAME_CHARS_MAX - len(run_id) - 1]}.{run_id}"


def opening(guest: OpenGuest, name: str) -> DaemonRequest:
    body: Json = {"name": name, "email": guest.email, "attributes": dict(guest.attributes)}
    body["metadata"] = dict(guest.metadata)
    if guest.display_name:
        body["display_name"] = guest.display_name
    if guest.duration_s is not None:
        body["duration_s"] = guest.duration_s
    return DaemonRequest("POST", body=body, key=name)


def reconnecting(hang_up: bool) -> DaemonRequest:
    return DaemonRequest("POST", "/reconnect", {"how": "close" if hang_up else "abort"})


def request_of(command: Command) -> DaemonRequest:
    """Raises CommandError for what no virtual guest asks for."""
    command_id = command.command_id
    match command:
        case Send():
            body: Json = {"command_id": command_id, "text": command.text}
            if command.attributes:
                body["attributes"] = command.attributes
            return DaemonRequest("POST", "/messages", _when_down(body, command.when_down))
        case Reply():
            choices = [{"text": text, "payload": payload} for text, payload in command.choices]
            reply = {"type": command.reply_type, "choices": choices}
            reply["in_reply_to"] = command.originating_message_id
            body = {"command_id": command_id, "reply": reply}
            return DaemonRequest("POST", "/messages", _when_down(body, command.when_down))
        case Typing():
            return DaemonRequest("POST", "/typing", key=command_id)
        case End():
            return DaemonRequest("DELETE", key=command_id)
        case Attach():
            return _attaching(command)
    raise CommandError(f"a guest at a daemon cannot do this: {type(command).__name__}")


def _when_down(body: Json, when_down: str) -> Json:
    return {**body, "when_down": when_down} if when_down else body


def _attaching(command: Attach) -> DaemonRequest:
    query: dict[str, str | int] = {"filename": command.filename}
    if command.caption:
        query["caption"] = command.caption
    if command.when_down:
        query["when_down"] = command.when_down
    return DaemonRequest(
        "POST",
        "/attachments",
        query=query,
        key=command.command_id,
        file=command.path,
        content_type=command.content_type or "application/octet-stream",
    )


def refusal_of(problem: Mapping[str, Any]) -> CommandError:
    """As the supervisor would have raised it, with what helps."""
    code, detail = str(problem.get("code", "refused")), str(problem.get("detail", ""))
    remedy = _REMEDIES.get(code, "")
    return CommandError(f"{detail}; {remedy}" if remedy else detail, code=code)


def passes(problem: Mapping[str, Any]) -> float | None:
    """After how many seconds the same may be asked again; None: it will be refused again."""
    if problem.get("status") != 503 or problem.get("code") not in PASSING:
        return None
    return float(problem.get("retry_after_s") or 1.0)
