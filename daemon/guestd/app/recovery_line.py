"""The line of the log that says what a start has taken from the journal."""

from __future__ import annotations

import logging

from ..observe.log import fields
from ..session.waits import counted

logger = logging.getLogger("guestd.app")


def say_recovered(count: int, what: str) -> None:
    """Nothing where there was nothing. `what`: one of them, as people say it."""
    if count:
        known = fields(event="recovered", what=what, count=count)
        logger.info("recovered %s from the journal", counted(count, what), extra=known)
