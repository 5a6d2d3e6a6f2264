"""REST operations of several steps that outlive the process (the `Operations` port)."""
