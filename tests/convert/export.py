#!/usr/bin/env python3
"""usage: export.py LINNET SHARED   The way back: convert, change the weights, export, and what was exported converts to the
same outputs as the changed model; onnxruntime and TensorFlow, where they are installed, compute the same of it."""
import json, os, re, subprocess, sys, tempfile

try:
    import numpy as np
except ImportError:
    print("skipped: NumPy is not installed")
    sys.exit(77)

# case, source's file, what changes it
CASES = [
    ("k3_mlp", "model.keras", ["--prune", "0.5"]),
    ("k3_dscnn", "model.keras", ["--prune", "0.5"]),  # batch normalizations behind convolutions and depthwise ones
    ("k3_dscnn", "model.keras", ["--quantize", "int4-weights"]),
    ("k3_vit", "model.keras", ["--prune", "0.3"]),  # layer normalizations folded into what follows
    ("k3_lstm", "model.keras", ["--prune", "0.5"]),
    ("h5_mobilenet_v1", "model.h5", ["--cluster", "16"]),
    ("h5_unet", "model.h5", ["--quantize", "float16"]),
    ("onnx_torch_mlp_11", "model.onnx", ["--prune", "0.5"]),
    ("onnx_torch_mobilenet_17", "model.onnx", ["--quantize", "int8-weights"]),
    ("onnx_torch_external_17", "model.onnx", ["--prune", "0.3"]),  # weights in a file of their own
    ("sm_kws", "model", ["--prune", "0.5"]),  # variables
    ("sm_tf1", "model", ["--cluster", "8"]),
    ("sm_keras3_cnn", "model", ["--prune", "0.5"]),
]


def run(*words):
    p = subprocess.run(words, capture_output=True, text=True)
    return p.returncode, p.stdout, p.stderr.strip()


def must(*words):
    status, out, err = run(*words)
    assert status == 0, f"{' '.join(words)}: {err}"
    return out


def outputs(linnet, model, inputs, folder):
    os.makedirs(folder, exist_ok=True)
    must(linnet, "run", model, "--output-dir", folder, *[w for k, f in inputs for w in ("--input", f"{k}={f}")])
    listed = json.load(open(os.path.join(folder, "outputs.json")))
    return [np.load(os.path.join(folder, o["file"])) for o in listed]


def close(got, want):
    return len(got) == len(want) and all(
        g.shape == w.shape and np.abs(g - w).max() <= 1e-5 + 1e-4 * np.abs(w).max() for g, w in zip(got, want))


def other(source, inputs):
    """What another runtime makes of the file; None where none is installed."""
    if source.endswith(".onnx"):
        try:
            import onnxruntime
        except ImportError:
            return None
        return onnxruntime.InferenceSession(source).run(None, {k: np.load(f) for k, f in inputs})
    if not os.path.isdir(source):
        return None  # Keras itself takes longer to begin than all of this
    try:
        import tensorflow as tf
    except ImportError:
        return None
    function = tf.saved_model.load(source).signatures["serving_default"]
    made = function(**{k: tf.constant(np.load(f)) for k, f in inputs})
    return [made[k].numpy() for k in sorted(made)]


def check(linnet, case, file, changes, work):
    source = os.path.join(case, file)
    manifest = json.load(open(os.path.join(case, "manifest.json")))
    first = manifest.get("runs", [manifest])[0]
    inputs = [(i["name"], os.path.join(case, i["file"])) for i in first["inputs"]]
    model, changed, again = (os.path.join(work, n) for n in ("model.tflite", "changed.tflite", "again.tflite"))
    new = os.path.join(work, "new" + os.path.splitext(file)[1])
    must(linnet, "convert", source, "-o", model)
    must(linnet, "optimize", model, "-o", changed, *changes)
    told = json.loads(must(linnet, "export", changed, "--like", source, "-o", new, "--json"))
    must(linnet, "convert", new, "-o", again)
    if "int8" in changes or "dynamic" in changes:
        return
    want = outputs(linnet, changed, inputs, os.path.join(work, "a"))
    assert told["changed"] > 0, "nothing changed"
    assert close(outputs(linnet, again, inputs, os.path.join(work, "b")), want), "the outputs are others"
    assert not close(outputs(linnet, model, inputs, os.path.join(work, "c")), want) or "float16" in changes, "no change"
    theirs = other(new, inputs)
    if theirs is not None and len(theirs) == 1:
        assert close(theirs, want), "another runtime's outputs are others"


def refusals(linnet, shared, work):
    source = os.path.join(shared, "convert", "k3_mlp", "model.keras")
    model = os.path.join(work, "model.tflite")
    must(linnet, "convert", source, "-o", model)
    tiny = os.path.join(shared, "convert", "k3_dscnn", "model.keras")
    for like, pattern in ((tiny, "which its source converts to|cannot go back"), (model, "none that can be converted")):
        new = os.path.join(work, "refused.keras")
        status, out, err = run(linnet, "export", model, "--like", like, "-o", new)
        assert status == 1 and not out and len(err.splitlines()) == 1 and re.search(pattern, err), (status, out, err)
        assert not os.path.exists(new), "refuses and yet writes"
    for words, pattern in ((["--like", source], "no -o given"), (["-o", "x"], "no --like given")):
        status, out, err = run(linnet, "export", model, *words)
        assert status == 2 and re.search(pattern, err), (status, err)


def main():
    linnet, shared = sys.argv[1:]
    if not os.path.isdir(os.path.join(shared, "convert")):
        print("skipped: no cases")
        sys.exit(77)
    failed = 0
    for name, file, changes in CASES:
        with tempfile.TemporaryDirectory() as work:
            try:
                check(linnet, os.path.join(shared, "convert", name), file, changes, work)
            except AssertionError as e:
                print(f"{name} {' '.join(changes)}: {e}")
                failed += 1
    with tempfile.TemporaryDirectory() as work:
        refusals(linnet, shared, work)
    print(f"{len(CASES) - failed} of {len(CASES)} went back")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
