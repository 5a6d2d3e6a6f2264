"""The ring on disk: cut off anywhere, open to others, changed by another process, damaged."""

from __future__ import annotations

import base64
import logging
import os
import shutil
import stat
import threading

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from guestd.identity import private_files
from guestd.identity.pairs import kid_of, private_pem, public_pem
from guestd.identity.private_files import INDEX
from guestd.model.errors import ConfigError, GuestdError

#: Every call by which the ring may change something on disk.
STEPS = ("mkdir", "open", "fsync", "rename", "unlink")


def test_a_kid_is_the_thumbprint_of_rfc_7638():
    """The example of its section 3.1."""
    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn6"
        "4tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n9"
        "1CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    number = int.from_bytes(base64.urlsafe_b64decode(n + "=="), "big")
    assert (
        kid_of(rsa.RSAPublicNumbers(65_537, number).public_key())
        == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    )


class Recorder:
    """Calls `before` ahead of every step on disk; steps that `before` itself takes are not told."""

    def __init__(self, monkeypatch, before):
        self._before = before
        self._busy = False
        self.steps = []
        for name in STEPS:
            monkeypatch.setattr(os, name, self._told(name, getattr(os, name)))

    def _told(self, name, real):
        def step(path, *more, **named):
            writes = name != "open" or (more and more[0] & os.O_CREAT)
            if writes and not self._busy:
                self._busy = True
                try:
                    self.steps.append(name)
                    self._before(len(self.steps))
                finally:
                    self._busy = False
            return real(path, *more, **named)

        return step


@pytest.mark.parametrize("rotations_before", [0, 1, 2])
def test_guest_2_a_rotation_cut_off_anywhere_leaves_a_usable_ring(
    tmp_path, identity, clock, monkeypatch, rotations_before
):
    live = identity()
    for _ in range(rotations_before):
        live.ring.rotate(100.0)
        clock.now += 60.0
    # of two rotations, the first one's overlap is over by now: there is something to sweep
    clock.now += 60.0
    signed = live.tokens.sign("ana") if rotations_before else None
    copies = []

    def copy(n):
        if (tmp_path / "keys").exists():
            copies.append(shutil.copytree(tmp_path / "keys", tmp_path / f"cut-{n}"))

    with monkeypatch.context() as patch:
        recorder = Recorder(patch, copy)
        live.ring.rotate(100.0)
    assert recorder.steps.count("rename") >= 2 and len(copies) >= 8
    assert len(list((tmp_path / "keys").glob("*.pem"))) == min(rotations_before, 1) + 1
    copies.append(shutil.copytree(tmp_path / "keys", tmp_path / "cut-after"))
    for cut in copies:
        recovered = identity(cut, skip=3)
        if signed is not None:
            assert recovered.tokens.verify(signed.token).guest_id == "ana", cut
            assert [one.state for one, _ in recovered.ring.valid()].count("signing") == 1
        fresh = recovered.tokens.sign("ben")
        assert identity(cut).tokens.verify(fresh.token).guest_id == "ben"
        recovered.ring.rotate(100.0)
        kids = {one.kid for one, _ in recovered.ring.valid()}
        assert {path.stem for path in cut.glob("*.pem")} == kids, "nothing is left lying"
        assert not list(cut.glob(".*"))
        assert recovered.tokens.verify(fresh.token).guest_id == "ben"


def test_guest_2_a_disk_that_fails_at_any_step_leaves_a_usable_ring(
    tmp_path, identity, monkeypatch
):
    first = identity()
    signed = first.tokens.sign("ana")
    failed = 0
    for n in range(1, 30):
        place = shutil.copytree(tmp_path / "keys", tmp_path / f"full-{n}")
        broken = identity(place, skip=1)

        def fail(step, n=n):
            if step == n:
                raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            recorder = Recorder(patch, fail)
            try:
                broken.ring.rotate()
            except ConfigError as error:
                assert "No space left" in str(error) and str(place) in str(error)
                failed += 1
        if len(recorder.steps) < n:
            break
        assert broken.tokens.verify(signed.token).guest_id == "ana"
        assert identity(place).tokens.verify(broken.tokens.sign("ben").token).guest_id == "ben"
        identity(place, skip=3).ring.rotate()
    assert failed >= 6


