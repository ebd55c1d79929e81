#!/usr/bin/env bash
# Measure which branches of egaze (Python) and csrc (C++) the tests take, and fail below the thresholds of the project.
#
#   tools/coverage.sh PYTHON                    everything; takes several times as long as `make test`
#   tools/coverage.sh PYTHON tests/metrics ...  these Python tests alone, without thresholds and without the runtime
#
# PYTHON is that of an environment with egaze[test]. Nothing in it changes: an instrumented egaze is built into an
# environment of its own in build/coverage, which takes everything else from there. Counts of C++ are gcc's.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1
shift
least_python=92 least_cpp=85 thresholds=()
out=$PWD/build/coverage
venv=$out/venv
mkdir -p "$out"
rm -rf "$out/data" && mkdir -p "$out/data"

# An environment that borrows from the other one.
[ -x "$venv/bin/python" ] || "$python" -m venv --without-pip "$venv"
site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
"$python" -c 'import sys; print(*(path for path in sys.path if path.endswith("-packages")), sep="\n")' >"$site/borrowed.pth"
pip() { "$python" -m pip --disable-pip-version-check --python "$venv/bin/python" "$@"; }
pip install --quiet --upgrade "coverage>=7.10" "gcovr>=8.0"

flags="-O1 -g --coverage -fprofile-update=atomic"
PATH="$(dirname "$python"):$PATH" pip install --quiet --no-deps --no-build-isolation --force-reinstall \
  --config-settings=build-dir=build/coverage/python --config-settings=cmake.build-type=Debug \
  --config-settings="cmake.define.CMAKE_CXX_FLAGS_DEBUG=$flags" --editable .
find "$out" -name '*.gcda' -delete

run=()
if [ $# -eq 0 ]; then
  torch=$("$venv/bin/python" -c 'import pathlib, torch; print(pathlib.Path(torch.__file__).parent)')
  PATH="$(dirname "$python"):$PATH" cmake -S . -B "$out/cpp" -G Ninja -DCMAKE_BUILD_TYPE=Debug \
    -DCMAKE_CXX_FLAGS_DEBUG="$flags" -DEGAZE_TORCH_DIR="$torch"
  PATH="$(dirname "$python"):$PATH" cmake --build "$out/cpp"
  PATH="$venv/bin:$PATH" ctest --test-dir "$out/cpp" --output-on-failure
  # The kernels are compiled for several processors, of which one run takes the newest.
  for simd in baseline avx2; do
    EGAZE_SIMD=$simd PATH="$venv/bin:$PATH" ctest --test-dir "$out/cpp" --output-on-failure \
      --tests-regex '^(depthwise|gaze_events|heatmap|resize|fit|sample)$' || echo "$simd: failed, or not on this processor"
  done
  export EGAZE_REQUIRE_RUNNER=1 EGAZE_RUN=$out/cpp/csrc/runner/egaze-run
  run=(--numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder)
fi

export OMP_WAIT_POLICY=PASSIVE COVERAGE_FILE=$out/data/python
tests=0
"$venv/bin/python" -m coverage run -m pytest "${run[@]}" "$@" || tests=$?
"$venv/bin/python" -m coverage combine --quiet
[ $# -gt 0 ] || thresholds=(--fail-under="$least_python")
python_rc=0 cpp_rc=0
"$venv/bin/python" -m coverage html --quiet --directory "$out/html-python"
"$venv/bin/python" -m coverage report "${thresholds[@]}" || python_rc=$?
[ $# -gt 0 ] || thresholds=(--fail-under-branch "$least_cpp")
"$venv/bin/python" -m gcovr --root . --filter csrc/ --exclude-throw-branches --exclude-unreachable-branches \
  --gcov-ignore-errors=no_working_dir_found --txt-metric branch --txt-summary --html-details "$out/html-cpp.html" \
  "${thresholds[@]}" "$out" || cpp_rc=$?
if [ $# -eq 0 ]; then
  said() { [ "$1" = 0 ] && echo reached || echo "NOT reached"; }
  echo "egaze at least $least_python %: $(said $python_rc); csrc at least $least_cpp %: $(said $cpp_rc)"
else
  echo "a part of the tests, so the thresholds are not asked for"
fi
exit $((tests || python_rc || cpp_rc))
