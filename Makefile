# `make` alone lists what there is. PYTHON=python3.12 makes the environment with another interpreter.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO := .demo
DEMO_RUN := cd sample_stories && ../$(BIN)/storysync
DEMO_DATABASE := --database sqlite:///../$(DEMO)/demo.db

export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help demo test test-long test-model test-systemd lint docs bench bench-load bench-pool clean
.DEFAULT_GOAL := help

help:
	@echo 'make demo       the sample stories in a database, .demo/demo.db'
	@echo 'make test       the tests, over every form of the database (a quarter of an hour)'
	@echo 'make test-long  those that take minutes each: kill -9 loops, real histories, a simulated day'
	@echo 'make test-model  random edits, git and faults until all is equal again (N=2000 SEED=0)'
	@echo 'make test-systemd  the service on a machine of its own, with a real systemd; as root, three minutes'
	@echo 'make lint       ruff, mypy and hadolint'
	@echo 'make docs       write docs/schema.md, docs/problems.md and the script of new databases again'
	@echo 'make bench      speed and memory, as ratios to a script written by hand (N=10000 REPEAT=5)'
	@echo 'make bench-load the daemon under ten edits a second, with backups and health checks each minute'
	@echo 'make bench-pool a writer beside 1, 8 and 32 readers, on SQLite and PostgreSQL'
	@echo 'make clean      remove what the above have made'

$(STAMP): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo 'installing storysync and its tools into $(VENV)'
	@$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

demo: $(STAMP)
	@mkdir -p $(DEMO)
	@echo '$$ storysync sync'
	@$(DEMO_RUN) sync $(DEMO_DATABASE)
	@echo && echo '$$ storysync check'
	@$(DEMO_RUN) check || true  # 1: the samples have errors on purpose
	@echo && echo '$$ storysync ready'
	@$(DEMO_RUN) ready $(DEMO_DATABASE)
	@echo && echo '$$ storysync blocked'
	@$(DEMO_RUN) blocked $(DEMO_DATABASE)
	@echo
	@echo 'The database is $(DEMO)/demo.db. Change a file below sample_stories/ and run `make demo` again, or ask:'
	@echo '  $(BIN)/storysync show VEL-104 --database sqlite:///$(DEMO)/demo.db'
	@echo '  sqlite3 -box $(DEMO)/demo.db "SELECT status, count(*) FROM v_stories GROUP BY status"'
	@echo 'Start over with: rm -r $(DEMO)'

test: $(STAMP)
	@$(BIN)/python -m pytest -m 'not long'

LONG ?= long
test-long: $(STAMP)
	@$(BIN)/python -m pytest -m '$(LONG)'

SEED ?= 0
test-model: $(STAMP)
	@STORYSYNC_TEST_SEQUENCES=$(if $(filter command line environment,$(origin N)),$(N),2000) \
		STORYSYNC_TEST_SEED=$(SEED) $(BIN)/python -m pytest tests/long/test_faults_model.py

test-systemd: $(STAMP)
	@test "$$(id -u)" = 0 || { echo 'make test-systemd boots a machine in namespaces: run it as root' >&2; exit 1; }
	@for program in debootstrap systemd-analyze nsenter ip pgrep; do \
		command -v $$program >/dev/null || { apt-get update -qq && apt-get install -qq --yes \
			--no-install-recommends debootstrap debian-archive-keyring systemd util-linux iproute2 procps; break; }; \
	done
	@STORYSYNC_TEST_SYSTEMD=1 $(BIN)/python -m pytest -m systemd tests/systemd

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/hadolint Dockerfile

docs: $(STAMP)
	@$(BIN)/python tests/support/pages.py

N ?= 10000
REPEAT ?= 5
bench: $(STAMP)
	@$(BIN)/python -m compileall -q src
	@$(BIN)/python bench/run.py --count $(N) --repeat $(REPEAT)

bench-load: $(STAMP)
	@$(BIN)/python bench/load.py

bench-pool: $(STAMP)
	@$(BIN)/python bench/pool.py

clean:
	rm -rf $(VENV) $(DEMO) dist build bench/out .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
