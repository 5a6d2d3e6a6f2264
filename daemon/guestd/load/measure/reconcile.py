"""What a guest saw, beside the platform's own record of the conversation.

A load generator that counts only what arrives cannot know what did not. After the run the record
tells: the emulator's, or the platform's history. Each conversation is compared by itself:

* a message of the platform's that was not shown is *lost*, unless it was written when the guest was
  about to leave; shown twice it is *doubled*;
* *reordered* are the fewest messages that one would have to move to get the record's order. Of two
  that were swapped that is one. Messages of the same millisecond have no order;
* a guest's own message that was confirmed and is not in the record is *lost*; in the record more
  often than it was given it is *doubled*. It is found by its id, else by its text;
* an *uncertain* one is found out: taken, or not. It stays counted as uncertain, because the guest
  was not told; it is no loss, because the guest was told that.

The platform's history can only be read while the guest is still there, so it may lack what was
under way at that moment: a message of the guest's that was not settled then is looked for in it,
and no loss where it is not found."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ..results import ConversationReport, TranscriptEntry

#: Shortly before a guest leaves a message may be on its way and never arrive.
LEAVING_MS = 1000
_SHOWN_TEXT_MAX = 80

FindingKind = Literal["lost", "doubled", "reordered", "uncertain"]
KINDS: tuple[FindingKind, ...] = ("lost", "doubled", "reordered", "uncertain")


@dataclass(slots=True, frozen=True)
class MessageOnRecord:
    """A text, structured message or file; no events (typing, presence). `direction` as Genesys has
    it: Inbound are the guest's. `time_ms`: epoch."""

    message_id: str
    direction: Literal["Inbound", "Outbound"]
    text: str
    time_ms: int


@dataclass(slots=True, frozen=True)
class SeenMessage:
    """A message of the platform's as the guest was shown it. `late`: marked as out of its place."""

    message_id: str
    text: str
    at_s: float
    late: bool = False


@dataclass(slots=True, frozen=True)
class OwnMessage:
    """`status`: confirmed, uncertain, failed; "" where the run ended before it was settled, which
    is uncertain too. `message_id`: the platform's, from the echo. `under_way`: it was not settled
    when the record was read."""

    command_id: str
    text: str
    at_s: float
    status: str
    message_id: str = ""
    under_way: bool = False


@dataclass(slots=True, frozen=True)
class GuestView:
    """All that one guest has seen and sent, in that order. `session_id`: guestd's. `left_ms`: when
    it stopped listening, in epoch milliseconds; None: it did not leave before the record was read.
    `came_twice` and `came_late`: when its session met a repeated message on its connection, and one
    out of its order; both are put right before the guest is shown them."""

    guest: str
    scenario: str
    session_id: str
    seen: Sequence[SeenMessage]
    sent: Sequence[OwnMessage]
    left_ms: int | None = None
    came_twice: Sequence[float] = ()
    came_late: Sequence[float] = ()


@dataclass(slots=True, frozen=True)
class Finding:
    """`at_s`: since the run's start; when it was recorded, shown or sent. `own`: the guest's own
    message."""

    kind: FindingKind
    own: bool
    text: str
    at_s: float
    what: str
    message_id: str = ""


def _badness(finding: Finding) -> int:
    return KINDS.index(finding.kind)


@dataclass(slots=True)
class ConversationFindings:
    guest: str
    scenario: str
    session_id: str
    findings: list[Finding] = field(default_factory=list)

    @property
    def why(self) -> FindingKind | None:
        """The worst of it."""
        worst = min(self.findings, key=_badness, default=None)
        return worst.kind if worst else None

    def entries(self) -> list[TranscriptEntry]:
        """Lines for its transcript."""
        return [
            TranscriptEntry(
                at_s=finding.at_s,
                who="",
                text=finding.what,
                kind=finding.kind if finding.kind in ("lost", "doubled") else "step",
            )
            for finding in self.findings
        ]

    def report(
        self, outcome: str, transcript: Sequence[TranscriptEntry] = ()
    ) -> ConversationReport:
        """To be listed in the summary: its transcript, with what was found at its place in time."""
        lines = sorted([*transcript, *self.entries()], key=lambda entry: entry.at_s)
        return ConversationReport(
            guest=self.guest,
            scenario=self.scenario,
            why=self.why or "",
            outcome=outcome,
            what=min(self.findings, key=_badness).what if self.findings else "",
            transcript=lines,
        )


