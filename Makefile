# Everything a person does with a checkout.  `make demo` and `make test` set up what they need.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
# The newest Python on the path that MAX supports; `make PYTHON=... demo` overrides.
PYTHON ?= $(shell for v in 3.13 3.12 3.11 3.14 3; do command -v python$$v >/dev/null 2>&1 \
	&& python$$v -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo python$$v && break; done)
ARGS ?=

.PHONY: help demo test check bench fmt mic clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

demo: $(READY) ## hear it work: the sample, through the path a microphone takes (ARGS=--no-pacing)
	@$(BIN)/max-whisper demo $(ARGS)

mic: $(READY) ## live captions from the microphone (ARGS="--device NAME")
	@$(BIN)/max-whisper mic $(ARGS)

test: $(READY) ## every test this machine can run (ARGS="-m 'not max'" for some)
	@$(BIN)/python -m pytest $(ARGS)

check: $(READY) ## format, lint, types, and the tests that need no MAX
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q -m "not max and not mic and not gpu" $(ARGS)

bench: $(READY) ## measure against the peers; makes their environments on demand (ARGS=--quick)
	@$(BIN)/python bench/whole_recordings.py $(ARGS)

fmt: $(READY) ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean: ## remove what the targets made; compiled graphs stay in the user's cache folder
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "max-whisper needs Python 3.11 or newer on the PATH; none was found." \
		"Debian, Ubuntu: apt install python3 python3-venv.  macOS: brew install python@3.13." >&2; exit 1; }
	@echo "Setting up the environment in $(VENV) with $(PYTHON): about 900 MB, a minute or two, once."
	@$(PYTHON) -m venv --clear $(VENV) || { echo "$(PYTHON) cannot make environments." \
		"Debian, Ubuntu: apt install python3-venv, then run make again." >&2; rm -rf $(VENV); exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(READY)
