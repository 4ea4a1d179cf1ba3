#!/bin/sh
# usage: python.sh DIR [REQUIREMENTS]   makes a Python environment with what comparisons with other runtimes need.
# Without a network the environment stays away, and the tests that want it say that they are skipped.
set -eu
dir=$1
requirements=${2:-scripts/requirements.txt}
[ -f "$dir/ready" ] && cmp -s "$dir/ready" "$requirements" && exit 0
echo "installing into $dir: $(grep -v '^#' "$requirements" | tr '\n' ' ')"
mkdir -p "$(dirname "$dir")"
if python3 -m venv "$dir" > /dev/null 2>&1 &&
  "$dir/bin/python" -m pip install -q --disable-pip-version-check -r "$requirements"; then
  cp "$requirements" "$dir/ready"
else
  rm -rf "$dir"
  echo "not available: comparisons with LiteRT and the golden models are skipped"
fi
