"""What one guest says and hears, whatever step of its scenario it is in."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from ..plan.guests import PlannedGuest
from ..scenario.steps import STRUCTURE_WORDS, AttachFile
from .actions import (
    Action,
    Counted,
    SendChoice,
    SendFile,
    SendText,
    SendTyping,
    TranscriptLine,
)
from .guest_run import GuestRun
from .heard import MessageHeard
from .incoming import Incoming
from .offers import ReplyChoice, offer_of
from .timings import Timings
from .transcript import GUEST, GuestTranscript, Kind

#: What a confirmed message is called; webchat confirms with `sent`.
CONFIRMED = ("confirmed", "sent")


class Unsettled(Struct, gc=False):
    """A message or file that was given to be sent. `line`: its place in the transcript.
    `ends_step`: the step is over when this is settled, and not before."""

    step: int
    meant_at: float
    line: int
    ends_step: bool
    is_file: bool = False


class VirtualConversation:
    """`row`: the guest's, of the scenario's data. `attributes`: custom attributes of each text from
    now on, None while the scenario has set none."""

    __slots__ = (
        "_captures",
        "_given",
        "_row",
        "_run",
        "_unsettled",
        "attributes",
        "incoming",
        "planned",
        "timings",
        "transcript",
    )

    def __init__(self, planned: PlannedGuest, row: Mapping[str, str] | None, run: GuestRun) -> None:
        self.planned = planned
        self._run = run
        self._row = row
        self._captures: dict[str, str] | None = None
        self.incoming = Incoming()
        self.transcript = GuestTranscript(run)
        self.timings = Timings()
        self.attributes: dict[str, str] | None = None
        self._given = 0
        self._unsettled: dict[str, Unsettled] | None = None

    @property
    def open_within_s(self) -> float:
        return self._run.open_within_s

    def command_id(self) -> str:
        """The next one; unique within the run."""
        self._given += 1
        return self._id_of(self._given)

    def _id_of(self, given: int) -> str:
        return f"{self.planned.number}-{given}"

    def lines(self) -> list[TranscriptLine]:
        return self.transcript.lines(self._id_of)

    def capture(self, found: Mapping[str, str]) -> None:
        if found:
            self._captures = {**(self._captures or {}), **found}

    def names(self, name: str) -> str | None:
        """What `${name}` stands for: a capture, else a column of the data, else one of
        `guest.name`, `guest.number` (from 1) and `run.id`."""
        if self._captures is not None and name in self._captures:
            return self._captures[name]
        if self._row is not None and name in self._row:
            return self._row[name]
        match name:
            case "guest.name":
                return self.planned.name
            case "guest.number":
                return str(self.planned.number + 1)
            case "run.id":
                return self._run.run_id
        return None

    # --- what the guest says ---------------------------------------------------------------------

    def say(
        self,
        text: str,
        attributes: Mapping[str, str] | None,
        unsettled: Unsettled,
        now: float,
        out: list[Action],
    ) -> None:
        """`unsettled.line` is filled in."""
        if attributes or self.attributes:
            attributes = {**(self.attributes or {}), **(attributes or {})}
        kind: Kind = "text" if unsettled.ends_step else "persona"
        command_id = self.command_id()
        line = self.transcript.add(now, GUEST, text, kind, self._given)
        out.append(SendText(command_id, text, attributes or None))
        self._given_to_send(command_id, unsettled, line, out)
        self.incoming.guest_spoke()

    def choose(
        self, choice: ReplyChoice, unsettled: Unsettled, now: float, out: list[Action]
    ) -> None:
        """What was offered is chosen from once."""
        offer = self.incoming.offer
        command_id = self.command_id()
        line = self.transcript.add(now, GUEST, choice.text, "choice", self._given)
        pair = (choice.text, choice.payload)
        message_id = offer.message_id if offer else ""
        out.append(SendChoice(command_id, choice.reply_type, (pair,), message_id))
        self._given_to_send(command_id, unsettled, line, out)
        self.incoming.guest_spoke()
        self.incoming.offer = None

    def attach(
        self,
        file: AttachFile,
        name: str,
        caption: str,
        unsettled: Unsettled,
        now: float,
        out: list[Action],
    ) -> None:
        path = file.path
        name = name or path.replace("\\", "/").rpartition("/")[2] or "file.bin"
        command_id = self.command_id()
        line = self.transcript.add(now, GUEST, f"{name} {caption}".strip(), "file", self._given)
        out.append(SendFile(command_id, path, file.size_bytes, name, file.content_type, caption))
        self._given_to_send(command_id, unsettled, line, out)

    def type(self, out: list[Action]) -> None:
        out.append(SendTyping(self.command_id()))

    def _given_to_send(
        self, command_id: str, unsettled: Unsettled, line: int, out: list[Action]
    ) -> None:
        unsettled.line = line
        if self._unsettled is None:
            self._unsettled = {}
        self._unsettled[command_id] = unsettled
        self.timings.said(unsettled.meant_at, out)

    # --- what becomes of it ----------------------------------------------------------------------

    def confirmed(
        self, command_id: str, as_sent_s: float | None, now: float, out: list[Action]
    ) -> Unsettled | None:
        """None: it is settled already, or none of the guest's messages."""
        found = self._settled(command_id)
        if found is not None:
            out.append(Counted("confirmed"))
            self.transcript.confirmed(found.line, now - found.meant_at)
            if not found.is_file:
                self.timings.confirmed(found.meant_at, as_sent_s, now, out)
        return found

    def not_confirmed(
        self, command_id: str, uncertain: bool, why: str, out: list[Action]
    ) -> Unsettled | None:
        """As `confirmed`."""
        found = self._settled(command_id)
        if found is not None:
            out.append(Counted("uncertain" if uncertain else "send_failed"))
            state = "uncertain" if uncertain else "not sent"
            self.transcript.note(found.line, f"{state}: {why}" if why else state)
        return found

    def _settled(self, command_id: str) -> Unsettled | None:
        if self._unsettled is None:
            return None
        found = self._unsettled.pop(command_id, None)
        if not self._unsettled:
            self._unsettled = None  # an empty dict that had entries keeps room for them
        return found

    def unsettled(self) -> list[Unsettled]:
        """All that are left, once the session is over; they are so no more."""
        found, self._unsettled = list((self._unsettled or {}).values()), None
        return found

    # --- what it hears ---------------------------------------------------------------------------

    def message(self, event: MessageHeard, now: float, out: list[Action]) -> None:
        who = event.sender or ("bot" if event.bot else "agent")
        kind, text = told(event)
        note = "late" if event.late else None
        self.transcript.add(now, who, text, kind, note=note)
        self.timings.replied(event.bot, now, out)
        self.incoming.add(event)


def told(event: MessageHeard) -> tuple[Kind, str]:
    """Kind and text of a message's line: what can be chosen stands in brackets."""
    if not event.content:
        return "text", event.text
    parts = [event.text] if event.text else []
    kinds: set[Kind] = set()
    for item in event.content:
        kind = str(item.get("contentType")) if isinstance(item, dict) else "unknown"
        kinds.add(STRUCTURE_WORDS.get(kind, "card"))
        offer = offer_of("", (item,))
        if offer is not None:
            parts += [f"[{choice.text}]" for choice in offer.choices]
        elif kind == "Attachment":
            attachment = item.get("attachment")
            name = attachment.get("filename") if isinstance(attachment, dict) else None
            parts.append(f"[file {name}]" if name else "[file]")
        elif kind != "ButtonResponse":
            parts.append(f"[{STRUCTURE_WORDS.get(kind, kind)}]")
    return kinds.pop() if len(kinds) == 1 else "card", " ".join(parts)
