"""What was said, as it was said.

A load test says millions of messages, and a dictionary takes four times the memory of the JSON it
was made from. A message is therefore kept as the frame that was sent to the guest, tracing id
included, and read again by those who ask: the history, the admin API, tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, overload

import orjson
from msgspec import Struct

Json = dict[str, Any]

#: Who a message is from; an event (presence) is from neither.
Sender = Literal["guest", "agent", ""]


class RecordedMessage(Struct, gc=False):
    """A message with its place in the record. `frame` is what the guest is sent, in JSON."""

    id: str
    time: str
    sender: Sender
    frame: bytes


def sender_of(body: dict[str, Any]) -> Sender:
    if body.get("type") == "Event":
        return ""
    return "guest" if body.get("direction") == "Inbound" else "agent"


class StoredMessages(Sequence[Json]):
    """Bodies in the platform's order, made when they are asked for."""

    __slots__ = ("_frames",)

    def __init__(self) -> None:
        self._frames: list[bytes] | None = None

    @classmethod
    def joined(cls, parts: Iterable[StoredMessages]) -> StoredMessages:
        found = cls()
        found._frames = [frame for one in parts for frame in one._frames or ()]
        return found

    def add(self, frame: bytes, entries_max: int) -> None:
        """The oldest is forgotten where there are too many."""
        if self._frames is None:
            self._frames = []
        self._frames.append(frame)
        if len(self._frames) > entries_max:
            del self._frames[0]

    def discard(self, frame: bytes) -> None:
        """As if it had never been recorded."""
        if self._frames is not None and frame in self._frames:
            self._frames.remove(frame)

    def find(self, message_id: str) -> Json | None:
        """The body of the message of this id."""
        written = f'"{message_id}"'.encode()
        found = (orjson.loads(one)["body"] for one in self._frames or () if written in one)
        return next((body for body in found if body["id"] == message_id), None)

    def frames(self) -> list[Json]:
        """Whole frames, with their tracing ids."""
        return [orjson.loads(one) for one in self._frames or ()]

    def __len__(self) -> int:
        return len(self._frames or ())

    def __iter__(self) -> Iterator[Json]:
        return (orjson.loads(one)["body"] for one in tuple(self._frames or ()))

    @overload
    def __getitem__(self, place: int) -> Json: ...
    @overload
    def __getitem__(self, place: slice) -> list[Json]: ...
    def __getitem__(self, place: int | slice) -> Any:
        found = (self._frames or [])[place]
        if isinstance(found, bytes):
            return orjson.loads(found)["body"]
        return [orjson.loads(one)["body"] for one in found]

    def __eq__(self, other: object) -> bool:
        return list(self) == other

    __hash__ = None  # type: ignore[assignment]  # it changes, so it is no key
