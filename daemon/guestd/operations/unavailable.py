"""The operation service of a daemon that is not configured for the platform's REST API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..model.errors import CommandError, NotFound
from ..model.ports import OperationView


class OperationsUnavailable:
    """`missing` says which configuration keys to set. Until then the operations in the journal stay
    as they are."""

    def __init__(self, missing: str) -> None:
        self._missing = missing

    async def start(
        self, kind: str, operation_id: str, request: Mapping[str, Any], wait_s: float = 0.0
    ) -> OperationView:
        raise CommandError(
            f"REST operations are unavailable: {self._missing}", code="not_configured"
        )

    async def view(self, operation_id: str) -> OperationView:
        raise NotFound(f"no operation {operation_id}: {self._missing}")

    def views(self, kind: str | None = None, limit: int = 100) -> Sequence[OperationView]:
        return ()

    async def end(self, operation_id: str, wait_s: float = 0.0) -> OperationView:
        raise NotFound(f"no operation {operation_id}: {self._missing}")
