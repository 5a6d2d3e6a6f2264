"""Where and with what a run ran."""

from __future__ import annotations

import os
import platform
import resource

from ... import __version__
from ...load.results import Environment
from ...load.scenario.file import ScenarioFile
from ...runtime.process_figures import open_files
from ..wiring.endpoints import PlatformTarget
from .options import RunOptions


def environment_of(file: ScenarioFile, options: RunOptions, target: PlatformTarget) -> Environment:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Environment(
        target=target_name(target),
        deployment_id=target.deployment_id,
        scenario_path=file.path,
        scenario_sha256=file.sha256,
        guestd=__version__,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()}",
        cores=os.cpu_count() or 0,
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        open_files=open_files(),
        open_files_limit=soft,
        command=options.command,
    )


def target_name(target: PlatformTarget) -> str:
    return "emulator" if target.is_emulator else target.endpoints.api
