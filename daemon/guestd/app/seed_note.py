"""What a seed of the embedded emulator does to guest sessions that outlive it; said by
`guestd config check`."""

from __future__ import annotations

from .config import Config


def seed_notes(config: Config) -> list[str]:
    """A line if guest sessions of a journal would meet ids of messages that they have seen."""
    seed, is_embedded = config.emulator.seed, not config.platform.is_given
    outlive = config.journal.directory and config.drain.sessions != "end"
    if seed is None or not (is_embedded and outlive):
        return []
    return [
        f"emulator.seed = {seed}: after a restart the emulator draws the ids of before, and guest"
        " sessions of the journal take such messages for repeated ones and show none; leave the"
        " seed out, or end the guest sessions at the end (drain.sessions)"
    ]
