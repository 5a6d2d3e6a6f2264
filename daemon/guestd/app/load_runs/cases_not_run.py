"""The scenarios of a functional run that its end came before: they are told beside those that ran,
so that nobody takes a short list for a whole one."""

from __future__ import annotations

from collections.abc import Sequence

from ...load.measure.summary import step_names
from ...load.plan.plan import Plan
from ...load.results import CaseResult
from ...load.scenario.file import ScenarioFile
from .options import RunOptions

NOT_RUN = "not run"


def all_cases(
    file: ScenarioFile, options: RunOptions, cases: Sequence[CaseResult]
) -> list[CaseResult]:
    """Each that was asked for, in the order of the plan: `cases` as they are, the
    others as not run."""
    plan = Plan(file, options.model, options.seed)
    numbers = range(options.model.users) if options.only is None else (options.only,)
    places, known = step_names(file.scenarios), {one.guest: one for one in cases}
    found = []
    for number in numbers:
        guest = plan.guest(number)
        if guest.name in known:
            found.append(known[guest.name])
            continue
        first = places.get((guest.scenario, 0))
        rows = len(file.scenarios[guest.scenario].data)
        path, _, line = first.place.rpartition(":") if first is not None else (file.path, "", "")
        found.append(
            CaseResult(
                scenario=file.scenarios[guest.scenario].name,
                guest=guest.name,
                outcome=NOT_RUN,
                took_s=0.0,
                file=path,
                line=int(line or 0),
                row=guest.row % rows + 1 if rows > 1 else 0,
                rows=rows if rows > 1 else 0,
            )
        )
    return found
