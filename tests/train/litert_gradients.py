#!/usr/bin/env python3
"""LiteRT runs the operators' differentiated cases with the same results: litert_gradients.py GRAD_CASES

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
        if is_.size != wanted.size:
            raise ValueError(f"output {i} has {is_.size} elements, not {wanted.size}")
        good = np.isfinite(wanted)
        if not np.array_equal(good, np.isfinite(is_)):
            raise ValueError(f"output {i} is not finite where it should be")
        if good.any():
            scale = max(np.abs(wanted[good]).max(), 1e-3)
            worst = max(worst, np.abs(is_[good] - wanted[good]).max() / scale)
    return worst


def run_apart(folder, case):
    """The same in a process of its own, which LiteRT may end."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            answer = str(float(run(folder, case)))
        except (RuntimeError, ValueError) as error:
            answer = "refused: " + " ".join(str(error).split())[:200]
        os.write(writer, answer.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return answer or "refused: it crashes"


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, "--write", folder], check=True, stdout=subprocess.DEVNULL)
        cases = sorted((f[:-7] for f in os.listdir(folder) if f.endswith(".tflite")), key=int)
        ran = failed = refused = same = 0
        for case in cases:
            with open(os.path.join(folder, case + ".name"), encoding="utf-8") as text:
                name = text.read()
            # What LiteRT refuses or misreads, differentiated or not: custom operators, Select TF without TensorFlow,
            # MediaPipe's places that count otherwise; its basic LSTM writes over the states that it is given.
            if name.startswith(("weights/", "stablehlo", "flex", "custom_tf/", "mediapipe/", "gru/", "lstm_basic/")):
                continue
            ran += 1
            answer = run_apart(folder, case)
            if answer.startswith("refused"):
                refused += 1
                print(f"{name} {answer}")
                continue
            apart = float(answer)
            same += apart <= 2e-4
            failed += apart > 2e-4
            if apart > 2e-4:
                print(f"FAIL {name}: {apart:.3g} apart")
        print(f"{same} of {ran} differentiated cases give the same in LiteRT, {failed} do not, it refuses {refused}")
        return 1 if failed or same < 0.98 * ran else 0


if __name__ == "__main__":
    sys.exit(main())
