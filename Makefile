# Everything runs from a plain Python 3.11, 3.12 or 3.13 with pip: `make run`. The environment is made again only when a lock changes.

SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INSTALL := PYTHONWARNINGS=ignore $(PIP) install --no-deps --no-build-isolation -e .
NAME ?=
RUNS ?= 200
FIRST ?= 0
# Two tests at a time, which mostly wait; one when only some are asked for: their output comes as it is printed. The
# order of a set is another one in each run, and the same in both workers, who have to find the same tests.
WORKERS ?= $(if $(ARGS),0,2)

# Without .pyc files pytest rewrites every module's asserts on every start, and CPython 3.11.7 was seen to crash in it.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test check bench chaos clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.run  ## Start the whole system, send a demo campaign, stay up
	@exec $(BIN)/heliograph run $(ARGS)

test: $(VENV)/.dev  ## Run the whole suite against real Kafka and PostgreSQL
	PYTHONHASHSEED=$$RANDOM $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

# Ordered by how fast each fails. The audit and the parsing of docker-compose.yml say so where they cannot judge.
check: $(VENV)/.dev  ## Lint, format, types, layers, contracts, migrations, docs, secrets, compose, audit
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/unit/contracts tests/unit/test_docs.py tests/unit/test_dependencies.py \
	  tests/unit/test_secrets.py tests/integration/postgres/test_migrations.py
	$(BIN)/python -m tests.gates.sql
	$(BIN)/python -m tests.gates.compose
	$(BIN)/python -m tests.gates.audit requirements.lock requirements-dev.lock

bench: $(VENV)/.dev  ## Run the benchmarks (NAME=webhook for one)
	$(BIN)/python -m tests.bench $(NAME)

chaos: $(VENV)/.dev  ## Crash runs of the dispatcher (RUNS=200, from seed FIRST=0); NAME=brokers: three brokers harmed; NAME=starts: parts of `run` killed
	$(BIN)/python -m tests.chaos --runs $(RUNS) --first $(FIRST) $(if $(NAME),--name $(NAME))

clean:  ## Remove the data of `make run` (.heliograph) and caches
	rm -rf .heliograph build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# pip itself checks every hash; the project is put in as it stands, with the locked build backend.
$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed"; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=…"; exit 1; }
	@echo "Making the environment in $(VENV): a minute or two, once …"
	@"$(PYTHON)" -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/python requirements.lock pyproject.toml
	@$(PIP) install --require-hashes -r requirements.lock
	@$(INSTALL)
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python requirements-dev.lock pyproject.toml
	@echo "Adding what tests and checks need …"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@$(INSTALL)
	@touch $@ $(VENV)/.run
