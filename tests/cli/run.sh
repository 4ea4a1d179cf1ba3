#!/bin/sh
# Inputs of every kind, their order, what is printed and written.
. "$(dirname "$0")/lib.sh"
model=$models/squares.tflite

# Numbers: in the alphabetical order of the keys (a before b), by name, from standard input, for an open dimension.
echo '1 2 3 4' > "$work/a.txt"
echo '1, 2, 3; 4, 5, -6' > "$work/b.txt"
prints 'from 1 to 36; first: 1 4 9 16 25 36' "$linnet" run "$model" --signature both --input "$work/a.txt" --input "$work/b.txt"
grep -q '^a_squared  float32\[4\]$' "$work/out" || complain "a_squared is not there"
prints 'first: 1 4 9 16 25 36' "$linnet" run "$model" --signature both --input b="$work/b.txt" --input "$work/a.txt"
prints 'first: 1 4 9 16$' "$linnet" run "$model" --signature both --input b="$work/b.txt" --input a="$work/a.txt" --threads 2
prints 'y  float32\[2, 3\]' "$linnet" run "$models/open.tflite" --input "$work/b.txt"
prints 'the last of 3 runs' "$linnet" run "$models/open.tflite" --input "$work/b.txt" --invocations 3
echo '0.5 0 1' | "$linnet" run "$models/open.tflite" --input - | grep -q 'first: 0.25 0 1' || complain "standard input"

# Files of outputs, and back as inputs.
prints 'y ' "$linnet" run "$models/open.tflite" --input "$work/b.txt" --output-dir "$work/out1"
[ "$(ls "$work/out1" | tr '\n' ' ')" = 'output_0.npy outputs.json ' ] || complain "files: $(ls "$work/out1")"
grep -q '{"name": "y", "file": "output_0.npy", "shape": \[2, 3\], "dtype": "float32"}' "$work/out1/outputs.json" ||
  complain "outputs.json: $(cat "$work/out1/outputs.json")"
prints 'first: 1 16 81 256 625 1296' "$linnet" run "$models/open.tflite" --input "$work/out1/output_0.npy" --output-dir "$work/out1"

# Pictures: normalised by the metadata, named by the labels in the model, by a file, or not at all.
has() { "$linnet" version | grep -q "$1"; }
if has libjpeg; then
  prints 'red  *0.78[0-9] ' "$linnet" run "$models/colours.tflite" --input "$data/good-flat.jpg" --top 1
  [ "$(grep -c '^  ' "$work/out")" -eq 1 ] || complain "--top 1 prints more"
  printf '0 rot\n1 gruen\n2 blau\n' > "$work/labels.txt"
  prints 'rot  *0.78' "$linnet" run "$models/colours.tflite" --input "$data/good-flat.jpg" --labels "$work/labels.txt"
  prints '%%%\|---\|   ' "$linnet" run "$models/colours.tflite" --input "$data/good-flat.jpg" --show
else
  fails 1 'this build cannot read JPEG' "$linnet" run "$models/colours.tflite" --input "$data/good-flat.jpg"
fi
if has libpng; then
  prints 'blue ' "$linnet" run "$models/colours.tflite" --input "$data/good-rgb.png"
  has libzip && prints 'blue ' "$linnet" run "$models/colours-deflated.tflite" --input "$data/good-rgb.png"
fi

# Sound: 230 samples are two windows of 100 and a rest that is left out, 250 are three.
wav() { # wav FRAMES: 16-bit PCM of 0x4000 (0.5)
  bytes=$(($1 * 2))
  printf 'RIFF\044\0\0\0WAVEfmt \020\0\0\0\001\0\001\0\200\076\0\0\0\175\0\0\002\0\020\0data'
  printf "\\$(printf %o $((bytes % 256)))\\$(printf %o $((bytes / 256)))\\0\\0"
  i=0
  while [ $i -lt "$1" ]; do printf '\0\100'; i=$((i + 1)); done
}
wav 230 > "$work/a.wav"
prints 'from 0.25 to 0.25' "$linnet" run "$models/sound.tflite" --input "$work/a.wav"
grep -q 'mean over 2 windows' "$work/out" || complain "not two windows: $(cat "$work/out")"
wav 250 > "$work/a.wav"
prints 'mean over 3 windows' "$linnet" run "$models/sound.tflite" --input "$work/a.wav"
finish
