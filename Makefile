# `make run` and `make test` need Python 3.11, make and git; everything else is installed into .venv.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PORT ?= 8000
BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check install -qq
# So many test processes at once; each has a database of its own.
JOBS ?= 2
export PORT

.DEFAULT_GOAL := help
.PHONY: help run manage test test-unit test-browser test-crash test-live test-hosts test-clock bench simulate lint format types imports schema environment check constraints clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */\1\t/' | expand -t 14

run: .venv/run.stamp  ## start everything, show one callback, serve until Ctrl-C (PORT=8000, DEMO=0)
	@$(BIN)/python -m callbacksite.run

manage:  ## a command of Django's beside `make run`: make manage COMMAND=createsuperuser
	@test -f .local/env || { echo "Nothing runs from this folder: make run first." >&2; exit 1; }
	@set -a && . .local/env && $(BIN)/python manage.py $(COMMAND)

test: test-unit test-browser  ## the tests that need no root, but for those of test-crash

test-unit: .venv/dev.stamp
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not live and not e2e and not crash and not clock"

# A process of its own: the browser's driver keeps an event loop running, in which Django refuses to query and asyncio
# tests cannot start.
test-browser: .venv/dev.stamp
	@bin/need-chromium
	DJANGO_ALLOW_ASYNC_UNSAFE=1 $(BIN)/python -m pytest -m e2e

test-crash: .venv/dev.stamp  ## stop the service at every commit and act, and kill its processes at random (15 minutes)
	$(BIN)/python -m pytest -n $(JOBS) -m "crash and not hosts"

test-live: .venv/dev.stamp  ## a real Asterisk and real phones (root)
	@test "$$(id -u)" = 0 || { echo "make test-live needs root: it installs Asterisk into a folder of its own." >&2; exit 1; }
	$(BIN)/python -m pytest -m live

test-hosts: .venv/dev.stamp  ## several hosts in network namespaces, cut off one after the other (root, two minutes)
	@test "$$(id -u)" = 0 || { echo "make test-hosts needs root: it makes network namespaces." >&2; exit 1; }
	$(BIN)/python -m pytest -m hosts

test-clock: .venv/dev.stamp  ## days on which clocks change, on a shifted clock (libfaketime, three minutes)
	@ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || { echo "make test-clock needs libfaketime: apt-get install libfaketime" >&2; exit 1; }
	$(BIN)/python -m pytest -m clock

bench: .venv/dev.stamp  ## figures of speed, measured in one run
	$(BIN)/python -m tests.bench

simulate: .venv/dev.stamp  ## contact centres on a clock of their own: how right are estimates? (ten minutes, into .local/simulate)
	$(BIN)/python -W ignore -m tests.simulation

lint: .venv/dev.stamp  ## style, floors and security
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive callbacks callbacksite deploy manage.py scheduling services telephony

format: .venv/dev.stamp  ## put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: .venv/dev.stamp  ## mypy
	$(BIN)/mypy .

environment: .venv/dev.stamp  ## write docs/environment.md anew
	$(BIN)/python -m callbacksite.environment > docs/environment.md

schema: .venv/dev.stamp  ## write docs/openapi.yaml and docs/configuration.schema.json anew
	$(BIN)/python manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml
	$(BIN)/python -W ignore manage.py export_configuration --schema > docs/configuration.schema.json

check: lint types test  ## what to run before a commit

constraints:  ## the newest versions that fit together, into constraints.txt
	rm -rf .venv
	: > constraints.txt
	$(MAKE) .venv/dev.stamp
	$(BIN)/pip freeze > .venv/constraints.txt
	echo "# Every package at the version that was tested, also what only others need. Made by: make constraints" | cat - .venv/constraints.txt > constraints.txt
	@touch .venv/run.stamp .venv/dev.stamp

clean:  ## remove what was installed and all local data
	rm -rf .venv .local staticfiles .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make run PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv

.venv/run.stamp: requirements.txt requirements-local.txt constraints.txt | .venv/bin/python
	@echo "Installing into .venv (once; about a minute)"
	$(PIP) -r requirements-local.txt -c constraints.txt
	@touch $@

.venv/dev.stamp: requirements.txt requirements-local.txt requirements-dev.txt constraints.txt | .venv/bin/python
	@echo "Installing into .venv with what the tests need (once; about two minutes)"
	$(PIP) -r requirements-dev.txt -c constraints.txt
	@touch $@ .venv/run.stamp
