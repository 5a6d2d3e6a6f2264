"""A configuration file, and the environment over it: lines `#env NAME=VALUE` of the same input."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Hashable
from pathlib import Path

from guestd.app.config import Config
from guestd.app.config_problems import ConfigProblems
from guestd.app.load_config import load_config

from .target import Target

ENVIRONMENT = b"#env "


class Configuration(Target):
    name = "configuration"
    is_pure = True
    tokens = (
        tuple(f"[{section}]\n".encode() for section in Config.model_fields)
        + tuple(
            f"{key} = ".encode()
            for field in Config.model_fields.values()
            for key in getattr(field.annotation, "model_fields", ())
        )
        + (
            *(
                b"true",
                b"-1",
                b"1e400",
                b"nan",
                b'"5m"',
                b"[]",
                b"{}",
                b"[[",
                b"]]",
                b'""',
                b"'''",
                b"\\u0000",
            ),
            *(
                b"#env GUESTD_",
                b"__",
                b"=",
                b"\n",
                b"2027-05-31T09:15:02Z",
                b"9" * 25,
                b'"credential:x"',
            ),
            *(b'"http://"', b'"wss://a:b@[::1"', b'"localhost:99999"'),
        )
    )

    def open(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="guestd-fuzz-")
        self._path = Path(self._folder.name) / "guestd.toml"

    def close(self) -> None:
        self._folder.cleanup()

    def check(self, data: bytes) -> Hashable:
        self._path.write_bytes(data)
        try:
            found = load_config(self._path, environment_of(data))
        except ConfigProblems as problems:
            reported = str(problems)
            reported.encode("utf-8", "surrogateescape")
            assert problems.problems and all(problems.problems), "a problem without a word"
            assert reported.startswith((f"{self._path}:", "environment: ", "GUESTD_"))
            return frozenset(one.partition(" (got")[0][:60] for one in problems.problems)
        assert isinstance(found, Config)
        return "taken"


def environment_of(data: bytes) -> dict[str, str]:
    """As a process would find it: bytes that are not UTF-8 are half surrogates."""
    found = {}
    for line in data.splitlines():
        name, separator, value = line.removeprefix(ENVIRONMENT).partition(b"=")
        if line.startswith(ENVIRONMENT) and separator and b"\0" not in line:
            found[os.fsdecode(name)] = os.fsdecode(value)
    return found
