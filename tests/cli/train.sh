#!/bin/sh
# linnet train: mistakes in the command line are status 2, bad models and samples status 1, each one line; the result does
# not depend on threads, nor on being killed and resumed; a checkpoint that cannot be written loses nothing.
. "$(dirname "$0")/lib.sh"
source=$tests/..
python=${PYTHON:-python3}
spec=$work/net.json
out=$work/out.tflite

"$linnet" version | grep -q cJSON || { echo 'skipped: this build reads no specifications'; exit 77; }
"$python" "$source/scripts/fashion/samples.py" "$work" || { echo 'skipped: no samples without Python'; exit 77; }
x=$work/pictures.npy
y=$work/labels.npy
cat > "$spec" <<'EOF'
{"input": {"name": "image", "shape": [28, 28, 1]},
 "layers": [{"layer": "Conv2D", "filters": 4, "kernel_size": 3, "strides": 2, "padding": "same"},
            {"layer": "BatchNormalization"}, {"layer": "ReLU"},
            {"layer": "MaxPooling2D"}, {"layer": "Flatten"}, {"layer": "Dropout", "rate": 0.2},
            {"layer": "Dense", "units": 10}]}
EOF

# nothing STATUS PATTERN COMMAND...: fails so, and writes nothing
nothing() {
  fails "$@"
  [ ! -e "$out" ] || { complain "wrote $out: $*"; rm -f "$out"; }
}
# trains OUT ARGUMENTS...
trains() {
  to=$1
  shift
  "$linnet" train "$spec" --data "$x" --labels "$y" --quiet -o "$to" "$@" > "$work/said" 2> "$work/err" ||
    complain "train $*: $(cat "$work/err")"
}

prints 'usage: linnet train' "$linnet" train --help
prints '^optimizer adam: ' "$linnet" train --list

# ---- the command line ----
nothing 2 'no model given' "$linnet" train --data "$x" -o "$out"
nothing 2 'no --data given' "$linnet" train "$spec" -o "$out"
nothing 2 'no -o given' "$linnet" train "$spec" --data "$x"
nothing 2 '--resume goes with --checkpoint' "$linnet" train "$spec" --data "$x" -o "$out" --resume
nothing 2 'no option --momentumm' "$linnet" train "$spec" --data "$x" -o "$out" --momentumm 1
nothing 1 'learning_rate: a number' "$linnet" train "$spec" --data "$x" --labels "$y" -o "$out" --lr fast
nothing 1 'optimizer: "magic" is none of' "$linnet" train "$spec" --data "$x" --labels "$y" -o "$out" --optimizer magic
nothing 1 'not in use' "$linnet" train "$spec" --data "$x" --labels "$y" -o "$out" --optimizer adam --nesterov
nothing 1 'no weight that can be trained fits' "$linnet" train "$spec" --data "$x" --labels "$y" -o "$out" --train nowhere

nothing 1 'nowhere.tflite: cannot open' "$linnet" train "$work/nowhere.tflite" --data "$x" --labels "$y" -o "$out"
nothing 1 'nowhere.tflite: cannot open' "$linnet" train "$spec" --teacher "$work/nowhere.tflite" --data "$x" --labels "$y" -o "$out"

# ---- data ----
"$python" - "$work" <<'EOF'
import struct, sys
work = sys.argv[1]
def npy(name, kind, shape, data):
    head = ("{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (kind, shape)).ljust(117) + "\n"
    open(f"{work}/{name}", "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + data)
labels = bytearray(open(f"{work}/labels.npy", "rb").read()[-400:])
labels[17] = 10
npy("far.npy", "|u1", "(400,)", bytes(labels))
npy("few.npy", "|u1", "(7,)", bytes(7))
values = [0.5] * (40 * 784)
values[11 * 784 + 5] = float("nan")
npy("nan.npy", "<f4", "(40, 28, 28)", struct.pack("<%df" % len(values), *values))
npy("forty.npy", "|u1", "(40,)", bytes(i % 10 for i in range(40)))
EOF
nothing 1 'label of sample 17 is 10' "$linnet" train "$spec" --data "$x" --labels "$work/far.npy" -o "$out"
nothing 1 '7 labels for the 400 samples' "$linnet" train "$spec" --data "$x" --labels "$work/few.npy" -o "$out"
nothing 1 'sample 11: element 5 of input "image" is NaN' "$linnet" train "$spec" --data "$work/nan.npy" --labels "$work/forty.npy" -o "$out"
nothing 1 'its loss is' "$linnet" train "$spec" --data "$x" --labels "$y" -o "$out" --optimizer sgd --loss mse --lr 1e6 --epochs 50 --quiet
nothing 1 'no sample is of class' "$linnet" train "$spec" --data "$x" --labels "$y" -o "$out" --class-weights balanced

# ---- one result ----
trains "$work/one.tflite" --epochs 3 --batch 64 --threads 1
trains "$work/two.tflite" --epochs 3 --batch 64 --threads 2
cmp -s "$work/one.tflite" "$work/two.tflite" || complain 'two threads train another model than one'
trains "$work/other.tflite" --epochs 3 --batch 64 --seed 2
cmp -s "$work/one.tflite" "$work/other.tflite" && complain 'another seed trains the same model'
trains "$work/json.tflite" --epochs 2 --batch 64 --json --validation "$x" "$y"
"$python" - "$work/said" <<'EOF' || complain 'what --json printed'
import json, sys
told = json.load(open(sys.argv[1]))
assert len(told["epochs"]) == 2 and told["steps"] == 14 and told["samples"] == 800, told
assert told["seconds"] > 0 and told["samples_per_second"] > 0 and told["peak_rss_kb"] > 0, told
assert told["epochs"][1]["loss"] < told["epochs"][0]["loss"], told
assert 0 < told["epochs"][1]["validation_accuracy"] <= 1, told
EOF

trains "$work/log.tflite" --epochs 2 --batch 64 --log "$work/log.html" --validation "$x" "$y" --metrics accuracy,confusion-matrix
"$python" - "$work/log.html" <<'EOF' || complain 'what --log wrote'
import json, re, shutil, subprocess, sys
page = open(sys.argv[1]).read()
assert "https://" not in page and "/*DATA*/" not in page
data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S).group(1))
assert data["ended"] and data["steps"] == data["all_steps"] == 14 and len(data["epochs"]) == 2, data
assert [len(row) for row in data["confusion"]] == [10] * 10 and sum(map(sum, data["confusion"])) == 400, data
assert sum(data["confusion"][i][i] for i in range(10)) == round(400 * data["epochs"][1]["validation_accuracy"]), data
assert len(data["loss"]) == 14 and data["options"]["batch"] == "64", data
browser = next((b for b in ("chromium", "chromium-browser", "google-chrome") if shutil.which(b)), None)
if browser:
    try:
        drawn = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=3000", "--dump-dom",
                                "file://" + sys.argv[1]], capture_output=True, text=True, timeout=100).stdout
    except subprocess.TimeoutExpired:
        drawn = ""
    if "<html" not in drawn:
        print("the browser does not start: what the page draws was not looked at")
    else:
        drawn = re.sub(r"<script.*?</script>", "", drawn, flags=re.S)
        assert drawn.count("<polyline") == 7 and drawn.count("<tr") >= 4, drawn
