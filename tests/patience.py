"""How long a test waits for what comes at once over loopback, before it fails.

Long by default, because a busy machine is no fault of the code. `tests/mutants` sets it lower for
the tests it runs: there half of the failures are something that never comes, each of them a whole
wait, and the machine's load is known. Twenty times what such a wait takes on an idle machine is the
least.
"""

from __future__ import annotations

import os

#: Set in the environment of the tests' process.
VARIABLE = "TEST_PATIENCE_S"
PATIENCE_S = float(os.environ.get(VARIABLE, "30"))