def test_files_are_ours_alone_whatever_the_umask(tmp_path, identity):
    before = os.umask(0)
    try:
        identity().ring.rotate()
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()}
    assert len(modes) == 3 and set(modes.values()) == {0o600}
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("name", "mode", "remedy"), [(".", 0o750, "chmod 700"), (INDEX, 0o640, "chmod 600")]
)
def test_what_others_could_read_is_refused_with_the_remedy(tmp_path, identity, name, mode, remedy):
    identity().ring.rotate()
    (tmp_path / "keys" / name).chmod(mode)
    with pytest.raises(ConfigError, match=f"identity.directory: .* is open to others .*{remedy}"):
        identity().ring.current()
    with pytest.raises(ConfigError, match="open to others"):
        identity(skip=1).ring.rotate()


def test_a_key_that_others_could_read_is_refused_and_a_rotation_without_overlap_helps(
    tmp_path, identity
):
    kid = identity().ring.rotate().ring.entries[0].kid
    (tmp_path / "keys" / f"{kid}.pem").chmod(0o604)
    with pytest.raises(ConfigError, match="mode 0604"):
        identity().ring.current()
    turned = identity(skip=1).ring.rotate(0.0)
    assert turned.ring.find(kid).state == "retired" and kid not in turned.publics


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_what_belongs_to_another_user_is_refused(tmp_path, identity):
    identity().ring.rotate()
    os.chown(tmp_path / "keys" / INDEX, 12_345, -1)
    with pytest.raises(ConfigError, match="belongs to user 12345, and guestd runs as user 0"):
        identity().ring.current()


def test_a_private_half_that_does_not_fit_signs_nothing(tmp_path, identity, pool):
    kid = identity().ring.rotate().ring.entries[0].kid
    own = pool[0].private_numbers()
    mixed = rsa.RSAPrivateNumbers(
        own.p, own.q, own.d - 2, own.dmp1 - 2, own.dmq1, own.iqmp, own.public_numbers
    ).private_key(unsafe_skip_rsa_key_validation=True)
    (tmp_path / "keys" / f"{kid}.pem").write_bytes(private_pem(mixed))
    with pytest.raises(GuestdError, match="just signed is not valid"):
        identity().tokens.sign("ana")


def test_links_are_not_followed(tmp_path, identity):
    kid = identity().ring.rotate().ring.entries[0].kid
    path = tmp_path / "keys" / f"{kid}.pem"
    path.rename(tmp_path / "elsewhere.pem")
    path.symlink_to(tmp_path / "elsewhere.pem")
    with pytest.raises(ConfigError, match="cannot be read"):
        identity().ring.current()


