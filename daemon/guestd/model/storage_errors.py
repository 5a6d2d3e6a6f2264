"""What is refused while the disk is full, or nearly."""

from __future__ import annotations

from .errors import CommandError
from .journal import Commits


def storage_full() -> CommandError:
    return CommandError(
        "the disk is full: new work is refused until space is freed", code="storage_full"
    )


def check_storage(journal: Commits) -> None:
    """Raises CommandError unless a new guest session may begin."""
    if journal.storage_full:
        raise storage_full()
    if journal.storage_low:
        raise CommandError(
            "the disk is nearly full: no new guest sessions until space is freed",
            code="storage_low",
        )
