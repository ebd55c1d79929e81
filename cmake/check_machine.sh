#!/bin/sh
# Says what `make demo` and `make test` need and this machine lacks: one line each, with the command that brings it.
# Usage: check_machine.sh PYTHON GIGABYTES. Nothing is downloaded or changed; exit code 1 when something is missing.

python=$1
gigabytes=$2
lacking=0

if command -v apt-get >/dev/null; then system=debian
elif [ "$(uname -s)" = Darwin ]; then system=macos
else system=other
fi

# lack WHAT DEBIAN-PACKAGE MACOS-COMMAND
lack() {
  case $system in
    debian) bring="apt-get install $2" ;;
    macos) bring="$3" ;;
    other) bring="install it by your system's package manager (Debian's package: $2)" ;;
  esac
  echo "egaze needs $1: $bring" >&2
  lacking=1
}

# has PYTHON-STATEMENT
has() { "$python" -c "$1" >/dev/null 2>&1; }

if ! command -v "$python" >/dev/null; then
  lack "Python 3.10 to 3.13, as python3 or make PYTHON=..." python3 "brew install python@3.13"
elif ! has 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))'; then
  lack "Python 3.10 to 3.13, and $python is $("$python" -c 'import platform; print(platform.python_version())')" \
    "python3 (and name it by make PYTHON=...)" "brew install python@3.13, then make PYTHON=python3.13"
else
  has 'import ensurepip, venv' || lack "Python's venv" python3-venv "brew install python@3.13"
  has 'import os, sysconfig; os.stat(os.path.join(sysconfig.get_path("include"), "Python.h"))' ||
    lack "Python's headers (Python.h)" python3-dev "brew install python@3.13"
fi

for compiler in "${CXX:-}" c++ g++ clang++ none; do
  [ -n "$compiler" ] && command -v "${compiler%% *}" >/dev/null && break
done
if [ "$compiler" = none ]; then
  lack "a C++20 compiler" g++ "xcode-select --install"
else
  folder=$(mktemp -d)
  printf '#include <bit>\n#include <span>\nint main() { std::span<int> none; return std::popcount(none.size()); }\n' \
    >"$folder/check.cpp"
  # shellcheck disable=SC2086 # CXX may hold options
  $compiler -std=c++20 -o "$folder/check" "$folder/check.cpp" >/dev/null 2>&1 ||
    lack "a compiler of C++20, which $compiler is not (GCC 11 or Clang 14, or newer)" g++ "xcode-select --install"
  rm -rf "$folder"
fi

free=$(df -Pk . | awk 'NR == 2 { print int($4 / 1048576) }')
if [ "$free" -lt "$gigabytes" ]; then
  echo "egaze needs $gigabytes GB of free disk here, and there are $free: free some, or clone it elsewhere" >&2
  lacking=1
fi

exit $lacking
