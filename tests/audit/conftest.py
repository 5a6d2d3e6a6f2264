"""What several of these files begin with."""

from __future__ import annotations

import pytest

from guestd.audit.directory import files_of

from .audit_harness import written


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A directory of an audit that is whole, and what is in its files."""
    directory = tmp_path_factory.mktemp("audit")
    written(directory, 3).close()
    return directory, {path: path.read_bytes() for path in files_of(directory)}
