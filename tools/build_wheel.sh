#!/bin/sh
# Builds a wheel of this machine into dist/ and makes it carry what it links to; the platform in its name then says on
# which systems it runs. Usage: build_wheel.sh BIN, the folder of a Python with pip and auditwheel, on macOS delocate.
set -eu
bin=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
PATH="$bin:$PATH"
"$bin/python" -m pip wheel --quiet --no-deps --config-settings build-dir="$scratch/build" --wheel-dir "$scratch" .
case $(uname -s) in
  Darwin) "$bin/delocate-wheel" --wheel-dir dist "$scratch"/egaze-*.whl ;;
  *) "$bin/auditwheel" repair --wheel-dir dist "$scratch"/egaze-*.whl ;;
esac
ls dist
