# Two commands for everyone: `make demo` and `make test`. Both install by themselves into .venv.
#   PYTHON=python3.12        another interpreter, 3.11 or newer
#   PIP_ARGS="..."           passed on to pip, for example an index with CPU wheels of torch
#   PYTEST_ARGS="-n 0 -x"    passed on to pytest instead of two processes
PYTHON ?= python3
PIP_ARGS ?=
PYTEST_ARGS ?= -n 2
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DELETE_ON_ERROR:
.PHONY: demo test lint docs benchmarks clean

demo: $(READY)
	@rm -rf demo-output
	@$(BIN)/segqc demo --out demo-output

test: $(READY)
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

docs: $(READY)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet

benchmarks: $(READY)
	@$(BIN)/python benchmarks/uncertainty.py --write
	@$(BIN)/python benchmarks/features.py --write-docs
	@$(BIN)/python benchmarks/splits.py --write-docs
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt $(PIP_ARGS) --editable '.[bench]'
	@$(BIN)/python benchmarks/guarantees.py --write
	@$(BIN)/python benchmarks/monitors.py --write
	@$(BIN)/python benchmarks/recalibration.py --write
	@$(BIN)/python benchmarks/fault_campaign.py --write
	@$(BIN)/python benchmarks/year.py --write
	@$(BIN)/python benchmarks/archive.py --write
	@$(BIN)/python benchmarks/review.py --write
	@$(BIN)/python benchmarks/predictors.py --write
	@$(BIN)/python benchmarks/predictors_nets.py --data hippocampus nuclei --write
	@$(BIN)/python benchmarks/one_class.py --write
	@$(BIN)/python benchmarks/refinement.py --write
	@$(BIN)/python benchmarks/reverse_classification.py --write

$(READY): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { \
	  echo "expected Python 3.11 or newer; received no $(PYTHON); remedy: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else \
	  "expected Python 3.11 or newer; received %s; remedy: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" \
	  % sys.version.split()[0])'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "expected Python with venv and pip; received one without; remedy: install python3-venv" >&2; exit 1; }
	@echo "installing into $(VENV) (once; see README for how much it downloads)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt $(PIP_ARGS) --editable '.[dev]'
	@touch $(READY)

clean:
	@rm -rf $(VENV) demo-output site build dist *.egg-info
