"""The part of the world that the platform API may use."""

from __future__ import annotations

from collections import OrderedDict
from random import Random
from typing import Any, Protocol

from ..core.presigned_files import PresignedFiles
from ..core.records import Attachment, Effect, GuestSession, Json
from ..core.stored_messages import RecordedMessage
from ..settings import EmulatorLimits, EmulatorSettings


class WorldBase(Protocol):
    """The settings and the one source of chance: all that most resources need."""

    settings: EmulatorSettings
    limits: EmulatorLimits
    rng: Random


class FileWorld(WorldBase, Protocol):
    files: PresignedFiles

    def upload_url(self, attachment: Attachment) -> str: ...


class ConversationWorld(WorldBase, Protocol):
    """Guest sessions by token, and by the id of each conversation they had."""

    sessions: dict[str, GuestSession]
    conversations: OrderedDict[str, GuestSession]

    def find_message(self, message_id: str) -> tuple[str, Json] | None: ...

    def equal_time(self, token: str, now: float) -> bool: ...

    def add_message(self, session: GuestSession, body: Json, now: float) -> RecordedMessage: ...

    def outbound(
        self, session: GuestSession, body: Json, now: float
    ) -> tuple[Json, list[Effect]]: ...

    def agent_says(
        self, session: GuestSession, text: str, now: float, **more: Any
    ) -> tuple[Json, list[Effect]]: ...

    def agent_types(
        self, session: GuestSession, now: float, duration_ms: int = 5000
    ) -> list[Effect]: ...

    def agent_disconnects(self, session: GuestSession, now: float) -> list[Effect]: ...


class PlatformWorld(FileWorld, ConversationWorld, Protocol):
    """What the whole platform API needs."""
