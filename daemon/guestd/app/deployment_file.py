"""What a deployment last said of itself, kept beside the journal: a restart does not need the
platform to know it.

The file is a convenience: one that is missing, damaged or of another deployment only means that
nothing is known."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from ..model.ports import DeploymentConfig
from ..runtime.files import replace_private
from ..runtime.system_errors import in_words

logger = logging.getLogger("guestd.app")

NAME = "deployment.json"
#: A file of ours has some hundred bytes; a larger one is not ours.
FILE_BYTES_MAX = 64 * 1024


class DeploymentFile:
    """In `directory`, for the deployment at `address` (any text that names it); without a directory
    nothing is kept."""

    def __init__(self, directory: Path | None, address: str) -> None:
        self._path = directory / NAME if directory is not None else None
        self._address = address

    def read(self) -> DeploymentConfig | None:
        """None if nothing is known of this deployment."""
        if self._path is None:
            return None
        try:
            with self._path.open("rb") as file:
                found = json.loads(file.read(FILE_BYTES_MAX))
            return _facts(found["facts"]) if found["address"] == self._address else None
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            logger.warning("%s cannot be used and is ignored: %s", self._path, in_words(error))
            return None

    def write(self, facts: DeploymentConfig) -> None:
        """Replace it as a whole; a failure is logged and changes nothing else."""
        if self._path is None:
            return
        content = {"address": self._address, "facts": asdict(facts)}
        try:
            replace_private(self._path, json.dumps(content).encode())
        except OSError as error:
            logger.warning("%s cannot be written: %s", self._path, in_words(error))


def _facts(found: dict[str, Any]) -> DeploymentConfig:
    """Raises TypeError or LookupError for what we have not written."""
    facts = DeploymentConfig(**{one.name: found[one.name] for one in fields(DeploymentConfig)})
    flags = (facts.auto_start, facts.conversation_clear, facts.user_typing)
    size, types = facts.file_bytes_max, found["file_types"]
    if not all(type(one) is bool for one in flags) or not (
        size is None or (type(size) is int and size > 0)
    ):
        raise TypeError("a flag or a size")
    if not isinstance(types, list) or not all(isinstance(one, str) for one in types):
        raise TypeError("file_types")
    return DeploymentConfig(*flags, tuple(types), size)
