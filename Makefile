# Needs make and Python 3.11 to 3.13, nothing else: every target makes the environment it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
NNUNET := .venv-nnunet
ARGS ?=
CHROMIUM ?= chromium
BENCH := .venv-bench
# Of `python benchmarks/kernels --help`; so is what ARGS="--tasks entropy --quick" says to bench-kernels.
PARTS ?= tasks scaling first_call billion instructions

# Real data are optional; tests and demo say which they ran on.
REAL_DATA := $(wildcard ../shared/data)
ifneq ($(REAL_DATA),)
export CKPT_UQ_DATA ?= $(abspath $(REAL_DATA))
endif

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow test-browser test-gpu test-nnunet kits23 lint docs bench bench-memory bench-kernels bench-gpu bench-hippocampus bench-nnunet golden clean

help: ## this table
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo '  ARGS="..." reaches the command behind demo, kits23, test, test-slow, bench-kernels and bench-hippocampus'

demo: $(VENV)/.core ## train a small U-Net, ensemble its checkpoints, write out/demo/
	$(BIN)/ckpt-uq demo $(ARGS)

test: $(VENV)/.test ## the fast tests, doctests and the documentation's code
	$(BIN)/python -m pytest -n 2 $(ARGS)

test-slow: $(VENV)/.test ## the tests that take minutes
	$(BIN)/python -m pytest -m slow -n 2 --timeout 1200 $(ARGS)

test-browser: $(VENV)/.browser ## the report in a real browser
	@command -v $(CHROMIUM) > /dev/null || [ "$$(id -u)" != 0 ] || \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; }
	@command -v $(CHROMIUM) > /dev/null || \
	  { echo 'no $(CHROMIUM) here: install Chromium, or say where it is with CHROMIUM=/path/to/it' >&2; exit 1; }
	CKPT_UQ_CHROMIUM="$$(command -v $(CHROMIUM))" $(BIN)/python -m pytest -m browser tests/report $(ARGS)

test-nnunet: $(NNUNET)/.installed ## the adapter with nnU-Net itself, in an environment of its own (6 GB)
	$(NNUNET)/bin/python -m pytest -m nnunet tests/adapters/nnunet/installed tests/examples/kits23/installed $(ARGS)

kits23: $(NNUNET)/.installed ## the paper's experiment on simulated CT, in small: out/kits23/
	$(NNUNET)/bin/kits23 run out/kits23 --simulate 10 $(ARGS)

test-gpu: $(VENV)/.test ## the loops of graphics processors, on one
	TRITON_INTERPRET=0 $(BIN)/python -m pytest -m gpu tests/gpu $(ARGS)

lint: $(VENV)/.lint ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.docs ## the documentation, in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: bench-memory bench-kernels bench-hippocampus bench-nnunet ## rerun every measurement: benchmarks/results/, README.md, docs/

bench-memory: $(VENV)/.core ## memory of ensembles and of combining
	$(BIN)/python benchmarks/ensemble_memory.py
	$(BIN)/python benchmarks/combine_memory.py

bench-kernels: $(BENCH)/.installed ## time and memory beside other libraries; PARTS="tasks scaling" chooses
	$(BENCH)/bin/python -W ignore benchmarks/kernels --parts $(PARTS) $(ARGS)
	$(BENCH)/bin/python benchmarks/kernels/page.py

bench-gpu: $(BENCH)/.installed ## the kernels on a graphics processor beside torch
	$(BENCH)/bin/python -W ignore benchmarks/kernels/gpu.py $(ARGS)
	$(BENCH)/bin/python benchmarks/kernels/page.py

bench-hippocampus: $(VENV)/.core ## three trainings on hippocampus MR
	$(BIN)/python benchmarks/hippocampus.py $(ARGS)

bench-nnunet: $(NNUNET)/.installed ## checkpoints of nnU-Net streamed, beside the paper's way
	$(NNUNET)/bin/python benchmarks/nnunet_side_by_side.py

golden: $(BENCH)/.installed ## what other libraries say of the tests' inputs: tests/golden/peers/
	$(BENCH)/bin/python -W ignore benchmarks/peer_golden.py

clean: ## remove everything that make has made
	rm -rf $(VENV) $(BENCH) $(NNUNET) out site build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

# A changed dependency starts from an empty environment, so that nothing survives which is no longer asked for.
$(VENV)/.core: pyproject.toml constraints.txt hatch_build.py
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14) and "Python 3.11 to 3.13 is needed, this is " + sys.version)'
	@echo 'making $(VENV): a minute or two, mostly torch'
	$(PYTHON) -m venv --clear $(VENV)
	$(INSTALL) --editable .
	touch $@

$(VENV)/.test $(VENV)/.lint $(VENV)/.docs $(VENV)/.browser: $(VENV)/.%: $(VENV)/.core
	$(INSTALL) --editable '.[$*]'
	touch $@

# The libraries that ours is measured beside want another torch than the tests.
$(BENCH)/.installed: pyproject.toml constraints-bench.txt benchmarks/requirements.txt hatch_build.py
	@echo 'making $(BENCH): some minutes, 6 GB'
	$(PYTHON) -m venv --clear $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints-bench.txt \
	  --requirement benchmarks/requirements.txt --editable .
	touch $@

# nnU-Net wants another torch than the tests, and torchvision of the same release.
$(NNUNET)/.installed: pyproject.toml examples/kits23/pyproject.toml constraints-nnunet.txt hatch_build.py
	@echo 'making $(NNUNET): some minutes, 6 GB'
	$(PYTHON) -m venv --clear $(NNUNET)
	$(NNUNET)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints-nnunet.txt \
	  --editable '.[nnunet]' --editable examples/kits23 hypothesis pytest pytest-timeout
	touch $@
