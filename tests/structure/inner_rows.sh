#!/bin/sh
# usage: inner_rows.sh SOURCE   Operators that run the row of another are known to `linnet select` (inner_rows of
# src/api/selection.c), or a small library would lack that row.
set -eu
cd "$1"
status=0
for used in $(grep -h -o 'ln_op_find(LN_OP_[A-Z0-9_]*)' src/ops/*.c | sed 's/.*(LN_OP_//; s/)//' | sort -u); do
  grep -q "{LN_OP_[A-Z0-9_]*, LN_OP_$used}" src/api/selection.c || {
    echo "src/api/selection.c: inner_rows does not name $used, which is run by:"
    grep -l "ln_op_find(LN_OP_$used)" src/ops/*.c
    status=1
  }
done
exit $status
