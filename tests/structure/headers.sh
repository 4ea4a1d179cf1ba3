#!/bin/sh
# Each public header, the drop-in ones too, compiles alone as C99, C11, C17 and C++: headers.sh CC CXX SOURCE_DIR (CXX may be empty)
set -eu
cc=$1
cxx=$2
cd "$3"
status=0
count=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for header in include/linnet/*.h $(find include/tensorflow -name '*.h' | LC_ALL=C sort); do
  name=${header#include/}
  printf '#include "%s"\n#include "%s"\nint linnet_header_test;\n' "$name" "$name" > "$work/one.c"
  cp "$work/one.c" "$work/one.cpp"
  for standard in c99 c11 c17; do
    "$cc" -std=$standard -pedantic -Wall -Wextra -Werror -Iinclude -fsyntax-only "$work/one.c" || status=1
    count=$((count + 1))
  done
  [ -n "$cxx" ] || continue
  for standard in c++11 c++17; do
    "$cxx" -std=$standard -pedantic -Wall -Wextra -Werror -Iinclude -fsyntax-only "$work/one.cpp" || status=1
    count=$((count + 1))
  done
done
echo "$count compilations${cxx:+ with C++}"
exit $status
