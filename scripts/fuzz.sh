#!/bin/sh
# usage: fuzz.sh BUILD SECONDS [TARGET...]   runs each libFuzzer target for SECONDS and tells how many inputs it tried.
# What a run learns stays in BUILD/corpus; inputs that end one are kept in fuzz/findings. Fails when there are any.
set -eu
build=$1
seconds=$2
shift 2
[ $# -gt 0 ] || set -- $(ls fuzz/fuzz_*.c | sed 's|.*/fuzz_||; s|\.c$||')
mkdir -p fuzz/findings
failed=""
for target in "$@"; do
  seeds=fuzz/corpus/$target
  case $target in
    model) seeds="$seeds tests/ops/cases models" ;;
    npy | image) seeds="$seeds tests/io/data" ;;
  esac
  mkdir -p "$build/corpus/$target"
  log=fuzz/findings/$target.log
  "$build/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=25 -rss_limit_mb=3000 -print_final_stats=1 \
    -artifact_prefix="fuzz/findings/$target-" "$build/corpus/$target" $seeds > "$log" 2>&1 || failed="$failed $target"
  printf '%-10s %10s inputs in %s s\n' "$target" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" "$seconds"
done
[ -z "$failed" ] || { echo "findings in:$failed (fuzz/findings/TARGET.log says what)"; exit 1; }
