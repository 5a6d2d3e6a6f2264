"""The journal, on disk and in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge

from ..model.settings import Doc, Seconds


@dataclass(slots=True, frozen=True)
class JournalSettings:
    """The journal: what happened, on disk or in memory, and how long it is kept."""

    directory: Annotated[
        str | None,
        Doc(
            "Where guest sessions outlive the process: a directory of its own on a local "
            "disk, which must exist. Without it the journal is in memory. Under systemd, "
            "StateDirectory= is taken if this is left out.",
            example="/var/lib/guestd",
        ),
    ] = None
    create: Annotated[
        Literal["auto", "never"],
        Doc(
            '"auto" makes a journal where there never was one; not if one was lost or moved'
            ' aside there, nor if /etc/fstab names a mount that is missing. "never" leaves '
            "it to `guestd journal init`, so that a slip of the path or the mount cannot "
            "begin an empty one."
        ),
    ] = "auto"
    retention_s: Annotated[
        Seconds,
        Doc(
            "How long the events of an ended guest session are kept on disk, operations "
            "that are over, and webhooks that were delivered."
        ),
    ] = 86_400.0
    dead_retention_s: Annotated[
        Seconds, Doc("How long webhooks that were given up are kept for a replay.")
    ] = 2_592_000.0
    free_bytes_min: Annotated[
        int,
        Ge(0),
        Doc(
            "With less free (and less than 5 % of the file system) no new guest session is "
            "opened, error storage_low; 0 for no such bound."
        ),
    ] = 268_435_456
    ballast_bytes: Annotated[
        int,
        Ge(0),
        Doc(
            "A file that only takes up space and is removed when the disk is full, so that "
            "what is under way can be finished and old events deleted; it is made again "
            "when it fits. 0 for none."
        ),
    ] = 67_108_864
    events_per_session_max: Annotated[
        int,
        Ge(10),
        Doc(
            "In memory: events kept per session for frontends that come back; the oldest go first."
        ),
    ] = 1000
    events_max: Annotated[
        int, Ge(1000), Doc("In memory: events kept over all sessions; the oldest go first.")
    ] = 2_000_000
    uncommitted_max: Annotated[
        int,
        Ge(100),
        Doc(
            "Events on their way into the journal; when full, sockets stop being read until"
            " half are through."
        ),
    ] = 20_000
