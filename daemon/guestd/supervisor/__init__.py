"""Runs the guest sessions: runners, timers, admission, the journal's pipeline, fan-out, drain."""
