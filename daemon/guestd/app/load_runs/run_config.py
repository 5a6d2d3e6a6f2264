"""The configuration of a run: the user's own, and what the run's options say over it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import Any

from ...load.scenario.file import ScenarioFile, Target
from ...model.errors import CommandError, GuestdError
from ...platform.regions import REGIONS
from ...platform.settings import PlatformSettings
from ..config import Config
from ..load_config import load_config
from .options import RunOptions

#: A process is full long before.
SESSIONS_MAX = 1_000_000


def own_config(options: RunOptions, flags: Mapping[str, Any]) -> Config:
    """Raises ConfigError."""
    path = Path(options.config) if options.config else None
    return load_config(path, os.environ, dict(flags))


def run_config(options: RunOptions, flags: Mapping[str, Any], file: ScenarioFile) -> Config:
    """That of one process of the run, with its share of the connect budget: the least of what the
    command line or the file's load, the file's rails and the configuration say. Raises
    ConfigError."""
    over = dict(flags)
    if options.emulator:
        over["platform.emulator"] = options.emulator
    over["limits.max_sessions"] = SESSIONS_MAX
    admission = own_config(options, over).admission
    asked = options.connects_per_minute or int(options.model.connects_per_s * 60)
    per_minute, burst = asked or admission.connects_per_minute, admission.burst
    if file.rails.connects_per_s_max:
        per_minute = min(per_minute, int(file.rails.connects_per_s_max * 60))
        burst = min(burst, max(1, int(file.rails.connects_per_s_max)))
    over["admission.connects_per_minute"] = share(per_minute, options)
    over["admission.burst"] = share(burst, options)
    return own_config(options, over)


def pacing_s(options: RunOptions, config: Config) -> int:
    """How long the connects budget may keep a guest waiting while others connect."""
    before = (options.at_once or 1) - 1
    return ceil(60.0 * before / config.admission.connects_per_minute)


def share(whole: int, options: RunOptions) -> int:
    """This worker's part; the parts add up to the whole, but none is 0."""
    less = whole // options.workers
    return max(1, less + (options.worker < whole % options.workers))


def platform_flags(options: RunOptions, flags: Mapping[str, Any], target: Target) -> dict[str, Any]:
    """The flags with what the file says of the deployment, where the command line or the
    configuration names a platform that is no emulator. A file alone never does that: it may be a
    colleague's, and would load a real organisation. Raises CommandError, ConfigError."""
    over = dict(flags)
    if options.emulator:
        return over
    if "platform.region" in over:
        region = str(over["platform.region"])
    else:
        own = _configured_platform(options, over, target)
        if not own.is_given or own.emulator:
            return over
        region = own.region or ""
    check_region(target, region)
    return {**_of_file(target, over), **over}


def check_region(target: Target, region: str) -> None:
    """`region`: where the platform is; "": not known. Raises CommandError."""
    if target.region and region and _domain(target.region) != _domain(region):
        raise CommandError(
            f"the file is for {target.region}, but the platform is {region}; change `config.region`"
            " of the file, or the region of the configuration or command line"
        )


def _configured_platform(
    options: RunOptions, flags: Mapping[str, Any], target: Target
) -> PlatformSettings:
    """A configuration may leave the deployment to the file."""
    try:
        return own_config(options, flags).platform
    except GuestdError:
        if not target.deployment_id:
            raise
    return own_config(options, {**_of_file(target, flags), **flags}).platform


def _of_file(target: Target, flags: Mapping[str, Any]) -> dict[str, Any]:
    said = {"platform.deployment_id": target.deployment_id, "platform.origin": target.origin}
    return {key: value for key, value in said.items() if value and key not in flags}


def _domain(region: str) -> str:
    return REGIONS.get(region.strip().lower(), region.strip().lower())
