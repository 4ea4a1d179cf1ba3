#!/bin/sh
# usage: dashboard.sh BUILD_DIR [RESULTS_DIR OUT.html]   builds the dashboard from bench/results into docs/dashboard/index.html.
# Its packages come from npm into BUILD_DIR/dashboard; exit status 77 where they cannot be had.
set -eu
source=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1/dashboard" "${2:-$source/bench/results}"
work=$(cd "$1/dashboard" && pwd)
results=$(cd "${2:-$source/bench/results}" && pwd)
out=${3:-$source/docs/dashboard/index.html}
case $out in /*) ;; *) out=$PWD/$out ;; esac
command -v npm > /dev/null 2>&1 || { echo "no npm: the dashboard is not built"; exit 77; }
if ! cmp -s "$source/docs/dashboard/package-lock.json" "$work/ready"; then
  cp "$source/docs/dashboard/package.json" "$source/docs/dashboard/package-lock.json" "$work/"
  echo "installing into $work: chart.js, esbuild"
  (cd "$work" && npm ci --silent --no-audit --no-fund) || { echo "npm cannot install them: the dashboard is not built"; exit 77; }
  cp "$source/docs/dashboard/package-lock.json" "$work/ready"
fi
cd "$work"
node "$source/docs/dashboard/build.mjs" "$results" "$out"
