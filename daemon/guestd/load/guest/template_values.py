"""What `${name}` stands for in the texts of one guest."""

from __future__ import annotations

from collections.abc import Mapping

from ..plan.guests import PlannedGuest


class TemplateValues:
    """Captures come before the columns of the scenario's data, and those before `guest.name`,
    `guest.number` and `run.id`."""

    __slots__ = ("_captures", "_guest", "_row", "_run_id")

    def __init__(self, guest: PlannedGuest, row: Mapping[str, str] | None, run_id: str) -> None:
        self._guest = guest
        self._row = row
        self._run_id = run_id
        self._captures: dict[str, str] | None = None

    def capture(self, found: Mapping[str, str]) -> None:
        if found:
            self._captures = {**(self._captures or {}), **found}

    def __call__(self, name: str) -> str | None:
        if self._captures is not None and name in self._captures:
            return self._captures[name]
        if self._row is not None and name in self._row:
            return self._row[name]
        match name:
            case "guest.name":
                return self._guest.name
            case "guest.number":
                return str(self._guest.number)
            case "run.id":
                return self._run_id
        return None
