"""The guests of a plan, on a fleet."""
