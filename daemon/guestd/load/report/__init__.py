"""The results of a run, drawn."""
