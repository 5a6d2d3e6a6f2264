"""Whether the control API is served at all; said by `guestd config check` and at the start."""

from __future__ import annotations

from .config import Config


def api_notes(config: Config) -> list[str]:
    """A line if neither TCP nor a Unix socket serves it."""
    if config.api.tcp or config.api.unix_socket is not None:
        return []
    return [
        "api.tcp = false without api.unix_socket: the control API (/v1) is served nowhere; name a"
        " socket, such as /run/guestd/api.sock, if commands and programs are to reach it"
    ]
