# Spikeloom: the two commands that a newcomer needs are `make demo` and `make test`.
# Both set up everything they need in .venv first; a repeated call is quick.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
SPIKELOOM := $(BIN)/spikeloom
WORKERS := 2

DEMO_CONFIG := examples/digits.toml
DEMO_RUN := runs/digits
DEMO_OUT := out/digits

# mypy that was shown too few files has checked nothing.
MIN_TYPED_FILES := 90

export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help setup demo test lint format benchmarks clean distclean

help: ## Say what there is to make
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

setup: ## Make .venv with the pinned packages and warm up the tools
	@.ci/setup.sh $(VENV)

demo: setup ## Train, build, verify, synthesise and report on the built-in digits
	@echo "== 1/5 train: 4-bit spiking network on scikit-learn's digits"
	@restart=; if [ $(DEMO_CONFIG) -nt $(DEMO_RUN)/config.toml ] && [ -d $(DEMO_RUN) ]; then \
	    echo "$(DEMO_CONFIG) is newer than $(DEMO_RUN): training starts over"; restart=--restart; fi; \
	$(SPIKELOOM) train $(DEMO_CONFIG) --out $(DEMO_RUN) $$restart
	@echo "== 2/5 build: Verilog without a multiplier"
	@$(SPIKELOOM) build $(DEMO_RUN) --out $(DEMO_OUT) --board ulx3s
	@echo "== 3/5 verify: every test image, spike and membrane, RTL against the reference"
	@$(SPIKELOOM) verify $(DEMO_OUT) --probe
	@echo "== 4/5 synth: bitstreams for ULX3S (ECP5) and iCEBreaker (iCE40)"
	@$(SPIKELOOM) synth $(DEMO_OUT) --board ulx3s --board icebreaker
	@echo "== 5/5 report"
	@$(SPIKELOOM) report $(DEMO_OUT)
	@echo "Everything is in $(DEMO_OUT): RTL, test bench, bitstreams, README.md"

test: setup lint ## Lint, strict types, layers, all tests
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile

lint: setup ## ruff, mypy --strict, the layers contract
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@.ci/typecheck.sh $(BIN)/mypy $(MIN_TYPED_FILES)
	@PYTHONPATH=typings $(BIN)/lint-imports --no-logo

format: setup ## Format and mend what ruff can mend
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

# The peers, which pyproject.toml names, come without what they ask for: their
# torchvision has no CPU build beside the pinned torch, and the parts that are
# measured do not need it.
benchmarks: setup ## Training against snnTorch and SpikingJelly, generation, simulation
	@peers=$$($(BIN)/python -c "import tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
	    print(*project['optional-dependencies']['benchmarks'])"); \
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps $$peers
	@$(BIN)/python benchmarks/training.py
	@test -f $(DEMO_OUT)/manifest.json || $(MAKE) --no-print-directory demo
	@$(BIN)/python benchmarks/generation.py $(DEMO_RUN)
	@$(BIN)/python benchmarks/simulation.py $(DEMO_OUT)

clean: ## Remove what the flow made (out/, caches); trained runs stay
	@rm -rf out build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

distclean: clean ## Remove trained runs and .venv too
	@rm -rf runs $(VENV)
