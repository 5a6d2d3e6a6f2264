"""`chain.json`, which says where the audit ends: damaged or gone, it is found, and what the daemon
does about it is on record (AUDIT-1)."""

from __future__ import annotations

import json
import os

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestd.audit.day_files import AuditFiles
from guestd.audit.directory import files_of
from guestd.audit.settings import AuditSettings
from guestd.audit.verify import verify
from tests.thoroughness import examples

from .audit_harness import at, line, lines, written


def reopened(directory, day: int = 5) -> None:
    """A later life of the daemon, which writes one line."""
    files = AuditFiles(directory, AuditSettings(), 1000)
    files.open(at(day))
    files.append([line(999, day)], at(day))
    files.close()


@settings(max_examples=examples(300))
@given(at_byte=st.integers(0, 2**16), bits=st.integers(1, 255))
def test_audit_1_any_changed_byte_of_chain_json_is_found(sound, at_byte, bits):
    directory, before = sound
    for path, data in before.items():
        path.write_bytes(data)
    state = directory / "chain.json"
    good = state.read_bytes()
    changed = bytearray(good)
    changed[at_byte % len(good)] ^= bits
    try:
        state.write_bytes(changed)
        assert "chain.json is not as it was written" in verify(directory).problems[0]
    finally:
        state.write_bytes(good)
    assert verify(directory).problems == []


STATES_DAMAGED = {
    "empty object": b"{}",
    "empty": b"",
    "other types": b'{"head": [], "anchor": 1}',
    "nested": b"[" * 100_000,
    "no UTF-8": b"\xff",
    "missing": None,
}


@pytest.mark.parametrize("damage", STATES_DAMAGED)
def test_audit_1_a_damaged_chain_json_is_damage_and_a_start_records_it(damage, tmp_path, caplog):
    written(tmp_path, 3).close()
    before = {path: path.read_bytes() for path in files_of(tmp_path)}
    state, content = tmp_path / "chain.json", STATES_DAMAGED[damage]
    if content is None:
        state.unlink()
    else:
        state.write_bytes(content)
    said = "chain.json is missing" if content is None else "chain.json is not as it was written"
    assert verify(tmp_path).problems[0].startswith(said)
    reopened(tmp_path)
    assert said in caplog.text and "guestd audit verify" in caplog.text
    assert all(path.read_bytes() == data for path, data in before.items()), "nothing was repaired"
    first, *_ = found = [one for one in lines(tmp_path) if one["n"] > 15]
    assert (first["n"], first["action"], first["status"]) == (16, "audit.break", "failed") and len(
        found
    ) == 2
    assert first["details"]["reason"] == said
    if content is not None:
        assert (tmp_path / first["details"]["kept_as"]).read_bytes() == content
    [problem] = verify(tmp_path).problems
    assert "line 1: the daemon found damage here: chain.json" in problem, (
        "the break stays on record"
    )


def test_audit_1_a_cut_end_behind_a_damaged_chain_json_is_not_taken_for_whole(tmp_path):
    written(tmp_path, 2).close()
    last = files_of(tmp_path)[-1]
    last.write_bytes(b"".join(last.read_bytes().splitlines(keepends=True)[:-2]))
    (tmp_path / "chain.json").write_bytes(b"{}")
    assert verify(tmp_path).problems
    reopened(tmp_path)
    assert [one["n"] for one in lines(tmp_path)] == list(range(1, 11)) and verify(tmp_path).problems


@pytest.mark.parametrize(
    "renamed", ["audit-000000000006-20260103.jsonl", "audit-000000000007-20260102.jsonl"]
)
def test_audit_1_the_last_file_renamed_is_found(renamed, tmp_path):
    written(tmp_path, 2).close()
    files_of(tmp_path)[-1].rename(tmp_path / renamed)
    assert verify(tmp_path).problems
    reopened(tmp_path)
    assert any("is missing" in one for one in verify(tmp_path).problems)


def test_audit_1_everything_deleted_is_found(tmp_path):
    written(tmp_path, 2).close()
    for path in files_of(tmp_path):
        path.unlink()
    assert verify(tmp_path).problems == [
        "the end is missing: lines 1 to 10 were written, the last one into"
        " audit-000000000006-20260102.jsonl"
    ]
    (tmp_path / "chain.json").unlink()
    assert "chain.json is missing" in verify(tmp_path).problems[0]


def test_audit_1_everything_deleted_but_chain_json_is_recorded_by_a_start(tmp_path):
    written(tmp_path, 2).close()
    for path in files_of(tmp_path):
        path.unlink()
    reopened(tmp_path)
    assert [(one["n"], one["action"]) for one in lines(tmp_path)] == [
        (11, "audit.break"),
        (12, "x"),
    ]
    assert verify(tmp_path).problems


def test_an_audit_without_lines_is_whole_and_one_of_an_earlier_version_too(tmp_path):
    written(tmp_path, 0).close()
    assert verify(tmp_path).problems == [] and verify(tmp_path).lines == 0
    written(tmp_path, 2).close()
    state = tmp_path / "chain.json"
    found = orjson.loads(state.read_bytes())
    state.write_bytes(json.dumps({"head": found["head"], "anchor": found["anchor"]}).encode())
    assert verify(tmp_path).problems == []
    reopened(tmp_path)
    assert verify(tmp_path).problems == [] and b'"sum"' in state.read_bytes()


def test_a_disk_that_refuses_at_the_start_is_tried_again_and_loses_no_break(
    tmp_path, monkeypatch, caplog
):
    written(tmp_path, 1).close()
    (tmp_path / "chain.json").write_bytes(b"{}")
    files, real = AuditFiles(tmp_path, AuditSettings(), 1000), os.fsync

    def refuses(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuses)
    files.open(at(1))
    for _ in range(3):
        with pytest.raises(OSError, match="No space"):
            files.append([line(50, 1)], at(1))
    assert "cannot be opened (No space left on device)" in caplog.text
    monkeypatch.setattr(os, "fsync", real)
    files.append([line(50, 1)], at(1))
    files.close()
    assert any(one["action"] == "audit.break" for one in lines(tmp_path))
    assert len(list(tmp_path.glob("chain.json.damaged-*"))) == 1
