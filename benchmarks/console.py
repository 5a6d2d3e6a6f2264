"""What an open console costs: the page's scripting and memory, and the daemon's own CPU beside a
twin without a page.

    .venv/bin/python benchmarks/console.py --sessions 5000 --seconds 300

A daemon with its embedded emulator holds the guests. Some are those of `--demo`, who speak every
eight seconds on average and are answered: 1,000 of them make some 500 events a second. The others
are silent; `--speaking 5000` lets all speak. Chromium shows the list
of all and one conversation with its frames. Measured are, from ten seconds after its opening on:
scripting per second (`ScriptDuration`, that of DevTools), the longest task, the heap each minute
after a collection, and CPU seconds of the daemon per second with the page and without it.

The collections are the measurement's own, so a task in which one falls does not count. On a machine
that has other work a task is as long as the others let it be; so the last seconds are traced, and
the longest task is told by the CPU's time as well."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import CDPSession, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--js-flags=--expose-gc")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")

#: The emulator and the admission connect as fast as they can: waiting is not what is measured.
SETTINGS = {
    "GUESTD_LIMITS__MAX_SESSIONS": "20000",
    "GUESTD_ADMISSION__CONNECTS_PER_MINUTE": "60000",
    "GUESTD_ADMISSION__BURST": "1000",
}

WATCH_TASKS = """() => {
  window.tasks = []
  window.collections = []
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries())
      window.tasks.push([startTime, startTime + duration])
  }).observe({ type: 'longtask' })
}"""

COLLECT = """() => {
  const began = performance.now()
  gc()
  window.collections.push([began, performance.now()])
}"""

#: Milliseconds, the longest first; those under 50 are not told.
LONG_TASKS = """() => window.tasks
  .filter(([from, to]) => !window.collections.some(([began, over]) => from < over && began < to))
  .map(([from, to]) => Math.round(to - from)).sort((a, b) => b - a).slice(0, 5)"""

TRACED_S = 20.0
TRACED = ["toplevel", "devtools.timeline"]


def ask(url: str, body: Any = None) -> Any:
    """Again, where the daemon was too slow: it shares the machine."""
    data = None if body is None else json.dumps(body).encode()
    for left in reversed(range(5)):
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read())
        except OSError:
            if not left:
                raise
    return None


def open_silent(url: str, count: int) -> None:
    with ThreadPoolExecutor(8) as pool:
        names = [f"silent-{n}" for n in range(count)]
        list(pool.map(lambda name: ask(f"{url}/v1/sessions", {"name": name}), names))


@contextmanager
def daemon(sessions: int, speaking: int) -> Iterator[tuple[str, int]]:
    """Its address and its pid, when all guests are live."""
    child = subprocess.Popen(
        [
            *(sys.executable, "-m", "guestd", "serve", "--port", "0"),
            *("--demo", str(speaking), "--log-level", "error"),
        ],
        env={**os.environ, **SETTINGS},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert child.stdout is not None
        url = child.stdout.readline().strip().removeprefix("ready ")
        assert url, "the daemon did not start"
        no_limits(url)
        open_silent(url, sessions - speaking)
        while ask(f"{url}/v1/sessions?state=live&limit=1")["total"] < sessions:
            time.sleep(1.0)
        yield url, child.pid
    finally:
        child.terminate()
        child.wait(60)


def no_limits(url: str) -> None:
    ask(f"{ask(f'{url}/healthz')['emulator']}/__emulator/settings", {"limits": "off"})


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def events(url: str) -> int:
    """Of all sessions so far."""
    total, after = 0, ""
    while True:
        page = ask(f"{url}/v1/sessions?limit=1000&fields=seq&after={after}")
        total += sum(one["seq"] for one in page["sessions"])
        if page["next"] is None:
            return int(total)
        after = page["next"]


def of_the_daemon(url: str, pid: int, seconds: float) -> dict[str, float]:
    """Its CPU and the events, per second, for so long."""
    began, cpu, seen = time.monotonic(), cpu_s(pid), events(url)
    time.sleep(seconds)
    took = time.monotonic() - began
    return {
        "cpu_s_per_s": round((cpu_s(pid) - cpu) / took, 3),
        "events_per_s": round((events(url) - seen) / took, 1),
    }


def metrics(devtools: CDPSession) -> dict[str, float]:
    found = devtools.send("Performance.getMetrics")["metrics"]
    return {one["name"]: one["value"] for one in found}


def heap_mb(page: Page, devtools: CDPSession) -> float:
    page.evaluate(COLLECT)
    return round(metrics(devtools)["JSHeapUsedSize"] / 1e6, 1)


def traced(page: Page) -> list[dict[str, Any]]:
    """What Chromium did in the next seconds."""
    browser = page.context.browser
    assert browser is not None
    browser.start_tracing(page=page, categories=TRACED)
    page.wait_for_timeout(TRACED_S * 1000)
    found: list[dict[str, Any]] = json.loads(browser.stop_tracing())["traceEvents"]
    return found


def longest_of(trace: list[dict[str, Any]]) -> dict[str, float]:
    """Of the page's main thread."""
    mains = {
        (one["pid"], one["tid"])
        for one in trace
        if one["name"] == "thread_name" and one["args"]["name"] == "CrRendererMain"
    }
    tasks = [
        one
        for one in trace
        if one.get("ph") == "X"
        and (one["pid"], one["tid"]) in mains
        and one["name"].endswith("RunTask")
    ]
    return {
        "ms": round(max(one["dur"] for one in tasks) / 1000, 1),
        "cpu_ms": round(max(one.get("tdur", 0) for one in tasks) / 1000, 1),
        "cpu_ms_per_s": round(sum(one.get("tdur", 0) for one in tasks) / 1000 / TRACED_S, 1),
    }


