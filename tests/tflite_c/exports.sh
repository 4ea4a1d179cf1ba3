#!/bin/sh
# What the drop-in library exports is what exports.txt lists and what its headers declare, and holds all that reference.txt
# knows of TensorFlow Lite's: exports.sh LIBRARY SOURCE_DIR
set -eu
library=$1
source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
LC_ALL=C; export LC_ALL
nm -D --defined-only "$library" | awk '{print $NF}' | grep -v '^_' | sort > "$work/exported"
sort "$source/tests/tflite_c/exports.txt" > "$work/listed"
find "$source/include/tensorflow" -name '*.h' -exec cat {} + | cat - "$source/include/linnet/tflite.h" | sed 's/^LN_API/TFL_CAPI_EXPORT/' | tr '\n' ' ' | sed 's/;/;\n/g' |
  sed -n 's/.*TFL_CAPI_EXPORT [^(]*[ *]\(L*n*TfLite[A-Za-z0-9]*\)(.*/\1/p' | sort -u > "$work/declared"
status=0
diff -u "$work/listed" "$work/exported" || { echo "exports.txt and the library differ"; status=1; }
diff -u "$work/listed" "$work/declared" || { echo "exports.txt and the headers differ"; status=1; }
grep -v '^#' "$source/tests/tflite_c/reference.txt" | sort > "$work/reference"
comm -23 "$work/reference" "$work/exported" > "$work/missing"
[ ! -s "$work/missing" ] || { echo "missing:" $(cat "$work/missing"); status=1; }
echo "$(wc -l < "$work/exported") symbols exported"
exit $status
