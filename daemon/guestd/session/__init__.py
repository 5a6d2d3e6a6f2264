"""One guest session's life, as values: no clock, no I/O, no task."""
