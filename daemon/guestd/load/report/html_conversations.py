"""Conversations worth reading: transcript, the failed step, frames around it, the command."""

from __future__ import annotations

from collections.abc import Sequence

from ..results import ConversationReport, FrameEntry, Summary, TranscriptEntry
from .chosen import GROUPS_MAX, chosen, worth_telling
from .difference import first_difference
from .html_parts import facts, heading, left_out
from .markup import Child, Markup, h, joined
from .texts import LINE_CHARS_MAX, MESSAGE_CHARS_MAX, clock, count, cut, duration, line
from .transcript import IN_BRACKETS

#: Of one conversation; what is in the middle is left out.
ENTRIES_MAX = 200
FRAMES_MAX = 60
FRAME_CHARS_MAX = 2000
#: Of all that is told in full: beyond it, conversations are lines without a transcript.
BYTES_MAX = 900_000
#: So many may turn out too large before no more are drawn at all.
MISSES_MAX = 5

_KINDS = {"lost": "bad", "doubled": "bad", "failed": "bad", "reordered": "bad",
    "uncertain": "warn"}  # fmt: skip
_HAPPENED_BADLY = {"lost", "doubled", "step"}
_ARROWS = {"out": "↑", "in": "↓"}


def conversations(summary: Summary) -> Markup | None:
    found = chosen(worth_telling(summary))
    if not found.told:
        return None
    bodies = _bodies(found.told)
    folds = [_fold(one, bodies[n], n == 0) for n, one in enumerate(found.told)]
    groups = [_group(*one) for one in found.others[:GROUPS_MAX]]
    told = f"{count(len(found.told))} of {count(summary.sessions.opened)}"
    return joined(
        heading("Failed and slowest conversations", f"{told}; five of each failure, the slowest"),
        h("div", {"class": "folds"}, folds, groups),
        left_out(len(found.others) - GROUPS_MAX, "kinds of failures"),
    )


def _bodies(told: Sequence[ConversationReport]) -> list[Markup]:
    """What is folded away of each, while there is space for it."""
    found, free, misses = [], BYTES_MAX, 0
    for one in told:
        whole = _conversation(one) if misses < MISSES_MAX else _too_much(one)
        needed = len(whole.encode())
        if needed > free:
            misses += 1
            whole = _too_much(one)
        else:
            free -= needed
        found.append(whole)
    return found


def _fold(one: ConversationReport, body: Child, opened: bool) -> Markup:
    head = h(
        "summary",
        {},
        h("b", {"class": _KINDS.get(one.why, "dim")}, line(one.why, 20)),
        " ",
        h("span", {"class": "mono"}, line(one.guest, 60)),
        " ",
        h("span", {}, line(one.what) or line(one.failed_label) or line(one.outcome, 40)),
        " ",
        h("span", {"class": "num dim"}, duration(one.length_s * 1000)),
    )
    return h("details", {"class": "fold", "open": "" if opened else None}, head, body)


def _group(why: str, what: str, number: int) -> Markup:
    words = f"{what}; not told" if what else "not told"
    return h(
        "div",
        {"class": "fold group"},
        h("b", {"class": _KINDS.get(why, "dim")}, line(why, 20)),
        " ",
        h("span", {"class": "mono"}, f"{count(number)} more"),
        " ",
        h("span", {}, words),
    )


def _too_much(one: ConversationReport) -> Markup:
    return h(
        "div",
        {"class": "conv"},
        h("p", {"class": "dim"}, "Its transcript is left out: the report would be too large."),
        _command(one),
    )


def _conversation(one: ConversationReport) -> Markup:
    return h(
        "div",
        {"class": "conv"},
        _transcript(one.transcript),
        h("div", {}, _facts(one), _frames(one), _command(one)),
    )


def _middle_out(entries: Sequence[object], most: int) -> tuple[int, int]:
    """How many are shown at the beginning, and how many are left out after them."""
    beyond = len(entries) - most
    return (most // 4, beyond) if beyond > 0 else (len(entries), 0)


def _transcript(entries: Sequence[TranscriptEntry]) -> Markup:
    first, beyond = _middle_out(entries, ENTRIES_MAX)
    rows = [_turn(one) for one in entries[:first]]
    if beyond:
        words = h("span", {}, f"{count(beyond)} lines are left out")
        rows.append(h("li", {"class": "sys"}, h("time", {}, "…"), words))
        rows += [_turn(one) for one in entries[first + beyond :]]
    return h("ol", {"class": "turns"}, rows)


def _turn(one: TranscriptEntry) -> Markup:
    kind = "me" if one.who == "guest" else None
    if not one.who:
        kind = "miss" if one.kind in _HAPPENED_BADLY and not _is_fine(one) else "sys"
    elif one.kind in ("lost", "doubled"):
        kind = "miss"
    who = [h("b", {}, line(one.who, 80)), " "] if one.who else None
    kept = f"[{line(one.kind, 20)}] " if one.kind in IN_BRACKETS else None
    notes = [h("small", {}, line(note)) for note in one.notes[:10]]
    text = h("span", {}, who, kept, cut(one.text, MESSAGE_CHARS_MAX), notes)
    return h("li", {"class": kind}, h("time", {}, clock(one.at_s, 1)), " ", text)


def _is_fine(one: TranscriptEntry) -> bool:
    return one.kind == "step" and "failed" not in one.text


def _facts(one: ConversationReport) -> Markup | None:
    pairs: list[tuple[str, Child]] = []
    if one.failed_step is not None:
        pairs.append(("Failed step", f"{one.failed_step + 1} {line(one.failed_label, 160)}"))
    for name, told in (
        ("Expected", one.expected),
        ("Seen", one.seen),
        ("First difference", first_difference(one)),
    ):
        if told:
            pairs.append((name, cut(told, 2 * LINE_CHARS_MAX)))
    pairs.append(("Scenario", line(one.scenario, 160)))
    pairs.append(("Outcome", f"{line(one.outcome, 40)}, began at {clock(one.started_s, 1)}"))
    if one.conversation_id:
        pairs.append(("Id", h("span", {"class": "mono"}, line(one.conversation_id, 80))))
    return facts("facts", pairs)


def _frames(one: ConversationReport) -> Markup | None:
    if not one.frames:
        return None
    first, beyond = _middle_out(one.frames, FRAMES_MAX)
    lines: list[Child] = [_frame(frame) for frame in one.frames[:first]]
    if beyond:
        lines.append(f"… {count(beyond)} frames are left out\n")
        lines += [_frame(frame) for frame in one.frames[first + beyond :]]
    more = f"redacted; {count(one.frames_left_out)} others" if one.frames_left_out else "redacted"
    return joined(
        h("h3", {}, "Frames around it ", h("small", {}, more)), h("pre", {"class": "frames"}, lines)
    )


def _frame(one: FrameEntry) -> list[Child]:
    text = line(one.text, FRAME_CHARS_MAX)
    if not one.direction:
        sign = h("span", {"class": "closed"}, f"× {text}") if "close" in text else f"• {text}"
        return [f"{clock(one.at_s, 3)} ", sign, "\n"]
    arrow = _ARROWS.get(one.direction, "?")
    size = f"  {count(one.size_bytes)} B" if one.size_bytes else ""
    drawn = h("span", {"class": "out"}, arrow) if one.direction == "out" else arrow
    return [f"{clock(one.at_s, 3)} ", drawn, f" {text}{size}\n"]


def _command(one: ConversationReport) -> Markup | None:
    if not one.command:
        return None
    return joined(
        h("p", {"class": "dim after"}, "Only this conversation again, with the same seed:"),
        h("pre", {}, cut(one.command, 1000)),
    )
