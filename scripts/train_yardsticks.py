#!/usr/bin/env python3
"""Training on the Fashion-MNIST yardsticks, beside what TensorFlow and its Model Optimization Toolkit reach on them.

usage: train_yardsticks.py [--linnet build/linnet] [--shared ../shared] [--only REGEX] [--threads N] [--json OUT] [--keep FOLDER]

Each row is `linnet train` (one run, or two) on the 60,000 training pictures; `linnet eval` then counts what its file gets right of the 10,000
test pictures, and beside it stands the row of SHARED/compress/tfmot.json (accuracy only: seconds there are another machine's).
"float" trains the architecture from its specification in examples/models; all others go on from the float file of SHARED/compress,
where the toolkit's rows began too. The data set is Debian's package dataset-fashion-mnist.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import zlib

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DATA = "/usr/share/datasets/fashion-mnist"

QAT = ["--epochs", "2", "--lr", "3e-4", "--qat", "int8", "--ema", "0.99"]
CLUSTER = ["--epochs", "3", "--lr", "5e-4", "--schedule", "cosine", "--cluster", "16"]
# model, row, flags of each run (the next goes on from the file of the one before), row of tfmot.json to compare with, points
# that may be lost against it
ROWS = [
    ("cnn", "float", [["--epochs", "6", "--lr", "2e-3", "--schedule", "cosine"]], "float", 0.3),
    ("cnn", "qat int8", [QAT], "qat_int8", 0),
    ("cnn", "prune 80 %", [["--epochs", "3", "--prune", "0.8"]], "prune80_float", 0),
    ("cnn", "prune 90 %", [["--epochs", "3", "--prune", "0.9"]], "prune90_float", 0),
    ("cnn", "cluster 16", [CLUSTER], "cluster16_float", 0),
    ("cnn", "prune 80 %, cluster 16, int8",
     [["--epochs", "3", "--schedule", "cosine", "--prune", "0.8", "--cluster", "16", "--qat", "int8"]], "float", 0.5),
    ("mbnet", "float", [["--epochs", "6", "--schedule", "cosine"]], "float", 0.3),
    ("mbnet", "qat int8", [QAT], "qat_int8", 0),
    ("mbnet", "prune 80 %", [["--epochs", "3", "--prune", "0.8"]], "prune80_float", 0),
    ("mbnet", "prune 90 %", [["--epochs", "3", "--prune", "0.9", "--ema", "0.99"]], "prune90_float", 0),
    ("mbnet", "cluster 16", [CLUSTER], "cluster16_float", 0),
    ("mbnet", "prune 80 %, cluster 16, int8",
     [["--epochs", "3", "--prune", "0.8"],
      ["--epochs", "2", "--lr", "3e-4", "--schedule", "cosine", "--prune", "keep", "--cluster", "16", "--qat", "int8"]],
     "float", 0.5),
]


def run(words):
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"failed: {' '.join(words)}")
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--linnet", default=os.path.join(ROOT, "build", "linnet"))
    parser.add_argument("--shared", default=os.path.join(ROOT, "..", "shared"))
    parser.add_argument("--only", default="")
    parser.add_argument("--threads", default=str(os.cpu_count() or 1))
    parser.add_argument("--json")
    parser.add_argument("--keep", help="a folder for the trained files")
    args = parser.parse_args()
    with open(os.path.join(args.shared, "compress", "tfmot.json")) as file:
        peers = json.load(file)
    data = [os.path.join(DATA, name) for name in ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
                                                  "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")]
    rows, missed = [], 0
    with tempfile.TemporaryDirectory() as work:
        folder = args.keep or work
        os.makedirs(folder, exist_ok=True)
        print(f"{'':36} {'accuracy':>8} {'peer':>8} {'bytes':>8} {'deflated':>8} {'seconds':>8}")
        for model, row, runs, peer, margin in ROWS:
            name = f"{model} {row}"
            if not re.search(args.only, name):
                continue
            source = os.path.join(args.shared, "compress", f"fashion_{model}_float.tflite")
            if row == "float":
                source = os.path.join(ROOT, "examples", "models", f"{model}.json")
            out = os.path.join(folder, re.sub(r"[^a-z0-9]+", "_", name) + ".tflite")
            seconds = memory = 0
            for index, flags in enumerate(runs):
                made = out if index + 1 == len(runs) else os.path.join(work, f"stage{index}.tflite")
                told = run([args.linnet, "train", source, "--data", data[0], "--labels", data[1], "--batch", "128", "--threads",
                            args.threads, "-o", made, "--quiet", "--json", *flags])
                source, seconds, memory = made, seconds + told["seconds"], max(memory, told["peak_rss_kb"])
            found = run([args.linnet, "eval", out, "--data", data[2], "--labels", data[3], "--threads", args.threads, "--json"])
            deflated = len(zlib.compress(open(out, "rb").read(), 9))
            target = peers[model][peer]["accuracy"]
            short = 100 * (target - found["accuracy"]) > margin + 1e-9
            missed += short
            rows.append({"model": model, "row": row, "runs": runs, "accuracy": found["accuracy"], "peer": peer, "peer_accuracy": target,
                         "bytes": os.path.getsize(out), "deflated": deflated, "seconds": seconds, "peak_rss_kb": memory, "missed": short})
            print(f"{name:36} {100 * found['accuracy']:8.2f} {100 * target:8.2f} {os.path.getsize(out):8} {deflated:8} "
                  f"{seconds:8.1f}{'  more than %.1f points below' % margin if short else ''}", flush=True)
    if args.json:
        with open(args.json, "w") as file:
            json.dump(rows, file, indent=1)
    print(f"{len(rows)} rows, {missed} below what they are compared with")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
