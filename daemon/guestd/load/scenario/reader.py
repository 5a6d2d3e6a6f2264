"""Scenario files, read into values or refused with everything that is wrong with them.

The bytes become a tree of nodes that know their lines (`yaml_tree.py`), and the tables of keys
(`file_keys.py`, `step_keys.py`) make values of it. Only `read_file` touches the disk."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from .file import ScenarioFile
from .file_keys import FILE
from .kinds import WRONG
from .problems import FileProblem, ScenarioFileError
from .reading import FileReading, FilesBeside
from .steps import REPLY_WITHIN_S
from .yaml_tree import FILE_BYTES_MAX, yaml_tree


def read_file(path: Path, reply_within_s: float = REPLY_WITHIN_S) -> ScenarioFile:
    """`reply_within_s`: how long a step waits for the platform, where the file does not say.
    Raises ScenarioFileError."""
    files = FilesOnDisk(path.parent)
    try:
        data = files.bytes_of(path.name, FILE_BYTES_MAX)
    except OSError as bad:
        remedy = "name a file that is there and can be read"
        said = f"cannot be read: {(bad.strerror or str(bad)).lower()}"
        raise ScenarioFileError(str(path), [FileProblem(0, "", said, remedy)]) from None
    except ValueError:
        problem = FileProblem(0, "", "is larger than 1 MiB", "make several files of it")
        raise ScenarioFileError(str(path), [problem]) from None
    return scenario_file(data, str(path), files, reply_within_s)


def scenario_file(
    data: bytes, path: str, files: FilesBeside, reply_within_s: float = REPLY_WITHIN_S
) -> ScenarioFile:
    """The same of a file's bytes. Raises ScenarioFileError, and nothing else, whatever they are."""
    node, twice = yaml_tree(data, path)
    reading = FileReading(path, files, reply_within_s, twice)
    fields = FILE.read(node, "", reading)
    if reading.problems or fields is WRONG:
        raise ScenarioFileError(path, reading.problems)
    sha256 = hashlib.sha256(data).hexdigest()
    return ScenarioFile(path=path, sha256=sha256, notes=tuple(reading.notes), **fields)


@dataclass(slots=True, frozen=True)
class FilesOnDisk:
    directory: Path

    def bytes_of(self, path: str, bytes_max: int) -> bytes:
        place = self.directory / path
        self._check(place)
        with place.open("rb") as file:
            data = file.read(bytes_max + 1)
        if len(data) > bytes_max:
            raise ValueError(f" is larger than {bytes_max} bytes")
        return data

    def size_of(self, path: str) -> int:
        place = self.directory / path
        self._check(place)
        return place.stat().st_size

    def place_of(self, path: str) -> str:
        return str(self.directory / path)

    @staticmethod
    def _check(place: Path) -> None:
        """A pipe would be waited for."""
        if place.exists() and not place.is_file():
            raise IsADirectoryError(21, "is not a regular file", str(place))
