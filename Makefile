# Two commands: `make demo` goes the whole road on synthetic radiographs, `make test` runs every test.
# Both set up .venv first, each with no more than it needs; cmake/check_machine.sh says what a machine lacks.

PYTHON ?= python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
CPP := build/cpp
RUNNER := $(CPP)/csrc/runner/egaze-run
CPP_SOURCES := $(shell find csrc cmake tests/cpp -type f) CMakeLists.txt pyproject.toml
# An editable installation knows its modules by a list, so a new file (a changed folder) installs again.
FOLDERS := $(shell find egaze -type d -not -name __pycache__)
PIP := $(BIN)/python -m pip install --disable-pip-version-check
HAS_TORCH := $(BIN)/python -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("torch") is None)'
# PyPI's torch brings CUDA's libraries on Linux.
DOWNLOAD := $(if $(filter Darwin,$(shell uname)),0.5 GB (1.5 GB on disk),3 GB (7 GB on disk, 3 GB in pip's cache))

.PHONY: demo test test-python test-cpp picture setup setup-test lint third-party sbom audit coverage mutants clean
.DELETE_ON_ERROR:

demo: setup
	rm -rf demo
	$(BIN)/egaze demo --out demo --runner $(RUNNER)

test: test-cpp test-python

test-python: setup-test
	PATH="$(BIN):$$PATH" EGAZE_REQUIRE_RUNNER=1 EGAZE_RUN=$(CURDIR)/$(RUNNER) OMP_WAIT_POLICY=PASSIVE $(BIN)/pytest \
	  --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-cpp: setup-test
	PATH="$(BIN):$$PATH" ctest --test-dir $(CPP) --output-on-failure

setup: $(VENV)/installed $(RUNNER)

# What testing needs beside.
setup-test: setup $(VENV)/installed-test
	PATH="$(BIN):$$PATH" cmake --build $(CPP)

# What building needs. CMake and ninja come from PyPI where they are missing or too old.
$(VENV)/tools:
	@sh cmake/check_machine.sh "$(PYTHON)" "$(CURDIR)"
	$(PYTHON) -m venv $(VENV)
	$(PIP) --quiet "scikit-build-core>=0.11" "pybind11>=3.0"
	echo 'cmake_minimum_required(VERSION 3.22)' | cmake -P /dev/stdin 2>/dev/null || $(PIP) --quiet "cmake>=3.22"
	command -v ninja >/dev/null || $(PIP) --quiet ninja
	touch $@

# egaze is built with the tools above; the installed egaze then tells pip what it needs, and what of that has no wheel
# is built in isolation.
$(VENV)/installed: $(VENV)/tools $(CPP_SOURCES) $(FOLDERS)
	PATH="$(BIN):$$PATH" $(PIP) --quiet --no-build-isolation --no-deps --editable .
	@$(HAS_TORCH) || echo "downloading PyTorch and what else egaze needs: $(DOWNLOAD), 5 to 20 minutes"
	@$(PIP) $$($(HAS_TORCH) && echo --quiet) egaze
	touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(PIP) --quiet "egaze[test]"
	touch $@

# The runtime and the runner, against the torch that pip installed.
$(RUNNER): $(VENV)/installed $(CPP_SOURCES)
	PATH="$(BIN):$$PATH" cmake -S . -B $(CPP) -G Ninja -DCMAKE_BUILD_TYPE=Release \
	  -DEGAZE_TORCH_DIR="$$($(BIN)/python -c 'import pathlib, torch; print(pathlib.Path(torch.__file__).parent)')"
	PATH="$(BIN):$$PATH" cmake --build $(CPP) --target egaze-run
	touch $@

# The README's picture of the demo's report; needs a Chromium.
picture: setup-test
	$(BIN)/python docs/report_picture.py demo/report.html docs/report.png

# mypy follows egaze's imports, and clang-tidy its includes, so both need what egaze needs. The first clang-tidy takes
# minutes; afterwards only files that have changed are checked.
lint: $(VENV)/installed
	$(PIP) --quiet "ruff>=0.6" "mypy>=2.4" "clang-format==23.1.5" "clang-tidy==23.1.4"
	$(BIN)/ruff check egaze tests benchmarks experiments tools
	$(BIN)/ruff format --check egaze tests benchmarks experiments tools
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run -Werror $$(find csrc tests/cpp tests/fuzz -name '*.[ch]pp' -o -name '*.h' -o -name '*.inc')
	$(BIN)/python cmake/clang_tidy.py

# Programs that look at the environment from outside, in one of their own.
TOOLS := $(CURDIR)/build/tools/bin
build/tools/installed:
	$(PYTHON) -m venv build/tools
	$(TOOLS)/python -m pip install --disable-pip-version-check --quiet "cyclonedx-bom>=7" "pip-audit>=2.9" \
	  "cosmic-ray>=8.4"
	touch $@

# THIRD_PARTY.md, of all extras.
third-party: setup-test
	$(PIP) --quiet "egaze[benchmark,dev]"
	$(BIN)/python tools/third_party.py

# The bill of materials of egaze and what it needs; EXTRAS=onnx,dicom adds these extras, which must be installed.
sbom: $(VENV)/installed build/tools/installed
	$(BIN)/python tools/sbom.py --cyclonedx $(TOOLS) --out build/sbom.json --extras "$(EXTRAS)"

# Known vulnerabilities; it fails where the service does not answer.
audit: $(VENV)/installed build/tools/installed
	$(TOOLS)/python tools/audit.py $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

# Branches of Python and C++ that the tests take, and the project's thresholds; hours. TESTS="tests/metrics" tries a part.
coverage: setup-test
	tools/coverage.sh $(BIN)/python $(TESTS)

# Whether the tests notice changes of the code; hours, resumed by the same command. WHAT="egaze/metrics/auc.py" tries a part.
MUTANTS := 30
SECONDS := 3600
mutants: setup-test build/tools/installed
	PATH="$(BIN):$$PATH" $(TOOLS)/python tools/mutants.py --python $(BIN)/python --mutants $(MUTANTS) \
	  --seconds $(SECONDS) $(WHAT)

clean:
	rm -rf build demo $(VENV)
