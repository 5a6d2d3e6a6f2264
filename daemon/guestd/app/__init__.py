"""Configuration, wiring, lifecycle and the command line: the only place that knows everybody."""
