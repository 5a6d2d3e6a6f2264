from tests.acceptance.conftest import config, run  # noqa: F401 - the programs as a user runs them
