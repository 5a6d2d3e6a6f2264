"""A disk whose sync takes a millisecond: a small library before the C library's fsync and
fdatasync, for one child process.

Disks in data centers take one to five milliseconds for what a virtual disk with a cache claims to
have done in a tenth of one; ratios measured on such a disk flatter whoever syncs most.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
static void wait_a_little(void) {
  const char *us = getenv("SYNC_TAKES_US");
  struct timespec pause = {0, (us ? atol(us) : 1000) * 1000};
  nanosleep(&pause, NULL);
}
int fsync(int fd) { wait_a_little(); return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd); }
int fdatasync(int fd) { wait_a_little(); return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd); }
"""


def slow_disk(folder: Path, sync_ms: float = 1.0) -> dict[str, str] | None:
    """The environment of a process whose syncs are slow; None if there is no C compiler. `folder`
    must outlive it."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    source, library = folder / "slow.c", folder / "slow.so"
    source.write_text(SHIM)
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return {
        **os.environ,
        "LD_PRELOAD": str(library.resolve()),
        "SYNC_TAKES_US": str(int(sync_ms * 1000)),
    }
