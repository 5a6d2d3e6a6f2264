"""What the room of identity needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True, frozen=True)
class IdentitySettings:
    """Defaults are the contract's (GUEST-1, GUEST-2); seconds, bits and bytes. `directory` holds the key ring."""

    directory: Path
    key_bits: int = 2048
    overlap_s: float = 86_400.0
    keys_max: int = 16
    reread_s: float = 1.0
    token_life_s: float = 300.0
    leeway_s: float = 5.0
    token_bytes_max: int = 8192
    issuer: str | None = None
    audience: str | None = None
