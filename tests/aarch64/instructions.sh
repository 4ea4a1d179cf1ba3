#!/bin/sh
# usage: instructions.sh SOURCES BUILD SHARED   scripts/instructions.py counts, and the tiers take fewer than plain C
set -eu
python=${PYTHON:-python3}
[ -f "$3/golden/tiny_kws_int8/manifest.json" ] || { echo "skipped: no recorded inputs in $3"; exit 77; }
[ -x "$2/linnet" ] || { echo "skipped: not built"; exit 77; }
"$python" "$1/scripts/instructions.py" --linnet "$2/linnet" --shared "$3" --json tiny_kws_int8 |
  "$python" -c '
import json, sys
counts = json.load(sys.stdin)["tiny_kws_int8"]
print(counts)
assert 0 < 4 * counts["neon"] < counts["generic"], "NEON saves less than three quarters"
assert counts["neondot"] < counts["neon"] and counts["neoni8mm"] < counts["neon"], "dot products save nothing"
'
