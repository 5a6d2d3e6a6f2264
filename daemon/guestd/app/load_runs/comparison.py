"""What the conversations of a run are compared with: the emulator's record, or the platform's
history of each guest."""

from __future__ import annotations

from typing import Literal

from ...load.report.texts import some
from ...load.results import NotMeasured, Reconciled
from ...model.errors import CommandError
from ..wiring.endpoints import PlatformTarget
from .options import RunOptions
from .run_result import RunResult

NOT_ASKED = "not asked for (--reconcile none)"
NO_RECORD = (
    "--reconcile record is for an emulator, which has a record of all conversations; leave it out,"
    " and each guest's history is read before it leaves"
)
NO_HISTORY = "the webchat dialect has no history"


def compared_by(
    options: RunOptions, target: PlatformTarget, has_history: bool
) -> tuple[Literal["record", "history", ""], str]:
    """What with, and why with nothing. Raises CommandError if the run asks for what there is
    not."""
    asked = options.reconcile or ("record" if target.is_emulator else "history")
    if asked == "none":
        return "", NOT_ASKED
    if asked == "record":
        if not target.is_emulator:
            raise CommandError(NO_RECORD)
        return "record", ""
    return ("history", "") if has_history else ("", NO_HISTORY)


def compared_words(by: Literal["record", "history", ""], why_not: str) -> str:
    """Before the run."""
    words = {
        "record": "the emulator's record, when the run is over",
        "history": "each guest's history, read before it leaves",
    }
    return words.get(by, f"nothing: {why_not}")


def delivery_unknown(result: RunResult) -> list[NotMeasured]:
    """What a run that was compared with nothing cannot know: its count of lost messages is taken
    away. A host may have said so already."""
    if result.reconciled.by or any("lost" in one.figures for one in result.not_measured):
        return []
    figures = ["lost"] if result.found is not None else ["lost", "doubled", "reordered"]
    if result.found is not None:
        result.found.pop("lost", None)
    what = "messages lost" if len(figures) == 1 else "messages lost, doubled or reordered"
    return [NotMeasured(what=what, why=result.reconciled.why_not, figures=figures)]


def not_compared(reconciled: Reconciled) -> list[str]:
    """Of a run whose others were."""
    if not reconciled.by:
        return []
    where = {"record": "the emulator's record", "history": "the platform's history"}
    return [
        f"{some(count, 'conversation')} not compared with {where[reconciled.by]}: {why}"
        for why, count in reconciled.not_compared.items()
    ]
