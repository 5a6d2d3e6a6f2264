"""Who starts when."""
