"""Makes the pictures of this folder from the program itself, in a terminal of 80 × 24 (tmux).

`make pictures` does it; port 3000 must be free (`--port` takes another). With `--text` the screens
are shown as text, too.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
COLUMNS, ROWS = 80, 24
WAIT_S = 120.0
FONTS = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"


class Terminal:
    """One tmux server of our own; a program in each of its sessions."""

    def __init__(self, directory: str) -> None:
        settings = Path(directory, "tmux.conf")
        settings.write_text("set -g remain-on-exit on\n")  # so that a failure is seen
        self._base = ["tmux", "-S", f"{directory}/socket", "-f", str(settings)]
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("GUESTD", "TMUX", "MAKE"))},
            "HOME": directory,
        }

    def start(self, name: str, command: str) -> None:
        shown = f"printf '$ %s\\n' '{command}'; exec {command}"
        size = ["-x", str(COLUMNS), "-y", str(ROWS)]
        self._tmux("new-session", "-d", "-s", name, *size, "-c", str(ROOT), shown)

    def type(self, name: str, text: str) -> None:
        self._tmux("send-keys", "-t", f"={name}:", "-l", text)
        self._tmux("send-keys", "-t", f"={name}:", "Enter")

    def interrupt(self, name: str) -> None:
        self._tmux("send-keys", "-t", f"={name}:", "C-c")

    def screen(self, name: str, *, with_styles: bool = False) -> str:
        return self._tmux(
            "capture-pane", "-p", *(["-e", "-N"] if with_styles else []), "-t", f"={name}:"
        ).rstrip("\n")

    def until(self, name: str, is_there: Callable[[str], bool]) -> None:
        end = time.monotonic() + WAIT_S
        while not is_there(shown := self.screen(name)):
            if time.monotonic() > end:
                raise SystemExit(f"{name} does not show what it should:\n{shown}")
            time.sleep(0.1)

    def close(self) -> None:
        subprocess.run([*self._base, "kill-server"], env=self._environment, check=False)

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._base, *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout


def draw(screen: str, name: str, title: str) -> None:
    """As SVG that loads nothing from elsewhere."""
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, legacy_windows=False
    )
    console.print(Text.from_ansi(screen), soft_wrap=True)
    svg = console.export_svg(title=title, unique_id=f"guestd-{name}")
    svg = re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code, monospace", FONTS)
    (HERE / f"{name}.svg").write_text(svg.rstrip() + "\n", encoding="utf-8")


def make(terminal: Terminal, port: int, as_text: bool) -> None:
    guestd = Path(sys.executable).with_name("guestd").relative_to(ROOT)
    at = "" if port == 3000 else f" --url http://127.0.0.1:{port}"

    def keep(name: str, title: str) -> None:
        screen = terminal.screen(name, with_styles=True)
        if as_text:
            print(f"{name}:\n{terminal.screen(name)}\n{'-' * COLUMNS}")
        draw(screen, name, title)

    terminal.start("run", f"make run{'' if port == 3000 else f' PORT={port}'}")
    terminal.until("run", lambda shown: shown.count("←") >= 5 and " live, " in shown)
    keep("run", "make run")
    terminal.start("top", f"{guestd} top{at}")
    terminal.until("top", lambda shown: re.search(r"[1-9][.\d]*/s in", shown) is not None)
    keep("top", "guestd top")
    terminal.interrupt("top")
    terminal.interrupt("run")
    terminal.start("chat", f"{guestd} chat --agent menu")
    terminal.until("chat", lambda shown: "you>" in shown and "session live" in shown)
    terminal.type("chat", "What is new?")
    terminal.until("chat", lambda shown: "/4 " in shown)
    terminal.type("chat", "/1")
    terminal.until("chat", lambda shown: "Book slot" in shown)
    terminal.type("chat", "/1")
    terminal.until("chat", lambda shown: "Slot 42 is yours" in shown)
    keep("chat", "guestd chat")


def main() -> None:
    arguments = argparse.ArgumentParser(description="Make the pictures of the documents.")
    arguments.add_argument("--port", type=int, default=3000)
    arguments.add_argument("--text", action="store_true", help="show the screens as text, too")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        terminal = Terminal(directory)
        try:
            make(terminal, given.port, given.text)
        finally:
            terminal.close()


if __name__ == "__main__":
    main()
