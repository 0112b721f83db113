# Two commands do everything: `make demo` runs the main job, `make test` proves that it works.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: help demo test lint unit replay bench compare-blackbox soak clean bench-detect page bench-page

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | column -t -s "$$(printf '\t')"

demo: $(VENV)/.installed  ## a small staging environment on this machine, with the exporter on it; ARGS="--fault F03"
	$(BIN)/staging-exporter demo $(ARGS)

test: lint unit  ## everything: lint, types, import contracts, all tests with full branch coverage of the core

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(VENV)/.installed
	tests/install-system-packages
	$(BIN)/pytest --numprocesses=4 --dist=loadfile --no-loadscope-reorder \
	  --cov=staging_exporter.core --cov-branch --cov-report=term --cov-fail-under=100 $(ARGS)

replay: $(VENV)/.installed  ## the scenarios of the incident through the pure core, as a table
	$(BIN)/python -m tests.replay

bench-detect: $(VENV)/.installed  ## from injection to the settled root on the demo, 50 injections
	$(BIN)/python -m tests.bench.detect $(ARGS)

bench: $(VENV)/.installed  ## CPU, memory, scrape and latency figures beside blackbox_exporter
	tests/install-system-packages
	$(BIN)/python -m tests.bench $(ARGS)

compare-blackbox: $(VENV)/.installed  ## every case beside blackbox_exporter, as a table, with why where they differ
	tests/install-system-packages
	$(BIN)/python -m tests.compare

soak: $(VENV)/.installed  ## ten minutes of probes on peers of changing mood: nothing may be left behind; ARGS="--minutes 2"
	tests/install-system-packages
	$(BIN)/python -m tests.soak $(ARGS)

page: $(VENV)/.installed  ## every scenario through real Prometheus, Alertmanager and a webhook: exactly the expected pages
	tests/install-system-packages
	$(BIN)/python -m tests.paging $(ARGS)

bench-page: $(VENV)/.installed  ## from fault to delivered page, beside a stock blackbox_exporter
	tests/install-system-packages
	$(BIN)/python -m tests.paging.bench

clean:  ## remove what make made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage

$(VENV)/.installed: pyproject.toml exporter/pytest-staging/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'Python 3.11 or later is needed: make PYTHON=/path/to/python3.11 ...'; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo 'Python cannot make virtual environments; on Debian: apt-get install python3-venv'; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dashboards,demo,dev]' \
	  --editable exporter/pytest-staging
	@touch $@
