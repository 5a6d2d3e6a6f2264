"""Many virtual guests who hold conversations by a scenario: planned, run, measured, reported.

    scenario/   scenario files: what they may say, read into values, or refused with line and key
    plan/       who starts when, and what is decided by the seed (pure)
    guest/      one virtual guest as a value: session events in, actions out (pure)
    run/        the guests of a plan on a fleet; workers; rails; reaping
    measure/    histograms, rows over time, thresholds, the summary
    report/     the summary drawn: HTML, JUnit, CSV, JSON, OpenMetrics

The virtual guests use the `Fleet` port of `model/ports.py`, so they speak through the same
supervisor that the daemon has."""
