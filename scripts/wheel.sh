#!/bin/sh
# usage: wheel.sh DIR   builds the Python package's wheel into DIR: one file for every Python, the library inside.
set -eu
dir=$1
mkdir -p "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip wheel -q --disable-pip-version-check --no-deps -w "$dir" \
  --config-settings=build-dir="$(cd "$dir" && pwd)/build" ./bindings/python
ls "$dir"/*.whl
