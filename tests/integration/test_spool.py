"""Our own copies of files: private, bounded, durable when asked, and gone when none needs
them."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat

import pytest

from guestd.model.errors import CommandError, ConfigError, Overloaded, SpoolError
from guestd.session.settings import AttachmentSettings
from guestd.spool.spool import BATCH_BYTES, Spool, Spooled


async def pieces(*sizes):
    for n, size in enumerate(sizes):
        yield bytes([n]) * size


@pytest.fixture
async def new_spool(tmp_path):
    opened = []

    def build(durable=False, **more):
        spool = Spool(tmp_path / "spool", AttachmentSettings(**more), durable=durable)
        spool.start()
        opened.append(spool)
        return spool

    yield build
    for spool in opened:
        await spool.stop()


@pytest.mark.parametrize(
    "sizes", [(1,), (10,) * 100, (BATCH_BYTES,), (BATCH_BYTES + 1, 5), (3 * BATCH_BYTES + 7,)]
)
async def test_what_comes_is_what_is_kept(new_spool, sizes):
    spooled = await new_spool(durable=True).spool(pieces(*sizes))
    expected = b"".join([bytes([n]) * size for n, size in enumerate(sizes)])
    assert spooled.path.read_bytes() == expected and spooled.size_bytes == len(expected)
    assert spooled.sha256 == hashlib.sha256(expected).hexdigest()
    assert stat.S_IMODE(spooled.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(spooled.path.parent.stat().st_mode) == 0o700


async def test_a_copy_is_synced_before_it_is_promised_when_there_is_a_journal_on_disk(
    new_spool, monkeypatch
):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.readlink(f"/proc/self/fd/{fd}")))
    spooled = await new_spool(durable=True).spool(pieces(10))
    assert synced == [str(spooled.path), str(spooled.path.parent)]
    await new_spool(durable=False).spool(pieces(10))
    assert len(synced) == 2


async def test_too_large_too_many_and_nothing_leave_nothing_behind(new_spool, tmp_path):
    spool = new_spool(file_bytes_max=1000, spool_bytes_max=1500)
    with pytest.raises(CommandError) as refused:
        await spool.spool(pieces(600, 600))
    assert refused.value.code == "too_large"
    with pytest.raises(CommandError) as refused:
        await spool.spool(pieces(600), limit_bytes=500)
    assert refused.value.code == "too_large"
    with pytest.raises(CommandError, match="empty"):
        await spool.spool(pieces())
    kept = await spool.spool(pieces(1000))
    with pytest.raises(Overloaded):
        await spool.spool(pieces(1000))
    assert list((tmp_path / "spool").iterdir()) == [kept.path]
    spool.discard(str(kept.path))  # uploaded: there is room again
    await spool.settled()
    more = await spool.spool(pieces(1000))
    spool.discard(str(more.path))
    spool.discard(str(more.path))
    await spool.settled()
    assert not list((tmp_path / "spool").iterdir())


async def test_many_at_once_never_go_over_the_bound(new_spool, tmp_path):
    spool = new_spool(spool_bytes_max=10 * BATCH_BYTES)
    given = [spool.spool(pieces(*[BATCH_BYTES] * 3)) for _ in range(8)]
    answers = await asyncio.gather(*given, return_exceptions=True)
    kept = [one for one in answers if not isinstance(one, BaseException)]
    assert {type(one) for one in answers} <= {Overloaded, Spooled} and len(kept) <= 3
    assert (
        sum(path.stat().st_size for path in (tmp_path / "spool").iterdir())
        == len(kept) * 3 * BATCH_BYTES
    )


async def test_a_source_that_breaks_and_an_asker_who_leaves_leave_nothing_behind(
    new_spool, tmp_path
):
    spool = new_spool()

    async def breaks():
        yield b"half"
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError):
        await spool.spool(breaks())

    async def never_ends():
        yield bytes(BATCH_BYTES)
        await asyncio.Event().wait()
        yield b""

    task = asyncio.ensure_future(spool.spool(never_ends()))
    while not list((tmp_path / "spool").iterdir()):
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not list((tmp_path / "spool").iterdir())


async def test_a_disk_that_fails_is_a_clear_error(new_spool, monkeypatch):
    spool = new_spool()

    def full(file, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(SpoolError, match="No space left"):
        await spool.spool(pieces(10))


async def test_orphans_go_at_the_next_start_and_what_is_wanted_stays(new_spool, tmp_path):
    first = new_spool()
    wanted, orphan = await first.spool(pieces(1)), await first.spool(pieces(2))
    stranger = tmp_path / "spool" / "notes.txt"
    stranger.write_text("not ours")
    again = new_spool()
    fresh = await again.spool(pieces(3))
    assert again.clear_orphans({str(wanted.path)}) == 1
    assert not orphan.path.exists()
    assert wanted.path.exists() and fresh.path.exists() and stranger.exists()


async def test_without_a_directory_it_is_private_and_ends_with_the_process():
    spool = Spool()
    spool.start()
    spooled = await spool.spool(pieces(1))
    assert stat.S_IMODE(spooled.path.parent.stat().st_mode) == 0o700
    await spool.stop()
    assert not spooled.path.parent.exists()


def test_a_directory_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="spool_directory"):
        Spool(tmp_path / "file" / "below").start()
