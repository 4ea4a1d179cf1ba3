#!/bin/sh
# linnet build: every example becomes a model; a mistake in a description is one line with its place, and nothing is
# written.
. "$(dirname "$0")/lib.sh"
examples=$tests/../examples/models
out=$work/out.tflite

"$linnet" version | grep -q cJSON || { echo 'skipped: this build reads no descriptions'; exit 77; }

prints 'usage: linnet build' "$linnet" build --help
prints '^Conv2D: ' "$linnet" build --list
grep -q 'glorot_uniform' "$work/out" || complain 'no initializers in --list'
prints '"MultiHeadAttention"' "$linnet" build --schema
cmp -s "$work/out" "$tests/../docs/builder.schema.json" || complain 'docs/builder.schema.json is not what --schema prints'

fails 2 'no description of a model given' "$linnet" build -o "$out"
fails 2 'no -o given' "$linnet" build "$examples/cnn.json"

for spec in "$examples"/*.json; do
  prints '"operators": [1-9]' "$linnet" build "$spec" -o "$out" --json
  prints 'serving_default' "$linnet" inspect "$out"
done

# The same seed gives the same file, another seed another.
prints 'weights' "$linnet" build "$examples/mbnet.json" -o "$out" --seed 5
prints 'weights' "$linnet" build "$examples/mbnet.json" -o "$work/again.tflite" --seed 5
prints 'weights' "$linnet" build "$examples/mbnet.json" -o "$work/other.tflite" --seed 6
cmp -s "$out" "$work/again.tflite" || complain 'the same seed, another file'
cmp -s "$out" "$work/other.tflite" && complain 'another seed, the same file'
rm -f "$out"

# wrong PATTERN JSON
wrong() {
  printf '%s' "$2" > "$work/spec.json"
  fails 1 "spec.json: $1" "$linnet" build "$work/spec.json" -o "$out"
  [ ! -e "$out" ] || { complain "wrote $out: $2"; rm -f "$out"; }
}
input='"input": {"name": "x", "shape": [8, 8, 3]}'
wrong 'not JSON: line 1' '{"layers": ['
wrong 'no key "layer"' '{"layer": []}'
wrong 'layers: a list of layers is wanted' "{$input}"
wrong 'either "input" or "inputs"' '{"layers": []}'
wrong 'there is no layer' "{$input, \"layers\": []}"
wrong 'layers\[0\]: there is no layer "Convolve"' "{$input, \"layers\": [{\"layer\": \"Convolve\"}]}"
wrong 'layers\[1\].units: is wanted' "{$input, \"layers\": [{\"layer\": \"Flatten\"}, {\"layer\": \"Dense\"}]}"
wrong 'layers\[0\].units: a whole number from 1' "{$input, \"layers\": [{\"layer\": \"Dense\", \"units\": -3}]}"
wrong 'layers\[0\].units: said twice' "{$input, \"layers\": [{\"layer\": \"Dense\", \"units\": 3, \"units\": 4}]}"
wrong 'layers\[0\].units: there is no parameter "$n"' "{$input, \"layers\": [{\"layer\": \"Dense\", \"units\": \"\$n\"}]}"
wrong 'layers\[0\].size: Dense has no such parameter' "{$input, \"layers\": [{\"layer\": \"Dense\", \"units\": 3, \"size\": 4}]}"
wrong 'layers\[0\].from: there is no layer "y"' "{$input, \"layers\": [{\"layer\": \"Flatten\", \"from\": \"y\"}]}"
wrong 'layers\[0\].block: there is no such block' "{$input, \"layers\": [{\"block\": \"b\"}]}"
wrong 'layers\[0\].n: is wanted' "{$input, \"blocks\": {\"b\": {\"parameters\": {\"n\": null}, \"layers\": []}}, \"layers\": [{\"block\": \"b\"}]}"
wrong 'layers\[0\].m: the block has no such parameter' "{$input, \"blocks\": {\"b\": {\"layers\": []}}, \"layers\": [{\"block\": \"b\", \"m\": 1}]}"
wrong 'layers\[0\].blocks.b.layers\[0\].units: a whole' "{$input, \"blocks\": {\"b\": {\"parameters\": {\"n\": 0}, \"layers\": [{\"layer\": \"Dense\", \"units\": \"\$n\"}]}}, \"layers\": [{\"block\": \"b\"}]}"
wrong '.*blocks stand too deep' "{$input, \"blocks\": {\"b\": {\"layers\": [{\"block\": \"b\"}]}}, \"layers\": [{\"block\": \"b\"}]}"
wrong 'input.shape: dimensions are 1 or more' '{"input": {"shape": [0]}, "layers": [{"layer": "Flatten"}]}'
wrong 'input.type: float32, int32 or int64' '{"input": {"shape": [3], "type": "int7"}, "layers": [{"layer": "Flatten"}]}'
wrong 'outputs\[0\]: there is no layer "y"' "{$input, \"layers\": [{\"layer\": \"Flatten\"}], \"outputs\": [\"y\"]}"
wrong 'layers\[0\]: nothing is left: CONV_2D' "{$input, \"layers\": [{\"layer\": \"Conv2D\", \"filters\": 4, \"kernel_size\": 9}]}"
fails 1 'cannot write' "$linnet" build "$examples/cnn.json" -o /no/such/folder/x.tflite

finish
