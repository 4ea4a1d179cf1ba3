#!/bin/sh
# What `linnet describe` writes is what `linnet run` and `linnet inspect` read: names of classes, normalization, texts.
. "$(dirname "$0")/lib.sh"
"$linnet" describe --help > /dev/null 2>&1 || { echo 'skipped: a build without training'; exit 77; }
model=$models/squares.tflite
colours=$models/colours.tflite
out=$work/out.tflite

# described ARGUMENTS...: colours.tflite, described
described() {
  "$linnet" describe "$colours" -o "$out" "$@" > "$work/said" 2>&1 || complain "describe $*: $(cat "$work/said")"
}

printf 'alpha\nbeta\ngamma\n' > "$work/classes.txt"
described --name 'Three colours' --author Somebody --license CC0 --version 7 --description 'Says which.' \
  --classes "$work/classes.txt" --normalize 1,2
prints 'name *Three colours' "$linnet" inspect "$out"
for line in 'author *Somebody' 'license *CC0' 'version *7' 'description *Says which\.' 'mean 1, std 2' 'classes.txt: axis labels'; do
  grep -q "$line" "$work/out" || complain "no '$line' in: $(cat "$work/out")"
done
prints 'alpha' "$linnet" run "$out" --input "$data/good-rgb.png"

# What is not given stays, and the answers do.
cp "$out" "$work/first.tflite"
"$linnet" describe "$work/first.tflite" -o "$out" --author 'Somebody else' || complain 'described again'
prints 'author *Somebody else' "$linnet" inspect "$out"
for line in 'name *Three colours' 'mean 1, std 2' 'classes.txt: axis labels'; do
  grep -q "$line" "$work/out" || complain "gone: $line"
done
prints 'alpha' "$linnet" run "$out" --input "$data/good-rgb.png"
described --version 2
"$linnet" run "$colours" --input "$data/good-rgb.png" --json | grep -v '"model"\|_ms' > "$work/plain"
"$linnet" run "$out" --input "$data/good-rgb.png" --json | grep -v '"model"\|_ms' > "$work/again"
cmp -s "$work/plain" "$work/again" || complain "other answers: $(diff "$work/plain" "$work/again")"

fails 2 'no model given' "$linnet" describe -o "$out"
fails 2 'no -o given' "$linnet" describe "$model"
fails 2 '--normalize takes' "$linnet" describe "$model" -o "$out" --normalize 1,0
fails 1 'no-such.txt' "$linnet" describe "$model" -o "$out" --classes "$work/no-such.txt"
fails 1 'no-such.tflite' "$linnet" describe no-such.tflite -o "$out"
finish
