"""One virtual guest as a value."""
