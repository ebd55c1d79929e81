#!/bin/sh
# Checks before any download that the machine has what building egaze needs. Prints one line for each missing thing,
# with the command that installs it. Usage: check_machine.sh PYTHON FOLDER; the exit code is 1 if something is missing.
# CXX names the compiler if it is not c++, g++ or clang++.
set -u
python=$1
folder=$2
missing=0

say_missing() {
  [ "$missing" = 1 ] || echo "egaze cannot be built here yet (Debian and Ubuntu: with sudo, or as root):" >&2
  missing=1
  echo "  missing: $1" >&2
}

# missing WHAT DEBIAN-PACKAGES MACOS-COMMAND
missing() {
  say_missing "$1: apt-get install $2 (macOS: $3)"
}

# Debian's packages for Pythons other than the default one have the version in their names.
case ${python##*/} in
  python3.*) debian=${python##*/} ;;
  *) debian=python3 ;;
esac
if ! version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null); then
  missing "Python 3.10 or newer ($python does not run; PYTHON=... names another)" \
    "python3 python3-venv python3-dev" "brew install python"
elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
  missing "Python 3.10 or newer ($python is $version; PYTHON=... names another)" \
    "python3.11 python3.11-venv python3.11-dev" "brew install python"
else
  "$python" -c 'import ensurepip, venv' 2>/dev/null ||
    missing "Python $version's venv" "$debian-venv" "brew install python"
  "$python" -c 'import os, sys, sysconfig
sys.exit(not os.path.isfile(os.path.join(sysconfig.get_path("include"), "Python.h")))' ||
    missing "Python $version's headers (Python.h)" "$debian-dev" "brew install python"
fi

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
cat >"$scratch/probe.cpp" <<'PROGRAM'
#include <bit>
#include <charconv>
#include <numbers>
#include <span>
template <typename T> requires(sizeof(T) > 1) double twice(std::span<const T> all) { return 2.0 * all[0]; }
int main() {
  const double values[] = {std::numbers::pi};
  return twice(std::span<const double>(values)) > std::bit_width(4u) ? 0 : 1;
}
PROGRAM
compiler=
for candidate in "${CXX:-c++}" g++ clang++; do
  # CXX may be several words: a launcher and a compiler.
  if $candidate -std=c++20 -o "$scratch/probe" "$scratch/probe.cpp" 2>/dev/null; then
    compiler=$candidate
    break
  fi
  [ -z "${CXX:-}" ] || break
done
[ -n "$compiler" ] ||
  missing "a C++20 compiler (GCC 10 or Clang 13 and newer${CXX:+; CXX is $CXX})" "g++" "xcode-select --install"

# The disk space that torch takes, on Linux with its CUDA libraries. Nothing is checked if torch is installed already.
if ! ls "$folder"/.venv/lib/python3*/site-packages/torch/__init__.py >/dev/null 2>&1; then
  case $(uname -s)-$(uname -m) in
    Linux-x86_64) needed_gb=9 downloads_gb=4 ;;
    *) needed_gb=3 downloads_gb=1 ;;
  esac
  for place in "$needed_gb $folder" "$downloads_gb ${TMPDIR:-/tmp}"; do
    free_gb=$(df -Pk "${place#* }" | awk 'END { print int($4 / 1000000) }')
    if [ "$free_gb" -lt "${place%% *}" ]; then
      elsewhere=
      [ "${place#* }" = "$folder" ] || elsewhere=" or name another folder by TMPDIR"
      say_missing "${place%% *} GB of free disk in ${place#* } (there are $free_gb): make room there$elsewhere"
    fi
  done
fi
exit $missing
