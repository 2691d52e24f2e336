# make run: the demo, from nothing.  make test, make check: what CI does.  PYTHON=… names another Python.
PYTHON ?= python3
PY := .venv/bin/python
COMPILE := $(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --no-header

.PHONY: run test check format requirements conformance bench faults guards screenshots clean production development

run: production
	@exec $(PY) manage.py up --demo

production development:
	@command -v $(PYTHON) >/dev/null 2>&1 || \
		{ echo "error: Python 3.11 or newer is needed (Debian: apt-get install python3 python3-venv)" >&2; exit 1; }
	@$(PYTHON) config/bootstrap.py $@

test: development
	@$(PY) -m tests.run

check: development
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy .
	.venv/bin/lint-imports
	$(PY) manage.py makemigrations --check --dry-run --demo
	$(PY) -m tests.deploy_check

format: development
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

# Also proves that every optional package resolves together with the rest.
requirements: development
	echo uv | $(COMPILE) - -o requirements/installer.txt
	$(COMPILE) --all-extras --group dev pyproject.toml -o .venv/everything.txt
	$(COMPILE) -c .venv/everything.txt pyproject.toml -o requirements/production.txt
	$(COMPILE) -c .venv/everything.txt --group dev pyproject.toml -o requirements/development.txt
	@# Real vendors' servers, each for an environment of its own.
	for file in tests/integrations/providers/*/requirements.in; do $(COMPILE) $$file -o $${file%.in}.txt; done

conformance: development
	@$(PY) -m pytest -m conformance -rP

# The fault suite, long (make test has a short form): the storm goes on for FAULTS_SECONDS; FAULTS_SEED draws the same order again.
faults: development
	@FAULTS_SECONDS=$${FAULTS_SECONDS:-600} $(PY) -m pytest tests/faults

# Each guard of the product switched off in a copy, which has to turn its scenario red; ARGS="kills" for some of them.
guards: development
	@$(PY) -m tests.guards $(ARGS)

# About half an hour on a quiet machine; ARGS="--quick --only capture,latency" for a look.
bench: development
	@$(PY) -m tests.bench $(ARGS)

screenshots: development
	@$(PY) docs/screenshots.py

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .test_cache .hypothesis .import_linter_cache
