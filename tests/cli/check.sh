#!/bin/sh
# linnet check: what a target refuses is status 1 with a line for each operator; mistakes in the command line are 2.
. "$(dirname "$0")/lib.sh"
demo=$tests/../models/fashion_mnist.tflite
float=$tests/../models/fashion_mnist_float.tflite

"$linnet" check --help > /dev/null 2>&1 || { echo 'skipped: this build has no converters'; exit 77; }
prints 'usage: linnet check' "$linnet" check --help
fails 2 'no model given' "$linnet" check --target cpu
fails 2 '--target takes one of cpu, micro, web, gpu, nnapi, not toaster' "$linnet" check "$demo" --target toaster
fails 1 'says nothing of targets' "$linnet" check "$demo"
fails 1 'No such file' "$linnet" check "$work/absent.tflite" --target cpu
for target in cpu micro web gpu nnapi; do
  prints "^target $target: runs all 8 operators" "$linnet" check "$demo" --target $target
  prints '"refused": 0' "$linnet" check "$demo" --target $target --json
done

# refused TARGET PATTERN MODEL: status 1, and the reason on standard output
refused() {
  "$linnet" check "$3" --target "$1" > "$work/out" 2> "$work/err" && complain "status 0: check $3 --target $1"
  [ ! -s "$work/err" ] || complain "wrote to standard error: $(cat "$work/err")"
  grep -q -e "$2" "$work/out" || complain "no '$2' from check $3 --target $1: $(cat "$work/out")"
}
"$linnet" optimize "$float" -o "$work/hybrid.tflite" --quantize dynamic > /dev/null || complain 'optimize'
refused micro 'its weights are integers and its activations floats; quantize both' "$work/hybrid.tflite"
finish
