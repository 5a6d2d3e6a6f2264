"""What a guest has heard and not yet made use of."""

from __future__ import annotations

from ..scenario.steps import STRUCTURE_WORDS
from .heard import MessageHeard, PresenceHeard
from .matching import ReplyMatcher
from .offers import Offer, offer_of
from .templates import Lookup
from .transcript import shortened

#: Messages since the guest last spoke. A bot says a few; of a flood the newest are kept.
UNUSED_MAX = 100

#: Of what came in place of the expected, in a failure.
SEEN_CHARS_MAX = 1000

BOT, HUMAN, SOMEONE = 1, 2, 4


class Incoming:
    """`offer`: what was offered last and not chosen from. `disconnected`: the platform has ended
    the conversation."""

    __slots__ = ("_joined", "_unused", "disconnected", "offer")

    def __init__(self) -> None:
        self._unused: list[MessageHeard] | None = None
        self._joined = 0
        self.offer: Offer | None = None
        self.disconnected = False

    def add(self, message: MessageHeard) -> None:
        if self._unused is None:
            self._unused = []
        elif len(self._unused) >= UNUSED_MAX:
            del self._unused[0]
        self._unused.append(message)
        self._joined |= BOT if message.bot else HUMAN
        if message.content and (offer := offer_of(message.message_id, message.content)):
            self.offer = offer

    def presence(self, event: PresenceHeard) -> None:
        if event.presence == "Join":
            self._joined |= SOMEONE
        elif event.over or event.presence == "Disconnect":
            self.disconnected = True

    def has_joined(self, who: str) -> bool:
        """Whether someone of this kind has spoken; "": has spoken or joined."""
        if not who:
            return self._joined > 0
        return self._joined & (BOT if who == "bot" else HUMAN) > 0

    def guest_spoke(self) -> None:
        """What came before is no reply to it."""
        self._unused = None

    def reply(self, matcher: ReplyMatcher, lookup: Lookup) -> dict[str, str] | None:
        """The captures of the first message that is the reply. It and those before it are used up;
        if there is none, all stay."""
        for place, message in enumerate(self._unused or ()):
            captured = matcher.captured(message, lookup)
            if captured is not None:
                assert self._unused is not None
                self._unused = self._unused[place + 1 :] or None
                return captured
        return None

    def newest_reply(self, matcher: ReplyMatcher, lookup: Lookup) -> dict[str, str] | None:
        """As `reply`, where only the newest is still unknown to the step that asks."""
        if not self._unused:
            return None
        captured = matcher.captured(self._unused[-1], lookup)
        if captured is not None:
            self._unused = None
        return captured

    def seen(self) -> str:
        """In words: what came since the guest last spoke and was of no use."""
        unused = self._unused or []
        texts = [repr(one.text) if one.text else _shapes(one) for one in unused]
        said = ", ".join(texts) or "nothing"
        return shortened(f"{said}; the conversation was ended" if self.disconnected else said,
                         SEEN_CHARS_MAX)  # fmt: skip


def _shapes(message: MessageHeard) -> str:
    found = (str(one.get("contentType")) for one in message.content if isinstance(one, dict))
    kinds = [STRUCTURE_WORDS.get(one, one) for one in found]
    return f"[{', '.join(kinds) or 'empty'}]"
