#!/bin/sh
# Includes point only upward in the list of docs/design.md: includes.sh SOURCE_DIR
# src/<folder> may include its own folder, the folders before it in the list, and the public headers; io stands beside
# the list, seen by import and convert, and sees base and the public headers; tools, examples and bindings see the public headers only.
set -eu
cd "$1"
for folder in src tools examples include; do
  [ ! -d "$folder" ] || find "$folder" -type f \( -name '*.c' -o -name '*.h' -o -name '*.inc' -o -name '*.def' \)
done | LC_ALL=C sort | xargs awk '
  BEGIN {
    count = split("base kernels ir ops format import passes plan backends runtime optimize train tasks maker convert codegen api", list, " ")
    for (i = 1; i <= count; ++i) place[list[i]] = i
  }
  function refuse(why) { printf "%s:%d: %s\n", FILENAME, FNR, why; ++bad }
  FNR == 1 {
    ++files
    split(FILENAME, part, "/")
    top = part[1]
    from = part[2]
    if (top == "src" && from != "io" && !(from in place)) refuse("the folder " from " is not in the list")
  }
  /^[ \t]*#[ \t]*include[ \t]*"/ {
    ++includes
    path = $0
    sub(/^[^"]*"/, "", path)
    sub(/".*/, "", path)
    if (path ~ /^\.\./) { refuse("an include with .."); next }
    if (path ~ /^linnet\//) next
    if (path ~ /^tensorflow\//) {
      if (!(top == "include" && from == "tensorflow") && from != "api") refuse("includes the drop-in header " path)
      next
    }
    if (top == "include") { refuse("a public header includes " path); next }
    if (path !~ /\//) next
    split(path, part, "/")
    to = part[1]
    own = top "/" from "/" path # within the folder of the tool
    if (top != "src" && (getline line < own) >= 0) { close(own); next }
    if (top != "src") { refuse(top " includes the private " path); next }
    if (to == from) next
    if (from == "io" && to != "base") { refuse("io includes " path); next }
    if (to == "io" && (from == "import" || from == "convert")) next
    if (to == "io" || !(to in place)) { refuse("includes " path ", which is in no folder of the list"); next }
    if (from != "io" && place[to] > place[from]) refuse(from " includes " path ", which stands below it")
  }
  END {
    printf "%d files, %d includes, %d in the wrong direction\n", files, includes, bad
    exit bad != 0
  }'
