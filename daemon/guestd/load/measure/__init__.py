"""What is measured while a run lasts, and what it comes to."""
