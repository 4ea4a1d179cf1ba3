#!/usr/bin/env python3
"""scripts/bench.py reads what `linnet bench --json` prints, and gets every figure of the table from it.

usage: script.py SOURCE_DIR LINNET
"""
import json
import os
import subprocess
import sys
import tempfile

source, linnet = sys.argv[1:]
with tempfile.TemporaryDirectory() as folder:
    figures = os.path.join(folder, "figures.json")
    done = subprocess.run([sys.executable, os.path.join(source, "scripts", "bench.py"), "--linnet", linnet, "--seconds", "0.01",
                           "--threads", "1,2", "--rounds", "1", "--golden", "", "--json", figures, os.path.join(source, "models", "fashion_mnist.tflite")],
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"FAILED: exit status {done.returncode}: {done.stderr}")
    result = json.load(open(figures))
    got = result["threads"]["2"]["models"]["fashion_mnist"]
    for figure in ("median_ms", "start_ms", "memory_kb"):
        if not got.get("linnet", {}).get(figure, 0) > 0:
            sys.exit(f"FAILED: no {figure} of linnet: {got}")
    if not result["peak"]["1"]["f32_gflops"] > 0 or result["models"]["fashion_mnist"]["type"] not in ("int8", "float32"):
        sys.exit(f"FAILED: no peak, or no type of the model: {result}")
    if not result["kernels"] or not result["kernels"][0]["share"] > 0:
        sys.exit(f"FAILED: no kernels: {result}")
    if len(result["models"]["fashion_mnist"]["steps"]) < 3 or not result["version"] or not result["date"]:
        sys.exit(f"FAILED: something is missing: {result}")
    # A command that is no linnet at all ends the script instead of leaving a gap in the table.
    done = subprocess.run([sys.executable, os.path.join(source, "scripts", "bench.py"), "--linnet", "echo", "--seconds", "0.01",
                           "--rounds", "1", os.path.join(source, "models", "fashion_mnist.tflite")], capture_output=True, text=True)
    if done.returncode == 0:
        sys.exit("FAILED: took the output of `echo` for figures")
print("0 failed")
