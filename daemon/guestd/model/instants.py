"""Instants of the monotonic clock (seconds) that are later, or earlier, than every other."""

NEVER = float("inf")
LONG_AGO = -NEVER
