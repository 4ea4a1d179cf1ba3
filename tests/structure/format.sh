#!/bin/sh
# usage: format.sh SOURCE_DIR   the layout is clang-format's (version 14, whose choices others do not always share).
# Exit status 77, skipped, where that version is not installed.
set -eu
cd "$1"
for program in clang-format-14 clang-format; do
  command -v $program > /dev/null 2>&1 || continue
  $program --version | grep -q ' version 14\.' || continue
  bad=$(find include src tools tests fuzz examples -type f \( -name '*.c' -o -name '*.h' -o -name '*.inc' \) -print0 |
    xargs -0 $program --dry-run --Werror 2>&1 | grep 'error:' | cut -d: -f1 | sort -u) || true
  [ -z "$bad" ] || { printf 'not as clang-format lays them out (make format):\n%s\n' "$bad"; exit 1; }
  exit 0
done
echo "skipped: no clang-format 14"
exit 77
