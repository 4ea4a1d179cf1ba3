#!/bin/sh
# linnet optimize and eval: mistakes in the command line are status 2, bad models, samples and recipes status 1, each one
# line; nothing is written by a run that fails.
. "$(dirname "$0")/lib.sh"
demo=$tests/../models/fashion_mnist.tflite
pictures=$tests/../examples/fashion
float=$models/colours.tflite
out=$work/out.tflite
plain=$work/plain.json
echo '{"stages": [{"technique": "encode"}]}' > "$plain"

# nothing STATUS PATTERN COMMAND...: fails so, and writes nothing
nothing() {
  fails "$@"
  [ ! -e "$out" ] || { complain "wrote $out: $*"; rm -f "$out"; }
}

"$linnet" version | grep -q cJSON || { echo 'skipped: this build reads no recipes'; exit 77; }

prints 'usage: linnet optimize' "$linnet" optimize --help
prints 'usage: linnet eval' "$linnet" eval --help
prints '^prune: ' "$linnet" optimize --list
prints '"oneOf"' "$linnet" optimize --schema

# ---- the command line ----
nothing 2 'no model given' "$linnet" optimize -o "$out" --quantize int8
nothing 2 'no -o given' "$linnet" optimize "$demo" --quantize int8
nothing 2 'nothing to do' "$linnet" optimize "$demo" -o "$out"
nothing 2 '--labels goes with --eval' "$linnet" optimize "$demo" -o "$out" --quantize float16 --labels y.npy
nothing 2 '--pattern goes with --prune' "$linnet" optimize "$demo" -o "$out" --pattern 1x4 --quantize int8
nothing 2 '--io goes with --quantize' "$linnet" optimize "$demo" -o "$out" --io int8
nothing 2 '--set takes TECHNIQUE.PARAMETER=VALUE, not prune' "$linnet" optimize "$demo" -o "$out" --set prune
nothing 2 'no technique magic' "$linnet" optimize "$demo" -o "$out" --set magic.power=1
nothing 2 'no parameter "power"' "$linnet" optimize "$demo" -o "$out" --set prune.power=1
nothing 2 '--recipe says all: --quantize cannot go with it' "$linnet" optimize "$demo" -o "$out" --recipe r.json --quantize int8
nothing 2 '--recipe says all: --include or --exclude' "$linnet" optimize "$demo" -o "$out" --recipe r.json --exclude x
nothing 2 '--normalize takes' "$linnet" optimize "$demo" -o "$out" --recipe "$plain" --data "$pictures" --normalize 1
fails 2 'no --data given' "$linnet" eval "$demo"
fails 2 'no model given' "$linnet" eval --data x.npy
fails 2 '--metric takes' "$linnet" eval "$demo" --data x.npy --metric f1

prints '"with": "io=int8"' "$linnet" optimize --print-recipe --quantize int16x8 --io int8 --max-drop 1%
grep -q '"formats": "int16x8,float32"' "$work/out" || complain "$(cat "$work/out")"
grep -q '"quantize"' "$work/out" && complain "a stage beside the search: $(cat "$work/out")"

# ---- models, samples, labels ----
nothing 1 'No such file' "$linnet" optimize "$work/absent.tflite" -o "$out" --recipe "$plain"
nothing 1 'recipe.json: No such file\|recipe.json: cannot open' "$linnet" optimize "$demo" -o "$out" --recipe "$work/recipe.json"
echo '{"stages": [{"technique": "encode", "exclude": ["nothing"]}]}' > "$work/exclude.json"
nothing 1 'no operator fits the selector "nothing"' "$linnet" optimize "$float" -o "$out" --recipe "$work/exclude.json"
nothing 1 'absent.npy: ' "$linnet" optimize "$demo" -o "$out" --recipe "$plain" --data "$work/absent.npy"
nothing 1 'no labels' "$linnet" optimize "$demo" -o "$out" --recipe "$plain" --eval "$pictures"
nothing 1 'cannot write' "$linnet" optimize "$float" -o /no/such/folder/x.tflite --recipe "$plain"
fails 1 'no labels' "$linnet" eval "$demo" --data "$pictures"
echo 'no data at all' > "$work/garbage.npy"
fails 1 'garbage.npy: neither' "$linnet" eval "$demo" --data "$work/garbage.npy" --labels "$work/garbage.npy"
mkdir "$work/none"
fails 1 'none: no picture' "$linnet" eval "$demo" --data "$work/none"
printf '9\n8\n3\n2\n5\n6\n7\n' > "$work/seven.txt"
fails 1 'seven.txt: 7 labels for the 8 samples' "$linnet" eval "$demo" --data "$pictures" --labels "$work/seven.txt"
printf '9\n8\n3\n2\n5\n6\n7\n10\n' > "$work/ten.txt"
fails 1 'ten.txt: the label of sample 7 is 10, but the model has 10 classes' \
  "$linnet" eval "$demo" --data "$pictures" --labels "$work/ten.txt"

# ---- what quantization refuses ----
# npy TYPE SHAPE: a .npy file of what standard input holds
npy() {
  printf '\223NUMPY\001\000v\000%-117s\n' "{'descr': '$1', 'fortran_order': False, 'shape': ($2), }"
  cat
}
twelve() { for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do printf "$1"; done; }
classifier=$tests/../models/fashion_mnist_float.tflite
nothing 1 'needs calibration samples' "$linnet" optimize "$classifier" -o "$out" --quantize int8
nothing 1 'quantized already' "$linnet" optimize "$demo" -o "$out" --quantize int8 --data "$pictures"
twelve '\000\000\300\177' | npy '<f4' '1, 2, 2, 3' > "$work/nan.npy"
nothing 1 'nan.npy: sample 0: element 0 of input "[^"]*" is NaN' \
  "$linnet" optimize "$float" -o "$out" --quantize int8 --data "$work/nan.npy"
twelve '\000\000\200\077' | npy '<f4' '1, 3, 2, 2' > "$work/shape.npy"
nothing 1 'shape.npy: input "[^"]*" takes \[1, 2, 2, 3\], the file holds \[1, 3, 2, 2\]' \
  "$linnet" optimize "$float" -o "$out" --quantize int8 --data "$work/shape.npy"
nothing 1 'no operator fits the selector "no-such-layer"' \
  "$linnet" optimize "$classifier" -o "$out" --quantize float16 --exclude no-such-layer
nothing 2 '--exclude: selector "("' "$linnet" optimize "$classifier" -o "$out" --quantize float16 --exclude '('
nothing 2 '--quantize: one of int8|' "$linnet" optimize "$classifier" -o "$out" --quantize int9
nothing 2 '--set: quantize.samples\|quantize.samples=-1: a whole number' \
  "$linnet" optimize "$classifier" -o "$out" --quantize int8 --set quantize.samples=-1

# ---- what works ----
printf '9\n8\n3\n2\n5\n6\n7\n1\n' > "$work/labels.txt"
prints 'right' "$linnet" eval "$demo" --data "$pictures" --labels "$work/labels.txt"
prints '^{"accuracy": [01].*"samples": 8' "$linnet" eval "$demo" --data "$pictures" --labels "$work/labels.txt" --json
prints '^before ' "$linnet" optimize "$float" -o "$out" --recipe "$plain"
rm -f "$out"
prints '"deflated_bytes"' "$linnet" optimize "$float" -o "$out" --recipe "$plain" --json
[ -s "$out" ] || complain "nothing written to $out"
prints '^{"accuracy": 1, "samples": 8' "$linnet" eval "$demo" --data "$pictures" --labels "$work/labels.txt" --json --metric top10
finish
