"""The desk of a daemon that cannot call the platform's REST side: it says which keys are
missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..model.errors import CommandError, NotFound
from ..model.ports import OperationView


class OperationsUnavailable:
    """`missing` is the remedy: the keys to set. What the journal holds of former operations stays
    as it is until then."""

    def __init__(self, missing: str) -> None:
        self._missing = missing

    async def start(
        self, kind: str, operation_id: str, request: Mapping[str, Any], wait_s: float = 0.0
    ) -> OperationView:
        raise CommandError(f"no REST operation can be done: {self._missing}", code="not_configured")

    def view(self, operation_id: str) -> OperationView:
        raise NotFound(f"no operation {operation_id}: {self._missing}")

    def views(self, kind: str | None = None, limit: int = 100) -> Sequence[OperationView]:
        return ()

    async def end(self, operation_id: str) -> OperationView:
        raise NotFound(f"no operation {operation_id}: {self._missing}")
