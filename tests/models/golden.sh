#!/bin/sh
# Real models against their recorded outputs: golden.sh LINNET SHARED_DIR THREADS
# SHARED_DIR holds models/, golden/ and tools/check_golden.py; exit status 77 (skipped) when it or numpy is not there.
set -eu
linnet=$1
shared=$2
python=${PYTHON:-python3}
[ -f "$shared/tools/check_golden.py" ] || { echo "skipped: no $shared/tools/check_golden.py"; exit 77; }
"$python" -c 'import numpy' 2>/dev/null || { echo "skipped: $python has no numpy"; exit 77; }
exec "$python" "$shared/tools/check_golden.py" --linnet "$linnet" --threads "$3"
