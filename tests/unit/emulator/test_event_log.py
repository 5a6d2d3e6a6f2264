"""What is noted for those who watch the emulator, and how long."""

from __future__ import annotations


def test_a_message_is_noted_as_long_as_anyone_watches_and_then_a_minute(platform, guest):
    events = platform.world.events

    def one() -> None: ...
    def other() -> None: ...

    def is_noted() -> bool:
        before = events.last_n
        guest.say("hello")
        return events.last_n > before

    assert not is_noted()
    events.listen(one)
    events.listen(other)
    assert is_noted()
    events.leave(one, platform.now)
    platform.now += 61.0
    assert is_noted()
    events.leave(other, platform.now)
    platform.now += 59.0
    assert is_noted()
    platform.now += 2.0
    assert not is_noted()
