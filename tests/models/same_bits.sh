#!/bin/sh
# The same bits everywhere: same_bits.sh LINNET SHARED_DIR runs every model of SHARED_DIR/golden with one and two threads
# in every tier. Two threads must give the bytes of one; an integer output must have the same bytes in every tier.
set -eu
linnet=$1
shared=$2
[ -d "$shared/golden" ] || { echo "skipped: no $shared/golden"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
models=0
failed=0
IFS='
' # a signature's name may hold spaces

complain() {
  echo "$1"
  failed=$((failed + 1))
}

# run_model TIER THREADS: outputs into $work/TIER.THREADS; $model, $signature and $inputs say of what
run_model() {
  out=$work/$1.$2
  rm -rf "$out"
  mkdir "$out"
  set -- "$1" "$2" "$linnet" run "$shared/models/$model.tflite" --threads "$2" --invocations 2 --output-dir "$out"
  [ "$signature" = main ] || set -- "$@" --signature "$signature"
  for input in $inputs; do set -- "$@" --input "$input"; done
  tier=$1
  shift 2
  LINNET_CPU=$tier "$@" > /dev/null 2> "$work/message"
}

for folder in "$shared"/golden/*/; do
  model=$(basename "$folder")
  for signature in $(ls "$folder" | sed -n 's/\.in\.[0-9]*\.npy$//p; s/\.out\.[0-9]*\.npy$//p' | sort -u); do
    inputs=$(ls "$folder" | grep "^$signature\.in\." | sort -t. -k3 -n | sed "s|^|$folder|")
    models=$((models + 1))
    if ! run_model generic 1; then
      complain "$model $signature: $(cat "$work/message")"
      continue
    fi
    for tier in generic avx2 avx512 avx512vnni avx512bf16; do
      run_model $tier 1 && run_model $tier 2 || { complain "$model $signature $tier: $(cat "$work/message")"; continue; }
      diff -r "$work/$tier.1" "$work/$tier.2" > /dev/null || complain "$model $signature $tier: two threads give other bits"
      for file in "$work/$tier.1"/*.npy; do
        if head -c 128 "$file" | grep -a -q "'[<|]*[iub][0-9]"; then
          cmp -s "$file" "$work/generic.1/$(basename "$file")" ||
            complain "$model $signature: $(basename "$file") in $tier differs from generic"
        fi
      done
    done
  done
done
echo "$models models, $failed differences"
[ "$failed" -eq 0 ]
