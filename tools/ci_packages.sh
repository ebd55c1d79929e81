#!/bin/sh
# Installs what is optional on a user's machine and tested in continuous integration: image formats in C++, the C++
# tests' framework, and clang with libFuzzer.
set -eu
if command -v apt-get >/dev/null; then
  [ "$(id -u)" = 0 ] && sudo= || sudo=sudo
  $sudo apt-get update -qq
  $sudo apt-get install -y -qq libgtest-dev libpng-dev libjpeg-dev libdcmtk-dev libssl-dev clang >/dev/null
else
  brew install --quiet googletest libpng jpeg-turbo dcmtk openssl
fi
