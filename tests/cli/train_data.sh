#!/bin/sh
# linnet train on tables, archives and folders: what it learns of them, and one line with the file and the sample for data
# that are bad, with nothing written.
. "$(dirname "$0")/lib.sh"
source=$tests/..
python=${PYTHON:-python3}
out=$work/out.tflite
"$linnet" version | grep -q cJSON || { echo 'skipped: this build reads no specifications'; exit 77; }
cat > "$work/three.json" <<'EOF'
{"input": {"name": "x", "shape": [2]},
 "layers": [{"layer": "Dense", "units": 16, "activation": "tanh"}, {"layer": "Dense", "units": 3}]}
EOF
cat > "$work/one.json" <<'EOF'
{"input": {"name": "x", "shape": [2]}, "layers": [{"layer": "Dense", "units": 1}]}
EOF
cat > "$work/pixels.json" <<'EOF'
{"input": {"name": "image", "shape": [28, 28, 1]},
 "layers": [{"layer": "Flatten"}, {"layer": "Dense", "units": 2}]}
EOF

# Points in three sectors of a circle, with names; and a plane.
awk 'BEGIN { split("east,north,west", name, ",")
  print "x,\"where\",y"
  for (i = 0; i < 300; i++) {
    c = i % 3; a = 2.1 * c + (i % 7 - 3) / 5; r = 1 + i % 11 / 10
    printf "%.4f,%s,%.4f\n", r * cos(a), i % 2 ? "\"" name[c + 1] "\"" : name[c + 1], r * sin(a)
  } }' > "$work/points.csv"
awk 'BEGIN { print "a;b;price"
  for (i = 0; i < 200; i++) printf "%.3f;%.3f;%.4f\n", i % 13 / 6 - 1, i % 7 / 3 - 1, 2 * (i % 13 / 6 - 1) - (i % 7 / 3 - 1) + 0.5 }' \
  > "$work/plane.csv"

# trains PATTERN ARGUMENTS...: and --json says so
trains() {
  pattern=$1
  shift
  rm -f "$out"
  "$linnet" train "$@" -o "$out" --json > "$work/said" 2> "$work/err" || complain "train $*: $(cat "$work/err")"
  tr -d '\n' < "$work/said" | grep -qE "$pattern" || complain "train $*: not $pattern in $(tail -12 "$work/said")"
  [ -s "$out" ] || complain "train $*: no model"
}
# bad PATTERN ARGUMENTS...: one line that says so, status 1, no model
bad() {
  pattern=$1
  shift
  rm -f "$out"
  fails 1 "$pattern" "$linnet" train "$@" -o "$out" --quiet
  [ ! -e "$out" ] || complain "wrote a model: $*"
}

# ---- what is learned ----
trains '"samples": 9600,.*"validation_accuracy": (1|0\.9)' "$work/three.json" --data "$work/points.csv" --labels where \
  --split 0.2 --epochs 40 --batch 16 --lr 0.02
"$linnet" eval "$out" --data "$work/points.csv" --labels where > "$work/said" 2>&1 || complain "eval: $(cat "$work/said")"
grep -qE 'accuracy (1|0\.9)' "$work/said" || complain "eval: $(cat "$work/said")"
trains '"loss": (0\.00|[0-9.]*e-)' "$work/one.json" --data "$work/plane.csv" --loss mse --epochs 60 --batch 20 --lr 0.05
cp "$work/said" "$work/first"
trains '.' "$work/three.json" --data "$work/points.csv" --labels where --split 0.2 --epochs 3 --mixup 0.2 --noise 0.02
cp "$out" "$work/mixed.tflite"
trains '.' "$work/three.json" --data "$work/points.csv" --labels where --split 0.2 --epochs 3 --mixup 0.2 --noise 0.02 --threads 2
cmp -s "$out" "$work/mixed.tflite" || complain 'augmentation depends on threads'
# Validation in a table of its own has the same classes, though it holds fewer names.
{ head -1 "$work/points.csv"; grep west "$work/points.csv" | tail -20; } > "$work/west.csv"
trains '"validation_accuracy": (1|0\.9)' "$work/three.json" --data "$work/points.csv" --labels where \
  --validation "$work/west.csv" --epochs 40 --batch 16 --lr 0.02

