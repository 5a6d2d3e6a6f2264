"""Commands on their way to the platform: in order, paced, each confirmed or reported as uncertain.

The lane is strict: where the platform confirms (it echoes what a guest said, protocol §3.5), one
message is under way at a time and the next waits for its proof. That costs a round trip per
message, which a limit of five messages a second hides, and buys two things: a throttled or lost
message can never be overtaken by its successor, and after a lost connection there is at most *one*
message whose fate is unknown.

A message's life:

    accepted ──intent durable──▶ ready ──pacing allows──▶ sent ──echo──▶ confirmed
                                   ▲                       │ ├─ error frame ──▶ failed
                                   └── 429: retry_after ───┘ ├─ found in history ──▶ confirmed
                                   ▲                         └─ not found ──▶ ready again (resent)
                                   └───────────────────────────── history unreadable ──▶ uncertain

A file's message is ready only when its file is uploaded (`uploads.py`); those behind it wait, so
that order stays order.

Never resent blindly: `sent` goes back to `ready` only by the platform's own word, a 429 or a
history without it.

What a restart may send without looking is proved by the journal. No message is sent before the
session's `live` event is durable; a lost connection and a clean stop write `resting`, and so does
the start after a kill. So a message accepted after a
`resting` that no `live` follows was certainly never sent: it is simply sent. For one accepted
before it the dialects differ:

- One that confirms: every such message is in doubt. A confirmation lets the next message go before
  it is durable itself, and what one restart had in doubt and could not look up, the next has in
  doubt again. Each is looked for in the history.
- One that confirms nothing (webchat) settles a message as `sent` when its frame is handed to the
  connection, and cannot ask afterwards; there no message is sent before the `sent` of the one
  before it is durable. So if the last word is `live`, the first unsettled message is `uncertain`
  and the others were not sent; if it is `resting`, there is no doubt at all. A file's message is
  sent only when `uploaded` is durable, so one without that word was not sent, nor what is behind
  it: its slot is asked for again, with the same key.

Two policies of pacing (SOCK-7). `queue` accepts and sends at even distances. `reject` accepts as
many as the rate allows, counted when they are accepted, so that it does not matter how long the
journal or an echo takes; what was accepted is sent as soon as it may be, and inside the rate.

Bounds: `commands_max` waiting commands; beyond that the asker is refused (`overloaded`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ..model.client_messages import ClientMessage, SayAttachments, SayReply, SayText
from ..model.commands import Attach, Reply, Send
from ..model.effects import Discard, Effects
from ..model.events import DeliveryEvent
from ..model.failures import NO_FAILURE, PlatformFailure
from ..model.instants import LONG_AGO, NEVER
from ..model.signals import MessageArrived
from ..policy.buckets import SlidingCount
from .uploads import FileUpload


@dataclass(slots=True)
class Outgoing:
    """One message on its way. `tracing_id` and `marker` stay the same over all attempts."""

    command: Send | Reply | Attach
    tracing_id: str
    durable: bool = False
    sent_at: float | None = None
    attempts: int = 0
    orphaned: bool = False  # the connection it was sent on is gone
    doubted: bool = False  # from before a restart: it may have been sent
    attributes: dict[str, str] | None = None
    upload: FileUpload | None = None  # the way of its file, if it has one
    withdrawn_by: str = ""  # the command that takes it back
    withdrawn: bool = False  # … and is durable

    def __post_init__(self) -> None:
        if isinstance(self.command, Attach):
            self.upload = FileUpload()

    def request(self) -> ClientMessage:
        command = self.command
        if isinstance(command, Send):
            return SayText(
                command.text, self.tracing_id, marker=self.tracing_id, attributes=self.attributes
            )
        if isinstance(command, Attach):
            return self._file_request(command)
        return SayReply(
            command.reply_type,
            command.choices,
            self.tracing_id,
            marker=self.tracing_id,
            originating_message_id=command.originating_message_id,
            attributes=self.attributes,
        )

    def _file_request(self, command: Attach) -> ClientMessage:
        upload = self.upload
        assert upload is not None
        if upload.metadata is not None:
            return SayAttachments((upload.metadata,), command.caption, self.tracing_id)
        return SayText(
            command.caption,
            self.tracing_id,
            marker=self.tracing_id,
            attributes=self.attributes,
            attachment_ids=(upload.attachment_id,),
        )

    @property
    def awaits_file(self) -> bool:
        return self.upload is not None and (self.withdrawn or not self.upload.is_done)

    def intent(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """What it takes to send it after a restart; `restored` reads it. `content`: of its
        command."""
        command = self.command
        intent = {"trace": self.tracing_id, **content}
        if isinstance(command, Attach):
            intent["path"] = command.path
        return intent

    @classmethod
    def restored(cls, command_id: str, intent: dict[str, Any]) -> Outgoing:
        attributes = intent["attributes"]
        command: Send | Reply | Attach
        if intent["action"] == "send":
            command = Send(command_id, intent["text"], attributes)
        elif intent["action"] == "attach":
            what = (
                intent["filename"],
                intent["content_type"],
                intent["size_bytes"],
                intent["path"],
                intent["text"],
            )
            command = Attach(command_id, *what, sha256=intent.get("sha256", ""))
        else:
            choices = tuple((text, payload) for text, payload in intent["choices"])
            command = Reply(command_id, intent["type"], choices, intent["in_reply_to"])
        return cls(command, intent["trace"], durable=True, attributes=attributes)

    @property
    def text(self) -> str:
        command = self.command
        if isinstance(command, Attach):
            return command.caption
        return command.text if isinstance(command, Send) else command.choices[0][0]


class Outbox:
    """The lane of one guest session. `head` is the message under way, or the next one, None in an
    empty lane: an attribute, because every message asks for it many times."""

    __slots__ = (
        "_accepted",
        "_lane",
        "_messages",
        "_spacing_s",
        "blocked_until",
        "file_count",
        "head",
        "throttled_until",
    )

    def __init__(
        self, messages: SlidingCount, spacing_s: float = 0.0, accepted: SlidingCount | None = None
    ) -> None:
        self._lane: deque[Outgoing] = deque()
        self.head: Outgoing | None = None
        self._messages = messages
        self._spacing_s = spacing_s
        self._accepted = accepted
        self.blocked_until = self.throttled_until = LONG_AGO
        self.file_count = 0

    def __len__(self) -> int:
        return len(self._lane)

    def __iter__(self) -> Iterator[Outgoing]:
        return iter(self._lane)

    @property
    def rate(self) -> SlidingCount:
        """The budget of messages; to be asked, not to be taken from."""
        return self._messages

    @property
    def under_way(self) -> Outgoing | None:
        head = self.head
        return head if head is not None and head.sent_at is not None else None

    def accept(self, outgoing: Outgoing) -> None:
        self._lane.append(outgoing)
        self.head = self.head or outgoing
        self.file_count += outgoing.upload is not None

    def find(self, command_id: str) -> Outgoing | None:
        return next((one for one in self._lane if one.command.command_id == command_id), None)

    def files(self) -> list[tuple[Outgoing, FileUpload]]:
        """Messages that carry a file and were certainly not sent yet, in their order, each with its
        upload."""
        if not self.file_count:
            return []
        return [
            (one, one.upload)
            for one in self._lane
            if one.upload is not None and one.sent_at is None and not one.doubted
        ]

    def paths(self) -> list[str]:
        return [one.command.path for one in self._lane if isinstance(one.command, Attach)]

    def file_of(self, attachment_id: str, trace: str = "") -> Outgoing | None:
        """By the attachment's id, or by the tracing id of the question for its place."""
        for outgoing, upload in self.files():
            if (attachment_id and upload.attachment_id == attachment_id) or (
                trace and upload.trace == trace
            ):
                return outgoing
        return None

    def withdrawn_by(self, command_id: str) -> Outgoing | None:
        return next((one for one in self._lane if one.withdrawn_by == command_id), None)

    def remove(self, outgoing: Outgoing) -> None:
        """From anywhere in the lane: it will never be sent."""
        self._lane.remove(outgoing)
        self._renew_head()
        self.file_count -= outgoing.upload is not None

    def _renew_head(self) -> None:
        self.head = self._lane[0] if self._lane else None

    def made_durable(self, command_id: str) -> None:
        outgoing = self.find(command_id)
        if outgoing is not None:
            outgoing.durable = True

    def doubt(self, now: float, count: int) -> None:
        """After a restart the first `count` messages may have been sent; the others were certainly
        not.

        Each is looked for in turn; the first that is not found ends the doubt, because the lane is
        strict."""
        for outgoing in islice(self._lane, count):
            outgoing.doubted = True
        self._take_for_sent(now)

    def end_doubt(self) -> None:
        for outgoing in self._lane:
            outgoing.doubted = False

    def _take_for_sent(self, at: float) -> None:
        head = self.head
        if head is not None and head.doubted:
            head.sent_at, head.attempts, head.orphaned = at, 1, True

    def count(self, now: float) -> None:
        """A message was accepted now."""
        if self._accepted is not None:
            self._accepted.take(now)

    def refuses(self, now: float) -> bool:
        """True if one more message accepted now is over the rate, or the platform has asked to
        wait."""
        return now < self.blocked_until or (
            self._accepted is not None and self._accepted.ready_at(now) > now
        )

    def ready_at(self, now: float, requests: SlidingCount | None) -> float:
        """When the head may be sent: `now` or before means at once, NEVER that it waits for
        something else."""
        head = self.head
        if head is None or not head.durable or head.sent_at is not None or head.awaits_file:
            return NEVER
        at = max(self.blocked_until, self._messages.ready_at(now))
        return at if requests is None else max(at, requests.ready_at(now))

    def send_head(self, now: float, requests: SlidingCount | None) -> Outgoing:
        """Take the pacing and mark the head as under way. Only after `ready_at` said so."""
        head = self._lane[0]
        self._messages.take(now)
        if requests is not None:
            requests.take(now)
        head.sent_at = now
        head.orphaned = False
        head.attempts += 1
        self.blocked_until = max(self.blocked_until, now + self._spacing_s)
        return head

    def match(self, tracing_id: str) -> Outgoing | None:
        """The message under way, if this is its tracing id or marker."""
        head = self.under_way
        return head if head is not None and tracing_id and tracing_id == head.tracing_id else None

    def matches_echo(self, item: MessageArrived) -> bool:
        """By tracing id, then by our own marker, then by text where the platform kept neither."""
        head = self.under_way
        if head is None or item.direction != "Inbound" or item.type == "Presence":
            return False
        if item.tracing_id or item.marker:
            return head.tracing_id in (item.tracing_id, item.marker)
        return item.text == head.text

    def finish_head(self) -> Outgoing:
        done = self._lane.popleft()
        self._renew_head()
        self.file_count -= done.upload is not None
        if done.doubted:
            self._take_for_sent(done.sent_at or 0.0)
        return done

    def put_back(self, until: float = LONG_AGO) -> None:
        """The head was not taken by the platform: it may be sent again, not before `until`."""
        self._lane[0].sent_at = None
        self.throttle(until)

    def throttle(self, until: float) -> None:
        """The platform has asked to wait."""
        self.throttled_until = max(self.throttled_until, until)
        self.blocked_until = max(self.blocked_until, until)

    def give_up(self) -> list[Outgoing]:
        """Everything still in the lane, oldest first; the lane is empty afterwards."""
        left = list(self._lane)
        self._lane.clear()
        self.head = None
        self.file_count = 0
        return left


def settled(
    outgoing: Outgoing,
    seq: int,
    status: str,
    out: Effects,
    reason: str = "",
    message_id: str = "",
    failure: PlatformFailure = NO_FAILURE,
    took_s: float | None = None,
) -> None:
    """What became of a message, for the journal; and our own copy of its file is not needed any
    more. `took_s`: from its last sending to its confirmation."""
    command = outgoing.command
    out.append(
        DeliveryEvent(
            seq,
            command.command_id,
            status,
            reason,
            message_id,
            failure.code,
            failure.status,
            failure.platform_code,
            failure.correlation_id,
            took_ms=None if took_s is None else round(took_s * 1000.0, 3),
            attempts=outgoing.attempts,
        )
    )
    if isinstance(command, Attach):
        out.append(Discard(command.path))
