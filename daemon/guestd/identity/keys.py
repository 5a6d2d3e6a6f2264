"""The key ring on disk: one PEM file to a key, named by its kid, and one small index that says what
each is good for.

The index is the only truth. A rotation first puts the new key's file where it belongs, then
replaces the index in one step, then sweeps away what the new index does not need. So wherever it is
cut off, the index on disk is whole, names exactly one signing key, and every file it speaks of is
there; what is left lying is an unused key, and the next rotation sweeps it. The very
first rotation writes an empty index before anything else, so keys without an index are known
for what they are, a ring that has lost its index, and are never mistaken for leavings.

A running daemon is not told that the command line has rotated. It looks at the index's stamp as it
uses the ring, at most once in `reread_s`, and reads again when the stamp is another. If what it
finds cannot be used it says so and goes on with what it has: a mistake in the directory must not
stop guests from being let in. It then reads at every look, for what is wrong may be corrected
outside of the index (the mode of the directory, a key that is brought back). Until it looks, it
signs with the old key, which the overlap keeps valid."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from ..model.errors import ConfigError
from ..observe.log import fields
from ..runtime.files import HALF
from . import private_files
from .pairs import is_kid, is_name, jwk_of, kid_of, new_pair, private_pem, read_pair
from .private_files import FIELD, INDEX, SUFFIX
from .ring import KeyEntry, Ring, read, written
from .settings import IdentitySettings

logger = logging.getLogger("guestd.identity")


#: A rotation may sweep a file between our reading the index and our reading the file; two in a row
#: will not.
_READ_TRIES = 3

#: When its content and its mode or owner were changed, which file it is, its size.
Stamp = tuple[int, int, int, int]


@dataclass(slots=True, frozen=True)
class Keys:
    """The ring as it was read: its index, the public halves of the keys that were valid then, and
    the one that signs."""

    ring: Ring
    publics: dict[str, rsa.RSAPublicKey]
    signer: rsa.RSAPrivateKey | None = field(repr=False)


#: Told the kid that signed, "" if there was none, and the one that signs now.
SignerChanged = Callable[[str, str], None]


class KeyRing:
    """Opened lazily: nothing is read before it is used. `now` gives epoch seconds, `draw` a new
    pair of so many bits.

    Everything here raises ConfigError (GUEST-2) for a directory or file that is open to others,
    missing, damaged or not writable."""

    def __init__(
        self,
        directory: Path,
        settings: IdentitySettings,
        now: Callable[[], float] = time.time,
        draw: Callable[[int], rsa.RSAPrivateKey] = new_pair,
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._now = now
        self._draw = draw
        self._keys: Keys | None = None
        self._stamp: Stamp | None = None
        #: Why what was found last cannot be used; "": it can.
        self._problem = ""
        self._looked = 0.0
        #: The kid that signed at the latest look, "" if none did; None: there was no look yet.
        self._signer: str | None = None
        self._signer_changed: SignerChanged | None = None
        self._untold: list[tuple[str, str]] = []

    @property
    def directory(self) -> Path:
        return self._directory

    def tell_signers_to(self, signer_changed: SignerChanged) -> None:
        """It is called whenever a look finds that another key signs, the first one among them, and
        at once of those that were found before."""
        self._signer_changed = signer_changed
        untold, self._untold = self._untold, []
        for before, now in untold:
            signer_changed(before, now)

    def current(self, look: bool = False) -> Keys:
        """The keys in effect; empty if there is no ring yet. `look` asks for a look at the disk
        now."""
        now = self._now()
        if self._keys is None:
            self._stamp = self._stamp_now()
            self._keys = self._load()
            self._looked, self._problem = now, ""
            self._notice_signer(self._keys)
        elif look or abs(now - self._looked) >= self._settings.reread_s:
            self._looked = now
            self._reread_if_changed()
        return self._keys

    def reread(self) -> Keys:
        """The keys as they are on the disk now, whatever was read before."""
        self._keys = None
        return self.current()

    def ensure(self) -> Keys:
        """The keys in effect; the first one is made if there is none, or taken from `key_file`."""
        found = self.current()
        if found.signer is not None:
            return found
        if not self.adopt():
            self._turn(self._settings.overlap_s, None, self._settings.kid or "", only_first=True)
        return self.current(look=True)

    def adopt(self) -> bool:
        """The key of `key_file` signs from now on, unless the ring knows it already. Returns
        whether it was taken."""
        if self._settings.key_file is None:
            return False
        pair = read_own(Path(self._settings.key_file))
        thumbprint = kid_of(pair.public_key())
        kid = self._settings.kid or thumbprint
        if any((one.kid, one.file_stem) == (kid, thumbprint) for one in self.reread().ring.entries):
            return False
        self.take(pair, kid)
        return True

    def take(self, pair: rsa.RSAPrivateKey, kid: str = "", overlap_s: float | None = None) -> Keys:
        """A key of one's own signs from now on, under the name it was registered with ("": its
        thumbprint)."""
        self._turn(self._settings.overlap_s if overlap_s is None else overlap_s, pair, kid)
        return self.reread()

    def rotate(self, overlap_s: float | None = None, kid: str = "") -> Keys:
        """A new key signs from now on; the one before stays valid for `overlap_s` (0: it is
        believed no more at once)."""
        self._turn(self._settings.overlap_s if overlap_s is None else overlap_s, None, kid)
        return self.reread()

    def publish(self, wait_s: float, kid: str = "") -> Keys:
        """A new key is shown and believed from now on, and signs in `wait_s` seconds, when `tend`
        finds it due."""
        with self._changing() as ring:
            self._publish(ring, self._now() + wait_s, kid)
        return self.reread()

    def tend(self) -> str:
        """What the schedule asks for now: "published", "promoted" or "" for nothing. Reads and
        writes the disk only, so that a thread may do it; the keys in effect are seen by the next
        look."""
        ring, now = self._read_index(), self._now()
        if (
            ring is None
            or ring.signing is None
            or not (self._is_due(ring, now) or self._is_to_publish(ring, now))
        ):
            return ""
        with self._changing() as ring:
            if self._is_due(ring, now):
                self._write(ring.promoted(now, self._settings.overlap_s, self._settings.keys_max))
                return "promoted"
            if self._is_to_publish(ring, now):
                assert ring.signing is not None and self._settings.rotate_every is not None
                turn_at = ring.signing.signs_since + self._settings.rotate_every
                self._publish(ring, max(now + self._settings.publish_before, turn_at), "")
                return "published"
        return ""

    @staticmethod
    def _is_due(ring: Ring, now: float) -> bool:
        return ring.published is not None and (ring.published.signs_from or 0.0) <= now

    def _is_to_publish(self, ring: Ring, now: float) -> bool:
        every_s = self._settings.rotate_every
        if every_s is None or ring.signing is None or ring.published is not None:
            return False
        return now >= ring.signing.signs_since + every_s - self._settings.publish_before

    def valid(self) -> list[tuple[KeyEntry, rsa.RSAPublicKey]]:
        """The keys whose signatures are believed now, the signing one first."""
        keys = self.current()
        return [
            (one, keys.publics[one.kid])
            for one in keys.ring.valid(self._now())
            if one.kid in keys.publics
        ]

    def jwks(self) -> dict[str, Any]:
        """RFC 7517: the public halves of the keys that are valid now."""
        return {"keys": [jwk_of(public, entry.kid) for entry, public in self.valid()]}

    # -- reading

    def _reread_if_changed(self) -> None:
        stamp = self._stamp_now()
        is_new = stamp != self._stamp
        if not (is_new or self._problem):
            return
        self._stamp = stamp
        try:
            if stamp is None:
                raise ConfigError(FIELD, f"{self._directory / INDEX} is gone", "bring it back")
            self._keys = self._load()
            self._notice_signer(self._keys)
        except ConfigError as error:
            if is_new or str(error) != self._problem:
                logger.warning(
                    "the key ring has changed and cannot be used, the keys read before stay in"
                    " effect: %s",
                    error,
                    extra=fields(event="key_ring_unusable"),
                )
            self._problem = str(error)
        else:
            self._problem = ""
            logger.info(
                "the key ring in %s was read again",
                self._directory,
                extra=fields(event="key_ring_read"),
            )

    def _notice_signer(self, keys: Keys) -> None:
        before, now = self._signer, keys.ring.signing.kid if keys.ring.signing is not None else ""
        self._signer = now
        if before is None or not now or before == now:
            return
        if self._signer_changed is None:
            self._untold.append((before, now))
        else:
            self._signer_changed(before, now)

    def _stamp_now(self) -> Stamp | None:
        try:
            found = os.stat(self._directory / INDEX)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size

    def _load(self) -> Keys:
        for attempt in range(1, _READ_TRIES + 1):
            ring = self._read_index()
            if ring is None or not ring.entries:
                return Keys(Ring(), {}, None)
            try:
                pairs = {one.kid: self._read_key(one.file_stem) for one in ring.valid(self._now())}
            except FileNotFoundError as error:
                if attempt < _READ_TRIES:
                    continue
                remedy = "bring it back, or: guestd keys rotate --overlap 0s"
                raise ConfigError(FIELD, f"{error.filename} is missing", remedy) from None
            assert ring.signing is not None
            publics = {kid: pair.public_key() for kid, pair in pairs.items()}
            return Keys(ring, publics, pairs[ring.signing.kid])
        raise AssertionError("the loop above returns or raises")

    def _read_index(self) -> Ring | None:
        """None if there has never been one."""
        if not self._directory.exists():
            return None
        private_files.check_private(self._directory)
        path = self._directory / INDEX
        try:
            return read(private_files.read_private(path))
        except FileNotFoundError:
            if any(True for _ in self._key_files()):
                problem = f"{self._directory} holds keys, but {INDEX} is gone"
                raise ConfigError(
                    FIELD,
                    problem,
                    "bring it back, or move the keys away to begin anew",
                ) from None
            return None
        except ValueError as error:
            raise ConfigError(FIELD, f"{path} {error}", "bring it back from a backup") from None

    def _read_key(self, thumbprint: str) -> rsa.RSAPrivateKey:
        path = self._directory / f"{thumbprint}{SUFFIX}"
        try:
            pair = read_pair(private_files.read_private(path))
            if kid_of(pair.public_key()) != thumbprint:
                raise ValueError("holds another key than its name says")
        except ValueError as error:
            remedy = "bring it back, or: guestd keys rotate --overlap 0s"
            raise ConfigError(FIELD, f"{path} {error}", remedy) from None
        return pair

    # -- turning

    def _turn(
        self,
        overlap_s: float,
        pair: rsa.RSAPrivateKey | None,
        kid: str,
        *,
        only_first: bool = False,
    ) -> None:
        with self._changing() as ring:
            if only_first and ring.entries:
                return
            kid, thumbprint = self._store(ring, pair, kid)
            self._write(
                ring.turned(kid, self._now(), overlap_s, self._settings.keys_max, thumbprint)
            )

    def _publish(self, ring: Ring, signs_from: float, kid: str) -> None:
        kid, thumbprint = self._store(ring, None, kid)
        self._write(ring.with_published(kid, self._now(), signs_from, thumbprint))

    @contextlib.contextmanager
    def _changing(self) -> Iterator[Ring]:
        """The ring on the disk, under the lock."""
        private_files.make_directory(self._directory)
        with private_files.locked(self._directory):
            ring = self._read_index()
            if ring is None:
                ring = Ring()
                private_files.replace_private(self._directory / INDEX, written(ring))
            yield ring

    def _store(self, ring: Ring, pair: rsa.RSAPrivateKey | None, kid: str) -> tuple[str, str]:
        """(kid, thumbprint or "" where the kid is that) of a key that is in the directory now."""
        if kid and not is_name(kid):
            raise ConfigError(
                "identity.kid",
                f"{kid!r} is not a valid name of a key",
                "write 1 to 200 visible ASCII characters",
            )
        self._check_room(ring, self._now())
        pair = self._draw(self._settings.key_bits) if pair is None else pair
        thumbprint = kid_of(pair.public_key())
        known = ring.find(kid)
        if known is not None and known.file_stem != thumbprint:
            raise ConfigError(
                "identity.kid",
                f"another key is named {kid!r} already",
                "give every key a name of its own",
            )
        private_files.replace_private(self._directory / f"{thumbprint}{SUFFIX}", private_pem(pair))
        return (kid, thumbprint) if kid and kid != thumbprint else (thumbprint, "")

    def _write(self, ring: Ring) -> None:
        private_files.replace_private(self._directory / INDEX, written(ring))
        self._sweep({one.file_stem for one in ring.valid(self._now())})

    def _check_room(self, ring: Ring, now: float) -> None:
        valid = len(ring.valid(now))
        if valid >= self._settings.keys_max:
            problem = f"{valid} keys are valid already, as many as identity.keys_max allows"
            raise ConfigError(FIELD, problem, "wait until an overlap is over, or allow more")

    def _sweep(self, needed: set[str]) -> None:
        """Deletes private keys that are obsolete. A failure to delete is not a failure
        of the rotation."""
        for path in [*self._key_files(), *self._directory.glob(f".*{SUFFIX}{HALF}")]:
            if path.name.removesuffix(SUFFIX) not in needed:
                try:
                    path.unlink()
                except OSError as error:
                    logger.warning(
                        "%s is obsolete and could not be deleted: %s", path, error.strerror
                    )

    def _key_files(self) -> list[Path]:
        return [
            path
            for path in self._directory.glob(f"*{SUFFIX}")
            if is_kid(path.name.removesuffix(SUFFIX))
        ]


def read_own(path: Path) -> rsa.RSAPrivateKey:
    """The private key in a file of the operator's. Raises ConfigError."""
    try:
        return read_pair(private_files.read_private(path))
    except FileNotFoundError:
        raise ConfigError(
            "identity.key_file", f"there is no file {path}", "name a PEM file"
        ) from None
    except ValueError as error:
        raise ConfigError(
            "identity.key_file", f"{path} {error}", "name a PEM file with an RSA key"
        ) from None
