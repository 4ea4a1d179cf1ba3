#!/usr/bin/env python3
"""keras_siblings.py LINNET SHARED: a Keras file gives what the .tflite that TensorFlow made of it gives.
TensorFlow lost a bias there: where it folded batch normalization it took the layer's own bias for zero. So these biases
are zero in a copy of the Keras file, too. Ends with 77 where the models, NumPy or h5py are not there."""
import json, os, shutil, subprocess, sys, tempfile

try:
    import h5py
    import numpy as np
except ImportError:
    sys.exit(77)

SOURCE, SIBLING, SHAPE = "keras/ad01.h5", "models/tiny_ad01_fp32.tflite", (1, 640)


def run(linnet, model, array, folder):
    p = subprocess.run([linnet, "run", model, "--input", array, "--output-dir", folder], capture_output=True, text=True)
    if p.returncode:
        sys.exit(f"{model}: {p.stderr.strip()}")
    return np.load(os.path.join(folder, json.load(open(os.path.join(folder, "outputs.json")))[0]["file"]))


def without_biases(source, copy):
    shutil.copyfile(source, copy)
    os.chmod(copy, 0o644)
    with h5py.File(copy, "r+") as f:
        for i in range(9):
            name = f"dense_{i}" if i else "dense"
            f[f"model_weights/{name}/{name}/bias:0"][...] = 0


def main(linnet, shared):
    source, sibling = os.path.join(shared, SOURCE), os.path.join(shared, SIBLING)
    if not os.path.exists(source) or not os.path.exists(sibling):
        return 77
    with tempfile.TemporaryDirectory() as d:
        copy, made, array = (os.path.join(d, n) for n in ["copy.h5", "made.tflite", "x.npy"])
        without_biases(source, copy)
        subprocess.run([linnet, "convert", copy, "-o", made], check=True, stdout=subprocess.DEVNULL)
        for seed in range(4):
            np.save(array, np.random.default_rng(seed).normal(0, 3, SHAPE).astype("float32"))
            got, want = run(linnet, made, array, d), run(linnet, sibling, array, d)
            off, limit = np.abs(got - want).max(), 1e-5 + 1e-4 * np.abs(want).max()
            if off > limit:
                sys.exit(f"{source}: off by {off:.3g}, allowed {limit:.3g}")
    print("both agree")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
