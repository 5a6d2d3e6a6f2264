"""Figures of the audit log; `app/config.py` has their defaults and bounds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True, frozen=True)
class AuditSettings:
    """`bodies`: texts as they are, instead of their hash and length. `bytes_max`: all files
    together."""

    directory: Path
    bodies: bool = False
    file_bytes_max: int = 67_108_864
    bytes_max: int = 25_769_803_776
    retention_days: int = 90
    linger_s: float = 0.25
