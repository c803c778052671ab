# The template's own verbs. They need Python 3.11+, git, make and a PyPI mirror, and honour pip's and uv's variables
# (PIP_FIND_LINKS, PIP_CONSTRAINT, PIP_INDEX_URL and UV_*).

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

ifdef PIP_FIND_LINKS
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
endif
ifdef PIP_CONSTRAINT
export UV_CONSTRAINT ?= $(PIP_CONSTRAINT)
endif
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif

.DEFAULT_GOAL := help
.PHONY: help demo test test-long lint benchmarks environment clean

help:  ## list the verbs
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */  \1\t/' | expand -t 13

demo:  ## render the default project, run its pipeline, serve it, ask it, check drift; prints the time of each
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python tests/demo.py

test: environment  ## every test; QUICK=1: the fewest variants that hold every pair of answers; ARGS goes to pytest
	$(BIN)/pytest tests --numprocesses 2 --dist loadgroup $(if $(QUICK),-m "not long and (not slow or pairs)") $(ARGS)

test-long: environment  ## hostile requests to six variants, twice ten minutes of load (SOAK_S=seconds), deploy/
	$(BIN)/pytest tests -m long -rP $(ARGS)

lint: environment  ## format check and lint of the template's Python as it stands
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

benchmarks:  ## the default project's service beside other servers of the same model; FOR=seconds of each measurement
	@test -x .benchmarks/venv/bin/python || $(PYTHON) -m venv .benchmarks/venv
	@.benchmarks/venv/bin/python benchmarks/run.py $(or $(FOR),8)

environment:
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.8"
	@VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/python tests/environment.py

clean:  ## remove the demo and the environment
	rm -rf $(VENV) .demo .cache .benchmarks