def test_a_key_under_a_false_name_is_refused(tmp_path, identity, pool):
    kid = identity().ring.rotate().ring.entries[0].kid
    path = tmp_path / "keys" / f"{kid}.pem"
    path.write_bytes(private_pem(pool[5]))
    with pytest.raises(ConfigError, match="another key than its name says"):
        identity().ring.current()
    path.write_bytes(b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n")
    with pytest.raises(ConfigError, match="holds no private key") as refused:
        identity().ring.current()
    assert "c2VjcmV0" not in str(refused.value)
    path.unlink()
    with pytest.raises(ConfigError, match="is missing; bring it back"):
        identity().ring.current()


def test_a_ring_that_lost_its_index_is_not_taken_for_a_new_one(tmp_path, identity):
    identity().ring.rotate()
    (tmp_path / "keys" / INDEX).unlink()
    for use in (identity().ring.current, identity().ring.rotate, identity().ring.ensure):
        with pytest.raises(ConfigError, match=r"holds keys, but ring\.json is gone"):
            use()
    assert list((tmp_path / "keys").glob("*.pem"))


def test_guest_2_a_rotation_by_another_process_is_noticed(identity, clock, caplog):
    daemon, operator = identity(reread_s=1.0), identity(skip=1)
    old = daemon.tokens.sign("ana")
    operator.ring.rotate()
    clock.now += 0.5
    assert daemon.tokens.sign("ben").kid == old.kid, "not looked yet"
    clock.now += 0.5
    caplog.set_level(logging.INFO)
    new = daemon.tokens.sign("ben")
    assert new.kid != old.kid and "read again" in caplog.text
    assert [key["kid"] for key in daemon.ring.jwks()["keys"]] == [new.kid, old.kid]
    assert daemon.tokens.verify(old.token).guest_id == "ana"


def test_a_key_not_known_yet_is_looked_for_at_once(identity):
    daemon, operator = identity(reread_s=3600.0), identity(skip=1)
    daemon.tokens.sign("ana")
    operator.ring.rotate()
    assert daemon.tokens.verify(operator.tokens.sign("ben").token).guest_id == "ben"


def test_what_cannot_be_used_does_not_stop_a_running_daemon(tmp_path, identity, clock, caplog):
    daemon = identity()
    signed = daemon.tokens.sign("ana")
    for spoil in (lambda path: path.write_text("{"), lambda path: path.unlink()):
        spoil(tmp_path / "keys" / INDEX)
        clock.now += 2.0
        caplog.clear()
        for _ in range(3):
            assert daemon.tokens.verify(signed.token).guest_id == "ana"
            clock.now += 2.0
        assert len(caplog.records) == 1 and "stay in effect" in caplog.text


@pytest.mark.parametrize("which", ["index", "directory", "key"])
def test_a_corrected_mode_is_noticed_by_itself(tmp_path, identity, clock, caplog, which):
    """chmod changes no file's content and no modification time: the remedy in the log is enough."""
    daemon, operator = identity(), identity(skip=1)
    old = daemon.tokens.sign("ana")
    directory = tmp_path / "keys"
    operator.ring.rotate()
    entry = operator.ring.current().ring.signing
    open_one, private = {
        "index": (directory / INDEX, 0o600),
        "directory": (directory, 0o700),
        "key": (directory / f"{entry.file_stem}.pem", 0o600),
    }[which]
    open_one.chmod(private | 0o044)
    caplog.set_level(logging.INFO)
    for _ in range(3):
        clock.now += 2.0
        assert daemon.tokens.sign("ben").kid == old.kid, "the keys read before stay in effect"
    (line,) = caplog.records
    assert "stay in effect" in line.message and line.fields == {"event": "key_ring_unusable"}
    open_one.chmod(private)
    clock.now += 2.0
    assert daemon.tokens.sign("ben").kid == entry.kid
    assert caplog.records[1].fields == {"event": "key_ring_read"}


def test_a_mode_that_became_open_is_noticed(tmp_path, identity, clock, caplog):
    daemon = identity()
    daemon.tokens.sign("ana")
    (tmp_path / "keys" / INDEX).chmod(0o644)
    clock.now += 2.0
    daemon.tokens.sign("ana")
    assert "is open to others (mode 0644)" in caplog.text


def test_rotations_at_once_take_turns(tmp_path, identity):
    rings = [identity(skip=n).ring for n in range(4)]
    threads = [threading.Thread(target=ring.rotate) for ring in rings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    states = [one.state for one in identity().ring.current().ring.entries]
    assert sorted(states) == ["overlap", "overlap", "overlap", "signing"]


def test_who_waits_too_long_for_the_lock_is_told(tmp_path):
    with (
        private_files.locked(tmp_path),
        pytest.raises(ConfigError, match="another rotation is under way"),
    ):
        with private_files.locked(tmp_path, wait_s=0.0):
            raise AssertionError("two at once")
    with private_files.locked(tmp_path, wait_s=0.0):
        pass


def test_the_first_key_is_made_once(identity):
    one, other = identity(), identity(skip=1)
    assert one.ring.current().signer is None and one.ring.jwks() == {"keys": []}
    assert other.ring.current().signer is None
    first = one.ring.ensure().ring
    assert other.ring.ensure().ring == first and len(first.entries) == 1


def test_there_is_a_bound_on_valid_keys(identity, clock):
    owner = identity(keys_max=3)
    for _ in range(3):
        owner.ring.rotate(100.0)
    with pytest.raises(
        ConfigError, match=r"3 keys are valid already.*wait until an overlap is over"
    ):
        owner.ring.rotate(100.0)
    clock.now += 100.0
    owner.ring.rotate(100.0)


def test_guest_2_public_keys_are_exported_and_only_those(identity, clock):
    owner = identity()
    owner.ring.rotate(100.0)
    owner.ring.rotate(100.0)
    for key in owner.ring.jwks()["keys"]:
        assert set(key) == {"kty", "use", "alg", "kid", "n", "e"} and key["alg"] == "RS256"
    for entry, public in owner.ring.valid():
        assert public_pem(public).startswith("-----BEGIN PUBLIC KEY-----")
        assert kid_of(load_pem_public_key(public_pem(public).encode())) == entry.kid
    assert len(owner.ring.jwks()["keys"]) == 2
    clock.now += 100.0
    assert len(owner.ring.jwks()["keys"]) == 1


def test_no_key_stands_in_a_repr(identity):
    keys = identity().ring.rotate()
    assert "RSAPrivateKey" not in repr(keys) and keys.signer is not None
