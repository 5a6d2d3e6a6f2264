"""The Unix socket: a file that only its owner may open. One left by a dead daemon is removed, that
of a running one is not."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from pathlib import Path

from ...model.errors import ConfigError

FIELD = "api.unix_socket"


def listen_on(path: Path) -> socket.socket:
    """A listening socket at `path`, mode 0600 from its first moment. Raises ConfigError."""
    _clear(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        why = error.strerror or str(error)
        raise ConfigError(
            FIELD, f"{path} cannot be made: {why}", "name a short path in a directory we may write"
        ) from None
    finally:
        os.umask(before)
    listener.setblocking(False)
    return listener


def remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _clear(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(
            FIELD, f"{path} cannot be read: {error.strerror}", "name another path"
        ) from None
    if not stat.S_ISSOCK(mode):
        raise ConfigError(FIELD, f"{path} already exists and is not a socket", "name another path")
    if _is_listening(path):
        raise ConfigError(
            FIELD, f"another process listens on {path}", "stop it, or name another path"
        )
    remove(path)


def _is_listening(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True
    return True