@dataclass(slots=True)
class RunFindings:
    """Of all conversations; `listed` are those with a finding. `messages`: of the record."""

    messages: int = 0
    conversations: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    listed: list[ConversationFindings] = field(default_factory=list)

    def add(self, found: ConversationFindings, recorded: int) -> None:
        self.messages += recorded
        self.conversations += 1
        for finding in found.findings:
            self.counts[finding.kind] += 1
        if found.findings:
            self.listed.append(found)


def reconcile(
    view: GuestView, record: Sequence[MessageOnRecord], started_ms: int
) -> ConversationFindings:
    """`started_ms`: the run's start, epoch milliseconds."""
    outbound = [message for message in record if message.direction == "Outbound"]
    inbound = [message for message in record if message.direction == "Inbound"]
    findings = [
        *_not_shown(view, outbound, started_ms),
        *_shown_again(view.seen),
        *_moved(view.seen, {message.message_id: message.time_ms for message in outbound}),
        *_own(view.sent, inbound, started_ms),
    ]
    findings += _on_the_wire(view, sum(one.kind == "reordered" for one in findings))
    findings.sort(key=lambda finding: finding.at_s)
    return ConversationFindings(view.guest, view.scenario, view.session_id, findings)


def wire_findings(view: GuestView) -> ConversationFindings:
    """What can be said without a record."""
    found = _on_the_wire(view, 0)
    found += [
        Finding("uncertain", True, one.text, one.at_s, _not_known(one), one.message_id)
        for one in view.sent
        if one.status in _UNCERTAIN
    ]
    return ConversationFindings(view.guest, view.scenario, view.session_id, found)


def _on_the_wire(view: GuestView, shown_late: int) -> list[Finding]:
    """What came twice or late, and was put right. Those that were shown late are told already."""
    twice = "a message came twice on the connection; it was shown once"
    late = "a message came after a later one; the guest was shown them in order"
    return [
        *(Finding("doubled", False, "", at_s, twice) for at_s in view.came_twice),
        *(Finding("reordered", False, "", at_s, late) for at_s in view.came_late[shown_late:]),
    ]


def reconcile_all(
    conversations: Iterable[tuple[GuestView, Sequence[MessageOnRecord]]], started_ms: int
) -> RunFindings:
    run = RunFindings()
    for view, record in conversations:
        run.add(reconcile(view, record, started_ms), len(record))
    return run


def _quoted(text: str) -> str:
    shown = text if len(text) <= _SHOWN_TEXT_MAX else text[: _SHOWN_TEXT_MAX - 1] + "…"
    return f"“{shown}”"


def _not_shown(
    view: GuestView, outbound: Sequence[MessageOnRecord], started_ms: int
) -> Iterable[Finding]:
    shown = {message.message_id for message in view.seen}
    for message in outbound:
        leaving = view.left_ms is not None and message.time_ms > view.left_ms - LEAVING_MS
        if message.message_id not in shown and not leaving:
            yield Finding(
                "lost",
                own=False,
                text=message.text,
                at_s=(message.time_ms - started_ms) / 1000,
                what=f"lost: {_quoted(message.text)} is in the platform's record, but not shown",
                message_id=message.message_id,
            )


def _shown_again(seen: Sequence[SeenMessage]) -> Iterable[Finding]:
    before: Counter[str] = Counter()
    for message in seen:
        before[message.message_id] += 1
        times = before[message.message_id]
        if times > 1:
            yield Finding(
                "doubled",
                own=False,
                text=message.text,
                at_s=message.at_s,
                what=f"doubled: {_quoted(message.text)} was shown {times} times",
                message_id=message.message_id,
            )


