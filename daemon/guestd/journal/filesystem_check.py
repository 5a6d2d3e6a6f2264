"""Is this a place for a journal? Judged from what the kernel and /etc/fstab say, before anything is
written there.

Network file systems are refused: their locks and their fsync promise less than a journal needs, and
WAL wants memory shared between processes. So is FUSE, since what is behind it is unknown
(overlays of containers and local block devices excepted). And a directory that /etc/fstab would
have mounted, and that is not mounted, must not get an empty journal."""

from __future__ import annotations

import re
from pathlib import Path

from ..model.errors import ConfigError

NETWORK = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "ncpfs",
        "afs",
        "ceph",
        "9p",
        "lustre",
        "beegfs",
        "davfs",
    }
)
LOCAL_FUSE = frozenset({"fuseblk", "fuse.fuse-overlayfs"})

_FIELD = "journal.directory"


def check_file_system(directory: Path, mountinfo: str) -> None:
    """`mountinfo` is the text of /proc/self/mountinfo. Raises ConfigError if the journal would lie
    on a network."""
    kind = _kind_at(directory.resolve(), mountinfo)
    if kind in NETWORK or (kind.startswith("fuse") and kind not in LOCAL_FUSE):
        raise ConfigError(
            _FIELD,
            f"{directory} lies on {kind}, whose locks and syncs cannot be trusted",
            "name a directory on a local disk",
        )


def check_mounted(directory: Path, mountinfo: str, fstab: str) -> None:
    """`fstab` is the text of /etc/fstab. Raises ConfigError if it names a mount at or above
    `directory` that is not there."""
    place = directory.resolve()
    mounted = {point for point, _ in _mounts(mountinfo)}
    for line in fstab.splitlines() if mounted else ():
        fields = line.split()
        if len(fields) < 3 or fields[0].startswith("#") or not fields[1].startswith("/"):
            continue
        point = Path(_unescaped(fields[1]))
        if point not in mounted and place.is_relative_to(point):
            raise ConfigError(
                _FIELD,
                f"{point} is not mounted, though /etc/fstab names it",
                "mount it, and start again",
            )


def _kind_at(place: Path, mountinfo: str) -> str:
    """The type of the file system that holds `place`: the longest mount point above it, the latest
    if there are several."""
    found, depth = "", -1
    for point, kind in _mounts(mountinfo):
        if len(point.parts) >= depth and place.is_relative_to(point):
            found, depth = kind, len(point.parts)
    return found


def _mounts(mountinfo: str) -> list[tuple[Path, str]]:
    found = []
    for line in mountinfo.splitlines():
        head, _, tail = line.partition(" - ")
        if len(fields := head.split()) > 4 and tail:
            found.append((Path(_unescaped(fields[4])), tail.split()[0]))
    return found


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def read(path: str) -> str:
    """The file's text; nothing where there is no such file."""
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""
