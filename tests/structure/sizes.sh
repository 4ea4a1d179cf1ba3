#!/bin/sh
# Figures of files and functions: sizes.sh SOURCE_DIR. Fails above 1000 lines a file or 150 lines a function (tables,
# *.def, apart); docs/design.md asks for less, so the largest are named.
set -eu
cd "$1"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for folder in include src tools tests fuzz bench examples; do
  [ ! -d "$folder" ] || find "$folder" -type f \( -name '*.c' -o -name '*.h' -o -name '*.inc' \)
done | LC_ALL=C sort > "$work/files"
xargs wc -l < "$work/files" | grep -v ' total$' | sort -rn > "$work/lines"
# A function: from a line at the margin (a signature may take several lines) that opens a brace, to the brace at the margin.
xargs awk '
  FNR == 1 { start = 0; inside = 0 }
  inside && /^}/ { print FNR - open + 1, FILENAME ":" name; inside = 0; start = 0; next }
  inside { next }
  /^[A-Za-z_].*[^;]$/ && !/^(typedef|struct|enum|union|extern|#)/ && !/:$/ { start = FNR; head = $0 }
  /^$/ || /;$/ { if (!/\{/) start = 0 }
  start && /\{$/ {
    if (head ~ /=/ || $0 ~ /= \{$/ || head !~ /\(/) { start = 0; next }
    inside = 1
    open = start
    name = head
    sub(/\(.*/, "", name)
    sub(/.*[ *]/, "", name)
  }' < "$work/files" | sort -rn > "$work/functions"
awk '{ n[NR] = $1; sum += $1 } END {
  printf "%d functions: median %d lines, 95th percentile %d, largest %d\n", NR, n[int((NR + 1) / 2)], n[int(NR * 0.05) + 1], n[1]
}' "$work/functions"
awk '{ n[NR] = $1; sum += $1 } END {
  printf "%d files, %d lines: median %d lines, largest %d\n", NR, sum, n[int((NR + 1) / 2)], n[1]
}' "$work/lines"
echo "functions over 100 lines:"
awk '$1 > 100 { print "  " $0; if ($1 > 150) bad = 1 } END { exit bad }' "$work/functions" || status=1
echo "files over 800 lines:"
awk '$1 > 800 { print "  " $0; if ($1 > 1000) bad = 1 } END { exit bad }' "$work/lines" || status=1
exit ${status:-0}