def _moved(seen: Sequence[SeenMessage], times_ms: dict[str, int]) -> Iterable[Finding]:
    first_shown: dict[str, SeenMessage] = {}
    for message in seen:
        if message.message_id in times_ms:
            first_shown.setdefault(message.message_id, message)
    shown = list(first_shown.values())
    kept = _longest_rising([times_ms[message.message_id] for message in shown])
    for place, message in enumerate(shown):
        if place not in kept:
            late = ", and marked as late" if message.late else ""
            yield Finding(
                "reordered",
                own=False,
                text=message.text,
                at_s=message.at_s,
                what=f"reordered: {_quoted(message.text)} was shown out of its place{late}",
                message_id=message.message_id,
            )


def _longest_rising(numbers: Sequence[int]) -> set[int]:
    """The places of the longest part of them that nowhere falls."""
    ends: list[int] = []  # the least number at which a rising part of each length ends
    places: list[int] = []
    before: list[int | None] = []
    for place, number in enumerate(numbers):
        length = bisect_right(ends, number)
        before.append(places[length - 1] if length else None)
        if length == len(ends):
            ends.append(number)
            places.append(place)
        else:
            ends[length], places[length] = number, place
    kept: set[int] = set()
    at = places[-1] if places else None
    while at is not None:
        kept.add(at)
        at = before[at]
    return kept


def _own(
    sent: Sequence[OwnMessage], inbound: Sequence[MessageOnRecord], started_ms: int
) -> Iterable[Finding]:
    taken, left = _matched(sent, inbound)
    for message in sent:
        what = _wrong(message, message.command_id in taken)
        if what:
            kind: FindingKind = "lost" if message.status == "confirmed" else "uncertain"
            yield Finding(kind, True, message.text, message.at_s, what, message.message_id)
    given = {message.text for message in sent}
    for copy in left:
        if copy.text in given:
            yield Finding(
                "doubled",
                own=True,
                text=copy.text,
                at_s=(copy.time_ms - started_ms) / 1000,
                what=f"doubled: {_quoted(copy.text)} is once more in the platform's record",
                message_id=copy.message_id,
            )


#: What the guest was told of a message, so that it does not know what became of it.
_UNCERTAIN = ("uncertain", "")


def _not_known(message: OwnMessage) -> str:
    return f"uncertain: what became of {_quoted(message.text)} was not known"


def _wrong(message: OwnMessage, taken: bool) -> str:
    """ "" where the guest was told what is true."""
    text = _quoted(message.text)
    if message.under_way and not taken:
        return _not_known(message) if message.status in _UNCERTAIN else ""
    if message.status == "confirmed":
        return "" if taken else f"lost: {text} was confirmed, but is not in the platform's record"
    if message.status == "failed":
        return f"uncertain: {text} was reported as failed, but the platform has it" if taken else ""
    found = "the platform has it" if taken else "the platform does not have it"
    return f"{_not_known(message)}; {found}"


def _matched(
    sent: Sequence[OwnMessage], inbound: Sequence[MessageOnRecord]
) -> tuple[set[str], list[MessageOnRecord]]:
    """The command ids of messages that are in the record, and what of it is no such message. Those
    that were confirmed take first."""
    by_id = {message.message_id: message for message in inbound}
    taken: set[str] = set()
    for message in sent:
        if message.message_id and by_id.pop(message.message_id, None) is not None:
            taken.add(message.command_id)
    by_text: defaultdict[str, deque[MessageOnRecord]] = defaultdict(deque)
    for recorded in inbound:
        if recorded.message_id in by_id:
            by_text[recorded.text].append(recorded)
    for status in ("confirmed", "uncertain", "", "failed"):
        for message in sent:
            same = by_text[message.text]
            if message.status == status and message.command_id not in taken and same:
                by_id.pop(same.popleft().message_id, None)
                taken.add(message.command_id)
    return taken, [message for message in inbound if message.message_id in by_id]
