#!/bin/sh
# Sizes made from a file's dimensions go through the checked helpers of base: raw_products.sh SOURCE_DIR
# Refused outside src/base and src/kernels (whose sizes are checked by their callers): a product of two dimensions on one
# line, and an allocation whose size is a product (the _array forms check it). A line whose product is bounded by what
# was checked before says so in a comment: "bounded: why".
set -eu
cd "$1"
find src -name '*.c' -o -name '*.h' -o -name '*.inc' | grep -v -e '^src/base/' -e '^src/kernels/' | LC_ALL=C sort | xargs awk '
  FNR == 1 { bounded = 0 }
  {
    line = $0
    if (line ~ /bounded: /) { bounded = 2 }
    if (bounded > 0) { --bounded; next }
    sub(/\/\/.*/, "", line)
    gsub(/\/\*.*\*\//, "", line)
    why = ""
    if (line ~ /dims\[[^]]*\][ )]*\*[^;,]*dims\[/) why = "a raw product of dimensions"
    if (line ~ /(ln_alloc|ln_alloc_zero|ln_arena_alloc|malloc)\([^;]*[a-z0-9_\])] \* [a-z0-9_(]/) why = "an allocation of an unchecked product"
    if (why != "") { printf "%s:%d: %s: %s\n", FILENAME, FNR, why, $0; ++bad }
  }
  END { printf "%d raw products\n", bad; exit bad != 0 }'
