#!/bin/sh
# What liblinnet.so exports is what exports.txt lists, and what the public headers declare: exports.sh LIBRARY SOURCE_DIR
set -eu
library=$1
source=$2
list=$source/tests/structure/exports.txt
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
LC_ALL=C; export LC_ALL
nm -D --defined-only "$library" | awk '{print $NF}' | grep -v -e '^_' -e '^__' | sort > "$work/exported"
sort "$list" > "$work/listed"
cat "$source"/include/linnet/*.h | tr '\n' ' ' | sed 's/;/;\n/g' | grep 'LN_API ' | grep '(' |
  sed 's/.*LN_API [^(]*[ *]\([a-z0-9_]*\)(.*/\1/' | grep '^ln_' | sort > "$work/declared"
# What linnet/io.h and linnet/data.h declare stands in a library of its own, and so does what convert.h and check.h do.
if [ -f "$source/include/linnet/io.h" ]; then
  cat "$source/include/linnet/io.h" "$source"/include/linnet/data*.h "$source/include/linnet/convert.h" "$source/include/linnet/check.h" 2> /dev/null | tr '\n' ' ' | sed 's/;/;\n/g' | grep 'LN_API ' | grep '(' |
    sed 's/.*LN_API [^(]*[ *]\([a-z0-9_]*\)(.*/\1/' | grep '^ln_' | sort > "$work/io"
  comm -23 "$work/declared" "$work/io" > "$work/core"
  mv "$work/core" "$work/declared"
fi
status=0
diff -u "$work/listed" "$work/exported" || { echo "exports.txt and the library differ"; status=1; }
diff -u "$work/listed" "$work/declared" || { echo "exports.txt and the public headers differ"; status=1; }
echo "$(wc -l < "$work/exported") symbols exported"
exit $status
