"""`guestd load reap`: every file of tokens that a killed run has left, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from ...journal.memory import MemoryJournal
from ...load.run.reaping import PATIENCE_S, ReapCounts, Reaper, saved_session
from ...load.run.session_tokens import LeftOpen, TokenFile, left_open
from ...model.errors import GuestdError
from ...observe.metrics import Metrics
from ...platform.deployment import fetch_deployment
from ...platform.regions import Endpoints
from ...runtime.clock import LoopClock
from ..config import Config
from ..wiring.endpoints import PlatformTarget
from ..wiring.fleet import new_supervisor
from ..wiring.rest import new_http
from .reap_at_daemon import reap_at_daemon

EVENTS_KEPT = 4
SESSIONS_MAX = 1_000_000


@dataclass(slots=True)
class ReapReport:
    """`problems`: what could not be done, with the reason."""

    runs: int
    counts: ReapCounts
    problems: list[str]


async def reap(
    config: Config, directory: Path, dry_run: bool, token_file: Path | None = None
) -> ReapReport:
    """`dry_run`: only count, as failed, what is there. `token_file`: of the daemon that a run went
    through; None: as the run had it."""
    problems: list[str] = []
    found = left_open(directory, problems.append)
    report = ReapReport(len({one.target.run_id for one in found}), ReapCounts(), problems)
    for left in found:
        if dry_run:
            report.counts.failed += len(left.tokens)
            continue
        try:
            report.counts.add(await _reap_file(config, left, token_file))
        except (GuestdError, OSError) as error:
            problems.append(f"{left.path}: {error}")
            report.counts.failed += len(left.tokens)
    return report


async def _reap_file(config: Config, left: LeftOpen, token_file: Path | None) -> ReapCounts:
    file = TokenFile.taken_up(left)
    try:
        if not left.tokens:
            return ReapCounts()
        if left.target.daemon:
            return await reap_at_daemon(left, token_file, file.ended)
        return await _ended(_config_of(config, left), left, file.ended)
    finally:
        file.close()


async def _ended(config: Config, left: LeftOpen, was_over: Callable[[str], None]) -> ReapCounts:
    loop, target = asyncio.get_running_loop(), _target_of(left)
    clock = LoopClock(loop)
    async with AsyncExitStack() as stops:
        http = new_http(config)
        stops.push_async_callback(http.close)
        facts = await fetch_deployment(http, target.endpoints.cdn, target.deployment_id)
        journal = MemoryJournal(events_per_session_max=EVENTS_KEPT)
        fleet = new_supervisor(config, target, facts, http, journal, Metrics(), loop)
        stops.push_async_callback(fleet.stop)
        reaper = Reaper(fleet, clock, left.tokens, was_over)
        fleet.tell_counts(reaper.counted)
        now_ms, run_id = clock.epoch_ms(), left.target.run_id
        saved = [saved_session(one, n, run_id, now_ms) for n, one in enumerate(left.tokens)]
        fleet.recover(saved)
        reaper.watch()
        budget_s = len(saved) * 60.0 / config.admission.connects_per_minute
        await reaper.wait(budget_s + PATIENCE_S)
        return reaper.counts


def _target_of(left: LeftOpen) -> PlatformTarget:
    at = left.target
    places = Endpoints(at.socket_url, at.api_url, at.cdn_url, at.api_url)
    return PlatformTarget(places, at.deployment_id, None, bool(at.emulator))


def _config_of(config: Config, left: LeftOpen) -> Config:
    """The configuration, but for what the run's own said of the platform and the budget."""
    at, own = left.target, config.platform
    platform = replace(
        own,
        region=None,
        emulator=at.emulator or None,
        guest_socket_url=None if at.emulator else at.socket_url,
        deployment_id=at.deployment_id,
        origin=at.origin or None,
        ca_file=at.ca_file or None,
        dialect=at.dialect,
    )
    per_minute = at.connects_per_minute or config.admission.connects_per_minute
    return config.model_copy(
        update={
            "platform": platform,
            "limits": replace(config.limits, max_sessions=SESSIONS_MAX),
            "admission": replace(config.admission, connects_per_minute=per_minute),
        }
    )
