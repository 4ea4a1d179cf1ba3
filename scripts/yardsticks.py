#!/usr/bin/env python3
"""The optimizer on the Fashion-MNIST yardsticks, beside what TensorFlow's tools reach on them.

usage: yardsticks.py [--linnet build/linnet] [--shared ../shared] [--only REGEX] [--threads N] [--json OUT]

Every setting is `linnet optimize` on the float models of SHARED/compress, with training pictures as calibration;
`linnet eval` then counts what is right of the 10,000 test pictures. Where ai_edge_litert is installed, it runs the same
files (those with forms of our own apart), and where tfmot.json has a row, that stands beside. The data set is Debian's
package dataset-fashion-mnist.
needs: numpy
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "scripts", "fashion"))
from data_set import load  # noqa: E402

CASCADE = ["--prune", "0.8", "--cluster", "16", "--quantize", "int8"]
# name, flags, calibration pictures, row of tfmot.json, points that may be lost against it (or against the float model),
# share of the float file that may be taken, whether stock LiteRT reads the file
SETTINGS = [
    ("int8", ["--quantize", "int8"], 200, "int8", 0.1, None, True),
    ("int16x8", ["--quantize", "int16x8"], 200, "16x8", 0.1, None, True),
    ("dynamic", ["--quantize", "dynamic"], 0, "dynamic", 0.1, None, True),
    ("float16", ["--quantize", "float16"], 0, "fp16", 0.1, None, True),
    ("int4-weights", ["--quantize", "int4-weights"], 0, None, 1.0, None, True),
    ("int4-weights, learned", ["--quantize", "int4-weights", "--set", "quantize.rounding=learned"], 200, None, 1.0, None, True),
    ("prune 50 %", ["--prune", "0.5"], 2000, None, 1.0, None, True),
    ("prune 80 %", ["--prune", "0.8"], 2000, None, 1.0, None, True),
    ("prune 90 %", ["--prune", "0.9"], 2000, None, None, None, True),
    ("cluster 16", ["--cluster", "16"], 1000, None, 0.5, None, False),
    ("prune 50 %, cluster 16, int8", ["--prune", "0.5"] + CASCADE[2:], 2000, None, 1.5, 0.15, False),
    ("prune 80 %, cluster 16, int8", CASCADE, 2000, None, 1.5, 0.15, False),
    ("cluster 16, int8", CASCADE[2:], 1000, None, 1.5, None, False),
]


def data_set(folder, part):
    pictures, labels = load(folder, part)
    return pictures[..., None].astype(np.float32) / 255, labels.astype(np.int32)


def run(words):
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(words)}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def litert_accuracy(path, samples, labels):
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        return None
    interpreter = Interpreter(path)
    interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    right = 0
    for sample, label in zip(samples, labels):
        interpreter.set_tensor(source["index"], sample[None])
        interpreter.invoke()
        right += int(np.argmax(interpreter.get_tensor(target["index"])) == label)
    return right / len(labels)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--linnet", default=os.path.join(ROOT, "build", "linnet"))
    p.add_argument("--shared", default=os.path.join(ROOT, "..", "shared"))
    p.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    p.add_argument("--only", default="")
    p.add_argument("--threads", default="2")
    p.add_argument("--json")
    a = p.parse_args()
    with open(os.path.join(a.shared, "compress", "tfmot.json")) as f:
        tfmot = json.load(f)
    test, labels = data_set(a.data, "t10k")
    train, _ = data_set(a.data, "train")
    rows = []
    with tempfile.TemporaryDirectory() as work:
        np.save(work + "/x.npy", test)
        np.save(work + "/y.npy", labels)
        for count in {s[2] for s in SETTINGS if s[2]}:
            np.save(f"{work}/{count}.npy", train[:count])
        judge = ["--data", work + "/x.npy", "--labels", work + "/y.npy", "--threads", a.threads, "--json"]
        print(f"{'model':6} {'setting':30} {'bytes':>8} {'share':>6} {'accuracy':>9} {'LiteRT':>8} {'TF acc.':>8} {'TF bytes':>9}  verdict")
        for model in ("cnn", "mbnet"):
            source = os.path.join(a.shared, "compress", f"fashion_{model}_float.tflite")
            whole, floats = os.path.getsize(source), run([a.linnet, "eval", source] + judge)["accuracy"]
            for name, flags, count, row, points, share, stock in [("float", None, 0, "float", 0.05, None, True)] + SETTINGS:
                if not re.search(a.only, name):
                    continue
                out = source if flags is None else f"{work}/{model}.tflite"
                if flags is not None:
                    data = ["--data", f"{work}/{count}.npy"] if count else []
                    run([a.linnet, "optimize", source, "-o", out, "--no-measure", "--threads", a.threads, "--json"] + flags + data)
                got, size = run([a.linnet, "eval", out] + judge)["accuracy"], os.path.getsize(out)
                other = litert_accuracy(out, test, labels) if stock else None
                theirs = tfmot[model].get(row) if row else None
                wrong = []
                floor = (theirs["accuracy"] if theirs else floats) - points / 100 if points is not None else 0
                if got < floor - 1e-9:
                    wrong.append(f"accuracy under {100 * floor:.2f} %")
                if theirs and size > theirs["bytes"]:
                    wrong.append("larger than TensorFlow's")
                if share and size > share * whole:
                    wrong.append(f"over {share} of the float file")
                if other is not None and abs(other - got) > 0.0005 + 1e-9:
                    wrong.append(f"LiteRT {100 * (other - got):+.2f}")
                print(f"{model:6} {name:30} {size:8} {size / whole:6.3f} {100 * got:7.2f} % "
                      f"{f'{100 * other:.2f} %' if other is not None else '-':>8} "
                      f"{'%.2f %%' % (100 * theirs['accuracy']) if theirs else '-':>8} {theirs['bytes'] if theirs else '-':>9}  "
                      f"{', '.join(wrong) or 'good'}", flush=True)
                rows.append({"model": model, "setting": name, "flags": flags, "calibration": count, "bytes": size,
                             "share": round(size / whole, 4), "accuracy": got, "litert": other,
                             "tensorflow": theirs, "missed": wrong})
    if a.json:
        with open(a.json, "w") as f:
            json.dump({"rows": rows}, f, indent=1)
            f.write("\n")
    return sum(bool(row["missed"]) for row in rows) > 0


if __name__ == "__main__":
    sys.exit(main())
