"""Where a journal may lie, and where it may begin."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from guestd.app.commands.journal import app
from guestd.journal import database, filesystem_check
from guestd.model.errors import ConfigError

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /srv/share rw,relatime shared:9 - nfs4 filer:/export rw,vers=4.2
31 22 0:41 / /srv/share/local rw,relatime - xfs /dev/vdb rw
32 22 0:42 / /srv/with\\040space rw,relatime - cifs //filer/share rw
33 22 0:43 / /srv/ssh rw,nosuid - fuse.sshfs guest@host:/ rw
34 22 0:44 / /srv/overlay rw,nosuid - fuse.fuse-overlayfs fuse-overlayfs rw
35 22 0:45 / /srv/stick rw,nosuid - fuseblk /dev/sdb1 rw
36 22 0:46 / /srv/twice rw - ext4 /dev/vdc rw
37 22 0:47 / /srv/twice rw - nfs filer:/over rw
"""


@pytest.mark.parametrize(
    ("directory", "kind"),
    [
        ("/srv/share/guestd", "nfs4"),
        ("/srv/with space", "cifs"),
        ("/srv/ssh/a/b", "fuse.sshfs"),
        ("/srv/twice/x", "nfs"),
    ],
)
def test_a_journal_on_a_network_is_refused_by_name(directory, kind):
    with pytest.raises(
        ConfigError,
        match=f"journal.directory: {directory} lies on {kind}, .*name a directory on a local disk",
    ):
        filesystem_check.check_file_system(Path(directory), MOUNTS)


@pytest.mark.parametrize(
    "directory",
    ["/var/lib/guestd", "/srv/share/local/x", "/srv/sharenot", "/srv/overlay", "/srv/stick"],
)
def test_a_local_one_is_not(directory):
    filesystem_check.check_file_system(Path(directory), MOUNTS)


def test_without_a_word_from_the_kernel_nothing_is_refused():
    filesystem_check.check_file_system(Path("/var/lib/guestd"), "")
    filesystem_check.check_mounted(Path("/var/lib/guestd"), "", "/dev/vda / ext4 defaults 0 1")


def test_the_kernel_is_asked_before_a_journal_is_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(
        filesystem_check, "read", lambda path: f"1 0 0:1 / {tmp_path} rw - nfs filer:/ rw\n"
    )
    with pytest.raises(ConfigError, match="lies on nfs"):
        database.open_for_writing(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_mount_gets_no_empty_journal():
    fstab = (
        "# a comment\nUUID=1 / ext4 defaults 0 1\n/dev/vdd /data\\040one ext4 defaults 0 2\nnone"
        " swap swap sw 0 0\n"
    )
    with pytest.raises(
        ConfigError, match="/data one is not mounted, though /etc/fstab names it; mount it"
    ):
        filesystem_check.check_mounted(Path("/data one/guestd"), MOUNTS, fstab)
    filesystem_check.check_mounted(Path("/data"), MOUNTS, fstab)
    there = MOUNTS + "40 22 0:50 / /data\\040one rw - ext4 /dev/vdd rw\n"
    filesystem_check.check_mounted(Path("/data one/guestd"), there, fstab)


def test_a_first_journal_makes_itself_among_other_files(tmp_path):
    (tmp_path / "lost+found").mkdir()
    database.open_for_writing(tmp_path).close()
    assert (tmp_path / database.NAME).exists()


@pytest.mark.parametrize(
    "trace", [f"{database.NAME}-wal", f"{database.NAME}.damaged-20270101T000000Z", "ballast"]
)
def test_a_lost_journal_is_not_replaced_by_an_empty_one(tmp_path, trace):
    (tmp_path / trace).touch()
    with pytest.raises(
        ConfigError,
        match=f"held one once \\({trace}\\); mount .*guestd journal restore.*guestd journal init",
    ):
        database.open_for_writing(tmp_path)
    assert not (tmp_path / database.NAME).exists()


def test_never_means_that_only_init_makes_one(tmp_path):
    with pytest.raises(
        ConfigError, match=f"holds no {database.NAME}; .*`guestd journal init -d {tmp_path}`"
    ):
        database.open_for_writing(tmp_path, may_create=False)
    done = CliRunner().invoke(app, ["init", "-d", str(tmp_path)])
    assert done.exit_code == 0 and f"an empty journal in {tmp_path / database.NAME}" in done.stdout
    database.open_for_writing(tmp_path, may_create=False).close()


def test_init_touches_none_that_is_there_and_wants_a_directory(tmp_path):
    assert CliRunner().invoke(app, ["init", "-d", str(tmp_path)]).exit_code == 0
    before = (tmp_path / database.NAME).read_bytes()
    assert CliRunner().invoke(app, ["init", "-d", str(tmp_path)]).exit_code == 2
    assert (tmp_path / database.NAME).read_bytes() == before
    assert CliRunner().invoke(app, ["init", "-d", str(tmp_path / "none")]).exit_code == 78


def test_nobody_else_can_read_what_was_said_from_the_first_moment_on(tmp_path):
    before = os.umask(0o022)
    try:
        connection = database.create_or_open(tmp_path)
        modes = {one.name: one.stat().st_mode & 0o777 for one in tmp_path.iterdir()}
        connection.close()
    finally:
        os.umask(before)
    assert len(modes) == 3 and set(modes.values()) == {0o600}, modes
