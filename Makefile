# `make demo` runs the whole pipeline on phantom films; `make test` runs all tests in two processes, `make quick` those that need
# neither server nor browser nor much time, and either with ROOM=imaging those of one room.
SHELL := bash
.SHELLFLAGS := -o pipefail -c
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

QUICK := pytest -m 'not server and not s3 and not browser and not slow'
QUICK_HALF := tests/imaging tests/phantom tests/storage tests/system tests/test_house.py tests/test_messages.py

BY_LINES := grep --line-buffered ''  # so that two processes do not print into each other's lines
HALF := tests/flows tests/learning tests/pacs tests/storage  # of the time that all tests take

.PHONY: install demo test test-one-half test-the-rest quick quick-one-half quick-the-rest check docs bench format matrix

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "JSL needs Python 3.11 or newer; run: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { echo "Python's venv module is missing; on Debian run: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,docs]'
	@touch $(STAMP)

demo: install
	$(BIN)/jsl demo

test: install
ifdef ROOM
	$(BIN)/python -m pytest tests/$(ROOM)
else
	@$(MAKE) --no-print-directory --jobs=2 --keep-going test-one-half test-the-rest
endif

test-one-half:
	$(BIN)/python -m pytest $(HALF) | $(BY_LINES)

test-the-rest:
	$(BIN)/python -m pytest tests $(HALF:%=--ignore=%) | $(BY_LINES)

quick: install
ifdef ROOM
	$(BIN)/python -m $(QUICK) tests/$(ROOM)
else
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target quick-one-half quick-the-rest
endif

quick-one-half:
	OMP_NUM_THREADS=1 $(BIN)/python -m $(QUICK) $(QUICK_HALF)

quick-the-rest:
	OMP_NUM_THREADS=1 $(BIN)/python -m $(QUICK) tests $(QUICK_HALF:%=--ignore=%)

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --config-file tests/mypy.ini
	$(BIN)/lint-imports

docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "The site: build/site/index.html"

bench: install
	$(BIN)/jsl bench --short

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

matrix:
	BUILDER=$(PYTHON) tests/matrix.sh
