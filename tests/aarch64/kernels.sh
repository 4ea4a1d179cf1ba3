#!/bin/sh
# usage: kernels.sh SOURCES BUILD [SHARED]   every kernel of every tier against the generic one, emulated
set -eu
[ -x "$2/tests/run_cases" ] || { echo "skipped: not built"; exit 77; }
tier=$(qemu-aarch64 -cpu max "$2/linnet" version | sed -n 's/^kernels: //p')
[ "$tier" = neoni8mm ] || { echo "the emulator's best tier is '$tier', not neoni8mm"; exit 1; }
for program in "$2"/tests/test_kernels_*; do
  qemu-aarch64 -cpu max "$program" || { echo "${program##*/} failed"; exit 1; }
done
