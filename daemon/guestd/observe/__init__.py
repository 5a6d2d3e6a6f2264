"""Counters and the log: what the house says about itself."""