# ---- tables that are bad ----
sed '17s/.*/0.5,west,?/' "$work/points.csv" > "$work/bad.csv"
bad 'bad.csv: line 17: column "y" is "?", which is no number' "$work/three.json" --data "$work/bad.csv" --labels where
sed '17s/.*/,west,1/' "$work/points.csv" > "$work/bad.csv"
bad 'bad.csv: line 17: column "x" is empty' "$work/three.json" --data "$work/bad.csv" --labels where
sed '17s/.*/NaN,west,1/' "$work/points.csv" > "$work/bad.csv"
bad 'bad.csv: line 17: column "x" is "NaN"' "$work/three.json" --data "$work/bad.csv" --labels where
sed '17s/.*/1,2,west,1/' "$work/points.csv" > "$work/bad.csv"
bad 'bad.csv: line 17 has 4 fields' "$work/three.json" --data "$work/bad.csv" --labels where
sed '17s/,.*,/,up,/' "$work/points.csv" > "$work/bad.csv"
bad 'column "where" holds 4 names, but the model has 3 classes' "$work/three.json" --data "$work/bad.csv" --labels where
bad 'points.csv: there is no column "place"' "$work/three.json" --data "$work/points.csv" --labels place
bad 'column "price": the label of sample 0 is ' "$work/three.json" --data "$work/plane.csv"
sed 's/west/up/' "$work/west.csv" > "$work/up.csv"
bad 'up.csv: class "up" is none of the 3' "$work/three.json" --data "$work/points.csv" --labels where --validation "$work/up.csv"
fails 2 'split takes the place of --validation' "$linnet" train "$work/three.json" --data "$work/points.csv" --labels where \
  --split 0.2 --validation "$work/west.csv" -o "$out"
bad 'flip: the model has no input of pictures' "$work/three.json" --data "$work/points.csv" --labels where --flip horizontal
bad 'flip: ' "$work/three.json" --data "$work/points.csv" --labels where --flip sideways

# Names of classes go into the model.
rm -f "$out"
trains '.' "$work/three.json" --data "$work/points.csv" --labels where --epochs 40 --batch 16 --lr 0.02
printf '\223NUMPY\001\000\166\000%-117s\n\000\000\000\277\000\000\200\277' \
  "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }" > "$work/west.npy" # -0.5, -1
prints 'west' "$linnet" run "$out" --input "$work/west.npy"

# ---- folders that are bad ----
mkdir -p "$work/photos/bag" "$work/photos/shirt" "$work/photos/boot"
for i in 1 2 3; do
  cp "$source/examples/fashion/bag.bmp" "$work/photos/bag/$i.bmp"
  cp "$source/examples/fashion/ankle_boot.bmp" "$work/photos/boot/$i.bmp"
done
bad 'photos: folder "shirt" holds no picture or sound: a class without samples' "$work/pixels.json" --data "$work/photos"
rmdir "$work/photos/shirt"
trains '"samples": 24,' "$work/pixels.json" --data "$work/photos" --epochs 4 --flip horizontal --crop 2
trains '.' "$work/pixels.json" --data "$work/photos" --epochs 1 --rotate 20 --show-augmented "$work/sheet.bmp"
[ "$(wc -c < "$work/sheet.bmp")" -eq 146214 ] || complain "a sheet of $(wc -c < "$work/sheet.bmp") bytes" # 9 x 6 pictures
cmp -s "$work/sheet.bmp" /dev/null && complain 'an empty sheet'
bad 'sheet.bmp: the first input takes no pictures' "$work/three.json" --data "$work/points.csv" --labels where \
  --show-augmented "$work/sheet.bmp"
head -c 300 "$source/examples/fashion/bag.bmp" > "$work/photos/bag/2.bmp"
bad 'photos/bag/2.bmp: ' "$work/pixels.json" --data "$work/photos" --epochs 4
cp "$work/photos/bag/2.bmp" "$work/photos/boot/3.bmp"
cp "$work/photos/bag/2.bmp" "$work/photos/boot/1.bmp"
bad 'photos/b[a-z]*/[123].bmp: ' "$work/pixels.json" --data "$work/photos" --epochs 4
cp "$work/err" "$work/told"
bad 'photos/' "$work/pixels.json" --data "$work/photos" --epochs 4 --threads 4
cmp -s "$work/err" "$work/told" || complain "another picture is told of with four threads: $(cat "$work/told" "$work/err")"

finish
