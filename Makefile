# The one list of habits. `make demo` and `make test` do all their own set-up.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO_OUT ?= demo-bundle
export CUDA_VISIBLE_DEVICES =

.PHONY: demo test check bench docs clean

demo: $(STAMP)  ## real chest X-rays in, a signed bundle out
	@$(BIN)/bedside demo --out $(DEMO_OUT)

test: $(STAMP)  ## linters, wall, and every test, on two cores
	@$(MAKE) --no-print-directory check
	@$(BIN)/python -m pytest -n 2 --dist loadfile

check: $(STAMP)  ## ruff, pyright, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright
	@$(BIN)/lint-imports

bench: $(STAMP)  ## every figure in benchmarks/results/main.json, made again (3 hours)
	@$(BIN)/python -m benchmarks.accuracy
	@$(BIN)/python -m benchmarks.ward benchmarks/.cells/pneumonia-0
	@$(BIN)/python -m benchmarks.whole demo
	@$(BIN)/python -m benchmarks.whole test

docs: $(STAMP)  ## make the pages that quote code and figures, and run every command that README and docs show
	@$(BIN)/python scripts/make_reference.py
	@$(BIN)/python scripts/make_figures.py
	@$(BIN)/python -m pytest tests/journeys/test_docs.py

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "bedside needs Python 3.11 or newer; name it: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "no venv module; on Debian: apt-get install python3-venv"; exit 1; }
	@echo "installing into $(VENV): about 2 minutes and 6 GB (PyTorch and the converters)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all,dev]'
	@touch $(STAMP)

clean:  ## remove the venv and what the demo made
	rm -rf $(VENV) $(DEMO_OUT) $(DEMO_OUT).work $(DEMO_OUT).bedside
