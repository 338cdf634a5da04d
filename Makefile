# make quickstart   install, train on the starter corpus, show the result
# make test         install what tests need and run them
# make docs         build the pages of docs/ as a site, in site/
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

.PHONY: quickstart test lint types docs gpu-check wheel clean

quickstart: $(VENV)/installed
	$(BIN)/python -m spacy project run quickstart --force

# Two processes, each with whole files of tests: some files train a pipeline that all their tests use. In the order of the
# files: by default those with few tests come last, and the slowest of all are among them.
test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/installed-dev
	$(BIN)/mypy

docs: $(VENV)/installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

# Runs the tests that need a GPU; without one they are skipped, and pytest says so.
gpu-check: $(VENV)/installed-dev
	$(BIN)/python -c "import torch; n = torch.cuda.device_count(); print(f'CUDA devices that torch {torch.__version__} sees: {n}')"
	$(BIN)/python -m pytest -m gpu

wheel: $(VENV)/installed-dev
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	rm -rf build *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/installed: setup.cfg pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

clean:
	rm -rf build dist *.egg-info corpus training metrics packages quickstart site
