#!/usr/bin/env python3
"""TensorFlow's Flex delegate and Linnet go on from each other's checkpoints of training signatures:
tensorflow_restores.py LINNET EXAMPLE_MODELS

Skips (77) without a TensorFlow whose interpreter has the delegate (2.17 has it).
"""
import os
import subprocess
import sys
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"], os.environ["CUDA_VISIBLE_DEVICES"] = "3", ""
try:
    import numpy as np
    import tensorflow as tf
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)
import linnet
from linnet import tflite

tool, examples = sys.argv[1:3]


def train(interpreter, samples):
    runner = interpreter.get_signature_runner("train")
    return [float(runner(**sample)["loss"]) for sample in samples]


def with_file(interpreter, signature, path):
    return interpreter.get_signature_runner(signature)(checkpoint_path=np.array(path, dtype=np.bytes_))


def main():
    random = np.random.default_rng(1)
    samples = [{"image": random.normal(size=(8, 28, 28, 1)).astype(np.float32),
                "labels": random.integers(0, 10, 8).astype(np.int32)} for _ in range(4)]
    with tempfile.TemporaryDirectory() as folder:
        model, path = os.path.join(folder, "model.tflite"), os.path.join(folder, "trainable.tflite")
        subprocess.run([tool, "build", os.path.join(examples, "mlp.json"), "-o", model], check=True)
        subprocess.run([tool, "trainable", model, "-o", path], check=True)
        sides = {"Linnet": tflite.Interpreter, "TensorFlow": tf.lite.Interpreter}
        for name, make in sides.items():
            first, checkpoint = make(path), os.path.join(folder, name)
            train(first, samples)
            try:
                with_file(first, "save", checkpoint)
            except RuntimeError as error:
                if name != "TensorFlow" or "Flex delegate" not in str(error):
                    raise
                print("skipped: this TensorFlow's interpreter has no Flex delegate")
                sys.exit(77)
            losses = train(first, samples)
            for other_name, other_make in sides.items():
                other = other_make(path)
                steps = int(with_file(other, "restore", checkpoint)["steps"])
                assert steps == len(samples), steps
                np.testing.assert_allclose(train(other, samples), losses, rtol=1e-4)
                print(f"{other_name} goes on from {name}'s checkpoint")


if __name__ == "__main__":
    main()
