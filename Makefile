# Two commands do everything: `make demo` and `make test`. Both make their own .venv; set-up chatter goes to stderr.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
export PYTHONUNBUFFERED := 1

.PHONY: help setup demo dist test test-all faults soak fuzz lint bench screenshots lab-up lab-down clean

help: ## Say what can be made
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Make .venv with the pinned dependencies

$(READY): pyproject.toml constraints.txt
	@tests/lab/python.sh $(VENV) >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]' >&2
	@touch $@

demo: $(READY) ## Watch calls of every kind in the console; without a terminal send 20 and say how each ended
	@if [ -t 0 ] && [ -t 1 ]; then $(BIN)/acqs-tui --demo; else $(BIN)/acqs-core demo --actions 20 --json; fi

dist: $(READY) ## A wheel in dist/, to be installed with pip anywhere
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps -w dist . >&2
	@ls dist/acqs-*.whl

lint: $(READY) ## Formatting, lint, types, import rules
	@$(BIN)/ruff format --quiet --check . && $(BIN)/ruff check --quiet . && $(BIN)/mypy --no-error-summary && $(BIN)/lint-imports --no-cache >&2

test: $(READY) lint ## Lint, then all tests but the long ones, on real MariaDB and Asterisk where root can have them
	@$(BIN)/python -m tests.lab prepare >&2
	@$(BIN)/pytest $(ARGS)

test-all: $(READY) lint ## As test, with the long ones, MySQL and Asterisk 16, then every combination into docs/matrix.md; ~40 min
	@$(BIN)/python -m tests.lab prepare --with mysql --with asterisk16 >&2
	@export ACQS_ALL=1; failed=0; \
	ACQS_REQUIRE=mariadb,asterisk,asterisk16,mysql $(BIN)/pytest $(ARGS) || failed=1; \
	$(BIN)/python -m tests.matrix $(MATRIX) || failed=1; \
	exit $$failed

faults: $(READY) ## Every fault TIMES times (20) on real parts, side by side; what happened in docs/reliability.md
	@$(BIN)/python -m tests.lab prepare >&2
	@$(BIN)/python -m tests.faults --times $(or $(TIMES),20) $(FAULTS)

soak: $(READY) ## Load and random faults for MINUTES (10), every action accounted for; a long one's page in docs/soak.md
	@$(BIN)/python -m tests.lab prepare >&2
	@$(BIN)/python -m tests.soak --minutes $(or $(MINUTES),10) $(SOAK)

fuzz: $(READY) ## The model of the queue and random input of every kind for MINUTES=5; prints seeds
	@$(BIN)/python -m tests.faults.fuzz $(or $(MINUTES),5)

bench: $(READY) ## Figures as JSON lines; fails when a promised one is missed. BENCH=--page writes docs/figures.md
	@$(BIN)/python -m tests.lab prepare >&2
	@$(BIN)/python -m tests.bench $(BENCH)

screenshots: $(READY) ## The console's pictures in screenshots/, SVG and PNG
	@$(BIN)/python -m tests.tui.screenshots

lab-up: $(READY) ## Start real MariaDB, Asterisk and phones for a person; prints addresses and a ready acqs.toml
	@$(BIN)/python -m tests.lab up

lab-down: $(READY) ## Stop them
	@$(BIN)/python -m tests.lab down

clean: ## Remove what was made here
	@rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
