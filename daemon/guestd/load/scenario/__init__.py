"""Scenario files, read into values."""
