# Everything sets itself up: on a fresh machine with Python 3.11 or later, `make run` is enough.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO ?= 25
WORKERS ?= 3

.PHONY: run test check format bench soak clean help

help:
	@echo "make run [DEMO=25]   guestd with the embedded emulator and demo guests; Ctrl-C drains"
	@echo "make test            all tests"
	@echo "make check           ruff, mypy --strict, the floors"
	@echo "make bench           guestd beside the websockets library and Node's ws, in one table"
	@echo "make soak            the long runs: faults for minutes, ten thousand sessions, two thousand kills"
	@echo "make format          let ruff lay out the code"
	@echo "make clean           remove what these made"

run: $(VENV)/.installed
	@exec $(BIN)/guestd serve --demo $(DEMO)

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -q -m "not soak" -n $(WORKERS) --dist worksteal

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/house

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed
	$(BIN)/python benchmarks/run.py $(BENCH)

soak: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -q -m soak -s
	GUESTD_KILLS=2000 $(BIN)/python -m pytest -q -s tests/acceptance/test_kill.py
	GUESTD_KILLS=500 $(BIN)/python -m pytest -q -s tests/acceptance/test_kill_operations.py

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "guestd needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis benchmarks/results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
