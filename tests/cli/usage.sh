#!/bin/sh
# Help, and mistakes in the command line itself: status 2 and one line.
. "$(dirname "$0")/lib.sh"
model=$models/squares.tflite

prints 'usage: linnet' "$linnet" --help
prints 'usage: linnet' "$linnet" help
for name in run inspect bench optimize eval compare ops select version; do
  prints "usage: linnet $name" "$linnet" $name --help
  grep -q "^  $name " "$work/out" && complain "$name --help prints the tool's help"
done
prints '^linnet [0-9]*\.[0-9]*\.[0-9]*$' "$linnet" version
prints '^kernels: generic$' env LINNET_CPU=generic "$linnet" version
prints '^libraries: ' "$linnet" --version

prints 'median' "$linnet" bench "$model" --tune --seconds 0
fails 2 'no --input' "$linnet" run "$model" --tune
prints 'LN_SELECTED_OP_' "$linnet" select "$model"
fails 2 'no model given' "$linnet" select
fails 1 'no-such.tflite' "$linnet" select "$model" no-such.tflite
fails 1 'cannot be written' "$linnet" select "$model" -o /no/such/folder/x.h

fails 2 'no subcommand' "$linnet"
fails 2 'frobnicate' "$linnet" frobnicate
fails 2 'no model' "$linnet" run
fails 2 'no option --frob' "$linnet" run "$model" --frob
fails 2 'one operand too many: two' "$linnet" inspect "$model" two
fails 2 '--threads takes' "$linnet" run "$model" --threads 0
fails 2 '--threads takes' "$linnet" run "$model" --threads two
fails 2 '--threads takes' "$linnet" run "$model" --threads 1.5
fails 2 '--invocations takes' "$linnet" run "$model" --invocations -1
fails 2 'no model given' "$linnet" bench
fails 2 '--input goes with --verify' "$linnet" bench "$model" --input x.txt
fails 1 'no-such.tflite' "$linnet" bench no-such.tflite --verify
fails 2 '--peak takes no model' "$linnet" bench "$model" --peak
fails 2 'no layer.s name holds' "$linnet" bench --layers 'no such layer'
prints '% .*float32 .*depthwise 3x3 28x28x256' "$linnet" bench --layers 'depthwise 3x3 28' --seconds 0
fails 2 '--seconds takes' "$linnet" bench "$model" --seconds nan
fails 2 '--requantize takes exact or float' "$linnet" run "$model" --requantize fast
fails 2 '--requantize takes exact or float' "$linnet" bench "$model" --requantize fast
fails 2 '--profile takes a file named .json or .html' "$linnet" run "$model" --profile out.txt
fails 2 '--output-dir wants a value' "$linnet" run "$model" --output-dir
fails 2 '--json takes no value' "$linnet" inspect "$model" --json=yes
fails 2 'LINNET_CPU=pentium' env LINNET_CPU=pentium "$linnet" version
fails 2 'no --input for "a", float32\[4\]' "$linnet" run "$model" --signature flat
fails 2 '2 inputs given, the model takes 1' "$linnet" run "$models/open.tflite" --input - --input -
fails 2 'given twice' "$linnet" run "$model" --signature both --input a=- --input a=-
fails 2 '--normalize takes' "$linnet" run "$models/colours.tflite" --input "$data/good-rgb.png" --normalize 1
finish
