#!/bin/sh
# usage: symbols.sh LIBRARY WORD...   the library, not stripped, defines nothing whose name holds one of the words.
set -eu
library=$1
shift
nm --defined-only "$library" > /dev/null
for word in "$@"; do
  found=$(nm --defined-only "$library" | awk '{print $3}' | grep -- "$word" || true)
  [ -z "$found" ] || { printf '%s holds\n%s\n' "$library" "$found"; exit 1; }
done
