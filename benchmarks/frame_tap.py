"""What a frame costs a guest session that nobody watches, and one whose frames are kept.

The first is compared with a twin: the same function without its look at `tap`. Both run in turns,
in small pieces, and the best piece of each counts: on a busy machine all others measure the
neighbours.

    .venv/bin/python benchmarks/frame_tap.py
"""

from __future__ import annotations

import inspect
import textwrap
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import orjson

from guestd.observe.frame_text import forms_of, frame_text
from guestd.observe.metrics import Metrics
from guestd.supervisor import connection_callbacks
from guestd.supervisor.connection_callbacks import ConnectionCallbacks
from guestd.wire.webmessaging_decode import decode

PIECES, PER_PIECE = 500, 100

FRAME = orjson.dumps(
    {
        "type": "message",
        "class": "StructuredMessage",
        "code": 200,
        "body": {
            "type": "Text",
            "text": "Where is my parcel? " * 5,
            "direction": "Outbound",
            "id": "x" * 32,
            "channel": {"time": "2027-05-31T14:20:07.198Z", "from": {"nickname": "Leo"}},
            "originatingEntity": "Human",
        },
    }
)


def twin() -> type[ConnectionCallbacks]:
    """The class without the look."""
    source = textwrap.dedent(inspect.getsource(ConnectionCallbacks.text_received))
    begin = source.index("    if self.tap is not None:")
    end = source.index("    metrics = self._metrics")
    names: dict[str, Any] = {}
    exec(source[:begin] + source[end:], vars(connection_callbacks), names)
    return type("Twin", (ConnectionCallbacks,), {"__slots__": (), **names})


def piece_ns(take: Callable[[bytes], None]) -> float:
    begun = time.perf_counter_ns()
    for _ in range(PER_PIECE):
        take(FRAME)
    return (time.perf_counter_ns() - begun) / PER_PIECE


def main() -> None:
    owner: Any = SimpleNamespace(feed=lambda given: None, may_have_shown=lambda item: False)
    kinds = {"unwatched": ConnectionCallbacks, "twin without the look": twin()}
    takes = {name: kind(owner, Metrics(), decode).text_received for name, kind in kinds.items()}
    forms = forms_of(["4f1c9a52-90d4-4b6f-8a0e-7d2b3c4e5f60"])
    takes["copying of a watched frame"] = lambda frame: frame_text(frame, forms)  # type: ignore
    best = dict.fromkeys(takes, float("inf"))
    *short, copying = takes
    for names in (short, [copying]):  # not between the others: it empties their caches
        for _ in range(PIECES):
            for name in names:
                best[name] = min(best[name], piece_ns(takes[name]))
    for name, ns in best.items():
        print(f"{name}: {ns:,.0f} ns a frame")


if __name__ == "__main__":
    main()
