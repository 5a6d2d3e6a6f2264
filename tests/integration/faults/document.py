"""`docs/faults.md`, written and read: a section per call, in it a row for all faults with the
same outcomes."""

from __future__ import annotations

import re

#: (call, what the user asked for) → fault → (outcome if it strikes once, if it strikes every
#: time)
Cells = dict[tuple[str, str], dict[str, tuple[str, str]]]

_SECTION = re.compile(r"^## `(.+)`, asked for: (.+)$")
_ROW = re.compile(r"^\| (.+) \| (.+) \| (.+) \|$")

HEAD = """# When a call of the platform's fails

What becomes of what a user asked for when the call behind it meets a fault: once, and every time. Written and checked by
`tests/integration/faults`, which lets every call meet every fault at the emulator, through the daemon's own HTTP API, and
sees to it that nothing is done twice there.

- **succeeded**: done, once. **open**: the messaging session runs.
- **failed**: not done, and it may be asked for again. The HTTP status and the code are those of the problem document.
- **uncertain**: it may have been done and there is no way to look; the problem says to look before asking again. Answered
  with 201, as an operation that is over.
- **deferred**: the agent's screen is full; tried again when there is room.

"Every time" means here: two tries of the operation (`operations.tries_max`, 4 by default), each with one attempt
(`rest.attempts_max`, 3 by default). A Retry-After is waited for in either form.
"""
TAIL = """
## When a frame of the platform's cannot be understood

No frame ends a guest session. Each of these is counted as `garbage` in the metrics, and the session goes on:

- a frame that is not a JSON object, holds half a surrogate pair or a number beyond the range of a double, or is nested
  deeper than 1,024 levels: it may have been a message, so in webmessaging the history is read;
- a message whose content is nested deeper than 64 levels or holds an integer beyond 64 bits, live or in the history: it is
  shown with its text and without that content;
- metadata of an upload (webchat) that could not be written into a frame again: the upload fails.

If guestd itself breaks on one all the same, that one guest session ends with a `session` event (`ended`, `internal_error`), which
frontends, webhooks and the audit see as any other; the platform is told (`closeSession`, then the close handshake). What
broke is in the log and, with a journal on disk, in `reports/break-SESSION-TIME.json` beside it (mode 0600, the newest 20):
the places in the code and the sizes of the input, nothing of what anybody said.
"""
COLUMNS = "| fault | once | every time |\n| --- | --- | --- |\n"


def written(cells: Cells) -> str:
    return HEAD + "".join(_section(*row, column) for row, column in cells.items()) + TAIL


def _section(call: str, asked: str, column: dict[str, tuple[str, str]]) -> str:
    by_outcomes: dict[tuple[str, str], list[str]] = {}
    for fault, outcomes in column.items():
        by_outcomes.setdefault(outcomes, []).append(fault)
    rows = (
        f"| {' · '.join(names)} | {once} | {always} |\n"
        for (once, always), names in by_outcomes.items()
    )
    return f"\n## `{call}`, asked for: {asked}\n\n{COLUMNS}{''.join(rows)}"


def read(text: str) -> Cells:
    cells: Cells = {}
    column: dict[str, tuple[str, str]] = {}
    for line in text.splitlines():
        if found := _SECTION.match(line):
            column = cells.setdefault((found[1], found[2]), {})
        elif (found := _ROW.match(line)) and found[1] not in ("fault", "---"):
            column |= dict.fromkeys(found[1].split(" · "), (found[2], found[3]))
    return cells
