"""The journal's statements run without a warning on every supported Python."""

from __future__ import annotations

import re

import pytest

from guestd.journal.queries import queries


@pytest.mark.parametrize("name", sorted(queries()))
def test_no_placeholder_is_numbered(name):
    """CPython 3.12.0 to 3.12.3 takes `?1` for a named placeholder and warns when it is given by
    position."""
    assert re.findall(r"\?\d+", queries()[name]) == []
