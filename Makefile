# SPDX-License-Identifier: BSD-2-Clause
# make demo and make test do all the set-up themselves: a virtual environment in .venv, versions from constraints.txt.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install --quiet --constraint constraints.txt
PYTEST_ARGS ?=

.PHONY: demo test rows mutants docs constraints clean

## the main job: a picture through the compiled gateware, and the proof of it
demo: $(VENV)/.with-sim
	$(BIN)/macropix demo

## every test, lint, types, import layers, packaging, synthesis
test: $(VENV)/.with-test
	$(BIN)/python -m pytest -n 2 --dist worksteal $(PYTEST_ARGS)

## every row of the issues so far: {row, value, limit, ok, command} a line
rows: $(VENV)/.with-test
	$(BIN)/python tools/rows.py

## one broken copy of every block: a test must kill each
mutants: $(VENV)/.with-test
	$(BIN)/python tools/mutants.py

## what is generated in docs/
docs: $(VENV)/.with-test
	$(BIN)/python tools/make_docs.py
	$(BIN)/python tools/make_vectors.py

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "macropix needs Python 3.11 or newer: make PYTHON=python3.12 …" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "this Python cannot make a virtual environment: on Debian, apt install python3-venv" >&2; exit 1; }

$(VENV)/.with-sim: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing macropix with the simulator into $(VENV) (once)"
	@$(INSTALL) --editable '.[sim]'
	@touch $@

$(VENV)/.with-test: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing macropix with everything the tests need into $(VENV) (once)"
	@$(INSTALL) --editable '.[sim,fpga,test,bench]'
	@touch $@ $(VENV)/.with-sim

## newest versions of everything, into constraints.txt
constraints:
	rm -rf build/constraints-venv && $(PYTHON) -m venv build/constraints-venv
	build/constraints-venv/bin/pip install --quiet --upgrade '.[sim,fpga,test,bench]'
	build/constraints-venv/bin/pip freeze --exclude macropix > constraints.txt

clean:
	rm -rf $(VENV) build dist *.egg-info macropix-demo
