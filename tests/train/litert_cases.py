#!/usr/bin/env python3
"""LiteRT runs the cases that a test leaves in a folder, with the same outputs: litert_cases.py TEST

Skips (77) without LiteRT.
"""
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)


def run(folder, case):
    """How far LiteRT's outputs are apart, in parts of the largest."""
    interpreter = Interpreter(os.path.join(folder, case + ".tflite"))
    interpreter.allocate_tensors()
    for i, detail in enumerate(interpreter.get_input_details()):
        data = np.fromfile(os.path.join(folder, f"{case}.in.{i}"), detail["dtype"]).reshape(detail["shape"])
        interpreter.set_tensor(detail["index"], data)
    interpreter.invoke()
    worst = 0.0
    for i, detail in enumerate(interpreter.get_output_details()):
        is_ = interpreter.get_tensor(detail["index"]).ravel().astype(np.float64)
        wanted = np.fromfile(os.path.join(folder, f"{case}.out.{i}"), np.float32).astype(np.float64)
        if is_.size != wanted.size or not np.isfinite(is_).all():
            return float("inf")
        worst = max(worst, np.abs(is_ - wanted).max() / max(np.abs(wanted).max(), 1e-3))
    return worst


def main():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.argv[1], "--write", folder], check=True)
        cases = sorted((f[:-7] for f in os.listdir(folder) if f.endswith(".tflite")), key=int)
        failed = 0
        for case in cases:
            with open(os.path.join(folder, case + ".name"), encoding="utf-8") as text:
                name = text.read()
            apart = run(folder, case)
            if not apart <= 2e-6:
                failed += 1
                print(f"FAIL {name}: {apart:.3g} apart")
        print(f"{len(cases)} cases, {failed} of them not as in LiteRT")
        return 1 if failed or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
