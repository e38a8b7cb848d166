# Every step of CI is a target here; each sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test qa check format lint types test-cassandra test-thespian bench torture image clean

run: $(VENV)/run
	$(BIN)/spikes serve

$(VENV)/run: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/dev: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test,dev]'
	@touch $@ $(VENV)/run

format: $(VENV)/dev
	$(BIN)/ruff format spikes tests
	$(BIN)/ruff check --fix spikes tests

lint: $(VENV)/dev
	$(BIN)/ruff format --check spikes tests
	$(BIN)/ruff check spikes tests

types: $(VENV)/dev
	$(BIN)/mypy

test: $(VENV)/dev
	$(BIN)/python -m pytest -n 3 --dist loadfile -m 'not bench and not torture'

# What needs a real Cassandra: started on loopback (Java 17 and mvn are needed), or the one at SPIKES_TEST_CASSANDRA=host:port.
test-cassandra: $(VENV)/dev
	$(BIN)/python -m pytest -n 3 --dist loadfile -m 'cassandra and not bench and not torture'

# The black-box suite against any deployment: make qa URL=https://notes.example.com
qa: $(VENV)/dev
	@test -n '$(URL)' || { echo 'make qa URL=https://notes.example.com'; exit 2; }
	SPIKES_URL='$(URL)' $(BIN)/python -m pytest tests/external

# What needs no Cassandra and no clock goes side by side first.
check: $(VENV)/dev
	$(MAKE) -j 2 lint types test-thespian
	$(MAKE) test

test-thespian: $(VENV)/dev
	$(BIN)/python -m tests.actors.thespian_suite

bench: $(VENV)/dev
	$(BIN)/python -m pytest -m bench -s

torture: $(VENV)/dev
	$(BIN)/python -m pytest -m torture -s

# The image of a release: make image TAG=0.1.0 [IMAGE=registry.example.com/spikes] [ENGINE=podman]
image:
	deploy/build-image '$(TAG)'

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
