"""Tokens of open guest sessions, on disk while their process lives."""

from __future__ import annotations

import os
import stat

import pytest

from guestd.load.run.session_tokens import RunTarget, TokenFile, left_open

TARGET = RunTarget(run_id="r1", socket_url="ws://localhost:1", deployment_id="d-1")


def new_file(directory, name="r1-0"):
    return TokenFile.of_run(directory, name, TARGET)


def killed(file):
    """As `kill -9` leaves it: the lock is gone, and nothing was tidied up."""
    os.close(os.dup(file._file.fileno()))
    file._file.close()


def test_what_a_killed_run_left_open_is_found(tmp_path):
    file = new_file(tmp_path / "load")
    tokens = [file.draw() for _ in range(3)]
    file.ended(tokens[1])
    killed(file)
    [found] = left_open(tmp_path / "load")
    assert (found.target, found.tokens) == (TARGET, [tokens[0], tokens[2]])


def test_a_run_that_lives_is_left_alone(tmp_path):
    file = new_file(tmp_path)
    file.draw()
    assert left_open(tmp_path) == []
    killed(file)
    assert len(left_open(tmp_path)) == 1


def test_nothing_is_left_where_all_have_ended(tmp_path):
    file = new_file(tmp_path)
    file.ended(file.draw())
    file.close()
    assert list(tmp_path.iterdir()) == []


def test_only_the_owner_can_read_a_token(tmp_path):
    file = new_file(tmp_path / "load")
    modes = [stat.S_IMODE(os.stat(one).st_mode) for one in (file.path.parent, file.path)]
    assert modes == [0o700, 0o600]
    killed(file)


def test_a_file_that_is_none_is_told_of_and_the_others_are_read(tmp_path):
    """An empty one is of a run that was killed before its first line, and had nothing open."""
    (tmp_path / "odd.tokens").write_bytes(b"\xff\xfe not ours")
    (tmp_path / "empty.tokens").write_bytes(b"")
    file = new_file(tmp_path)
    file.draw()
    killed(file)
    told: list[str] = []
    found = left_open(tmp_path, told.append)
    assert (len(found), len(told)) == (1, 1)


def test_a_line_that_was_cut_short_is_not_a_token_lost(tmp_path):
    """A process may be killed between two writes, and never within one."""
    file = new_file(tmp_path)
    token = file.draw()
    assert file.last_drawn == token
    file._file.write(b"+half")
    killed(file)
    [found] = left_open(tmp_path)
    assert found.tokens == [token, "half"]


def test_what_was_ended_is_not_taken_up_twice(tmp_path):
    file = new_file(tmp_path)
    tokens = [file.draw() for _ in range(2)]
    killed(file)
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
