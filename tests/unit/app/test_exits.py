"""What ends the program becomes one line and the exit code that is documented."""

from __future__ import annotations

import errno
import os

import pytest

from guestd.app.exit_codes import failed, run
from guestd.model.errors import ConfigError, GuestdError, JournalError, PlatformRefused


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("simulator.port", "is taken"), 78),
        (PlatformRefused("no"), 69),
        (JournalError("broken"), 74),
        (GuestdError("odd"), 70),
        (FileNotFoundError(errno.ENOENT, "No such file", "/x"), 78),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 78),
        (OSError(errno.EADDRINUSE, "in use"), 78),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), 74),
        (OSError(errno.EIO, os.strerror(errno.EIO)), 74),
        (OSError(errno.EROFS, os.strerror(errno.EROFS)), 74),
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), 70),
        (ValueError("canary"), 70),
        (RecursionError("canary"), 70),
    ],
)
def test_each_error_has_its_code(error, code):
    said: list[str] = []
    assert failed(error, said.append) == code
    assert len(said) == 1 and said[0].startswith("guestd: ") and "canary" not in said[0]


def test_what_the_platform_said_cannot_steer_a_terminal():
    said: list[str] = []
    failed(PlatformRefused("no\x1b[2J\x9b2J"), said.append)
    assert (
        len(said) == 1 and said[0].startswith("guestd: no") and not set(said[0]) & set("\x1b\x9b")
    )


def test_an_unexpected_exception_of_the_daemon_is_70_and_says_where():
    async def broken():
        raise KeyError("canary")

    said: list[str] = []
    assert run(broken, said.append) == 70
    assert said[0].startswith("guestd: unexpected KeyError at test_exits.py:")


@pytest.mark.parametrize(
    ("number", "code"), [(errno.ENOSPC, 74), (errno.EIO, 74), (errno.EACCES, 78)]
)
def test_a_directory_that_was_configured_well_is_not_to_blame_for_its_disk(number, code):
    async def start():
        try:
            raise OSError(number, os.strerror(number))
        except OSError as error:
            raise ConfigError(
                "attachments.spool_directory", f"cannot be written: {error.strerror}"
            ) from None

    assert run(start, lambda line: None) == code
