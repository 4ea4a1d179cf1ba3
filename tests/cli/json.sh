#!/bin/sh
# Everything that --json prints is JSON, with the keys that scripts rely on.
. "$(dirname "$0")/lib.sh"
python=${PYTHON:-python3}
command -v "$python" > /dev/null 2>&1 || { echo "skipped: no python3"; exit 77; }

# valid EXPRESSION COMMAND...: the output is one JSON value `v` for which EXPRESSION holds
valid() {
  expression=$1
  shift
  "$@" > "$work/out" 2> "$work/err" || complain "exit status $?: $* : $(cat "$work/err")"
  "$python" -c "import json, sys; v = json.load(open(sys.argv[1])); sys.exit(0 if $expression else 1)" "$work/out" \
    2> /dev/null || complain "not ($expression): $* : $(head -c 300 "$work/out")"
}

echo '1 2 nan' > "$work/three.txt"
figures="'load_ms first_ms median_ms min_ms p95_ms runs threads peak_rss_kb bare_rss_kb arena_bytes weight_bytes'.split()"
for model in "$models"/*.tflite; do
  valid "v['graphs'][0]['operators'] and v['bytes'] > 0" "$linnet" inspect "$model" --json
done
valid "v['metadata']['files'][0]['name'] == 'labels.txt' and v['signatures'][0]['inputs'][0]['std'] == 255" \
  "$linnet" inspect "$models/colours.tflite" --json
valid "[s['name'] for s in v['signatures']] == ['both', 'flat']" "$linnet" inspect "$models/squares.tflite" --json
valid "all(k in v for k in $figures) and v['runs'] >= 5" "$linnet" bench "$models/open.tflite" --seconds 0.01 --json
valid "v['peak']['f32_gflops'] > 0 and v['peak']['i8_gops'] > 0 and v['peak']['copy_gb_s'] > 0" \
  "$linnet" bench --peak --threads 2 --json
layers="[(l['layer'], l['type'], l['macs']) for l in v['layers']] == [('conv 3x3 224x224x3 to 112x112x32', t, 112 * 112 * 32 * 27) for t in ('float32', 'int8')]"
rates="all(abs(l['gops'] - 2e-6 * l['macs'] / l['ms']) < 1e-3 * l['gops'] and abs(l['peak_percent'] - 100 * l['gops'] / p) < 1e-3 * l['peak_percent'] and l['kernel'] and l['runs'] >= 3 for l, p in zip(v['layers'], (v['peak']['f32_gflops'], v['peak']['i8_gops'])))"
valid "$layers and $rates" "$linnet" bench --layers 'conv 3x3 224' --seconds 0 --json
valid "$layers and $rates and v['tier'] == 'generic' and all('generic' in l['kernel'] for l in v['layers'])" \
  env LINNET_CPU=generic "$linnet" bench --layers 'conv 3x3 224' --seconds 0 --threads 2 --json
valid "[l['type'] for l in v['layers']] == ['float32', 'int8'] and v['layers'][0]['macs'] == 28 * 28 * 256 * 25" \
  "$linnet" bench --layers 'depthwise 5x5' --seconds 0 --json
valid "len(v['layers']) == 2 and v['layers'][0]['macs'] == 512 ** 3" \
  "$linnet" bench --layers 'product 512x512x512' --seconds 0 --json
valid "[o['name'] for o in v['verify']] and all(o['unequal'] == 0 and o['max_abs'] == 0 for o in v['verify'])" \
  "$linnet" bench "$models/open.tflite" --verify --json
valid "v['verify'][0]['elements'] == 10 and v['verify'][0]['top1_agree'] == 1 and v['verify'][0]['cosine'] > 0.9999" \
  "$linnet" bench "$tests/../models/fashion_mnist.tflite" --verify --threads 2 --json
valid "v['verify'][0]['elements'] == 3" "$linnet" bench "$models/open.tflite" --verify --input "$work/three.txt" --json
valid "v['per_op'][0]['op'] == 'MUL' and v['per_op'][0]['input_bytes'] == 24 and v['peak']['f32_gflops'] > 0" "$linnet" bench "$models/open.tflite" --seconds 0.01 --per-op --json
valid "len(v) > 200 and all(r['kernel'] == (r['kernel_not_yet'] is None) for r in v)" "$linnet" ops --json
valid "v['outputs'][0]['first'][:2] == [1, 4] and v['outputs'][0]['shape'] == [1, 3]" \
  "$linnet" run "$models/open.tflite" --input "$work/three.txt" --json
"$linnet" version | grep -q libpng &&
  valid "[c['label'] for c in v['outputs'][0]['classes']] == ['blue', 'green', 'red']" \
    "$linnet" run "$models/colours.tflite" --input "$data/good-rgb.png" --json
if [ -d "$shared/models" ]; then
  for model in "$shared"/models/*.tflite; do valid "'graphs' in v" "$linnet" inspect "$model" --json; done
fi
finish
