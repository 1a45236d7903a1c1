# Everything a person does with a checkout.  Each target sets up what it needs, once.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
# The first Python on the path that is new enough; `make demo PYTHON=/some/python` overrides.
PYTHON ?= $(shell for v in 3.13 3.12 3.11 3.14 3; do python$$v -c '$(NEW_ENOUGH)' >/dev/null 2>&1 \
	&& echo python$$v && break; done)
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
ARGS ?=

# An environment whose Python is gone, or that was moved with the checkout, is made again.
MADE_IN := $(shell $(BIN)/python -c 'print(open("$(READY)").read())' 2>/dev/null)
ifneq "$(MADE_IN)" "$(CURDIR)"
.PHONY: $(READY)
endif

# What was once compiled from Python is kept, whatever the shell says: tests start Python a hundred times.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo mic test check gpu-compile bench fmt clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

demo: $(READY) ## hear it work: the sample, through the path a microphone takes (ARGS=--no-pacing)
	@$(BIN)/max-whisper demo $(ARGS)

mic: $(READY) ## live captions from the microphone (ARGS="--device NAME")
	@$(BIN)/max-whisper mic $(ARGS)

test: $(READY) ## every test this machine can run (ARGS="-m 'not max'" for some)
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

check: $(READY) ## format, lint, types, and the tests that need neither MAX nor weights
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not max and not weights and not mic and not gpu and not gpu_compile and not slow" $(ARGS)

gpu-compile: $(READY) ## prove that every graph compiles for a GPU, on any machine: 10 minutes and 6 GB of memory, once
	@MAX_WHISPER_GPU_COMPILE=1 $(BIN)/python -m pytest -m gpu_compile $(ARGS)

bench: $(READY) ## measure against the peers, each in an environment of its own (ARGS=--quick)
	@$(BIN)/max-whisper bench offline $(ARGS)

fmt: $(READY) ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean: ## remove what the targets made; compiled graphs stay in the user's cache folder
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist

$(READY): pyproject.toml constraints.txt
	@"$(PYTHON)" -c '$(NEW_ENOUGH)' 2>/dev/null || { \
		echo 'max-whisper needs Python 3.11 or newer$(if $(PYTHON),: $(PYTHON) is not.,: none is on the PATH.)' >&2; \
		echo 'Debian, Ubuntu: apt install python3 python3-venv.  macOS: brew install python@3.13.' >&2; exit 1; }
	@echo 'Setting up $(VENV) with $(PYTHON): about 1 GB, a minute or two, once.'
	@"$(PYTHON)" -m venv --clear $(VENV) || { rm -rf $(VENV); \
		echo '$(PYTHON) cannot make environments.  Debian, Ubuntu: apt install python3-venv, then try again.' >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@printf '%s' '$(CURDIR)' > $(READY)
