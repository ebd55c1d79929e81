# Two commands: `make demo` goes the whole road on synthetic films, `make test` runs every test.
# Both set up .venv first. What they need of the machine is in the README; cmake/check_machine.sh says what is missing.

PYTHON ?= python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
CPP := build/cpp
RUNNER := $(CPP)/csrc/runner/egaze-run
CPP_SOURCES := $(shell find csrc cmake tests/cpp -type f) CMakeLists.txt pyproject.toml
# An editable installation knows its modules by a list, so a new file (a changed folder) installs again.
FOLDERS := $(shell find egaze -type d -not -name __pycache__)
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
CMAKE := PATH="$(BIN):$$PATH" cmake

.PHONY: demo test test-python test-cpp picture setup lint clean
.DELETE_ON_ERROR:

demo: $(RUNNER)
	rm -rf demo
	$(BIN)/egaze demo --out demo --runner $(RUNNER)

test: test-cpp test-python

test-python: setup
	EGAZE_REQUIRE_RUNNER=1 EGAZE_RUN=$(CURDIR)/$(RUNNER) OMP_WAIT_POLICY=PASSIVE $(BIN)/pytest

test-cpp: setup
	PATH="$(BIN):$$PATH" ctest --test-dir $(CPP) --output-on-failure

# All that testing needs: egaze, its dependencies, those of the tests, and all of the C++ side.
setup: $(VENV)/testing $(CPP)/built

# A virtual environment with what builds egaze. CMake and ninja come from PyPI where they are missing.
$(VENV)/tools:
	@cmake/check_machine.sh $(PYTHON) 8
	$(PYTHON) -m venv $(VENV)
	$(PIP) "scikit-build-core>=0.11" "pybind11>=3.0"
	command -v cmake >/dev/null || $(PIP) "cmake>=3.22"
	command -v ninja >/dev/null || $(PIP) ninja
	touch $@

# Egaze alone, built with those tools, so that a build goes on from the last one.
$(VENV)/installed: $(VENV)/tools $(CPP_SOURCES) $(FOLDERS)
	PATH="$(BIN):$$PATH" $(PIP) --no-build-isolation --no-deps --editable .
	touch $@

# What the installed egaze says that it needs to run; these packages are not built in this environment.
$(VENV)/running: $(VENV)/installed pyproject.toml
	@$(BIN)/python -c "import torch" 2>/dev/null || \
	  echo "Fetching PyTorch and what else egaze runs on: about 3 GB, 6 GB on the disk; 3 minutes at 20 MB a second."
	$(PIP) "egaze==$(VERSION)"
	touch $@

$(VENV)/testing: $(VENV)/running
	$(PIP) "egaze[test]==$(VERSION)"
	touch $@

# The C++ side is built against the torch that pip installed.
$(CPP)/configured: $(VENV)/running $(CPP_SOURCES)
	$(CMAKE) -S . -B $(CPP) -G Ninja -DCMAKE_BUILD_TYPE=Release \
	  -DEGAZE_TORCH_DIR="$$($(BIN)/python -c 'import pathlib, torch; print(pathlib.Path(torch.__file__).parent)')"
	touch $@

$(RUNNER): $(CPP)/configured
	$(CMAKE) --build $(CPP) --target egaze-run
	touch $@

# The runtime, the runner and the C++ tests.
$(CPP)/built: $(RUNNER)
	$(CMAKE) --build $(CPP)
	touch $@

# The README's picture of the demo's report; needs a Chromium.
picture: setup
	$(BIN)/python docs/report_picture.py demo/report.html docs/report.png

lint: $(VENV)/tools
	$(PIP) "ruff>=0.6"
	$(BIN)/ruff check egaze tests benchmarks
	$(BIN)/ruff format --check egaze tests benchmarks

clean:
	rm -rf build demo $(VENV)
