"""What `guestd config check` says of ids that come again."""

from __future__ import annotations

import pytest

from guestd.app.config import Config
from guestd.app.seed_note import seed_notes


def test_a_seed_beside_a_journal_is_spoken_of():
    given = {"emulator": {"seed": 7}, "journal": {"directory": "/var/lib/guestd"}}
    (note,) = seed_notes(Config.model_validate(given))
    assert note.startswith("emulator.seed = 7: ") and "leave the seed out" in note


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"emulator": {"seed": 7}},
        {"journal": {"directory": "/var/lib/guestd"}},
        {
            "emulator": {"seed": 7},
            "journal": {"directory": "/var/lib/guestd"},
            "drain": {"sessions": "end"},
        },
        {
            "emulator": {"seed": 7},
            "journal": {"directory": "/var/lib/guestd"},
            "platform": {"emulator": "http://localhost:8080"},
        },
    ],
    ids=str,
)
def test_else_there_is_nothing_to_say(given):
    assert seed_notes(Config.model_validate(given)) == []
