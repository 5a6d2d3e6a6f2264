"""Fresh links to files that came: asked for over the socket, told to whoever asked, and written
nowhere.

A download link lives about ten minutes (reference §5) and is a key to the file: so it is no event,
and no journal keeps it."""

from __future__ import annotations

from ..model import commands as c
from ..model import effects as e
from ..model import requests as r
from ..model import signals as s
from ..model.errors import CommandError, Overloaded
from .inbox import NEVER
from .speaking import Speaking
from .states import State

#: Links asked for and not yet answered, per session.
LINKS_WAITING_MAX = 16


class Linking(Speaking):
    __slots__ = ()

    def _ask_link(self, command: c.FreshLink, now: float, out: list[e.Effect]) -> bool:
        links = self._links = self._links if self._links is not None else {}
        if self.state is not State.LIVE:
            error: CommandError | None = CommandError(
                "Genesys connection not ready", code="not_ready"
            )
        elif self._traits.slot_by_rest:
            error = CommandError("the webchat dialect has no fresh links", code="not_supported")
        elif not command.attachment_id:
            error = CommandError(
                "attachment_id names an attachment of the conversation", field="attachment_id"
            )
        elif len(links) >= LINKS_WAITING_MAX:
            error = Overloaded(f"{len(links)} links are asked for already", retry_after_s=1.0)
        else:
            error = None
        if error is not None:
            out.append(e.Tell(c.Answer(command.command_id, error=error)))
            return False
        trace = self._draw_id()
        links[trace] = (
            command.command_id,
            command.attachment_id,
            now + self._settings.attachments.slot_timeout_s,
        )
        out.append(e.Say(r.AskDownload(command.attachment_id, trace)))
        return True

    def _link_told(self, given: s.SlotGranted, out: list[e.Effect]) -> bool:
        for trace, (command_id, attachment_id, _) in list((self._links or {}).items()):
            if given.tracing_id == trace or (
                not given.tracing_id and given.attachment_id == attachment_id
            ):
                assert self._links is not None
                del self._links[trace]
                result = {
                    "attachment_id": attachment_id,
                    "url": given.url,
                    "filename": given.file_name,
                    "content_type": given.file_type,
                    "size_bytes": given.file_bytes,
                }
                out.append(e.Tell(c.Answer(command_id, result=result)))
                return True
        return False

    def _link_refused(self, given: s.Refused, out: list[e.Effect]) -> bool:
        asked = self._links.pop(given.tracing_id, None) if self._links else None
        if asked is None:
            return False
        code = "not_found" if given.code in (404, 4009) else "platform"
        error = CommandError(f"the platform gave no link: {given.code} {given.reason}", code=code)
        out.append(e.Tell(c.Answer(asked[0], error=error)))
        return True

    def _tend_links(self, now: float, out: list[e.Effect]) -> None:
        for trace, (command_id, _, answer_by) in list((self._links or {}).items()):
            if now >= answer_by and self._links is not None:
                del self._links[trace]
                error = CommandError("the platform did not answer in time", code="timeout")
                out.append(e.Tell(c.Answer(command_id, error=error)))

    def _links_wake_at(self) -> float:
        return (
            min((answer_by for _, _, answer_by in self._links.values()), default=NEVER)
            if self._links
            else NEVER
        )

    def _drop_links(self, out: list[e.Effect]) -> None:
        """Without a link nobody will answer any more."""
        links, self._links = self._links, None
        for command_id, _, _ in (links or {}).values():
            error = CommandError("the link to the platform was lost; ask again", code="not_ready")
            out.append(e.Tell(c.Answer(command_id, error=error)))
