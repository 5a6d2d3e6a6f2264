"""May this run begin? Asked when it is known where the platform is, and before anything is opened.

Against an emulator nothing is asked. Against a real organisation the deployment must be allowed by
name, the time must be within the file's window, and someone must confirm what is about to happen by
writing the deployment and the size; a run that asks for more connections a second than the file's
rails allow is refused."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from ...load.plan.shape import shape_of
from ...load.run.rails import APPROVAL_NOTICE, connects_per_s, refusals
from ...load.scenario.file import LoadModel, Rails, ScenarioFile
from ...model.errors import CommandError
from ..wiring.endpoints import PlatformTarget

NOT_ASKED_FOR = (
    "guestd: --yes {} is not used: the guests talk to an emulator, and to no real organisation"
)


def rails_of(file: ScenarioFile, target: PlatformTarget) -> Rails:
    """Those that hold there: an emulator has no deployments to guard, and no hours."""
    return replace(file.rails, deployments=(), window=()) if target.is_emulator else file.rails


def guests_in_all(model: LoadModel) -> int:
    """The size that is confirmed: guests at a time, or all that arrive."""
    if model.kind == "open":
        shape = shape_of(model)
        return shape.arrived(shape.length_s + 1)
    return int(max((one.at_end for one in model.stages), default=model.users))


def typed(question: str) -> str:
    """What a person answers on the terminal; "" where there is none."""
    if not sys.stdin.isatty():
        return ""
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


@dataclass(slots=True)
class Permission:
    """What the command line says. `yes`: the confirmation, as DEPLOYMENT:GUESTS."""

    allowed_deployments: tuple[str, ...] = ()
    yes: str = ""
    ask: Callable[[str], str] = typed
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def check(
        self,
        file: ScenarioFile,
        model: LoadModel,
        target: PlatformTarget,
        tell: Callable[[str], None],
    ) -> None:
        """Raises CommandError: the run must not begin."""
        if why := self.refusals(file, model, target):
            raise CommandError("this run must not begin: " + "; ".join(why))
        if not target.is_emulator:
            tell(f"guestd: {APPROVAL_NOTICE}")
            self._confirm(target.deployment_id, guests_in_all(model))
        elif self.yes:
            tell(NOT_ASKED_FOR.format(self.yes))

    def refusals(self, file: ScenarioFile, model: LoadModel, target: PlatformTarget) -> list[str]:
        rails = rails_of(file, target)
        rails = replace(rails, deployments=(*rails.deployments, *self.allowed_deployments))
        found = refusals(rails, target.deployment_id, model, self.now(), target.is_emulator)
        if rails.stop_file and Path(rails.stop_file).exists():
            found.append(f"the stop file {rails.stop_file} is there; remove it to run")
        return found

    def check_test(self, file: ScenarioFile, model: LoadModel, target: PlatformTarget) -> None:
        """Of a functional run: it is small, so no size is confirmed, and a file that lists no
        deployments may be run against the one that was named. Raises CommandError."""
        if not file.rails.deployments:
            rails = replace(file.rails, deployments=(target.deployment_id,))
            file = replace(file, rails=rails)
        if why := self.refusals(file, model, target):
            raise CommandError(f"{file.path} must not be run: {'; '.join(why)}")

    def _confirm(self, deployment_id: str, guests: int) -> None:
        expected = f"{deployment_id}:{guests}"
        given = self.yes or self.ask(
            f"{guests:,} guests will talk to deployment {deployment_id} of a real organisation.\n"
            f"Type {expected} to begin: "
        )
        if given != expected:
            raise CommandError(
                f"the run is not confirmed; give --yes {expected}, which names the deployment and"
                " the size"
            )


def plan_text(
    file: ScenarioFile, model: LoadModel, where: str, why_not: list[str], compared: str = ""
) -> str:
    """What a run would do. `compared`: what its conversations are compared with."""
    shape, guests = shape_of(model), guests_in_all(model)
    kinds = {"once": "once each", "closed": "at a time", "open": "arrive in all"}
    total = sum(one.weight for one in file.scenarios) or 1.0
    lines = [
        f"platform     {where}",
        f"guests       {guests:,} {kinds[model.kind]}",
        f"connects     {connects_per_s(model) or guests:g} a second at most, within the budget",
    ]
    if model.kind != "once":
        lines.append(f"length       {shape.length_s:g} s")
    for one in file.scenarios:
        lines.append(f"scenario     {one.name}: {one.weight / total:.0%}")
    if compared:
        lines.append(f"compared     with {compared}")
    lines += [f"refused      {one}" for one in why_not]
    return "\n".join(lines)
