#!/bin/sh
# usage: operators.sh SOURCES BUILD [SHARED]   all cases of the operators, emulated: on the best tier and on the baseline's
set -eu
[ -x "$2/tests/run_cases" ] || { echo "skipped: not built"; exit 77; }
for tier in neon neoni8mm; do
  LINNET_CPU=$tier qemu-aarch64 -cpu max "$2/tests/run_cases" "$1/tests/ops/cases" 2> "$2/operators.log" ||
    { tail -n 20 "$2/operators.log"; exit 1; }
done
