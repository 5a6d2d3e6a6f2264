"""What an open console costs: the page's scripting and memory, and the daemon's own CPU beside a
twin without a page.

    .venv/bin/python benchmarks/console.py --sessions 5000 --seconds 300

A daemon with its embedded emulator holds the guests of `--demo`, who speak every eight seconds on
average and are answered; so 5,000 of them make some 2,000 events a second. Chromium shows the list
of all and one conversation with its frames. Measured are, over the seconds in the middle: scripting
per second (`ScriptDuration`, that of DevTools), the longest task, the heap at the beginning and the
end, after a collection, and CPU seconds of the daemon per second with the page and without it."""

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
  window.longest = 0
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) window.longest = Math.max(window.longest, one.duration)
  }).observe({ type: 'longtask' })
}"""


def ask(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.loads(answer.read())


@contextmanager
def daemon(sessions: int) -> Iterator[tuple[str, int]]:
    """Its address and its pid, when all guests are live."""
    child = subprocess.Popen(
        [
            *(sys.executable, "-m", "guestd", "serve", "--port", "0"),
            *("--demo", str(sessions), "--log-level", "error"),
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
        while ask(f"{url}/v1/sessions?state=live&limit=1")["total"] < sessions:
            time.sleep(1.0)
        yield url, child.pid
    finally:
        child.terminate()
        child.wait(60)


def no_limits(url: str) -> None:
    address = f"{ask(f'{url}/healthz')['emulator']}/__emulator/settings"
    urllib.request.urlopen(address, b'{"limits": "off"}', timeout=60).close()


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
            return total
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
    page.evaluate("gc()")
    return round(metrics(devtools)["JSHeapUsedSize"] / 1e6, 1)


def of_the_page(page: Page, url: str, pid: int, seconds: float) -> dict[str, Any]:
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")
    page.goto(f"{url}/#/guests/demo-1/frames")
    page.locator(".guests .row").first.wait_for()
    page.wait_for_timeout(10_000)
    page.evaluate(WATCH_TASKS)
    heaps, before, began = [heap_mb(page, devtools)], metrics(devtools), time.monotonic()
    daemon_figures = of_the_daemon(url, pid, seconds / 2)
    heaps.append(heap_mb(page, devtools))
    page.wait_for_timeout(seconds * 500)
    after, took = metrics(devtools), time.monotonic() - began
    heaps.append(heap_mb(page, devtools))
    per_s = {
        f"{name}_ms_per_s": round((after[key] - before[key]) / took * 1000, 1)
        for name, key in (("script", "ScriptDuration"), ("task", "TaskDuration"))
    }
    return {
        **per_s,
        "longest_task_ms": page.evaluate("Math.round(window.longest)"),
        "heap_mb": heaps,
        "rows_in_the_page": page.locator(".guests .row").count(),
        "daemon": daemon_figures,
    }


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    words.add_argument("--sessions", type=int, default=5000)
    words.add_argument("--seconds", type=float, default=300.0)
    given = words.parse_args()
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    assert path, "chromium is not installed"
    with daemon(given.sessions) as (url, pid), sync_playwright() as playwright:
        twin = of_the_daemon(url, pid, min(60.0, given.seconds / 2))
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        found = {"sessions": given.sessions, "twin_without_page": twin}
        found["page"] = of_the_page(page, url, pid, given.seconds)
        browser.close()
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
