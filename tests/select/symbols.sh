#!/bin/sh
# usage: symbols.sh LIBRARY WHOLE WORD...   the library, not stripped, defines nothing whose name holds one of the words,
# each of which names something in the whole library.
set -eu
library=$1
whole=$2
shift 2
names() { nm --defined-only "$1" | awk '{print $3}'; }
names "$library" | grep -q -x ln_session_create || { echo "$library has no symbols to look at"; exit 1; }
for word in "$@"; do
  names "$whole" | grep -c -- "$word" > /dev/null || { echo "nothing in the whole library holds $word"; exit 1; }
  found=$(names "$library" | grep -- "$word" || true)
  [ -z "$found" ] || { printf '%s holds\n%s\n' "$library" "$found"; exit 1; }
done
