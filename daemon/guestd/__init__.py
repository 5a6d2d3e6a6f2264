"""guestd: many Genesys Cloud guest sessions in one process.

The floors, top to bottom; imports go down only (tests/house/test_floors.py holds it):

    5  app/                         configuration, wiring, lifecycle, command line
    4  api/   emulator/             what people and tools touch; no doors between the rooms
    3  supervisor/                  runs the sessions
    2  transport/  platform/  journal/        one outside world each
    ---------------------------------------------- I/O above this line
    1  wire/  session/  policy/     thinking, pure
    0  model/  observe/             words, and counters
"""

__version__ = "0.1.0"
