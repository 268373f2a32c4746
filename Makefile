# Two commands do everything: `make demo` and `make test`. Both set up what they need, once.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= .impasto
PORT ?= 8000
FUZZ_S ?= 300

.DEFAULT_GOAL := help
.PHONY: help setup demo test chaos containers contract-fuzz fuzz check fmt bench bench-full load scale gallery screenshots up down lock openapi sbom clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready ## make .venv, install everything, fetch the weights of VGG-16

# Renewed when the packaging changes; otherwise a second call does nothing.
$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; try make PYTHON=python3.12")'
	@echo "setting up $(VENV) (some minutes: torch has 5 GB)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt pip
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--editable '.[worker,embedded,demo,dev]'
	@$(BIN)/impasto weights pull vgg16
	@$(BIN)/impasto weights pull alexnet
	@touch $@

demo: setup ## start a stack, post a real job, show its progress, leave the pictures
	@$(BIN)/impasto demo --data $(DATA)/demo

test: setup ## run the tests
	@$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder

chaos: setup ## kill, cut and restart everything while it paints, and print what that cost (ten minutes)
	@$(BIN)/python -m tests.chaos

contract-fuzz: setup ## call the API with everything its description allows, and more, for ten minutes
	@$(BIN)/python -m tests.fuzz.calls 600

# Schemathesis' plugin would leave the values out of what Hypothesis prints.
fuzz: setup ## feed strange bytes and words to whatever takes them from strangers, for FUZZ_S seconds
	@FUZZ_S=$(FUZZ_S) $(BIN)/python -m pytest -p no:schemathesis --timeout=$$(( $(FUZZ_S) + 600 )) -o faulthandler_timeout=0 --show-capture=no tests/fuzz

check: setup ## lint, formatting, types, import contracts; changes nothing
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/hadolint deploy/*.Dockerfile
	@$(BIN)/yamllint --strict docker-compose.yml .yamllint deploy

fmt: setup ## format, and mend what the linter can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: setup ## measure the painter beside two baselines, as ratios taken in one run (half an hour)
	@$(BIN)/python -m tests.benchmarks

bench-full: setup ## the same, with larger pictures, and without each trick (an hour and a half)
	@$(BIN)/python -m tests.benchmarks --full

load: setup ## measure how fast the API answers under load, with few jobs in the store and with 100,000
	@$(BIN)/python -m tests.benchmarks.load

scale: setup ## run one to sixty-four workers that sleep instead of painting, with 100,000 jobs waiting (ten minutes)
	@$(BIN)/python -m tests.benchmarks.scale

containers: setup ## do what the runbook says with Docker Compose, to a stack of its own (ten minutes; needs Docker)
	@FROM=$(FROM) $(BIN)/python -m tests.containers $(ACTS)

gallery: setup ## paint the pictures of docs/painting.md anew (half an hour on two cores)
	@$(BIN)/python docs/gallery.py

up: setup ## run the whole service on this machine, until Ctrl-C
	@$(BIN)/impasto up --data $(DATA) --port $(PORT)

down: ## stop the service that `make up` runs
	@$(BIN)/impasto down --data $(DATA)

screenshots: setup ## show the studio in README: paint its example in Chromium (two minutes)
	@$(BIN)/python docs/screenshots.py

lock: setup ## renew constraints.txt from pyproject.toml
	@$(BIN)/pip-compile --quiet --upgrade --all-extras --strip-extras --allow-unsafe --no-header --no-emit-index-url \
		--no-emit-find-links --no-emit-trusted-host --annotation-style=line --output-file=constraints.txt pyproject.toml

openapi: setup ## renew docs/openapi.json from the code
	@$(BIN)/impasto openapi > docs/openapi.json

sbom: setup ## write what the service consists of, weights too, to out/impasto.cdx.json (CycloneDX)
	@$(BIN)/python deploy/sbom.py out/impasto.cdx.json

clean: ## remove .venv and the data of `make up` and `make demo`
	rm -rf $(VENV) $(DATA)
