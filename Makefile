# Two commands: `make demo` goes the whole road on synthetic films, `make test` runs every test.
# Both set up .venv first and need only Python 3.10 or newer, a C++20 compiler and make.

PYTHON ?= python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
CPP := build/cpp
RUNNER := $(CPP)/csrc/runner/egaze-run
CPP_SOURCES := $(shell find csrc cmake tests/cpp -type f) CMakeLists.txt pyproject.toml
# An editable installation knows its modules by a list, so a new file (a changed folder) installs again.
FOLDERS := $(shell find egaze -type d -not -name __pycache__)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test test-python test-cpp picture setup lint clean
.DELETE_ON_ERROR:

demo: setup
	rm -rf demo
	$(BIN)/egaze demo --out demo --runner $(RUNNER)

test: test-cpp test-python

test-python: setup
	EGAZE_REQUIRE_RUNNER=1 EGAZE_RUN=$(CURDIR)/$(RUNNER) OMP_WAIT_POLICY=PASSIVE $(BIN)/pytest

test-cpp: setup
	PATH="$(BIN):$$PATH" ctest --test-dir $(CPP) --output-on-failure

setup: $(VENV)/installed $(RUNNER)

# What building needs, then egaze and what it needs. CMake and ninja come from PyPI where they are missing.
$(VENV)/tools:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "egaze needs Python 3.10 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) "scikit-build-core>=0.11" "pybind11>=3.0"
	command -v cmake >/dev/null || $(PIP) "cmake>=3.22"
	command -v ninja >/dev/null || $(PIP) ninja
	touch $@

$(VENV)/installed: $(VENV)/tools $(CPP_SOURCES) $(FOLDERS)
	PATH="$(BIN):$$PATH" $(PIP) --no-build-isolation --editable ".[test]"
	touch $@

# The runtime, the runner and the C++ tests, against the torch that pip installed.
$(RUNNER): $(VENV)/installed $(CPP_SOURCES)
	PATH="$(BIN):$$PATH" cmake -S . -B $(CPP) -G Ninja -DCMAKE_BUILD_TYPE=Release \
	  -DEGAZE_TORCH_DIR="$$($(BIN)/python -c 'import pathlib, torch; print(pathlib.Path(torch.__file__).parent)')"
	PATH="$(BIN):$$PATH" cmake --build $(CPP)
	touch $@

# The README's picture of the demo's report; needs a Chromium.
picture: setup
	$(BIN)/python docs/report_picture.py demo/report.html docs/report.png

lint: setup
	$(PIP) "ruff>=0.6"
	$(BIN)/ruff check egaze tests benchmarks
	$(BIN)/ruff format --check egaze tests benchmarks

clean:
	rm -rf build demo $(VENV)
