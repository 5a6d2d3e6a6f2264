"""The tokens of open sessions on disk: who may read them, what a dead run leaves, who may take it
up."""

from __future__ import annotations

import stat

import pytest

from guestd.load.run.session_tokens import RunTarget, TokenFile, left_open

TARGET = RunTarget(run_id="ab12", socket_url="ws://localhost:1", deployment_id="d")


def dead_run(folder, drawn=3, ended=1):
    file = TokenFile.of_run(folder, "ab12-0", TARGET)
    tokens = [file.draw() for _ in range(drawn)]
    for one in tokens[:ended]:
        file.ended(one)
    file._file.close()  # as a kill does
    return tokens[ended:]


def test_what_a_dead_run_left_is_found_and_only_its_owner_may_read_it(tmp_path):
    tokens = dead_run(tmp_path / "state")
    (left,) = left_open(tmp_path / "state")
    assert left.tokens == tokens and left.target == TARGET
    assert tokens[0] not in repr(left)
    assert stat.S_IMODE(left.path.stat().st_mode) == 0o600


def test_a_living_run_is_left_alone(tmp_path):
    file = TokenFile.of_run(tmp_path, "ab12-0", TARGET)
    file.draw()
    assert left_open(tmp_path) == []
    file.close()
    assert file.path.exists()


def test_a_run_whose_sessions_have_all_ended_leaves_nothing(tmp_path):
    file = TokenFile.of_run(tmp_path, "ab12-0", TARGET)
    file.ended(file.draw())
    file.close()
    assert list(tmp_path.iterdir()) == []


def test_what_was_ended_is_not_taken_up_twice(tmp_path):
    tokens = dead_run(tmp_path)
    (left,) = left_open(tmp_path)
    again = TokenFile.taken_up(left)
    again.ended(tokens[0])
    with pytest.raises(BlockingIOError):
        TokenFile.taken_up(left)
    again.close()
    (rest,) = left_open(tmp_path)
    assert rest.tokens == tokens[1:]
    last = TokenFile.taken_up(rest)
    last.ended(tokens[1])
    last.close()
    assert left_open(tmp_path) == [] and list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_read_is_told_of(tmp_path):
    (tmp_path / "bad.tokens").write_text("not JSON\n")
    told = []
    assert left_open(tmp_path, told.append) == [] and "cannot be read" in told[0]


def test_a_run_killed_before_its_first_line_left_nothing(tmp_path):
    (tmp_path / "early.tokens").touch()
    assert left_open(tmp_path) == []
