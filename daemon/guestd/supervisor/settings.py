"""The bounds of all guest sessions together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from ..model.settings import Count, Doc
from ..session.settings import AttachmentSettings, HistorySettings


@dataclass(slots=True, frozen=True)
class LimitSettings:
    """How many guest sessions there may be."""

    max_sessions: Annotated[
        Count,
        Doc(
            "Guest sessions at once; one more is refused with limit_exceeded. "
            "About 10 KiB each; tens of thousands are fine."
        ),
    ] = 500
    max_rest_sessions: Annotated[
        Count,
        Doc(
            "Messaging sessions over REST at once; one more is refused with "
            "limit_exceeded. Each beats every half minute at most, so 500 of them want "
            "1,000 requests a minute. With a smaller rest.requests_per_minute all intervals"
            " are stretched alike (to 133 s for 500 sessions and 300 requests a minute), "
            "and none is ended; the start and `guestd config check` say how far."
        ),
    ] = 500


@dataclass(slots=True, frozen=True)
class AdmissionSettings:
    """New connections to the platform: how many, and how fast."""

    connects_per_minute: Annotated[
        Count,
        Doc(
            "New connections per minute and deployment, in any minute (the platform's "
            "published limit)."
        ),
    ] = 1000
    burst: Annotated[Count, Doc("How many of them may come at once.")] = 50
    dials_inflight_max: Annotated[
        Count, Doc("Connections being opened at once; a slow platform slows the rest.")
    ] = 100


@dataclass(slots=True, frozen=True)
class SupervisorSettings:
    """The sections that bound all guest sessions together."""

    limits: LimitSettings = field(default_factory=LimitSettings)
    admission: AdmissionSettings = field(default_factory=AdmissionSettings)
    history: HistorySettings = field(default_factory=HistorySettings)
    attachments: AttachmentSettings = field(default_factory=AttachmentSettings)
