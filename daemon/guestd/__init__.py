"""guestd: many Genesys Cloud guest sessions in one process.

ARCHITECTURE.md, at the root of the repository, has the table of layers (imports go down only;
tests/structure/test_layers.py holds the code to it), three journeys through the code, and where to
find what."""

__version__ = "0.1.0"
