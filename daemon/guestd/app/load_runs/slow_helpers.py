"""What a virtual guest wants that takes its time: a file to send, a language model's answer."""

from __future__ import annotations

import hashlib
import mimetypes
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...load.guest import actions as a
from ...load.guest import heard as h
from ...load.run.driver import GuestDriver
from ...load.scenario.file import PersonaModel
from ...model.commands import Attach
from ...runtime.task_pool import TaskPool
from .persona_client import PersonaClient, PersonaError

#: Language models answer slowly and count what they are asked.
PERSONAS_AT_ONCE = 20
#: Of generated files: the same bytes for all of one size.
_FILLING = b"guestd load test file. "


@dataclass(slots=True, frozen=True)
class _File:
    path: str
    size_bytes: int
    sha256: str


class SlowHelpers:
    """One for each process."""

    def __init__(self, model: PersonaModel | None, environment: Mapping[str, str]) -> None:
        self._client = PersonaClient(model or PersonaModel(), environment)
        self._pool = TaskPool("persona", PERSONAS_AT_ONCE)
        self._folder = tempfile.TemporaryDirectory(prefix="guestd-load-")
        self._files: dict[tuple[str, int], _File] = {}

    async def close(self) -> None:
        await self._pool.stop()
        await self._client.close()
        self._folder.cleanup()

    def send_file(self, driver: GuestDriver, asked: a.SendFile) -> None:
        try:
            file = self._file(asked.path, asked.size_bytes)
        except OSError as error:
            reason = f"{asked.path}: {(error.strerror or str(error)).lower()}"
            driver.soon(h.CommandRefused(asked.command_id, "unreadable", reason))
            return
        driver.give(
            Attach(
                asked.command_id,
                asked.filename,
                asked.content_type or mimetypes.guess_type(asked.filename)[0] or "",
                file.size_bytes,
                file.path,
                asked.caption,
                "queue",
                file.sha256,
            ),
            driver.answered,
        )

    def _file(self, path: str, size_bytes: int) -> _File:
        """Read or made once, and used by all."""
        if (known := self._files.get((path, size_bytes))) is not None:
            return known
        if path:
            data, place = Path(path).read_bytes(), path
        else:
            data = (_FILLING * (size_bytes // len(_FILLING) + 1))[:size_bytes]
            place = str(Path(self._folder.name) / f"{size_bytes}")
            Path(place).write_bytes(data)
        made = _File(place, len(data), hashlib.sha256(data).hexdigest())
        self._files[path, size_bytes] = made
        return made

    def ask_persona(self, driver: GuestDriver, asked: a.AskPersona) -> None:
        async def ask() -> None:
            try:
                said = h.PersonaSaid(await self._client.answer(asked.messages))
            except PersonaError as error:
                said = h.PersonaSaid("", str(error))
            driver.take(said)

        self._pool.run(ask)
