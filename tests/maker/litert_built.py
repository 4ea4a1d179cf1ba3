#!/usr/bin/env python3
"""LiteRT runs what linnet build makes of the examples, for one sample and for three, with the outputs of Linnet; the two
yardstick architectures are those of ../shared/compress, operator by operator.

usage: litert_built.py LINNET EXAMPLES_DIR SHARED_DIR     (77: without LiteRT or NumPy)
"""
import glob
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

linnet, examples, shared = sys.argv[1:]
failed = 0


def complain(text):
    global failed
    failed += 1
    print(f"FAILED: {text}")


def run(*words):
    done = subprocess.run([linnet, *words], capture_output=True, text=True)
    if done.returncode != 0:
        print(f"FAILED: {' '.join(words)}: {done.stderr}")
        sys.exit(1)
    return done.stdout


def litert(path, inputs, resolver):
    interpreter = Interpreter(model_path=path, num_threads=1, experimental_op_resolver_type=resolver)
    runner = interpreter.get_signature_runner("serving_default")
    return runner(**inputs)


def sample(detail, count, generator):
    shape = (count, *detail["shape"][1:])
    if detail["dtype"] == numpy.float32:
        return generator.random(shape, dtype=numpy.float32)
    return generator.integers(0, 200, shape).astype(detail["dtype"])


def ours(path, inputs, folder):
    words = ["run", path, "--output-dir", f"{folder}/outputs"]
    for key, value in inputs.items():
        numpy.save(f"{folder}/{key}.npy", value)
        words += ["--input", f"{key}={folder}/{key}.npy"]
    run(*words)
    with open(f"{folder}/outputs/outputs.json") as file:
        return {o["name"]: numpy.load(f"{folder}/outputs/{o['file']}") for o in json.load(file)}


def compare(name, path, folder):
    details = Interpreter(model_path=path).get_signature_runner("serving_default").get_input_details()
    generator = numpy.random.default_rng(1)
    worst = 0
    fixed = all(-1 not in d["shape_signature"] for d in details.values())
    for count in [1] if fixed else [1, 3]:
        inputs = {key: sample(d, count, generator) for key, d in details.items()}
        mine = ours(path, inputs, folder)
        for resolver in (OpResolverType.BUILTIN_REF, OpResolverType.BUILTIN):
            theirs = litert(path, inputs, resolver)
            if sorted(theirs) != sorted(mine):
                complain(f"{name}: outputs {sorted(mine)}, LiteRT has {sorted(theirs)}")
                continue
            for key, value in theirs.items():
                if value.shape != mine[key].shape:
                    complain(f"{name}: {key} is {mine[key].shape}, {value.shape} in LiteRT")
                    continue
                worst = max(worst, numpy.abs(value - mine[key]).max() / max(numpy.abs(value).max(), 1e-6))
    print(f"{name}: {os.path.getsize(path)} bytes, outputs {worst:.2g} apart")
    if not worst < 1e-4:
        complain(f"{name}: LiteRT's outputs are {worst} apart")


def operators(path):
    """Names, shapes and attributes of all operators."""
    lines = run("inspect", path).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("graph 0"))
    return [line for line in lines[start + 1:] if line.split() and line.split()[0].isdigit()]


with tempfile.TemporaryDirectory() as folder:
    specs = sorted(glob.glob(f"{examples}/*.json"))
    for spec in specs:
        name = os.path.basename(spec)[:-5]
        path = f"{folder}/{name}.tflite"
        run("build", spec, "-o", path, "--seed", "3")
        compare(name, path, folder)
    for name in ("cnn", "mbnet"):
        yardstick = f"{shared}/compress/fashion_{name}_float.tflite"
        if not os.path.exists(yardstick):
            continue
        mine, theirs = operators(f"{folder}/{name}.tflite"), operators(yardstick)
        for a, b in zip(mine, theirs):
            if a != b:
                complain(f"{name}: {a}\n   but {b}")
        if len(mine) != len(theirs):
            complain(f"{name}: {len(mine)} operators, not {len(theirs)}")
        print(f"{name}: {len(mine)} operators as in {os.path.basename(yardstick)}")
print(f"{failed} failed")
sys.exit(failed > 0 or not specs)
