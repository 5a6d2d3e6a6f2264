"""One file on its way to the platform, and the checks before a slot is requested (SOCK-6,
SOCK-7, protocol §7).

    waiting ──slot requested──▶ asked ──granted──▶ putting ──2xx──▶ confirming ──event──▶ done
       ▲                          │                  │                  │
       └──── pause, then a new slot and a new id ────┴──────────────────┘
                                                       refused for good ──▶ failed

A slot is a presigned URL. It stops working when its time is over, when it was used, or when a
header does not match, so nothing is ever uploaded twice to the same URL. Whatever goes wrong on the
way and may pass (403, a broken connection, no event in time) costs one of `attempts_max`, and the
next attempt begins with a new attachment id; the old one is deleted, so that no orphan is left
behind. Because the message is only sent when the file is there, none of this can double a message:
the file's message waits for it in the outbox.

Over REST the question for a slot has an Idempotency-Key (HTTP-2). It is made of the message's
tracing id, which is durable with the intent before anything is asked, and of the number of the
slot: a question that was not answered or was refused is the same one when it is asked again, with
the same key, also after a restart. A slot that was granted and came to nothing is over; the next
one is another operation, with a key of its own. After a restart the first key is used again: the
platform answers with the slot it gave, which is still good or is followed by the next.

The platform's word overrides ours: its success event ends the upload even if the PUT's own
answer is still under way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

from ..model.commands import Attach
from ..model.errors import CommandError
from ..model.file_names import control_character_in, file_name_problem
from ..model.instants import LONG_AGO, NEVER
from ..model.traits import FileRules

#: protocol §7: 10240 KB, which every deployment that takes files was seen to allow.
PLATFORM_FILE_BYTES_MAX = 10_485_760

NAME_MAX = 1023  # protocol §5: fewer than 1024 characters

#: Answers to a PUT that say that the URL is worth nothing any more; a fresh one is.
_URL_DEAD = frozenset({403, 404, 410})
#: Answers that may pass at a fresh URL after a rest, as a 5xx may, but not 501. Any other 4xx, and
#: a redirect, is about the file or the request, and will be the same again (HTTP-1).
_PUT_PASSING = frozenset({408, 429})

#: Codes of GenerateUrlError and UploadFailureEvent that may pass by themselves; all others are
#: about this very file.
_PASSING = frozenset({408, 429, 4008, 4009, 4010, 4029, 5000})


@lru_cache(maxsize=64)
def rules_of(
    types: tuple[str, ...], bytes_max: int | None, blocked_extensions: tuple[str, ...]
) -> FileRules:
    """The same profile is the same object: thousands of sessions of a deployment share it."""
    return FileRules(types, bytes_max, blocked_extensions)


def bytes_surely_taken(rules: FileRules, of_session: FileRules | None) -> int:
    """Of the rules in force, and what the platform has said of this session so far."""
    own = rules.bytes_max or 0
    is_known = of_session is not None and of_session.bytes_max is not None
    return own if is_known else min(own, PLATFORM_FILE_BYTES_MAX)


def file_refusal(file: Attach, rules: FileRules) -> CommandError | None:
    """Why no slot may be requested for this file; None if one may."""
    stem, dot, extension = file.filename.rpartition(".")
    if not rules.types:
        return CommandError("attachments are not enabled for this deployment", code="unavailable")
    if problem := file_name_problem(file.filename):
        return CommandError(problem, field="filename")
    if rules.needs_extension and not (stem and dot and extension):
        return CommandError(
            "filename is a plain name with an extension, such as bill.pdf", field="filename"
        )
    if not file.filename.strip():
        return CommandError("filename is empty; give the file a name", field="filename")
    if len(file.filename) > NAME_MAX:
        return CommandError(
            f"filename is longer than {NAME_MAX} characters; shorten it", field="filename"
        )
    if found := control_character_in(file.content_type):
        problem = (
            f"contentType holds the control character {found}; give a media type such as image/png"
        )
        return CommandError(problem, field="content_type")
    if file.size_bytes < 1:
        return CommandError("the file is empty; send one with a byte at least", field="size_bytes")
    if rules.bytes_max is not None and file.size_bytes > rules.bytes_max:
        problem = (
            f"the file has {file.size_bytes} bytes, the limit is {rules.bytes_max}; send a"
            " smaller one"
        )
        return CommandError(problem, code="too_large", field="size_bytes")
    if dot and f".{extension.lower()}" in (one.lower() for one in rules.blocked_extensions):
        return CommandError(
            f"files named .{extension} are blocked for this deployment",
            code="type",
            field="filename",
        )
    if not _matches(file.content_type, rules.types):
        allowed = ", ".join(rules.types)
        problem = f"files of type {file.content_type or '?'} are not allowed; allowed are {allowed}"
        return CommandError(problem, code="type", field="content_type")
    return None


def _matches(content_type: str, types: tuple[str, ...]) -> bool:
    """`image/png` is allowed by itself, by `image/*` and by `*/*`; parameters behind a semicolon do
    not count."""
    plain = content_type.partition(";")[0].strip().lower()
    if plain.count("/") != 1:
        return False
    return any(
        one in ("*/*", plain) or (one.endswith("/*") and plain.startswith(one[:-1]))
        for one in types
    )


class UploadStep(Enum):
    WAITING = "waiting"
    ASKED = "asked"
    PUTTING = "putting"
    CONFIRMING = "confirming"
    DONE = "done"


class UploadVerdict(Enum):
    """What a step that went wrong means."""

    AGAIN = "again"
    FAILED = "failed"


@dataclass(slots=True)
class FileUpload:
    """`wake_at`: while waiting, when it may be tried again; else when the step has taken too
    long. `slots`: how many the platform has answered with; the next question is another one.
    `asked_at`: of a question on the guest socket whose outcome the audit was not told yet."""

    step: UploadStep = UploadStep.WAITING
    attachment_id: str = ""
    trace: str = ""
    attempts: int = 0
    slots: int = 0
    wake_at: float = LONG_AGO
    metadata: dict[str, Any] | None = None
    asked_at: float | None = None

    @property
    def is_done(self) -> bool:
        return self.step is UploadStep.DONE

    @property
    def has_slot(self) -> bool:
        """The platform keeps something under our id, which is to be deleted if it is not sent."""
        return self.step in (UploadStep.PUTTING, UploadStep.CONFIRMING, UploadStep.DONE)

    @property
    def is_under_way(self) -> bool:
        return self.step in (UploadStep.ASKED, UploadStep.PUTTING, UploadStep.CONFIRMING)

    def ask(self, attachment_id: str, trace: str, answer_by: float) -> None:
        self.step, self.attachment_id, self.trace, self.wake_at = (
            UploadStep.ASKED,
            attachment_id,
            trace,
            answer_by,
        )
        self.attempts += 1

    def granted(self, attachment_id: str, metadata: dict[str, Any] | None) -> None:
        """The platform may have chosen another id than ours (protocol §2.11)."""
        self.step, self.wake_at = UploadStep.PUTTING, NEVER
        self.slots += 1
        self.attachment_id, self.metadata = attachment_id or self.attachment_id, metadata

    def put(self, confirm_by: float) -> None:
        """The storage has it. webchat knows no event that says more."""
        if self.metadata is not None:
            self.done()
        else:
            self.step, self.wake_at = UploadStep.CONFIRMING, confirm_by

    def done(self) -> None:
        self.step, self.wake_at = UploadStep.DONE, NEVER

    def rest(self, until: float) -> None:
        """Back to the start: a new slot with a new id, not before `until`."""
        self.step, self.wake_at, self.attachment_id, self.trace = UploadStep.WAITING, until, "", ""
        self.metadata = None

    def forget_request(self, until: float = LONG_AGO) -> None:
        """The question was not heard, or put off by the platform: it does not count as an
        attempt."""
        self.attempts -= 1
        self.rest(until)


def verdict_on_code(code: int, by_rest: bool = False) -> UploadVerdict:
    """On a refused slot or a failed upload, by its code (protocol §4.1). `by_rest`: the code is
    the status of a REST call, and of those 408 is final (HTTP-1)."""
    if by_rest and code == 408:
        return UploadVerdict.FAILED
    return UploadVerdict.AGAIN if code in _PASSING or 500 <= code <= 599 else UploadVerdict.FAILED


def verdict_on_put(status: int | None) -> UploadVerdict:
    """On a PUT that did not succeed; no status means a broken connection."""
    if status is None or status in _URL_DEAD | _PUT_PASSING or (status >= 500 and status != 501):
        return UploadVerdict.AGAIN
    return UploadVerdict.FAILED


def is_dead_url(status: int | None) -> bool:
    """A fresh one most often heals it, so it is asked for at once."""
    return status in _URL_DEAD


def pause_s(attempts: int, base_s: float, at_once: bool = True) -> float:
    """How long to rest before the next attempt. `at_once`: nothing before the second, which most
    often heals a dead URL; what else is asked again waits before each (HTTP-1)."""
    if at_once:
        return 0.0 if attempts <= 1 else min(base_s * 2.0 ** (attempts - 2), 60.0)
    return min(base_s * 2.0 ** (max(attempts, 1) - 1), 60.0)
