"""The audit's files together have a bound, and are missed as soon as somebody takes them away."""

from __future__ import annotations

import asyncio
import logging
import shutil

import pytest

from guestd.audit.day_files import AuditFiles
from guestd.audit.directory import files_of
from guestd.audit.settings import AuditSettings
from guestd.audit.verify import select, verify
from tests.webhooks.harness import World, until

from .audit_harness import Running, at, days_of_events, line, new_audit

FILE_BYTES, ALL_BYTES = 2000, 10_000


def limited(directory, **more) -> AuditFiles:
    figures = {"file_bytes_max": FILE_BYTES, "bytes_max": ALL_BYTES, **more}
    files = AuditFiles(directory, AuditSettings(**figures), 1000, Running())
    files.open(at(0))
    return files


def size_of(directory) -> int:
    return sum(path.stat().st_size for path in files_of(directory))


def test_all_files_together_stay_within_their_bound_and_the_chain_is_whole(tmp_path, caplog):
    files, largest = limited(tmp_path), 0
    for n in range(200):
        files.append([line(n, 0)], at(0))
        largest = max(largest, size_of(tmp_path))
    files.close()
    assert ALL_BYTES - FILE_BYTES < largest <= ALL_BYTES
    assert verify(tmp_path).problems == []
    retired = [one["details"] for one in select(tmp_path) if one["action"] == "audit.retired"]
    assert retired and all(one["files_before_their_time"] == one["files"] for one in retired)
    first, *_ = select(tmp_path)
    assert first["n"] == retired[-1]["through"] + 1, "the newest notice says where the chain begins"
    assert files.retired_early == sum(
        one.message.count("audit.bytes_max") for one in caplog.records
    )
    assert files.retired_early > 10


def test_a_bound_that_was_lowered_counts_from_the_first_line_of_a_start(tmp_path):
    files = limited(tmp_path, bytes_max=1_000_000)
    for n in range(200):
        files.append([line(n, 0)], at(0))
    files.close()
    assert size_of(tmp_path) > 2 * ALL_BYTES
    files = limited(tmp_path)
    files.append([line(900, 0)], at(0))
    files.close()
    assert size_of(tmp_path) <= ALL_BYTES and verify(tmp_path).problems == []


def test_files_over_their_time_are_not_called_early(tmp_path):
    running = Running()
    files = AuditFiles(tmp_path, AuditSettings(retention_days=5), 1000, running)
    files.open(at(0))
    for day in range(12):
        running.s += 86_400.0
        files.append([line(day, day)], at(day))
    files.close()
    assert len(files_of(tmp_path)) == 7 and files.retired_early == 0


def test_a_notice_that_cannot_be_written_deletes_nothing_and_is_tried_again(tmp_path, monkeypatch):
    files = limited(tmp_path, bytes_max=1_000_000)
    for n in range(100):
        files.append([line(n, 0)], at(0))
    files.close()
    before = files_of(tmp_path)
    files = limited(tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr("os.fsync", _refuses)
        with pytest.raises(OSError, match="No space"):
            files.append([line(900, 0)], at(0))
    assert files_of(tmp_path) == before
    files.append([line(900, 0)], at(0))
    files.close()
    assert size_of(tmp_path) <= ALL_BYTES and verify(tmp_path).problems == []


def _refuses(handle: int) -> None:
    raise OSError(28, "No space left on device")


# ---------------------------------------------------------------------- taken away while it is
# written


def delete_all(directory):
    """At once: the audit, which looks all the time, must not fill what is being emptied."""
    shutil.rmtree(directory.rename(directory.with_name("deleted")))


def delete_all_and_make_an_empty_directory(directory):
    delete_all(directory)
    directory.mkdir(exist_ok=True)


def delete_what_is_in_the_directory(directory):
    for path in directory.iterdir():
        path.unlink()


def delete_chain_json(directory):
    (directory / "chain.json").unlink()


def delete_the_last_file(directory):
    files_of(directory)[-1].unlink()


def replace_the_last_file(directory):
    path = files_of(directory)[-1]
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes())
    copy.rename(path)


def cut_the_last_file(directory):
    path = files_of(directory)[-1]
    path.write_bytes(path.read_bytes()[:-10])


TAKEN = [
    delete_all,
    delete_all_and_make_an_empty_directory,
    delete_what_is_in_the_directory,
    delete_chain_json,
    delete_the_last_file,
    replace_the_last_file,
    cut_the_last_file,
]


@pytest.mark.parametrize("take", TAKEN, ids=lambda one: one.__name__)
async def test_what_is_taken_away_is_missed_while_nothing_is_written(
    take, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr("guestd.audit.audit.CHECK_S", 0.01)
    world, directory = World(), tmp_path / "audit"
    audit = new_audit(world.journal, directory)
    audit.start()
    days_of_events(world, 1)
    await until(lambda: audit._metrics.audit_lines == 7)
    take(directory)
    await until(lambda: audit._metrics.audit_breaks == 1)
    assert "the audit is damaged" in caplog.text and "while it was in use" in caplog.text
    broken = [one for one in select(directory) if one["action"] == "audit.break"]
    assert [one["n"] for one in broken] == [8], "the chain goes on from memory"
    days_of_events(world, 1)
    await audit.stop()
    assert [one["n"] for one in select(directory)][-8:] == list(range(8, 16))
    assert any("found damage here" in one for one in verify(directory).problems)
    assert audit._metrics.audit_breaks == 1


@pytest.mark.parametrize("take", TAKEN, ids=lambda one: one.__name__)
def test_what_is_taken_away_is_missed_by_the_next_line(take, tmp_path):
    files = AuditFiles(tmp_path / "audit", AuditSettings(), 1000)
    files.open(at(0))
    files.append([line(1, 0)], at(0))
    take(tmp_path / "audit")
    files.append([line(2, 0)], at(0))
    files.close()
    assert files.breaks == 1
    assert [(one["n"], one["action"]) for one in select(tmp_path / "audit")][-2:] == [
        (2, "audit.break"),
        (3, "x"),
    ]


async def test_a_place_that_cannot_be_made_again_is_tried_until_it_can(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr("guestd.audit.audit.CHECK_S", 0.01)
    monkeypatch.setattr("guestd.audit.audit.RETRY_S", 0.01)
    world, directory = World(), tmp_path / "audit"
    audit = new_audit(world.journal, directory)
    audit.start()
    days_of_events(world, 1)
    await until(lambda: audit._metrics.audit_lines == 7)
    with caplog.at_level(logging.CRITICAL):
        directory.rename(tmp_path / "elsewhere")
        directory.touch()
        await until(lambda: audit._metrics.audit_failures > 2)
    assert audit._metrics.audit_breaks == 0
    directory.unlink()
    days_of_events(world, 1)
    await until(lambda: audit._metrics.audit_lines == 14)
    await asyncio.wait_for(audit.stop(), 30.0)
    assert next(one["action"] for one in select(directory)) == "audit.break"
