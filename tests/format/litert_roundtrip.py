"""Files that Linnet writes are read by LiteRT and compute the same: litert_roundtrip.py REWRITE SHARED_DIR

REWRITE is the program of rewrite.c, SHARED_DIR/models the models. Each is written in the usual form and in the one of
files past 2 GiB; outputs on random inputs must be equal bit for bit, appended archives must hold the same files. What
LiteRT cannot run must fail with the same message. Exit status 77 (skipped) without ai_edge_litert or the models.
"""
import glob
import os
import subprocess
import sys
import tempfile
import zipfile

try:
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter, OpResolverType
except ImportError:
    print("skipped: no ai_edge_litert")
    sys.exit(77)


def random_input(rng, detail):
    shape, dtype = detail["shape"], detail["dtype"]
    if np.issubdtype(dtype, np.floating):
        return rng.uniform(-1, 1, shape).astype(dtype)
    if dtype == np.bool_:
        return rng.integers(0, 2, shape).astype(dtype)
    if np.issubdtype(dtype, np.integer):
        return rng.integers(0, 5, shape).astype(dtype)
    return np.full(shape, "a string", dtype=object)


def outputs(path):
    """What LiteRT computes from a file: signatures and outputs, or the message it refuses it with."""
    rng = np.random.default_rng(1)
    try:
        interpreter = Interpreter(
            path, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
        interpreter.allocate_tensors()
        for detail in interpreter.get_input_details():
            interpreter.set_tensor(detail["index"], random_input(rng, detail))
        interpreter.invoke()
    except (ValueError, RuntimeError) as error:
        return str(error)
    tensors = [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]
    return repr(interpreter.get_signature_list()), [(t.shape, str(t.dtype), t.tobytes()) for t in tensors]


def archive(path):
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as files:
        return {name: files.read(name) for name in files.namelist()}


def main():
    rewrite, shared = sys.argv[1:3]
    models = sorted(glob.glob(os.path.join(shared, "models", "*.tflite")))
    if not models:
        print("skipped: no models in", shared)
        return 77
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        written = os.path.join(folder, "model.tflite")
        for model in models:
            wanted, files = outputs(model), archive(model)
            for form in ([], ["--far"]):
                done = subprocess.run([rewrite, *form, model, written]).returncode == 0
                if not done or outputs(written) != wanted or archive(written) != files:
                    print("differs:", os.path.basename(model), *form)
                    bad += 1
    print(f"{len(models)} models, {bad} differences")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
