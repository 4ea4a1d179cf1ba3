#!/bin/sh
# usage: format.sh SOURCE   every C file is as clang-format lays it out. Versions differ in taste: 14 decides, others skip.
set -eu
cd "$1"
formatter=$(command -v clang-format-14 || command -v clang-format) || { echo "skipped: no clang-format"; exit 77; }
case $("$formatter" --version) in
  *"version 14."*) ;;
  *) echo "skipped: $("$formatter" --version) is not version 14"; exit 77 ;;
esac
files=$(find src include tools tests fuzz examples bindings -name '*.[ch]' -o -name '*.inc' 2> /dev/null)
if ! echo "$files" | xargs "$formatter" --dry-run -Werror > /dev/null 2>&1; then
  echo "not as clang-format has it (make format mends it):"
  for file in $files; do "$formatter" --dry-run -Werror "$file" > /dev/null 2>&1 || echo "  $file"; done
  exit 1
fi
