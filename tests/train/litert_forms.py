"""LiteRT runs what quantization-aware training makes, bit for bit as linnet does: litert_forms.py LINNET MODELS

Each of MODELS' specifications is trained for a few steps on made-up pictures, pruned, clustered and quantized; LiteRT's
reference kernels must give the outputs of `linnet run`. Exit status 77 (skipped) without ai_edge_litert.
"""
import json
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter, OpResolverType
except ImportError:
    print("skipped: no ai_edge_litert")
    sys.exit(77)

FORMS = [["--qat", "int8"], ["--qat", "int8", "--qat-ranges", "learned", "--qat-io", "int8"], ["--qat", "int16x8"],
         ["--prune", "0.8", "--cluster", "16", "--qat", "int8"],
         ["--prune", "0.5", "--prune-pattern", "2:4", "--qat", "int8", "--encode", "stock"]]
SAMPLES = 4


def litert(path, x):
    interpreter = Interpreter(path, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    detail, out = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    results = []
    for sample in x:
        interpreter.set_tensor(detail["index"], sample.reshape(detail["shape"]).astype(detail["dtype"]))
        interpreter.invoke()
        results.append(interpreter.get_tensor(out["index"]).copy())
    return results


def linnet(program, path, x, folder):
    results = []
    for sample in x:
        np.save(os.path.join(folder, "in.npy"), sample)
        subprocess.run([program, "run", path, "--input", os.path.join(folder, "in.npy"), "--output-dir", folder],
                       check=True, capture_output=True)
        with open(os.path.join(folder, "outputs.json"), encoding="utf-8") as file:
            results.append(np.load(os.path.join(folder, json.load(file)[0]["file"])))
    return results


def check(program, spec, form, folder):
    rng = np.random.default_rng(7)
    x, y = rng.integers(0, 256, (256, 28, 28)).astype(np.uint8), rng.integers(0, 10, 256).astype(np.int32)
    data, labels, out = (os.path.join(folder, name) for name in ("x.npy", "y.npy", "out.tflite"))
    np.save(data, x)
    np.save(labels, y)
    subprocess.run([program, "train", spec, "--data", data, "--labels", labels, "--normalize", "0,255", "--batch", "64",
                    "--epochs", "2", "--quiet", "-o", out, *form], check=True)
    detail = Interpreter(out).get_input_details()[0]
    pictures = (x[:SAMPLES, None, :, :, None] / 255).astype(np.float32)
    if detail["dtype"] == np.int8:
        scale, zero = detail["quantization"]
        pictures = np.clip(np.round(pictures / scale) + zero, -128, 127).astype(np.int8)
    for theirs, ours in zip(litert(out, pictures), linnet(program, out, pictures, folder)):
        if theirs.dtype != ours.dtype or not np.array_equal(theirs.ravel(), ours.ravel()):
            print(f"{os.path.basename(spec)} {' '.join(form)}: LiteRT {theirs.ravel()}, linnet {ours.ravel()}")
            return 1
    return 0


def main():
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in ("cnn.json", "mbnet.json"):
            for form in FORMS if name == "mbnet.json" else FORMS[3:4]:
                failures += check(sys.argv[1], os.path.join(sys.argv[2], name), form, folder)
    return failures != 0


if __name__ == "__main__":
    sys.exit(main())
