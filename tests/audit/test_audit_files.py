"""The files of the audit: one for every day, one chain through them, deleted when they are old,
whatever the clock says (AUDIT-1)."""

from __future__ import annotations

import pytest

from guestd.audit.day_files import AuditFiles
from guestd.audit.directory import day_of, files_of
from guestd.audit.file_retention import LOOK_EVERY_S, LOOK_FIRST_S
from guestd.audit.settings import AuditSettings
from guestd.audit.verify import verify
from guestd.model.errors import ConfigError

from .audit_harness import Running, at, line, lines, written


def test_audit_1_a_file_for_every_day_and_one_chain_through_them(tmp_path):
    written(tmp_path, 4).close()
    assert [path.name for path in files_of(tmp_path)] == [
        f"audit-{5 * day + 1:012d}-2026010{day + 1}.jsonl" for day in range(4)
    ]
    assert verify(tmp_path).problems == [] and verify(tmp_path).lines == 20


def test_audit_1_a_full_file_is_turned_over(tmp_path):
    files = written(tmp_path, 0, file_bytes_max=500)
    for n in range(10):
        files.append([line(n, 0)], at(0))
    files.close()
    assert len(files_of(tmp_path)) > 3 and verify(tmp_path).problems == []


def test_audit_1_retention_throws_whole_files_away_and_keeps_an_anchor(tmp_path):
    written(tmp_path, 12, retention_days=5).close()
    names = [path.name for path in files_of(tmp_path)]
    assert len(names) == 7 and names[0].endswith("20260106.jsonl")
    assert verify(tmp_path).problems == []
    assert [one["details"] for one in lines(tmp_path) if one["action"] == "audit.retired"][-1][
        "files"
    ] == 1
    files_of(tmp_path)[0].unlink()
    assert "are missing" in verify(tmp_path).problems[0]


def test_audit_1_retention_interrupted_before_deleting_is_not_taken_for_a_forgery(tmp_path):
    written(tmp_path, 8, retention_days=5).close()
    kept = {path.name: path.read_bytes() for path in files_of(tmp_path)}
    running = Running()
    files = AuditFiles(tmp_path, AuditSettings(retention_days=5), 1000, running)
    files.open(at(9))
    running.s = LOOK_FIRST_S
    files.append([line(999, 9)], at(9))
    files.close()
    for name, data in kept.items():
        (tmp_path / name).write_bytes(data)
    assert verify(tmp_path).problems == []


def test_a_directory_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"audit.directory: .*file/audit cannot be made"):
        AuditFiles(tmp_path / "file" / "audit", AuditSettings(), 10).open()


def test_a_clock_that_stays_wrong_costs_a_day_for_each_look(tmp_path):
    written(tmp_path, 8).close()
    kept = {path.name for path in files_of(tmp_path)}
    running = Running()

    def append(n: int) -> int:
        files.append([line(n, 200)], at(200) + int(running.s * 1000))
        return len(kept - {path.name for path in files_of(tmp_path)})

    files = AuditFiles(tmp_path, AuditSettings(), 1000, running)
    files.open(at(200))
    assert append(900) == 0, "nothing goes in the first minutes"
    running.s = LOOK_FIRST_S
    assert [append(901 + n) for n in range(10)] == [1] * 10, "one look, one day"
    running.s += LOOK_EVERY_S
    assert append(990) == 2
    files.close()
    assert verify(tmp_path).problems == []


def test_a_clock_that_leaps_and_comes_back_deletes_nothing(tmp_path):
    running = Running()
    files = AuditFiles(tmp_path, AuditSettings(), 1000, running)
    files.open(at(0))
    for day in range(8):
        running.s = day * 86_400.0
        files.append([line(day, day)], at(day))
    kept = {path.name for path in files_of(tmp_path)}
    for n in range(5):  # a look is due each time
        running.s += 43_200.0
        files.append([line(100 + 2 * n, 8)], at(300 + n))
        running.s += 43_200.0
        files.append([line(101 + 2 * n, 8)], at(8 + n))
    files.close()
    assert kept <= {path.name for path in files_of(tmp_path)} and verify(tmp_path).problems == []


def test_a_shorter_retention_is_caught_up_with(tmp_path):
    written(tmp_path, 30).close()
    running = Running()
    files = AuditFiles(tmp_path, AuditSettings(retention_days=5), 1000, running)
    files.open(at(30))
    running.s = LOOK_FIRST_S
    for n in range(40):
        files.append([line(900 + n, 30)], at(30) + int(running.s * 1000))
        running.s += LOOK_EVERY_S
    files.close()
    assert (
        all(day_of(path.name) >= "20260125" for path in files_of(tmp_path))
        and verify(tmp_path).problems == []
    )
