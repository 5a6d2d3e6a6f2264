"""The daemon's schedule of key rotation: what it does, and what the audit is told (GUEST-2,
AUDIT-1)."""

from __future__ import annotations

from guestd.app.key_rotation import KeyRotation

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
        ("identity.key_published", "success", {"kid": second}),
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
