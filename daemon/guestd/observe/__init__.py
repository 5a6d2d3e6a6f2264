"""Counters and the log: what the daemon reports about itself."""
