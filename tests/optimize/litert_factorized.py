#!/usr/bin/env python3
"""LiteRT runs factorized models and gives what they give here.

usage: litert_factorized.py LINNET SHARED_DIR     (77: without LiteRT, NumPy or the models)
"""
import json
import os
import subprocess
import sys
import tempfile

try:
    import numpy
    from ai_edge_litert.interpreter import Interpreter, OpResolverType
except ImportError:
    print("no LiteRT or NumPy: skipped")
    sys.exit(77)

linnet, shared = sys.argv[1:]
MODELS = ["compress/fashion_cnn_float", "compress/fashion_mbnet_float", "models/mobilenet_v1_0.25_224_float",
          "models/mp_face_detection_short_range", "models/tiny_ad01_fp32", "models/tiny_resnet_float"]
SETTINGS = [["--factorize", "0.9", "--set", "factorize.samples=0"], ["--factorize", "0.99"],
            ["--set", "factorize.budget=0.6", "--set", "factorize.method=spatial"],
            ["--set", "factorize.budget=0.6", "--set", "factorize.method=tucker"]]
failed = 0


def run(*words):
    done = subprocess.run([linnet, *words], capture_output=True, text=True)
    if done.returncode != 0:
        print(f"FAILED: {' '.join(words)}: {done.stderr}")
        sys.exit(1)
    return done.stdout


def litert(path, given, resolver):
    interpreter = Interpreter(model_path=path, num_threads=1, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], given)
    interpreter.invoke()
    return [interpreter.get_tensor(o["index"]) for o in interpreter.get_output_details()]


with tempfile.TemporaryDirectory() as folder:
    tried = 0
    for name in MODELS:
        model = f"{shared}/{name}.tflite"
        if not os.path.exists(model):
            continue
        plain = Interpreter(model_path=model)
        shape = tuple(plain.get_input_details()[0]["shape"])
        generator = numpy.random.default_rng(1)
        # Neighbours alike, as in pictures.
        samples = generator.random((24, *shape[1:]), dtype=numpy.float32)
        for axis in range(1, samples.ndim - 1):
            samples = (samples + numpy.roll(samples, 1, axis) + numpy.roll(samples, 2, axis)) / 3
        numpy.save(f"{folder}/x.npy", samples)
        numpy.save(f"{folder}/one.npy", samples[:1].reshape(shape))
        for i, settings in enumerate(SETTINGS):
            out = f"{folder}/out.tflite"
            text = run("optimize", model, "-o", out, "--data", f"{folder}/x.npy", *settings, "--json")
            run("run", out, "--input", f"{folder}/one.npy", "--output-dir", f"{folder}/outputs")
            with open(f"{folder}/outputs/outputs.json") as file:
                ours = [numpy.load(f"{folder}/outputs/{o['file']}") for o in json.load(file)]
            largest = 0
            for resolver in (OpResolverType.BUILTIN_REF, OpResolverType.BUILTIN):
                theirs = litert(out, samples[:1].reshape(shape), resolver)
                for mine in ours:
                    # Outputs stand in alphabetical order of their keys here.
                    gaps = [numpy.abs(mine - t).max() / max(numpy.abs(t).max(), 1e-6) for t in theirs if t.shape == mine.shape]
                    largest = max(largest, min(gaps))
            tried += 1
            sizes = os.path.getsize(out) / os.path.getsize(model)
            print(f"{name} {' '.join(settings)}: {sizes:.3f} of the bytes, {largest:.2g} apart")
            if largest > 2e-3:
                failed += 1
                print(f"FAILED: {name}: LiteRT's outputs are {largest} apart")
    if tried == 0:
        print("no models: skipped")
        sys.exit(77)
print(f"{failed} failed")
sys.exit(failed > 0)
