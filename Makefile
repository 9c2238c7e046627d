# Everything a person or CI does here is one of these verbs. Each works on a fresh clone with an empty environment:
# it sets up what it needs first, and costs nothing extra when that is done already.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

UV_VERSION := 0.13.8
READY := .venv/.ready
ARGS ?=
# One more than the cores that this is meant for: an Airflow, a browser and an emulator of AWS are mostly waited for.
TEST_WORKERS ?= 3
# Files that are named take the place of those that Compose finds by itself.
SAMPLE_FILES := docker-compose.yaml $(wildcard docker-compose.override.yaml) deployment/sample.yaml

export PATH := $(CURDIR)/.venv/bin:$(PATH)
unexport VIRTUAL_ENV
# Where it is set, every process compiles all it imports anew: 6.4 s of CPU rather than 2.4 before dbt says a word.
unexport PYTHONDONTWRITEBYTECODE
export UV_PROJECT_ENVIRONMENT := .venv
export UV_PYTHON_DOWNLOADS := never
# Utilities often sit behind a proxy with a certificate authority of their own, which only the system knows. Two names: older uv knew the second.
export UV_SYSTEM_CERTS ?= true
export UV_NATIVE_TLS ?= true

.PHONY: help setup run sample ingest build freshness dashboard api airflow test lint docs bench up down clean

help: ## Show these verbs
	@printf 'Meterhouse: bills, meter reads, weather, gas capacity and water sensors, from the wire to tested marts\n\n'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{ printf "%-14s %s\n", $$1, $$2 }'
	@printf '\nSettings are environment variables or lines of .env (see .env.example). First time here: make run\n'

setup: $(READY) ## Make the locked Python environment in .venv (uv is put into .uv if you have none)

$(READY): uv.lock pyproject.toml
	@python=''; \
	for candidate in $${PYTHON:-python3} python3.13 python3.12 python3.11 /usr/bin/python3; do \
	    if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python="$$candidate"; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	    echo 'Meterhouse needs Python 3.11 or newer and found none. Install one, or name it: make setup PYTHON=/path/to/python3.12' >&2; exit 1; \
	fi; \
	uv=uv; if ! uv --version >/dev/null 2>&1; then uv=.uv/bin/uv; fi; \
	if ! "$$uv" --version >/dev/null 2>&1; then \
	    echo 'Installing uv $(UV_VERSION) into .uv'; \
	    "$$python" -m venv .uv || { echo 'That Python cannot make a virtual environment (on Debian: apt-get install python3-venv).' >&2; exit 1; }; \
	    .uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); \
	fi; \
	echo 'Installing the locked environment into .venv'; \
	choice=(); if [ ! -x .venv/bin/python ]; then choice=(--python "$$("$$python" -c 'import sys; print(sys.executable)')"); fi; \
	"$$uv" sync --locked --quiet "$${choice[@]}"; \
	touch $(READY)

run: setup ## Do the whole job: sample world, ingest, build, publish, summary
	@printf '\nLanding what is new\n'
	@$(MAKE) ingest
	@printf '\n'
	@$(MAKE) build
	@python -m publishing summary

sample: setup ## Make the sample world in data/sample (skipped by ingest when real sources are set)
	@python -m simulator make $(ARGS)

ingest: setup ## Land what is new into raw, from the sources that are set or from the sample world
	@python -m simulator run -- python -m ingestion land all $(ARGS)

build: setup ## Build and test staging, marts and ledgers with dbt, then publish what passed
	@python -m publishing build $(ARGS)

freshness: setup ## Say which sources have not landed for too long (exit code 1 if any)
	@python -m publishing freshness $(ARGS)

dashboard: setup ## Show what is published on http://127.0.0.1:8501 (ARGS='--server.port 8502')
	@python -m serving.dashboard $(ARGS)

api: setup ## Answer programs on http://127.0.0.1:8000 (ARGS='--port 8001'); the first start prints a key
	@python -m simulator run -- python -m serving.api serve $(ARGS)

airflow: setup ## Start a local Airflow with everything wired, and print its address and login (ARGS='--port 8081')
	@python -m simulator run -- python -m orchestration up $(ARGS)

test: setup ## Run every test, a real PostgreSQL included (ARGS='-k words' picks some, TEST_WORKERS=0 runs them in one process)
	@pytest -n $(TEST_WORKERS) --dist loadgroup --no-loadscope-reorder $(ARGS)

lint: setup ## Check style, types and SQL, as the commit hook does
	@pre-commit run --all-files $(ARGS)

docs: setup ## Write the documentation as pages to open from docs/site: data dictionary, catalogue, decisions, runbooks
	@python -m publishing docs

bench: setup ## Compare landing and building with the physical limit of the engines
	@python -m bench $(ARGS)

up: ## Start all services in containers and wait until they are healthy (SAMPLE=1 lands the generated world; see deployment/README.md)
	@deployment/secrets.sh
	@chmod -R a+rX deployment orchestration
	@docker compose $(if $(SAMPLE),$(SAMPLE_FILES:%=-f %)) $(PROFILES:%=--profile %) up --build --detach --wait --wait-timeout 900 $(ARGS)
	@deployment/addresses.sh

down: ## Stop the containers and keep their volumes
	@docker compose --profile '*' down $(ARGS)

clean: ## Remove environments, logs, caches and the sample world (the rest of data/ stays: raw is the only memory)
	@rm -rf .venv .uv target logs dbt_project/target dbt_project/logs docs/site data/sample
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo 'Kept: data/ (warehouse, lake, published copy, pseudonym key). To begin anew, remove it by hand.'
