"""The emulator's agents: scripts that answer guests."""

from __future__ import annotations

import pytest


class TestAgents:
    def test_a_choice_is_known_by_its_payload_before_its_words(self, new_platform):
        """Real clients send a quick reply with its text, or with a payload alone."""
        for text in ({"text": "Track it"}, {}):
            platform = new_platform(agent="human")
            guest = platform.guest()
            guest.configure()
            button = {"type": "QuickReply", "text": "Track it", "payload": "TRACK"}
            guest.ask(
                "onMessage",
                message={
                    "type": "Text",
                    **text,
                    "content": [{"contentType": "ButtonResponse", "buttonResponse": button}],
                },
            )
            platform.pass_time(5.0)
            assert "left the depot" in guest.frames[-1]["body"]["text"]

    @pytest.mark.parametrize(
        "script",
        [
            "nobody",
            {"rules": [{"match": "(", "steps": []}]},
            {"colour": 1},
            {"default": [{"dance": 1}]},
        ],
    )
    def test_a_script_that_makes_no_sense_is_refused(self, new_platform, script):
        with pytest.raises(ValueError, match=r".+"):
            new_platform(agent=script)
