"""A small library before the C library's fsync and fdatasync: the k-th call fails with EIO.

`FAIL_SYNC` is k, 0 for none. `FAIL_FILE`, if set, is what the path of a file must contain to be
counted. `COUNT_SYNCS` names one that gets the number of calls at the end.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static int calls;
__attribute__((destructor)) static void told(void) {
  const char *name = getenv("COUNT_SYNCS");
  FILE *file = name ? fopen(name, "w") : NULL;
  if (file) { fprintf(file, "%d", calls); fclose(file); }
}
static int is_meant(int fd) {
  const char *part = getenv("FAIL_FILE");
  char link[64], path[4096];
  if (!part) return 1;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t size = readlink(link, path, sizeof path - 1);
  if (size < 0) return 0;
  path[size] = 0;
  return strstr(path, part) != NULL;
}
static int fails(int fd) {
  const char *k = getenv("FAIL_SYNC");
  if (!k || !is_meant(fd) || __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST) != atoi(k)) return 0;
  errno = EIO;
  return 1;
}
int fsync(int fd) { return fails(fd) ? -1 : ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd); }
int fdatasync(int fd) { return fails(fd) ? -1 : ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd); }
"""


def build(folder: Path) -> Path:
    """The library, made now; skips the test where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler here")
    source, library = folder / "shim.c", folder / "shim.so"
    source.write_text(SOURCE)
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library
