"""`guestd load` and `guestd test`: the parts of a run put together, in this process and others."""
