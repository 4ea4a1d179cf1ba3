#!/bin/sh
# usage: need.sh GROUP...   makes sure that the tools and libraries of each group are there.
# Run as root on Debian it installs what is missing, saying so; otherwise it names it. A missing tool of `build` or `test`
# is an error, a missing library of `io` or tool of `cross` only leaves a feature or the tests of it out.
set -eu

missing=""
want() { # want PACKAGE TEST...: the test succeeds when the package's content is there
  package=$1
  shift
  "$@" > /dev/null 2>&1 || missing="$missing $package"
}
header() { # a C header can be found
  printf '#include <stdio.h>\n#include <%s>\n' "$1" | ${CC:-cc} -E -x c - > /dev/null 2>&1
}
cmocka_header() {
  printf '#include <%s>\n' stdarg.h stddef.h stdint.h setjmp.h cmocka.h | ${CC:-cc} -E -x c - > /dev/null 2>&1
}

fuzzer_runtime() { # clang links libFuzzer
  program=$(mktemp)
  echo 'int LLVMFuzzerTestOneInput(const char *data, unsigned long size) { return size > 8 && data[0]; }' |
    clang -fsanitize=fuzzer,address -x c - -o "$program"
  status=$?
  rm -f "$program"
  return $status
}

for group in "$@"; do
  case $group in
    build)
      want build-essential sh -c 'command -v make && command -v ${CC:-cc}'
      want cmake command -v cmake
      ;;
    io)
      want pkg-config command -v pkg-config
      want libjpeg62-turbo-dev header jpeglib.h
      want libpng-dev header png.h
      want libsndfile1-dev header sndfile.h
      want libsamplerate0-dev header samplerate.h
      want libzip-dev header zip.h
      want zlib1g-dev header zlib.h
      want libcjson-dev header cjson/cJSON.h
      want libprotobuf-c-dev header protobuf-c/protobuf-c.h
      want protobuf-c-compiler command -v protoc-c
      ;;
    test)
      want libcmocka-dev cmocka_header
      want python3 command -v python3
      want python3-venv python3 -c 'import venv, ensurepip'
      want g++ command -v g++
      want binutils command -v nm
      want clang-format command -v clang-format
      ;;
    cross) # for AArch64, where that is another processor than this one
      if [ "$(uname -m)" != aarch64 ]; then
        want gcc-aarch64-linux-gnu command -v aarch64-linux-gnu-gcc
        want libc6-dev-arm64-cross test -e /usr/aarch64-linux-gnu/lib/libc.so
        want qemu-user command -v qemu-aarch64
        want libcmocka-dev:arm64 test -e /usr/lib/aarch64-linux-gnu/libcmocka.so
      fi
      ;;
    dashboard)
      want npm sh -c 'command -v npm && command -v node'
      ;;
    browser)
      want chromium sh -c 'command -v chromium || command -v chromium-browser || command -v google-chrome'
      ;;
    python)
      want python3 command -v python3
      want python3-venv python3 -c 'import venv, ensurepip'
      ;;
    fuzz)
      want clang command -v clang
      want "libclang-rt-$(clang -dumpversion 2> /dev/null | grep -o '^[0-9]*' || echo 14)-dev" fuzzer_runtime
      ;;
    *)
      echo "need.sh: no group $group" >&2
      exit 2
      ;;
  esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null 2>&1; then
  echo "installing:$missing"
  case $missing in *:arm64*) dpkg --add-architecture arm64 ;; esac
  log=$(mktemp)
  if { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing; } > "$log" 2>&1; then
    rm -f "$log"
    exit 0
  fi
  tail -n 5 "$log" >&2
  rm -f "$log"
fi
echo "missing:$missing (Debian: apt-get install$missing)" >&2
case " $* " in
  *" test "* | *" python "* | *" fuzz "*) exit 1 ;;
esac
command -v cmake > /dev/null 2>&1 && command -v "${CC:-cc}" > /dev/null 2>&1
