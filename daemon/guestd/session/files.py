"""Uploads: files that messages in the outbox wait for.

A file's message takes its place in the lane when the command is accepted, and what was said after
it stays behind it: the order is the guest's. The uploads themselves run ahead of the lane,
`uploads_per_session_max` at a time, so that a row of files costs no more than the slowest of them.

An upload exists as long as the message that carries it, so it is kept beside it in the lane
(`Outgoing.upload`), and this part has no list of its own: each call is given the lane. It decides
about uploads only. What a message may do next is the outbox's answer; where an upload has ended,
`Wants.PROCEED` says so.

After a restart a file's message may have been sent. Nothing is uploaded while that is in doubt: the
history is read first, and only a message it does not hold begins anew, with a new attachment id.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..model import client_messages as m
from ..model import commands as c
from ..model import effects as e
from ..model import events as v
from ..model import signals as s
from ..model.errors import CommandError
from ..model.failures import (
    NO_FAILURE,
    UNAVAILABLE,
    WITHDRAWN,
    PlatformFailure,
    failure_of_frame,
    words_of_frame,
)
from ..model.instants import NEVER
from ..model.traits import FileRules
from ..policy.buckets import SlidingCount
from . import inputs as i
from .fleet_rules import FleetRules
from .numbers import EventNumbers, draw_id
from .outbox import Outbox, Outgoing, settled
from .place_notes import LOST, THROTTLED, TOO_FAST, note_place, note_question
from .uploads import (
    FileUpload,
    UploadStep,
    UploadVerdict,
    bytes_surely_taken,
    file_refusal,
    is_dead_url,
    pause_s,
    verdict_on_code,
    verdict_on_put,
)
from .wants import Wants

FileInput = (
    i.PutEnded | s.SlotGranted | s.SlotRefused | s.UploadSucceeded | s.UploadFailed | s.Refused
)


LATE = "the platform did not answer in time; send the file again if it stays away"
NO_URL = "the platform gave no URL for the file; send it again, and if it stays, tell its support"


class FileUploads:
    """Without a state of its own, so it is made when it is needed. `session_rules`: what the
    platform said of this session's files; None: nothing."""

    __slots__ = ("_numbers", "_rules", "_session_rules")

    def __init__(
        self, rules: FleetRules, numbers: EventNumbers, session_rules: FileRules | None
    ) -> None:
        self._rules = rules
        self._session_rules = session_rules
        self._numbers = numbers

    # ------------------------------------------------------------------ rules

    def refusal(self, command: c.Attach) -> CommandError | None:
        traits = self._rules.traits
        if not traits.can_attach:
            return CommandError(
                f"attachments in the {traits.name} dialect need an OAuth client; configure one",
                code="not_configured",
            )
        return file_refusal(command, self._file_rules())

    @property
    def bytes_max(self) -> int:
        """The largest file that is surely taken; 0 if none is. Until the platform has said this
        session's limit that is the platform's usual one, so that it does not shrink when the
        session is live."""
        rules = self._file_rules()
        if not self._rules.traits.can_attach or not rules.types:
            return 0
        return bytes_surely_taken(rules, self._session_rules)

    def _file_rules(self) -> FileRules:
        """The session's own profile, else the deployment's, else the dialect's; our own bound below
        all of them."""
        own = self._rules.settings.attachments.file_bytes_max
        rules = self._session_rules or self._rules.traits.file_rules
        if rules.bytes_max is None or rules.bytes_max > own:
            rules = replace(rules, bytes_max=own)
        return rules

    # ------------------------------------------------------------------ time

    def proceed(
        self, lane: Outbox, requests: SlidingCount | None, now: float, out: e.Effects
    ) -> None:
        """All that is due: withdrawn files, steps that took too long, slots to request. Only while
        live."""
        for outgoing, upload in lane.files():
            if outgoing.withdrawn:
                reason = "taken back before it was sent"
                note_place(*file_of(outgoing), now, out, reason, WITHDRAWN)
                self._give_up(outgoing, lane, "withdrawn", _Setback(reason, WITHDRAWN), out)
            elif upload.is_under_way and now >= upload.wake_at:
                late = _Setback(LATE, UNAVAILABLE, at_once=True)
                self._failed(outgoing, lane, UploadVerdict.AGAIN, late, now, out)
        files = lane.files()
        free = self._rules.settings.attachments.per_session_max - sum(
            upload.is_under_way for _, upload in files
        )
        for outgoing, upload in files:
            is_due = (
                outgoing.durable and upload.step is UploadStep.WAITING and now >= upload.wake_at
            )
            if free > 0 and is_due and self._request_slot(outgoing, lane, requests, now, out):
                free -= 1

    def wake_at(self, lane: Outbox, requests: SlidingCount | None, now: float) -> float:
        if not lane.file_count:
            return NEVER
        files = lane.files()
        under_way = [upload.wake_at for _, upload in files if upload.is_under_way]
        waiting = [
            upload.wake_at
            for outgoing, upload in files
            if upload.step is UploadStep.WAITING and outgoing.durable
        ]
        at = min(under_way, default=NEVER)
        if waiting and len(under_way) < self._rules.settings.attachments.per_session_max:
            at = min(at, max(min(waiting), requests.ready_at(now) if requests is not None else now))
        return at

    def _request_slot(
        self,
        outgoing: Outgoing,
        lane: Outbox,
        requests: SlidingCount | None,
        now: float,
        out: e.Effects,
    ) -> bool:
        """True if it was requested."""
        file, upload = file_of(outgoing)
        refused = self.refusal(file)  # accepted without a connection, so the rules were not known
        if refused is not None:
            setback = _Setback(str(refused), PlatformFailure(refused.code))
            self._give_up(outgoing, lane, "failed", setback, out)
            return False
        if requests is not None:
            if requests.ready_at(now) > now:
                return False
            requests.take(now)
        attachment_id, trace = draw_id(self._rules.rng), draw_id(self._rules.rng)
        by_rest = self._rules.traits.slot_by_rest  # a REST call has time limits of its own
        answer_by = NEVER if by_rest else now + self._rules.settings.attachments.slot_timeout_s
        upload.ask(attachment_id, trace, answer_by)
        self._tell(outgoing, "asked", out)
        what = file.filename, file.content_type, file.size_bytes
        if by_rest:
            out.append(
                e.AskPresigned(
                    attachment_id,
                    *what,
                    file.command_id,
                    attempt=upload.attempts,
                    key=f"{outgoing.tracing_id}-slot-{upload.slots + 1}",
                )
            )
        else:
            note_question(file, upload, now, out)
            out.append(e.Say(m.AskSlot(attachment_id, *what, trace)))
        return True

    # ------------------------------------------------------------------ answers

    def take(
        self, given: FileInput, lane: Outbox, live: bool, now: float, out: e.Effects
    ) -> Wants | None:
        """An answer to a step of an upload."""
        match given:
            case s.SlotGranted():
                return self._slot_granted(given, lane, live, now, out)
            case s.UploadSucceeded():
                outgoing = lane.file_of(given.attachment_id)
                if outgoing is None or file_of(outgoing)[1].is_done:
                    return None
                return self._is_there(outgoing, out)
            case i.PutEnded():
                return self._put_ended(given, lane, live, now, out)
            case s.SlotRefused() | s.UploadFailed() | s.Refused():
                return self._refused(given, lane, live, now, out)

    def _slot_granted(
        self,
        given: s.SlotGranted,
        lane: Outbox,
        live: bool,
        now: float,
        out: e.Effects,
    ) -> Wants | None:
        outgoing = lane.file_of(given.attachment_id, given.tracing_id)
        if outgoing is None:
            return None
        file, upload = file_of(outgoing)
        if upload.step is UploadStep.CONFIRMING and not given.headers:
            return self._is_there(outgoing, out)  # asked after a lost connection: it is there
        if upload.step is not UploadStep.ASKED:
            return None
        if not given.url:
            without = _Setback(NO_URL, PlatformFailure("platform_refused"))
            return self._failed(outgoing, lane, UploadVerdict.FAILED, without, now, out, live)
        note_place(file, upload, now, out)
        upload.granted(given.attachment_id, given.metadata)
        self._tell(outgoing, "uploading", out)
        out.append(
            e.Upload(
                upload.attachment_id,
                given.url,
                given.headers,
                file.content_type,
                file.path,
                file.size_bytes,
                upload.attempts,
                file.command_id,
            )
        )
        return None

    def _put_ended(
        self, given: i.PutEnded, lane: Outbox, live: bool, now: float, out: e.Effects
    ) -> Wants | None:
        outgoing = lane.file_of(given.attachment_id)
        if outgoing is None:
            return None
        _, upload = file_of(outgoing)
        if upload.step is not UploadStep.PUTTING:
            return None
        if given.problem:
            verdict = UploadVerdict.FAILED if given.is_file_lost else verdict_on_put(given.status)
            own = "spool" if given.is_file_lost else "platform_unavailable"
            failure = given.failure or PlatformFailure(own, given.status)
            dead, wait_s = is_dead_url(given.status), given.retry_after_s
            setback = _Setback(given.problem, failure, at_once=dead, retry_after_s=wait_s)
            return self._failed(outgoing, lane, verdict, setback, now, out, live)
        upload.put(now + self._rules.settings.attachments.confirm_timeout_s)
        return self._is_there(outgoing, out) if upload.is_done else None

    def _refused(
        self,
        given: s.SlotRefused | s.UploadFailed | s.Refused,
        lane: Outbox,
        live: bool,
        now: float,
        out: e.Effects,
    ) -> Wants | None:
        """A slot may be refused while it is requested, an upload fail at any step. An error frame
        about a file that was asked for after a lost connection says: not there yet."""
        attachment_id = "" if isinstance(given, s.Refused) else given.attachment_id
        trace = "" if isinstance(given, s.UploadFailed) else given.tracing_id
        outgoing = lane.file_of(attachment_id, trace)
        if outgoing is None:
            return None
        _, upload = file_of(outgoing)
        if not upload.is_under_way or (
            upload.step is not UploadStep.ASKED and not isinstance(given, s.UploadFailed)
        ):
            return None
        failure, retry_after_s = failure_of_frame(given.code), 0.0
        if isinstance(given, s.SlotRefused):
            failure, retry_after_s = given.failure or failure, given.retry_after_s
        is_by_rest = isinstance(given, s.SlotRefused) and given.failure is not None
        upload.slots += isinstance(given, s.SlotRefused) and given.is_answered
        reason = given.reason if is_by_rest else words_of_frame(given.code, given.reason)
        setback = _Setback(reason, failure, retry_after_s=retry_after_s)
        verdict = verdict_on_code(given.code, by_rest=self._rules.traits.slot_by_rest)
        return self._failed(outgoing, lane, verdict, setback, now, out, live)

    def concerns(self, trace: str, lane: Outbox) -> bool:
        """True if a frame with this tracing id is about an upload that is under way."""
        outgoing = lane.file_of("", trace) if trace and lane.file_count else None
        return outgoing is not None and file_of(outgoing)[1].is_under_way

    def throttled(self, trace: str, lane: Outbox, until: float, now: float, out: e.Effects) -> bool:
        """True if it was the request for a slot that came too fast."""
        outgoing = lane.file_of("", trace) if trace and lane.file_count else None
        if outgoing is None:
            return False
        file, upload = file_of(outgoing)
        is_ours = upload.step is UploadStep.ASKED
        if is_ours:
            note_place(file, upload, now, out, TOO_FAST, THROTTLED)
            upload.forget_request(until)
        return is_ours

    def begin_again(
        self,
        outgoing: Outgoing,
        lane: Outbox,
        reason: str,
        failure: PlatformFailure,
        live: bool,
        now: float,
        out: e.Effects,
    ) -> None:
        """The platform does not know, or not any more, the file of a message it has refused."""
        setback = _Setback(reason, failure, at_once=True)
        self._failed(outgoing, lane, UploadVerdict.AGAIN, setback, now, out, live)

    # ------------------------------------------------------------------ connections

    def connection_lost(self, lane: Outbox, now: float | None, out: e.Effects) -> None:
        """A question that will not be answered any more is asked again; a PUT goes its own way and
        does not notice."""
        if self._rules.traits.slot_by_rest:
            return
        for outgoing, upload in lane.files():
            note_place(file_of(outgoing)[0], upload, now, out, LOST, UNAVAILABLE)
            if upload.step is UploadStep.ASKED:
                upload.forget_request()

    def rejoined(self, lane: Outbox, new_session: bool, now: float, out: e.Effects) -> None:
        """The success event may have been lost with the connection: ask for the file. A new session
        knows no file of ours."""
        if self._rules.traits.slot_by_rest:
            return
        for _, upload in lane.files():
            if new_session and upload.step is not UploadStep.WAITING:
                if upload.step is UploadStep.PUTTING:
                    out.append(e.CancelUpload(upload.attachment_id))
                upload.rest(now)
            elif upload.step is UploadStep.CONFIRMING:
                upload.wake_at = now + self._rules.settings.attachments.confirm_timeout_s
                out.append(e.Say(m.AskDownload(upload.attachment_id, upload.trace)))

    # ------------------------------------------------------------------ how it ends

    def _is_there(self, outgoing: Outgoing, out: e.Effects) -> Wants:
        """Where the platform does not confirm messages, `uploaded` is durable before the message is
        sent: a restart that does not find it knows that nothing was said."""
        file_of(outgoing)[1].done()
        self._tell(outgoing, "uploaded", out)
        return Wants.PROCEED if self._rules.traits.confirms else Wants.PROCEED_WHEN_DURABLE

    def _failed(
        self,
        outgoing: Outgoing,
        lane: Outbox,
        verdict: UploadVerdict,
        setback: _Setback,
        now: float,
        out: e.Effects,
        live: bool = True,
    ) -> Wants:
        """Try again with a new slot, or give up."""
        file, upload = file_of(outgoing)
        note_place(file, upload, now, out, setback.reason, setback.failure)
        if (
            verdict is UploadVerdict.AGAIN
            and upload.attempts < self._rules.settings.attachments.attempts_max
        ):
            self._tell(outgoing, "retrying", out, setback)
            self._give_back(upload, live, out)
            upload.rest(now + self._rest_s(upload.attempts, setback))
        else:
            self._give_up(outgoing, lane, "failed", setback, out, live)
        return Wants.PROCEED

    def _rest_s(self, attempts: int, setback: _Setback) -> float:
        """Doubling, with jitter; what the platform asks for counts if it is longer, within our own
        bound (HTTP-1)."""
        own_s = pause_s(attempts, self._rules.settings.attachments.retry_s, setback.at_once)
        if not setback.at_once:
            own_s *= self._rules.rng.uniform(1.0, 1.5)
        bound_s = self._rules.settings.reconnect.retry_after_max_s
        return max(own_s, min(setback.retry_after_s, bound_s))

    def _give_up(
        self,
        outgoing: Outgoing,
        lane: Outbox,
        status: str,
        setback: _Setback,
        out: e.Effects,
        live: bool = True,
    ) -> None:
        self._tell(outgoing, status, out, setback)
        self._give_back(file_of(outgoing)[1], live, out)
        lane.remove(outgoing)
        reason, failure = setback.reason, setback.failure
        settled(outgoing, self._numbers.next(), "failed", out, reason, failure=failure)

    def _give_back(self, upload: FileUpload, live: bool, out: e.Effects) -> None:
        if upload.step is UploadStep.PUTTING:
            out.append(e.CancelUpload(upload.attachment_id))
        if upload.has_slot and not self._rules.traits.slot_by_rest and live:
            out.append(e.Say(m.DeleteAttachment(upload.attachment_id, draw_id(self._rules.rng))))

    def _tell(
        self, outgoing: Outgoing, status: str, out: e.Effects, setback: _Setback | None = None
    ) -> None:
        file, upload = file_of(outgoing)
        failure = setback.failure if setback is not None else NO_FAILURE
        out.append(
            v.AttachmentEvent(
                self._numbers.next(),
                file.command_id,
                status,
                file.filename,
                file.size_bytes,
                upload.attachment_id,
                upload.attempts,
                setback.reason if setback is not None else "",
                failure.correlation_id,
                failure.code,
                failure.status,
                failure.platform_code,
            )
        )


@dataclass(slots=True, frozen=True)
class _Setback:
    """What went wrong on the way. `at_once`: a fresh place most often heals it, so the first time
    it is asked for without a rest. `retry_after_s`: what the platform asked for, or 0."""

    reason: str
    failure: PlatformFailure
    at_once: bool = False
    retry_after_s: float = 0.0


def file_of(outgoing: Outgoing) -> tuple[c.Attach, FileUpload]:
    """What the message carries; only for one that carries a file."""
    assert isinstance(outgoing.command, c.Attach) and outgoing.upload is not None
    return outgoing.command, outgoing.upload
