#!/bin/sh
# usage: build.sh SOURCES BUILD [SHARED]   the library, the tool and the tests of kernels and operators for AArch64, with
# every warning an error. Skipped (77) where there is no cross compiler, no emulator or no cmocka for it.
set -eu
command -v aarch64-linux-gnu-gcc > /dev/null || { echo "skipped: no aarch64-linux-gnu-gcc"; exit 77; }
command -v qemu-aarch64 > /dev/null || { echo "skipped: no qemu-aarch64"; exit 77; }
[ -e /usr/lib/aarch64-linux-gnu/libcmocka.so ] || { echo "skipped: no libcmocka-dev:arm64"; exit 77; }
cmake -S "$1" -B "$2" -DCMAKE_TOOLCHAIN_FILE="$1/cmake/aarch64.cmake" -DCMAKE_BUILD_TYPE=Release -DLINNET_TESTS=ON \
  -DLINNET_WERROR=ON -DLINNET_IO=OFF -DPython3_EXECUTABLE="${PYTHON:-}" > /dev/null
cmake --build "$2" -j 2 --target emulated_tests
