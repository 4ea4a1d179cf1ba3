#!/bin/sh
# usage: personalize.sh LINNET PROGRAM SOURCE   the example learns on the device, and stays under a hundred lines
set -eu
linnet=$1
program=$2
source=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ "$(wc -l < "$source")" -lt 100 ] || { echo "$source has 100 lines or more"; exit 1; }
cat > "$work/waves.json" << EOF
{"input": {"name": "signal", "shape": [64]},
 "layers": [{"layer": "Dense", "units": 64, "activation": "relu"}, {"layer": "Dense", "name": "head", "units": 5}]}
EOF
"$linnet" build "$work/waves.json" -o "$work/waves.tflite" > "$work/log"
"$linnet" trainable "$work/waves.tflite" -o "$work/personal.tflite" --train head --lr 0.01 > "$work/log"
grep -q '325 weights are trained, 7 variables, any batch' "$work/log" || { cat "$work/log"; exit 1; }
said=$("$program" "$work/personal.tflite" "$work/checkpoint")
echo "$said"
# shellcheck disable=SC2086
set -- $(echo "$said" | tr -dc '0-9 ')
[ $# -eq 4 ] && [ "$1" -lt 100 ] && [ "$2" -gt 150 ] && [ "$2" -eq "$3" ] || { echo "it has not learned"; exit 1; }
if "$program" "$work/waves.tflite" "$work/checkpoint" 2> "$work/log"; then echo "a model without training was taken"; exit 1; fi
grep -q 'no signature "train"' "$work/log" || { cat "$work/log"; exit 1; }
