# Two commands do everything: `make demo` runs the main job, `make test` proves that it works.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
LOCKS := requirements.lock requirements-build.lock requirements-dashboards.lock requirements-demo.lock requirements-dev.lock requirements-gcp.lock
PROJECTS := . $(patsubst %/pyproject.toml,%,$(wildcard exporter/*/pyproject.toml))
# Lines are counted where functions are tested alone: a traced exporter would be several times slower than a real one.
PURE := tests/core tests/views
COVERED := --cov=staging_exporter.core --cov-branch --cov-report=term --cov-fail-under=100
PYTEST_OPTIONS := --numprocesses=4 --dist=loadfile --no-loadscope-reorder

.PHONY: help demo test lint unit generate chart lock sbom test-newest test-oldest test-pythons prove clean
.PHONY: replay verdicts bench compare-blackbox soak bench-detect page bench-page

help:  ## list these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | column -t -s "$$(printf '\t')"

demo: $(VENV)/.demo  ## a small staging environment on this machine, with the exporter on it; ARGS="--fault F03"
	$(BIN)/staging-exporter demo $(ARGS)

test: lint unit  ## everything: lint, types, import contracts, all tests with full branch coverage of the core

lint: $(VENV)/.dev  ## style, types, import contracts, locks
	$(BIN)/python -m tests.packaging.locks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(VENV)/.dev
	tests/install-system-packages
	$(BIN)/pytest $(PYTEST_OPTIONS) --dist=worksteal $(COVERED) $(PURE)
	$(BIN)/pytest $(PYTEST_OPTIONS) $(PURE:%=--ignore=%) $(ARGS)

generate: $(VENV)/.dev  ## renew the generated files under deploy/ and dashboards/
	$(BIN)/python -m tests.generate
	$(BIN)/python -m tests.architecture

replay: $(VENV)/.dev  ## the scenarios of the incident through the pure core, as a table
	$(BIN)/python -m tests.replay

verdicts: $(VENV)/.dev  ## where the verdict is wrong, over random environments; ARGS="--runs 60 --class partial --show 2"
	$(BIN)/python -m tests.simulation.verdicts $(ARGS)

bench-detect: $(VENV)/.dev  ## from a fault in the demo to the settled root cause, 50 faults
	$(BIN)/python -m tests.bench.detect $(ARGS)

bench: $(VENV)/.dev  ## CPU, memory, scrapes, pages, latency beside blackbox_exporter; ARGS=--write renews deploy/docs/bench.md
	tests/install-system-packages
	$(BIN)/python -m tests.bench $(ARGS)

compare-blackbox: $(VENV)/.dev  ## every probe beside blackbox_exporter's, as a table, and the reason of each difference
	tests/install-system-packages
	$(BIN)/python -m tests.compare

soak: $(VENV)/.dev  ## ten minutes of probes on targets that fail in turn: nothing may leak or grow; ARGS="--minutes 2"
	tests/install-system-packages
	$(BIN)/python -m tests.soak $(ARGS)

page: $(VENV)/.dev  ## every scenario through real Prometheus, Alertmanager and a webhook: exactly the expected pages
	tests/install-system-packages
	$(BIN)/python -m tests.paging $(ARGS)

bench-page: $(VENV)/.dev  ## from fault to delivered page, beside a stock blackbox_exporter
	tests/install-system-packages
	$(BIN)/python -m tests.paging.bench

prove: $(VENV)/.dev  ## proofs that take longer than the tests may, into deploy/docs/proofs.md; ARGS="simulation soak"
	tests/install-system-packages
	$(BIN)/python -m tests.prove $(ARGS)

LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url \
  --custom-compile-command 'make lock' $(ARGS)
comma := ,
LIKE_DEV := --constraint requirements-dev.lock

lock: $(VENV)/.dev  ## renew the locks, with as few changes as pyproject.toml needs; ARGS=--upgrade takes the newest
	$(LOCK) pyproject.toml --all-extras --group dev --output-file requirements-dev.lock
	$(LOCK) pyproject.toml $(LIKE_DEV) --output-file requirements.lock
	$(LOCK) pyproject.toml $(LIKE_DEV) --extra dashboards --output-file requirements-dashboards.lock
	$(LOCK) pyproject.toml $(LIKE_DEV) --extra demo --output-file requirements-demo.lock
	$(LOCK) pyproject.toml $(LIKE_DEV) --extra gcp --output-file requirements-gcp.lock
	$(LOCK) $(LIKE_DEV) --group build --output-file requirements-build.lock
	$(BIN)/python -m tests.packaging.locks

chart: $(VENV)/.dev  ## render the Helm chart, for its tests; uses Helm's SDK from the package helm-python-sdk
	$(BIN)/uv pip install --quiet --target build/helm helm-python-sdk==0.2.2
	PYTHONPATH=build/helm $(BIN)/python -m tests.deploy.chart

sbom: $(VENV)/.dev  ## the bill of materials of what is installed, CycloneDX, from the lock: build/sbom.json
	mkdir -p build
	$(BIN)/python -W ignore -m cyclonedx_py requirements --pyproject pyproject.toml --output-reproducible --output-file build/sbom.json \
	  requirements.lock

test-newest: RESOLUTION := highest
test-oldest: RESOLUTION := lowest-direct
test-newest:  ## the tests with the newest of everything that pyproject.toml allows; ARGS=tests/config narrows them
test-oldest:  ## the tests with every lower bound of pyproject.toml
test-newest test-oldest: $(VENV)/.dev
	tests/install-system-packages
	rm -rf build/$(RESOLUTION)
	$(BIN)/uv venv --quiet --python $(BIN)/python build/$(RESOLUTION)
	$(BIN)/uv pip install --python build/$(RESOLUTION) --resolution $(RESOLUTION) --group dev \
	  $(addprefix --editable ./,$(addsuffix [dashboards$(comma)demo$(comma)gcp],$(firstword $(PROJECTS))) $(wordlist 2,9,$(PROJECTS)))
	build/$(RESOLUTION)/bin/pytest $(PYTEST_OPTIONS) $(ARGS)

test-pythons:  ## the tests on every Python from 3.11 on of this machine; ARGS=tests/config narrows them
	tests/install-system-packages
	PYTEST_OPTIONS='$(PYTEST_OPTIONS)' tests/on-every-python $(ARGS)

clean:  ## remove what make made
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage

$(VENV)/.demo: pyproject.toml requirements.lock requirements-build.lock requirements-demo.lock
	PYTHON=$(PYTHON) tests/install-python-packages demo $(VENV)
	@touch $@

$(VENV)/.dev: $(VENV)/.demo $(LOCKS) $(wildcard exporter/*/pyproject.toml)
	PYTHON=$(PYTHON) tests/install-python-packages dev $(VENV)
	@touch $@
