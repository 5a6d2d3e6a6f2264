# Everything sets itself up: on a fresh machine with Python 3.11 or later, `make run` is enough.
# What is installed is what the lock files say, by hash; `make update` renews them.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO ?= 25
FUZZ_S ?= 600
FUZZ ?= platform_frames simulator_frames http_heads multipart journal_rows configuration
WORKERS ?= 6
DIST := --dist loadfile --no-loadscope-reorder
CHAOS_S ?= 1800
PIP := $(BIN)/python .ci/install

# Hundreds of programs are started by the tests; without cached bytecode each would compile itself anew.
export PYTHONDONTWRITEBYTECODE :=

# What another interpreter is tried with in CI: where its sqlite3, its asyncio and its warnings differ.
CORE_TESTS := tests/unit tests/contracts tests/audit tests/followers tests/webhooks tests/simulation $(wildcard tests/integration/test_journal*.py)

.PHONY: run install test test-core test-all test-lowest check types docs docs-serve format bench soak load-kills chaos thorough fuzz mutants pictures update clean help

help:
	@echo "make run [DEMO=25] [PORT=3000]"
	@echo "                     guestd with the embedded emulator and demo guests; Ctrl-C drains"
	@echo "make install         guestd into .venv, without starting it"
	@echo "make test            all tests"
	@echo "make test-all        all tests on every supported Python that is found (3.11 to 3.14)"
	@echo "make test-lowest     all tests on the oldest versions of the dependencies that pyproject.toml allows"
	@echo "make check           ruff, mypy --strict, tsc --strict where Node is, the structure: layers, names, sizes"
	@echo "make types           the TypeScript declarations anew, from the models"
	@echo "make docs            the documents as a site, in build/docs/site; a broken link fails"
	@echo "make docs-serve      the same on http://localhost:8000, renewed while one writes"
	@echo "make bench           guestd beside the websockets library and Node's ws, in one table"
	@echo "make soak            the long runs: faults for minutes, an hour of steady load, ten thousand sessions, kills"
	@echo "make load-kills      kill, interrupt and stop a load run of 2,000 guests at 20 random moments"
	@echo "make chaos [CHAOS_S=…] everything at once, for that many seconds in each dialect: an hour in all, part of make soak"
	@echo "make thorough        the tests that draw their examples, and the simulation, with thirty times as many"
	@echo "make fuzz [FUZZ_S=…] each fuzz target for that many seconds, one after the other"
	@echo "make mutants         every contract broken on purpose: does its test notice?"
	@echo "make pictures        the terminal's pictures in the documents, made anew (needs tmux)"
	@echo "make format          let ruff lay out the code"
	@echo "make update          the newest allowed dependencies, into the lock files"
	@echo "make clean           remove what these made"

run: $(VENV)/.installed
	@exec $(BIN)/guestd serve --demo $(DEMO) $(if $(PORT),--port $(PORT))

install: $(VENV)/.installed

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -q -m "not soak" -n $(WORKERS) $(DIST)

test-core: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -q -m "not soak" -n $(WORKERS) $(DIST) $(CORE_TESTS)

test-all:
	@for one in $$(.ci/interpreters); do \
	  version=$$($$one -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	  echo "== Python $$version"; \
	  $(MAKE) --no-print-directory test PYTHON=$$one VENV=.venv-$$version || exit 1; \
	done

test-lowest: .venv-lowest/.installed
	.venv-lowest/bin/python -m pytest -q -m "not soak" -n $(WORKERS) $(DIST)

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	.ci/javascript
	$(BIN)/python -m pytest -q tests/structure

docs: $(VENV)/.installed-dev
	$(BIN)/python docs/build.py

docs-serve: $(VENV)/.installed-dev
	$(BIN)/python docs/build.py --serve localhost:8000

types: $(VENV)/.installed-dev
	$(BIN)/python .ci/types

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed
	$(BIN)/python benchmarks/run.py $(BENCH)

load-kills: $(VENV)/.installed-dev
	LOAD_KILLS=20 LOAD_KILLS_GUESTS=2000 LOAD_KILLS_LATEST_S=10 $(BIN)/python -m pytest -q -s \
		tests/acceptance/test_load_kills.py

soak: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -q -m soak -s --deselect tests/acceptance/test_chaos.py
	TEST_KILLS=2000 $(BIN)/python -m pytest -q -s tests/acceptance/test_kill.py
	TEST_KILLS=500 $(BIN)/python -m pytest -q -s tests/acceptance/test_kill_operations.py
	TEST_POWER_CUTS=20000 $(BIN)/python -m pytest -q -s -n $(WORKERS) tests/integration/test_power_cuts.py
	$(MAKE) --no-print-directory chaos
	TEST_SYNC_FAILURES=300 $(BIN)/python -m pytest -q -s --timeout=3600 tests/acceptance/test_failing_disk_serve.py

chaos: $(VENV)/.installed-dev
	TEST_CHAOS_S=$(CHAOS_S) $(BIN)/python -m pytest -q -s -m soak tests/acceptance/test_chaos.py

thorough: $(VENV)/.installed-dev
	TEST_EXAMPLES=10 $(BIN)/python -m pytest -q -m "hypothesis and not soak" -n $(WORKERS) $(DIST)
	TEST_EXAMPLES=10 $(BIN)/python -m pytest -q -m "not soak" -n $(WORKERS) tests/simulation

fuzz: $(VENV)/.installed-dev
	@failed=0; for one in $(FUZZ); do \
	  $(BIN)/python -m tests.fuzz.run $$one --seconds $(FUZZ_S) || failed=1; \
	done; exit $$failed

pictures: $(VENV)/.installed
	$(BIN)/python docs/pictures/make.py

mutants: $(VENV)/.installed-dev
	$(BIN)/python -m tests.mutants.run $(MUTANTS)

update: .venv-tools/.installed
	.ci/lock .venv-tools/bin/uv

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "guestd needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml requirements.lock | $(VENV)/bin/python
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml requirements-dev.lock | $(VENV)/bin/python
	$(PIP) --require-hashes -r requirements-dev.lock
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.installed

.venv-tools/.installed:
	$(PYTHON) -m venv .venv-tools
	.venv-tools/bin/python .ci/install uv
	@touch $@

.venv-lowest/.installed: pyproject.toml | .venv-tools/.installed
	$(PYTHON) -m venv .venv-lowest
	.venv-tools/bin/uv pip install --quiet --python .venv-lowest --resolution lowest-direct -e '.[dev,docs]'
	@touch $@

clean:
	rm -rf .venv .venv-* build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis benchmarks/results .ci/node/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
