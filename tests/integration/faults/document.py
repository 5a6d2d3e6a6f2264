"""`docs/faults.md`, written and read: a section per call, in it a row for all faults with the
same outcomes."""

from __future__ import annotations

import re

#: (call, what the user asked for) → fault → (outcome if it happens once, if it happens every
#: time)
Cells = dict[tuple[str, str], dict[str, tuple[str, str]]]

_SECTION = re.compile(r"^## `(.+)`, asked for: (.+)$")
_ROW = re.compile(r"^\| (.+) \| (.+) \| (.+) \|$")

HEAD = """# When a call to the platform fails

What happens to a user's request when the call behind it fails once, and when it fails every time.
Generated and checked by `tests/integration/faults`, which injects every fault into every call at
the emulator, through the daemon's own HTTP API, and checks that nothing is done twice there.

- **succeeded**: done, once. **open**: the messaging session runs.
- **failed**: not done, and it may be requested again. The HTTP status and the code are those of the
  problem document.
- **uncertain**: it may have been done, and guestd cannot find out; the problem says to check before
  asking again. Answered with 201, as a finished operation.
- **deferred**: the agent's screen is full; retried when there is space.

"Every time" means: two tries of the operation (`operations.tries_max`, 4 by default), each with one
attempt (`rest.attempts_max`, 3 by default). A Retry-After is respected in either form.
"""
TAIL = """
## When a frame from the platform cannot be understood

No frame ends a guest session. Each of these is counted as `garbage` in the metrics, and the session
goes on:

- a frame that is not a JSON object, contains half a surrogate pair or a number beyond the range of
  a double, or is nested deeper than 1,024 levels: it may have been a message, so in webmessaging
  the history is read;
- a message whose content is nested deeper than 64 levels or holds an integer beyond 64 bits, live
  or in the history: it is shown with its text but without that content;
- metadata of an upload (webchat) that could not be written into a frame again: the upload fails.

If guestd itself breaks on one all the same, that one guest session ends with a `session` event
(`ended`, `internal_error`), which frontends, webhooks and the audit see as any other; the platform
is told (`closeSession`, then the close handshake). What broke is in the log and, with a journal on
disk, in `reports/break-SESSION-TIME.json` beside it (mode 0600, the newest 20): the places in the
code and the sizes of the input, and no text of any message.
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
