"""Scripted agents as data: the format, and the scripts that are built in."""
