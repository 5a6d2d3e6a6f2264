"""What is kept on disk: the journal, the keys, our own copies of files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ...identity.settings import IdentitySettings
from ...journal.settings import JournalSettings
from ...observe.metrics import Metrics
from ...spool.spool import Spool, SpoolSettings
from ..config import Config

if TYPE_CHECKING:
    from ...identity.keys import KeyRing
    from ...identity.tokens import GuestTokens


def journal_directory(config: Config, environment: Mapping[str, str]) -> Path | None:
    """Configured, or given by the service manager (the first of StateDirectory=), or none:
    memory."""
    found = config.journal.directory or environment.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(found) if found else None


def journal_settings(config: Config) -> JournalSettings:
    journal = config.journal
    return JournalSettings(
        retention_s=journal.retention_s,
        dead_retention_s=journal.dead_retention_s,
        create=journal.create,
        free_bytes_min=journal.free_bytes_min,
        ballast_bytes=journal.ballast_bytes,
    )


def identity_settings(config: Config, environment: Mapping[str, str]) -> IdentitySettings | None:
    """None if there is no place for keys: neither configured nor beside a journal. Then there are
    no guest tokens."""
    journal = journal_directory(config, environment)
    if config.identity.directory is not None:
        directory = Path(config.identity.directory)
    elif journal is not None:
        directory = journal / "keys"
    else:
        return None
    identity = config.identity
    return IdentitySettings(
        directory=directory,
        key_bits=identity.key_bits,
        overlap_s=identity.overlap_s,
        keys_max=identity.keys_max,
        reread_s=identity.reread_s,
        token_life_s=identity.token_life_s,
        leeway_s=identity.leeway_s,
        token_bytes_max=identity.token_bytes_max,
        issuer=identity.issuer,
        audience=identity.audience,
        kid=identity.kid,
        key_file=Path(identity.key_file) if identity.key_file is not None else None,
        rotate_every_s=identity.rotate_every,
        publish_s=identity.publish_before,
    )


def new_key_ring(settings: IdentitySettings) -> KeyRing:
    """Loaded only for who has keys: cryptography takes some fifty milliseconds to come in."""
    from ...identity.keys import KeyRing

    return KeyRing(settings)


def new_guest_tokens(settings: IdentitySettings, ring: KeyRing, metrics: Metrics) -> GuestTokens:
    from ...identity.tokens import GuestTokens

    return GuestTokens(settings, ring, metrics)


def new_spool(config: Config, environment: Mapping[str, str]) -> Spool:
    """In its own directory if one is named, else beside the journal, else a private one that ends
    with the process."""
    attachments, journal = config.attachments, journal_directory(config, environment)
    directory = (
        Path(attachments.spool_directory)
        if attachments.spool_directory
        else journal and journal / "spool"
    )
    return Spool(
        SpoolSettings(
            directory,
            attachments.file_bytes_max,
            attachments.spool_bytes_max,
            durable=journal is not None,
        )
    )
