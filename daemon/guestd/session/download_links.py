"""Fresh download links: requested over the socket, answered to the caller, never stored.

A download link is the URL of a file of the conversation. It is valid for about ten minutes
(protocol §5) and opens the file without a login, so it is not an event and is not journaled."""

from __future__ import annotations

from dataclasses import dataclass

from ..model import client_messages as m
from ..model import commands as c
from ..model import effects as e
from ..model import signals as s
from ..model.errors import CommandError, NotReady, Overloaded
from ..model.failures import words_of_frame
from ..model.instants import NEVER
from ..model.traits import Traits
from .fleet_rules import FleetRules
from .numbers import draw_id

#: Links requested and not yet answered, per session.
REQUESTED_MAX = 16


@dataclass(slots=True)
class RequestedLink:
    command_id: str
    attachment_id: str
    answer_by: float


class DownloadLinks:
    """The links a guest session has asked for, by the tracing id of the request. `wake_at`: when
    the earliest answer is overdue."""

    __slots__ = ("_requested", "wake_at")

    def __init__(self) -> None:
        self._requested: dict[str, RequestedLink] | None = None
        self.wake_at = NEVER

    def _rearm(self) -> None:
        requested = self._requested or {}
        self.wake_at = min((one.answer_by for one in requested.values()), default=NEVER)

    def request(
        self,
        command: c.RenewDownloadLink,
        rules: FleetRules,
        not_ready: NotReady | None,
        now: float,
        out: e.Effects,
    ) -> None:
        """`not_ready`: why it cannot be asked for now."""
        refused = not_ready or self._refusal(command, rules.traits)
        if refused is not None:
            out.append(e.SendAnswer(c.Answer(command.command_id, error=refused)))
            return
        trace = draw_id(rules.rng)
        if self._requested is None:
            self._requested = {}
        self._requested[trace] = RequestedLink(
            command.command_id,
            command.attachment_id,
            now + rules.settings.attachments.slot_timeout_s,
        )
        self._rearm()
        out.append(e.Say(m.AskDownload(command.attachment_id, trace)))

    def _refusal(self, command: c.RenewDownloadLink, traits: Traits) -> CommandError | None:
        requested = len(self._requested) if self._requested is not None else 0
        if traits.slot_by_rest:
            return CommandError(
                f"the {traits.name} dialect has no fresh links", code="not_supported"
            )
        if not command.attachment_id:
            return CommandError(
                "attachment_id names an attachment of the conversation", field="attachment_id"
            )
        if requested >= REQUESTED_MAX:
            return Overloaded(f"{requested} links are asked for already", retry_after_s=1.0)
        return None

    def granted(self, given: s.SlotGranted, out: e.Effects) -> bool:
        """True if this URL answers one of our requests."""
        for trace, one in (self._requested or {}).items():
            if given.tracing_id == trace or (
                not given.tracing_id and given.attachment_id == one.attachment_id
            ):
                break
        else:
            return False
        assert self._requested is not None
        del self._requested[trace]
        self._rearm()
        result = {
            "attachment_id": one.attachment_id,
            "url": given.url,
            "filename": given.file_name,
            "content_type": given.file_type,
            "size_bytes": given.file_bytes,
        }
        out.append(e.SendAnswer(c.Answer(one.command_id, result=result)))
        return True

    def refused(self, given: s.Refused, out: e.Effects) -> bool:
        """True if this error is about one of our requests."""
        asked = self._requested.pop(given.tracing_id, None) if self._requested else None
        if asked is None:
            return False
        self._rearm()
        code = "not_found" if given.code in (404, 4009) else "platform"
        error = CommandError(
            f"the platform gave no link: {words_of_frame(given.code, given.reason)}", code=code
        )
        out.append(e.SendAnswer(c.Answer(asked.command_id, error=error)))
        return True

    def on_deadline(self, now: float, out: e.Effects) -> None:
        requested = self._requested
        if not requested or now < self.wake_at:
            return
        for trace, one in list(requested.items()):
            if now >= one.answer_by:
                del requested[trace]
                error = CommandError("the platform did not answer in time", code="timeout")
                out.append(e.SendAnswer(c.Answer(one.command_id, error=error)))
        self._rearm()

    def connection_lost(self, out: e.Effects) -> None:
        """No answer can come any more."""
        requested, self._requested, self.wake_at = self._requested, None, NEVER
        for one in (requested or {}).values():
            error = CommandError("the link to the platform was lost; ask again", code="not_ready")
            out.append(e.SendAnswer(c.Answer(one.command_id, error=error)))


#: Of a guest session that never asked for one; most do not.
NO_LINKS = DownloadLinks()
