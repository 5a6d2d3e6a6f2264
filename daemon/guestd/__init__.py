"""guestd: many Genesys Cloud guest sessions in one process.

The layers, top to bottom; imports go down only (tests/house/test_floors.py holds it):

    5   app/                         configuration, wiring, lifecycle, command line
    4   api/   emulator/             what people and tools touch; no imports between them
    3   supervisor/   operations/    run the guest sessions; run the REST workflows
    2   transport/  platform/  identity/  journal/  spool/  webhooks/  audit/
                                     one outside world each
    1b  runtime/                     task pool, timers, clock, TLS, resolver, files; no domain
    ---------------------------------------------- I/O above this line
    1   wire/  session/  policy/     pure
    0   model/  observe/             words, counters, the log and its redactor
"""

__version__ = "0.1.0"