EOF

# ---- killed and resumed ----
# killed NAME ARGUMENTS...: kill -9 in mid-training, then resume: the weights of an unbroken run
killed() {
  name=$1
  shift
  trains "$work/whole.tflite" --batch 16 --epochs 12 "$@"
  rm -rf "$work/state" "$work/broken.tflite"
  "$linnet" train "$spec" --data "$x" --labels "$y" --quiet -o "$work/broken.tflite" --batch 16 --epochs 12 "$@" \
    --checkpoint "$work/state" --checkpoint-every 0 > /dev/null 2>&1 &
  process=$!
  tries=0
  until [ -e "$work/state/training.checkpoint" ] || [ $tries -eq 200 ]; do
    sleep 0.05
    tries=$((tries + 1))
  done
  sleep 0.05
  kill -9 $process 2> /dev/null
  wait $process 2> /dev/null
  [ ! -e "$work/broken.tflite" ] || echo "note: $name: the run ended before it was killed"
  trains "$work/broken.tflite" --batch 16 --epochs 12 "$@" --checkpoint "$work/state" --resume
  cmp -s "$work/whole.tflite" "$work/broken.tflite" || complain "$name: resumed, the result is another one"
}
killed plain
killed all --threads 2 --prune 0.5 --qat int8 --ema 0.9 --best --validation "$x" "$y" --optimizer adamw

trains "$work/state.tflite" --batch 16 --epochs 1 --checkpoint "$work/kept"
cp -r "$work/kept" "$work/longer"
trains "$work/state.tflite" --batch 16 --epochs 3 --checkpoint "$work/longer" --resume --json
"$python" - "$work/said" <<'EOF' || complain 'a resumed run does not tell of its beginning'
import json, sys
told = json.load(open(sys.argv[1]))
assert [row["epoch"] for row in told["epochs"]] == [1, 2, 3] and told["samples"] == 1200 and told["steps"] == 75, told
seconds = [row["seconds"] for row in told["epochs"]]
assert seconds == sorted(seconds), told
EOF
echo broken > "$work/longer/training.history"
trains "$work/state.tflite" --batch 16 --epochs 4 --checkpoint "$work/longer" --resume --json
nothing 1 'training with other options' "$linnet" train "$spec" --data "$x" --labels "$y" -o "$out" --batch 16 --lr 0.5 \
  --checkpoint "$work/kept" --resume
printf 'x' | dd of="$work/kept/training.checkpoint" bs=1 seek=300 conv=notrunc 2> /dev/null
nothing 1 'damaged' "$linnet" train "$spec" --data "$x" --labels "$y" -o "$out" --batch 16 --checkpoint "$work/kept" --resume

# ---- a full disk: files may hold 1024 bytes ----
trains "$work/state.tflite" --batch 16 --epochs 1 --checkpoint "$work/full"
cp "$work/full/training.checkpoint" "$work/before"
(
  trap '' XFSZ
  ulimit -f 2
  "$linnet" train "$spec" --data "$x" --labels "$y" -o "$out" --batch 16 --epochs 2 --checkpoint "$work/full" --resume --quiet
) > "$work/said" 2> "$work/err" < /dev/null && complain 'a checkpoint that cannot be written is no error'
grep -q 'training.checkpoint' "$work/err" || complain "a full disk: $(cat "$work/err")"
cmp -s "$work/before" "$work/full/training.checkpoint" || complain 'a full disk damaged the checkpoint before'
[ ! -e "$out" ] || complain 'a full disk: a model was written'

finish
