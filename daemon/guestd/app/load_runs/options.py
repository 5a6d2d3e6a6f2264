"""What a run is asked to be. Goes to worker processes as JSON."""

from __future__ import annotations

from typing import Literal

import msgspec

from ...load.scenario.file import LoadModel


class RunOptions(msgspec.Struct, kw_only=True):
    """`emulator`: its URL; "" where the configuration names the platform. `emulators`: the run's
    own, one for each worker, as it has no more sockets than one. `daemon`: the URL of the one whose
    guest sessions are used, with its api.token in `token_file` or the environment; "":
    those of this process. `connects_per_minute`: 0, as the configuration has it. `only`: the number
    of the one guest to run. `at_once`: no more guests at a time, whatever the model says.
    `frames`: of each guest, for the report of one that fails or is slow; 0: none. `reconcile`: what
    the conversations are compared with; "": as the platform allows. `open_within_s`: a guest whose
    session is not open by then has failed; 0: it may take as long as it takes."""

    file: str
    model: LoadModel
    seed: int
    run_id: str
    kind: Literal["load", "test"] = "load"
    config: str = ""
    emulator: str = ""
    emulators: list[str] = []
    daemon: str = ""
    token_file: str = ""
    connects_per_minute: int = 0
    state_directory: str = ""
    worker: int = 0
    workers: int = 1
    only: int | None = None
    at_once: int | None = None
    spacing: Literal["even", "random"] = "even"
    command: str = ""
    frames: int = 20
    open_within_s: float = 0.0
    reconcile: Literal["", "record", "history", "none"] = ""
