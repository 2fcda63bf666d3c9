# make demo   the dashboard against a simulated runtime: no node, no root
# make test   every test that needs no real runtime
# Both make their own .venv first; PYTHON=python3.13 picks another Python (3.11 or newer).

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
RUN := $(VENV)/.installed-run
DEV := $(VENV)/.installed-dev
ARGS ?=
# Some tests wait more than they work, so one worker more than processors.
WORKERS ?= $(shell expr $$(nproc) + 1)

.PHONY: help demo test test-slow test-node test-node-full node lint types proto bench fuzz soak screenshots wheel clean

help:
	@echo "make demo       the dashboard against a simulated runtime (ARGS='--pods 200' for more)"
	@echo "make test       every test that needs no real runtime"
	@echo "make test-slow  those that try every step or wait for real time, a few minutes more"
	@echo "make test-node  the tests against a real containerd, which they build (root, network)"
	@echo "make test-node-full  the same at full strength: half an hour (PLEG_TUI_RESULTS=FILE for the figures)"
	@echo "make node       a real containerd to try by hand (root, network)"
	@echo "make lint       ruff and the import contracts;  make types: mypy"
	@echo "make proto      generate the CRI message stubs anew"
	@echo "make bench      the benchmarks and their table (ARGS=--quick; docs/performance.md)"
	@echo "make fuzz       coverage-guided fuzzing of what reads foreign bytes, one minute"
	@echo "make soak       half an hour at 50 changes a second, checked against what was done"
	@echo "make screenshots  the pictures in screenshots/, from the simulator"
	@echo "make wheel      dist/pleg_tui-*.whl"
	@echo "make clean      remove what make made, .venv too"

demo: $(RUN)
	@$(BIN)/pleg-tui demo $(ARGS)

test: $(DEV)
	$(BIN)/python -m pytest -q -n $(WORKERS) -m "not node and not slow" $(ARGS)

test-slow: $(DEV)
	$(BIN)/python -m pytest -q -n $(WORKERS) -m "slow and not node" $(ARGS)

test-node: $(DEV)
	$(BIN)/python -m pytest -q -m node tests/node $(ARGS)

test-node-full: $(DEV)
	PLEG_TUI_NODE_FULL=1 $(BIN)/python -m pytest -q -m node tests/node $(ARGS)

node: $(DEV)
	$(BIN)/python tests/node/up.py $(ARGS)

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(DEV)
	$(BIN)/mypy

proto: $(DEV)
	$(BIN)/python -m grpc_tools.protoc -Ipleg_tui/cri --python_out=pleg_tui/cri \
	  --pyi_out=pleg_tui/cri runtime.proto containerd_events.proto

bench: $(DEV)
	$(BIN)/python -m tests.bench $(ARGS)

fuzz: $(DEV)
	$(PIP) install --quiet --constraint constraints.txt atheris
	$(BIN)/python tests/faults/fuzz_wire.py -max_total_time=60 -timeout=5 $(ARGS)

soak: $(DEV)
	PYTHONPATH=. $(BIN)/python tests/faults/soak.py $(ARGS)

screenshots: $(DEV)
	$(BIN)/python screenshots/make.py $(ARGS)

wheel: $(RUN)
	$(PIP) wheel --quiet --no-deps --wheel-dir dist .
	@ls dist/*.whl

# A venv that could not be finished is not left lying about. On Debian, `python3 -m venv` works only
# with the package python3-venv.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "make: $(PYTHON) is not Python 3.11 or newer; try: make PYTHON=python3.13" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 && $(BIN)/python -m pip --version >/dev/null || { \
	  rm -rf $(VENV); \
	  echo "make: $(PYTHON) cannot make a venv; on Debian or Ubuntu: apt-get install python3-venv" >&2; \
	  exit 1; }

# Installed anew only when what is to be installed has changed.
$(RUN): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install --quiet --constraint constraints.txt --editable .
	@touch $@

$(DEV): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(RUN)

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
