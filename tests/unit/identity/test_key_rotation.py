"""The daemon's schedule of key rotation: what it does, and what the audit is told (GUEST-2,
AUDIT-1)."""

from __future__ import annotations

import pytest

from guestd.app.key_rotation import KeyRotation
from guestd.identity import private_files
from guestd.identity.pairs import new_pair, private_pem

from .conftest import NOON

DAY_S = 86_400.0


async def test_guest_2_and_audit_1_publication_and_rotation_are_told_once(identity, clock):
    one = identity(rotate_every=30 * DAY_S, publish_before=2 * DAY_S)
    first = one.ring.ensure().ring.signing.kid
    reported = []
    rotation = KeyRotation(one.ring, lambda *note: reported.append(note))
    for day in (0, 28, 29, 30, 31):
        clock.now = NOON + day * DAY_S
        await rotation.look()
    second = one.ring.current().ring.signing.kid
    assert reported == [
        ("identity.key_created", "success", {"kid": first}),
        ("identity.key_published", "success", {"kid": second}),
        ("identity.key_rotated", "success", {"kid": second, "before": first}),
    ]


@pytest.mark.parametrize("made_by", ["the daemon", "the command line", "a key file"])
async def test_audit_1_the_first_key_has_a_line(identity, tmp_path, made_by):
    """Whoever puts it into the empty ring of a daemon; and the one after it, found on the way to a
    signature."""
    key_file = tmp_path / "own.pem"
    private_files.replace_private(key_file, private_pem(new_pair(2048)))
    one = identity(**({"key_file": str(key_file)} if made_by == "a key file" else {}), reread_s=0)
    beside = identity(skip=2)
    told = []
    if made_by == "a key file":
        one.ring.adopt()  # as a start does, before anyone is told
    rotation = KeyRotation(one.ring, lambda *note: told.append(note))
    await rotation.look()
    if made_by == "the command line":
        beside.ring.rotate()
        await rotation.look()
    one.tokens.sign("ana")
    first = one.ring.current().ring.signing.kid
    beside.ring.rotate()
    one.ring.reread()
    second = one.ring.current().ring.signing.kid
    assert told == [
        ("identity.key_created", "success", {"kid": first}),
        ("identity.key_rotated", "success", {"kid": second, "before": first}),
    ]


async def test_a_ring_that_cannot_be_changed_is_said_and_signs_on(
    identity, clock, tmp_path, caplog
):
    one = identity(rotate_every=30 * DAY_S, publish_before=2 * DAY_S)
    one.ring.ensure()
    (tmp_path / "keys").chmod(0o755)
    clock.now += 28 * DAY_S
    await KeyRotation(one.ring, lambda *note: None).look()
    assert "the keys cannot be rotated" in caplog.text and one.tokens.sign("ana").guest_id == "ana"
