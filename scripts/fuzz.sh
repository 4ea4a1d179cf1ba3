#!/bin/sh
# usage: fuzz.sh BUILD SECONDS|total:SECONDS [TARGET...]
# Runs each libFuzzer target in turn, for SECONDS each or for equal shares of a total, and tells how many inputs it
# tried. What a run learns stays in BUILD/corpus, so that the next goes on from there; inputs that end one are kept in
# fuzz/findings. Fails when there are any. SEED says where the sample of the operators' cases begins.
set -eu
build=$1
seconds=$2
shift 2
[ $# -gt 0 ] || set -- $(ls fuzz/fuzz_*.c | sed 's|.*/fuzz_||; s|\.c$||')
case $seconds in
  total:*) seconds=$((${seconds#total:} / $#)) ;;
esac
mkdir -p fuzz/findings
# Of the operators' cases a sample: to read all would take a short run's whole time.
cases=fuzz/findings/cases.txt
find tests/ops/cases -name '*.tflite' -size -8k | LC_ALL=C sort |
  awk -v first="${SEED:-1}" 'NR % 15 == first % 15' | paste -s -d , - > "$cases"
failed=""
all=0
for target in "$@"; do
  seeds=fuzz/corpus/$target
  sample=""
  case $target in
    model) seeds="$seeds models" sample=-seed_inputs=@$cases ;;
    checkpoint) seeds="$seeds tests/ops/checkpoints" ;;
    npy | image) seeds="$seeds tests/io/data" ;;
  esac
  mkdir -p "$build/corpus/$target"
  log=fuzz/findings/$target.log
  "$build/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=25 -rss_limit_mb=3000 -print_final_stats=1 $sample \
    -artifact_prefix="fuzz/findings/$target-" "$build/corpus/$target" $seeds > "$log" 2>&1 || failed="$failed $target"
  tried=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  all=$((all + ${tried:-0}))
  printf '%-10s %10s inputs in %s s, coverage %s\n' "$target" "${tried:-0}" "$seconds" \
    "$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)"
done
echo "$# targets, $all inputs, $((seconds * $#)) s"
[ -z "$failed" ] || { echo "findings in:$failed (fuzz/findings/TARGET.log says what)"; exit 1; }
