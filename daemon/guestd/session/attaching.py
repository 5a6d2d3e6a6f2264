"""The machine's hands: files that messages in the outbox wait for.

A file's message takes its place in the lane when the command is accepted, and what was said after
it stays behind it: the order is the guest's. The uploads themselves run ahead of the lane,
`uploads_per_session_max` at a time, so that a row of files costs no more than the slowest of them.

After a restart a file's message may have been sent. Nothing is uploaded while that is in doubt: the
history is read first, and only a message it does not hold begins anew, with a new attachment id.
"""

from __future__ import annotations

from dataclasses import replace

from ..model import commands as c
from ..model import effects as e
from ..model import events as v
from ..model import requests as r
from ..model import signals as s
from ..model.errors import CommandError
from ..model.traits import FileRules
from . import inputs as i
from .inbox import NEVER
from .linking import Linking
from .outbox import Outgoing
from .states import State
from .uploads import (
    Step,
    Upload,
    Verdict,
    file_refusal,
    pause_s,
    verdict_on_code,
    verdict_on_put,
)


class Attaching(Linking):
    __slots__ = ()

    # ------------------------------------------------------------------ rules

    def _file_rules(self) -> FileRules:
        """The session's own profile, else the deployment's, else the dialect's; our own bound below
        all of them."""
        own = self._settings.attachments.file_bytes_max
        rules = (self.figures and self.figures.file_rules) or self._traits.file_rules
        if rules.bytes_max is None or rules.bytes_max > own:
            rules = replace(rules, bytes_max=own)
        return rules

    def _attach_refusal(self, command: c.Attach) -> CommandError | None:
        if not self._traits.can_attach:
            return CommandError(
                "attachments in the webchat dialect need an OAuth client; configure one",
                code="not_configured",
            )
        return file_refusal(command, self._file_rules())

    def files_wanted(self) -> list[str]:
        """Where our own copies lie that are still needed."""
        return self._outbox.paths() if self._outbox is not None else []

    # ------------------------------------------------------------------ the way of a file

    def _tend_uploads(self, now: float, out: list[e.Effect]) -> None:
        """Whatever is due: files taken back, steps that took too long, places to ask for. Only
        while live."""
        assert self._outbox is not None
        for outgoing, upload in self._outbox.files():
            if outgoing.withdrawn:
                self._give_file_up(outgoing, "withdrawn", "taken back before it was sent", out)
            elif upload.is_under_way and now >= upload.wake_at:
                self._upload_failed(
                    outgoing, Verdict.AGAIN, "the platform did not answer in time", now, out
                )
        files = self._outbox.files()
        places = self._settings.attachments.per_session_max - sum(
            upload.is_under_way for _, upload in files
        )
        for outgoing, upload in files:
            if (
                places > 0
                and outgoing.durable
                and upload.step is Step.WAITING
                and now >= upload.wake_at
            ):
                places -= self._ask_place(outgoing, upload, now, out)

    def _uploads_wake_at(self, now: float) -> float:
        outbox = self._outbox
        if outbox is None or not outbox.file_count:
            return NEVER
        files = outbox.files()
        under_way = [upload.wake_at for _, upload in files if upload.is_under_way]
        waiting = [
            upload.wake_at
            for outgoing, upload in files
            if upload.step is Step.WAITING and outgoing.durable
        ]
        at = min(under_way, default=NEVER)
        if waiting and len(under_way) < self._settings.attachments.per_session_max:
            requests = self._the_requests()
            at = min(at, max(min(waiting), requests.ready_at(now) if requests is not None else now))
        return at

    def _ask_place(
        self, outgoing: Outgoing, upload: Upload, now: float, out: list[e.Effect]
    ) -> bool:
        """True if it was asked for."""
        file = outgoing.command
        assert isinstance(file, c.Attach)
        refused = self._attach_refusal(
            file
        )  # accepted while there was no link, so the profile was not known
        if refused is not None:
            self._give_file_up(outgoing, "failed", str(refused), out)
            return False
        requests = self._the_requests()
        if requests is not None:
            if requests.ready_at(now) > now:
                return False
            requests.take(now)
        upload.ask(
            self._draw_id(), self._draw_id(), now + self._settings.attachments.slot_timeout_s
        )
        self._tell_of_file(outgoing, "asked", out)
        if self._traits.slot_by_rest:
            out.append(
                e.AskPresigned(
                    upload.attachment_id, file.filename, file.content_type, file.size_bytes
                )
            )
        else:
            place = r.AskSlot(
                upload.attachment_id,
                file.filename,
                file.content_type,
                file.size_bytes,
                upload.trace,
            )
            out.append(e.Say(place))
        return True

    def _slot_granted(self, given: s.SlotGranted, now: float, out: list[e.Effect]) -> bool:
        if not given.headers and self._link_told(given, out):
            return True
        outgoing = self._file_of(given.attachment_id, given.tracing_id)
        if outgoing is None or outgoing.upload is None:
            return False
        upload, file = outgoing.upload, outgoing.command
        assert isinstance(file, c.Attach)
        if (
            upload.step is Step.CONFIRMING and not given.headers
        ):  # asked after a lost link: it is there
            return self._file_is_there(outgoing, now, out)
        if upload.step is not Step.ASKED:
            return False
        if not given.url:
            self._upload_failed(outgoing, Verdict.FAILED, "the platform gave no URL", now, out)
            return self._went_on(now, out)
        upload.granted(given.attachment_id, given.metadata)
        self._tell_of_file(outgoing, "uploading", out)
        out.append(
            e.Upload(
                upload.attachment_id,
                given.url,
                given.headers,
                file.content_type,
                file.path,
                file.size_bytes,
                upload.attempts,
            )
        )
        return True

    def _slot_refused(self, given: s.SlotRefused, now: float, out: list[e.Effect]) -> bool:
        out.append(e.Noticed(e.Notice.PLATFORM_ERROR))
        outgoing = self._file_of(given.attachment_id, given.tracing_id)
        if outgoing is None or outgoing.upload is None or outgoing.upload.step is not Step.ASKED:
            return False
        self._upload_failed(
            outgoing, verdict_on_code(given.code), f"{given.code} {given.reason}", now, out
        )
        return self._went_on(now, out)

    def _put_ended(self, given: i.PutEnded, now: float, out: list[e.Effect]) -> bool:
        outgoing = self._file_of(given.attachment_id)
        if outgoing is None or outgoing.upload is None or outgoing.upload.step is not Step.PUTTING:
            return False
        if given.problem:
            verdict = Verdict.FAILED if given.is_file_lost else verdict_on_put(given.status)
            self._upload_failed(outgoing, verdict, given.problem, now, out)
            return self._went_on(now, out)
        outgoing.upload.put(now + self._settings.attachments.confirm_timeout_s)
        return self._file_is_there(outgoing, now, out) if outgoing.upload.is_done else True

    def _upload_succeeded(self, given: s.UploadSucceeded, now: float, out: list[e.Effect]) -> bool:
        outgoing = self._file_of(given.attachment_id)
        if outgoing is None or outgoing.upload is None or outgoing.upload.is_done:
            return False
        return self._file_is_there(outgoing, now, out)

    def _upload_refused(self, given: s.UploadFailed, now: float, out: list[e.Effect]) -> bool:
        out.append(e.Noticed(e.Notice.PLATFORM_ERROR))
        outgoing = self._file_of(given.attachment_id)
        if outgoing is None or outgoing.upload is None or not outgoing.upload.is_under_way:
            return False
        self._upload_failed(
            outgoing, verdict_on_code(given.code), f"{given.code} {given.reason}", now, out
        )
        return self._went_on(now, out)

    def _file_is_there(self, outgoing: Outgoing, now: float, out: list[e.Effect]) -> bool:
        assert outgoing.upload is not None
        outgoing.upload.done()
        self._tell_of_file(outgoing, "uploaded", out)
        return self._went_on(now, out)

    def _went_on(self, now: float, out: list[e.Effect]) -> bool:
        self._move_on(now, out)
        return True

    def _upload_failed(
        self, outgoing: Outgoing, verdict: Verdict, reason: str, now: float, out: list[e.Effect]
    ) -> None:
        """Once more with a fresh place, or never."""
        upload = outgoing.upload
        assert upload is not None
        if verdict is Verdict.AGAIN and upload.attempts < self._settings.attachments.attempts_max:
            self._tell_of_file(outgoing, "retrying", out, reason)
            self._give_place_back(upload, out)
            upload.rest(now + pause_s(upload.attempts, self._settings.attachments.retry_s))
        else:
            self._give_file_up(outgoing, "failed", reason, out)

    def _give_file_up(
        self, outgoing: Outgoing, status: str, reason: str, out: list[e.Effect]
    ) -> None:
        assert outgoing.upload is not None and self._outbox is not None
        self._tell_of_file(outgoing, status, out, reason)
        self._give_place_back(outgoing.upload, out)
        self._outbox.remove(outgoing)
        self._delivered(outgoing, "failed", out, reason)

    def _give_place_back(self, upload: Upload, out: list[e.Effect]) -> None:
        if upload.step is Step.PUTTING:
            out.append(e.CancelUpload(upload.attachment_id))
        if upload.has_place and not self._traits.slot_by_rest and self.state is State.LIVE:
            out.append(e.Say(r.DeleteAttachment(upload.attachment_id, self._draw_id())))

    def _tell_of_file(
        self, outgoing: Outgoing, status: str, out: list[e.Effect], reason: str = ""
    ) -> None:
        file, upload = outgoing.command, outgoing.upload
        assert isinstance(file, c.Attach) and upload is not None
        out.append(
            v.AttachmentEvent(
                self._next_seq(),
                file.command_id,
                status,
                file.filename,
                file.size_bytes,
                upload.attachment_id,
                upload.attempts,
                reason,
            )
        )

    def _file_of(self, attachment_id: str, trace: str = "") -> Outgoing | None:
        if self._outbox is None or not self._outbox.file_count:
            return None
        return self._outbox.file_of(attachment_id, trace)

    # ------------------------------------------------------------------ links that come and go

    def _uploads_lost_link(self) -> None:
        """A question nobody will answer any more is asked again; a PUT goes its own way and does
        not notice."""
        if self._outbox is None or self._traits.slot_by_rest:
            return
        for _, upload in self._outbox.files():
            if upload.step is Step.ASKED:
                upload.unask()

    def _uploads_rejoined(self, new_session: bool, now: float, out: list[e.Effect]) -> None:
        """The success event may have gone lost with the link: ask for the file. A new session knows
        no file of ours."""
        if self._outbox is None or self._traits.slot_by_rest:
            return
        for _, upload in self._outbox.files():
            if new_session and upload.step is not Step.WAITING:
                if upload.step is Step.PUTTING:
                    out.append(e.CancelUpload(upload.attachment_id))
                upload.rest(now)
            elif upload.step is Step.CONFIRMING:
                upload.wake_at = now + self._settings.attachments.confirm_timeout_s
                out.append(e.Say(r.AskDownload(upload.attachment_id, upload.trace)))

    def _file_throttled(self, given: s.Throttled, now: float) -> bool:
        """True if it was the question for a place that came too fast."""
        outgoing = self._file_of("", given.tracing_id)
        if outgoing is None or outgoing.upload is None or outgoing.upload.step is not Step.ASKED:
            return False
        outgoing.upload.unask(now + self._bounded_wait_s(given.retry_after_s))
        return True

    def _file_refused(self, given: s.Refused, now: float, out: list[e.Effect]) -> bool:
        """An error frame about a file or a link; True if it was one."""
        if self._link_refused(given, out):
            return True
        outgoing = self._file_of("", given.tracing_id)
        if outgoing is None or outgoing.upload is None or not outgoing.upload.is_under_way:
            return False
        if outgoing.upload.step is Step.ASKED:
            self._upload_failed(
                outgoing, verdict_on_code(given.code), f"{given.code} {given.reason}", now, out
            )
            self._move_on(now, out)
        return True  # when asked after a lost link: not there yet, so its event is still to come

    def _upload_anew(
        self, outgoing: Outgoing, reason: str, now: float, out: list[e.Effect]
    ) -> None:
        """The platform does not know, or not any more, the file that the message under way carries:
        it was not taken."""
        assert self._outbox is not None and outgoing.upload is not None
        self._outbox.put_back()
        self._upload_failed(outgoing, Verdict.AGAIN, reason, now, out)
        self._move_on(now, out)
