"""`guestd version`."""

from __future__ import annotations

import platform

from ... import __version__

EXAMPLES = """Example:

guestd version"""


def version() -> None:
    """Say the version, and the Python it runs on."""
    print(f"guestd {__version__} (Python {platform.python_version()})")
