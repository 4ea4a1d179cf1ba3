#!/usr/bin/env python3
"""The kernels that take the most time over a set of models, with what share of the CPU's peak each reaches.

usage: hottest.py [--linnet build/linnet] [--threads 1] [--seconds 0.5] [--count 10] [--json OUT.json] MODEL.tflite...

Each model counts with one run of it. Steps whose operator names no kernel go by the operator.
"""
import argparse
import json
import subprocess


def add_steps(kernels, steps):
    """Adds the steps of `linnet bench --per-op --json` to {name: sums}."""
    for step in steps:
        name = step["op"] + (" " + step["kernel"] if step.get("kernel") else "")
        kernel = kernels.setdefault(name, {"ms": 0.0, "steps": 0, "macs": 0, "peak_ms": 0.0})
        kernel["ms"] += step["ms"]
        kernel["steps"] += 1
        kernel["macs"] += step["macs"]
        # What the multiply-adds would take at the peak of their type: shares of several types add up in time.
        kernel["peak_ms"] += step["ms"] * step.get("peak_percent", 0) / 100


def hottest(kernels, count):
    """The first `count` by time: [{name, ms, share, steps, macs, gops, peak_percent}]; the last 0 where it is not known."""
    total = sum(k["ms"] for k in kernels.values()) or 1
    return [{"name": name, "ms": k["ms"], "share": k["ms"] / total, "steps": k["steps"], "macs": k["macs"],
             "gops": 2 * k["macs"] / k["ms"] / 1e6 if k["ms"] > 0 else 0,
             "peak_percent": 100 * k["peak_ms"] / k["ms"] if k["ms"] > 0 else 0}
            for name, k in sorted(kernels.items(), key=lambda item: -item[1]["ms"])[:count]]


def print_table(rows, threads):
    print(f"{'ms':>9s} {'share':>7s} {'steps':>5s} {'GOP/s':>8s} {'of peak':>8s}  operator and kernel ({threads} thread(s))")
    for row in rows:
        rate = f"{row['gops']:8.1f} {row['peak_percent']:6.1f} %" if row["peak_percent"] > 0 else f"{'':8s} {'':8s}"
        print(f"{row['ms']:9.3f} {100 * row['share']:5.1f} % {row['steps']:5d} {rate}  {row['name']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--linnet", default="build/linnet")
    parser.add_argument("--threads", default="1")
    parser.add_argument("--seconds", default="0.5")
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--json")
    parser.add_argument("models", nargs="+")
    args = parser.parse_args()
    kernels = {}
    for model in args.models:
        done = subprocess.run([args.linnet, "bench", model, "--per-op", "--threads", args.threads, "--seconds", args.seconds,
                               "--json"], capture_output=True, text=True)
        if done.returncode != 0:
            print(f"left out: {done.stderr.strip()}")
            continue
        add_steps(kernels, json.loads(done.stdout)["per_op"])
    rows = hottest(kernels, args.count)
    print_table(rows, args.threads)
    if args.json:
        with open(args.json, "w") as out:
            json.dump(rows, out, indent=1)


if __name__ == "__main__":
    main()