def of_the_page(page: Page, url: str, pid: int, seconds: float) -> dict[str, Any]:
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")
    page.goto(f"{url}/#/guests/demo-1/frames")
    page.locator(".guests .row").first.wait_for()
    page.wait_for_timeout(10_000)
    page.evaluate(WATCH_TASKS)
    heaps, before, began = [heap_mb(page, devtools)], metrics(devtools), time.monotonic()
    daemon_figures = of_the_daemon(url, pid, min(60.0, seconds))
    while (left := seconds - (time.monotonic() - began)) > 0:
        heaps.append(heap_mb(page, devtools))
        page.wait_for_timeout(min(60.0, left) * 1000)
    after, took = metrics(devtools), time.monotonic() - began
    heaps.append(heap_mb(page, devtools))
    long_tasks = page.evaluate(LONG_TASKS)
    per_s = {
        f"{name}_ms_per_s": round((after[key] - before[key]) / took * 1000, 1)
        for name, key in (("script", "ScriptDuration"), ("task", "TaskDuration"))
    }
    return {
        **per_s,
        "long_tasks_ms": long_tasks,
        "longest_traced_task": longest_of(traced(page)),
        "heap_mb_each_minute": heaps,
        "load_average": os.getloadavg(),
        "rows_in_the_page": page.locator(".guests .row").count(),
        "daemon": daemon_figures,
    }


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    words.add_argument("--sessions", type=int, default=5000)
    words.add_argument("--speaking", type=int, default=1000, help="of the sessions")
    words.add_argument("--seconds", type=float, default=300.0)
    given = words.parse_args()
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    assert path, "chromium is not installed"
    speaking = min(given.sessions, given.speaking)
    with daemon(given.sessions, speaking) as (url, pid), sync_playwright() as playwright:
        twin = of_the_daemon(url, pid, min(60.0, given.seconds / 2))
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        measured = of_the_page(page, url, pid, given.seconds)
        browser.close()
    report = {"sessions": given.sessions, "speaking": speaking}
    print(json.dumps({**report, "twin_without_page": twin, "page": measured}, indent=2))


if __name__ == "__main__":
    main()
