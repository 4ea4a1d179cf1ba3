#!/bin/sh
# usage: inner_rows.sh SOURCE   Operators that run the row of another are known to `linnet select` (inner_rows of
# src/api/selection.c), or a small library would lack that row. Such an operator's file bears its name.
set -eu
cd "$1"
status=0
for call in $(grep -o 'ln_op_find([^)]*)' src/ops/*.c | grep -v '^src/ops/ops\.c:' | tr -d ' ' | sort -u); do
  file=${call%%:*}
  user=$(basename "$file" .c | tr '[:lower:]' '[:upper:]')
  used=${call##*(}
  used=${used%)}
  grep -q "{LN_OP_$user, $used}" src/api/selection.c || {
    echo "$file runs the row of $used: inner_rows of src/api/selection.c does not say so of LN_OP_$user"
    status=1
  }
done
exit $status
