#!/bin/sh
# usage: library_size.sh LIMIT LIBRARY [WHAT]   the bytes of the library, stripped; fails above the limit.
set -eu
limit=$1
library=$2
what=${3:-$(basename "$library")}
copy=$(mktemp)
trap 'rm -f "$copy"' EXIT
cp -L "$library" "$copy"
strip "$copy"
bytes=$(wc -c < "$copy" | tr -d ' ')
printf '%9d bytes of at most %d: %s\n' "$bytes" "$limit" "$what"
[ "$bytes" -le "$limit" ] || { echo "$library is too large"; exit 1; }
