# Every target makes its own environment first: no other step, no system package.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo quick test check bench
.DEFAULT_GOAL := setup

setup: .venv/ready

.venv/ready: pyproject.toml requirements/pins.txt
	$(PYTHON) -c 'import sys; sys.exit("Playhead needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --progress-bar off --constraint requirements/pins.txt --editable '.[train,download,dev]'
	touch $@

demo: setup
	$(BIN)/playhead demo

# Compiled tests are kept, since each worker would compile all of them anew.
unexport PYTHONDONTWRITEBYTECODE

quick: setup
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow" --hypothesis-profile quick

test: setup
	$(BIN)/python -m pytest -n auto --dist worksteal

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/vulture
	$(BIN)/lint-imports

bench: setup
	$(BIN)/python benchmarks/run_all.py
