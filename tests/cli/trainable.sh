#!/bin/sh
# linnet trainable: a file that trains when it is run; mistakes are one line, and nothing is written.
. "$(dirname "$0")/lib.sh"
model=$work/model.tflite
out=$work/out.tflite

"$linnet" version | grep -q cJSON || { echo 'skipped: this build reads no descriptions'; exit 77; }
"$linnet" help | grep -q trainable || { echo 'skipped: this build does not train'; exit 77; }

cat > "$work/spec.json" << EOF
{"input": {"name": "x", "shape": [4]}, "layers": [{"layer": "Dense", "name": "hidden", "units": 8, "activation": "relu"},
                                                  {"layer": "Dense", "name": "head", "units": 3}]}
EOF
prints 'weights' "$linnet" build "$work/spec.json" -o "$model"
prints 'usage: linnet trainable' "$linnet" trainable --help
fails 2 'no model given' "$linnet" trainable -o "$out"
fails 2 'no -o given' "$linnet" trainable "$model"
fails 1 'is none of' "$linnet" trainable "$model" -o "$out" --loss none
fails 1 'nowhere' "$linnet" trainable "$model" -o "$out" --train nowhere
fails 1 'flex, arrays, none' "$linnet" trainable "$model" -o "$out" --checkpoints here
fails 1 'schedule: training signatures cannot hold it' "$linnet" trainable "$model" -o "$out" --schedule cosine
[ ! -e "$out" ] || complain 'written in spite of a mistake'

# A step is a run; what is kept between runs is learned.
echo '0.5 -0.25 1 0.125' > "$work/x.txt"
echo '2' > "$work/y.txt"
loss() { "$linnet" run "$out" --signature train --input "x=$work/x.txt" --input "labels=$work/y.txt" --invocations "$1" --output-dir "$work/d" > "$work/out" 2>&1 && od -An -tf4 -j128 "$work/d/$(sed -n 's/.*"name": *"loss", *"file": *"\([^"]*\)".*/\1/p' "$work/d/outputs.json")" | tr -d ' '; }
for options in '' '--optimizer sgd --momentum 0.9' '--train head --batch 1 --checkpoints arrays'; do
  # shellcheck disable=SC2086
  prints '"variables"' "$linnet" trainable "$model" -o "$out" --lr 0.05 --json $options
  grep -q '"eval", "infer", "restore", "save", "serving_default", "train"' "$work/out" || complain "signatures: $(cat "$work/out")"
  first=$(loss 1)
  last=$(loss 20)
  awk "BEGIN { exit !($last < 0.6 * $first) }" || complain "the loss goes from '$first' to '$last' ($options)"
done
fails 1 'no weight that can be trained' "$linnet" trainable "$out" -o "$work/again.tflite" --train head

finish
