#!/usr/bin/env python3
"""Runs the ONNX backend tests of the installed `onnx` package on the converter: each model is converted and run.

usage: onnx_node_tests.py [--linnet build/linnet] [--only REGEX] [--kind node] [--jobs N] [--list] [--json OUT.json] [--keep DIR] [--least N]
  Prints what passes of how many, and of what does not the number refused, failing to run, and wrong. --list prints a line
  for each of those with its reason. Compares as onnx's own test runner does: the test's rtol and atol, types equal.
needs: onnx, numpy. Tests are cached in a folder of the temporary directory, since making them takes seconds.
"""
import argparse
import collections
import concurrent.futures as cf
import json
import os
import pickle
import re
import subprocess
import sys
import tempfile
import warnings

import numpy as np

warnings.filterwarnings("ignore")


def plain(value):
    """A test's value as arrays of bytes and numbers: what stands in .npy files."""
    import onnx
    from onnx import numpy_helper
    if isinstance(value, onnx.TensorProto):
        value = numpy_helper.to_array(value)
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if value is None or not isinstance(value, np.ndarray):
        return value if value is None or isinstance(value, (onnx.SequenceProto, onnx.OptionalProto)) else np.asarray(value)
    if value.dtype.kind in "OU":
        texts = [v if isinstance(v, bytes) else str(v).encode() for v in value.ravel()]
        size = max([1] + [len(t) for t in texts])
        return np.array(texts, f"S{size}").reshape(value.shape)
    name = value.dtype.name
    if name == "bfloat16":
        return value.view("V2")
    if name.startswith("float8"):
        return value.view(np.uint8)
    if name in ("uint4", "uint2"):
        return value.astype(np.uint8)
    if name in ("int4", "int2"):
        return value.astype(np.int8)
    if name.startswith("float4"):
        return value.astype(np.float32).astype(np.uint8)
    return value


def load(kind):
    import onnx
    path = os.path.join(tempfile.gettempdir(), f"onnx-tests-{os.getuid()}-{onnx.__version__}-{kind}.pickle")
    if os.path.exists(path):
        with open(path, "rb") as file:
            return pickle.load(file)
    from onnx.backend.test import loader
    from onnx import numpy_helper
    tests = []
    for case in loader.load_model_tests(kind=kind):
        sets = case.data_sets
        model = case.model
        if model is None:
            if not case.model_dir or not os.path.isdir(case.model_dir):
                continue
            with open(os.path.join(case.model_dir, "model.onnx"), "rb") as file:
                model = onnx.load_model_from_string(file.read())
            sets = []
            for folder in sorted(os.listdir(case.model_dir)):
                at = os.path.join(case.model_dir, folder)
                if not folder.startswith("test_data_set"):
                    continue
                both = []
                for what in ("input", "output"):
                    values, i = [], 0
                    while os.path.exists(os.path.join(at, f"{what}_{i}.pb")):
                        with open(os.path.join(at, f"{what}_{i}.pb"), "rb") as file:
                            data = file.read()
                        try:
                            tensor = onnx.TensorProto.FromString(data)
                            values.append(numpy_helper.to_array(tensor))
                        except Exception:  # a sequence: its own message
                            values.append([numpy_helper.to_array(t) for t in onnx.SequenceProto.FromString(data).tensor_values])
                        i += 1
                    both.append(values)
                sets.append(tuple(both))
        sets = [([plain(v) for v in ins], [plain(v) for v in outs]) for ins, outs in sets]
        given = {i.name for i in model.graph.initializer}
        # As onnx's runner: inputs in the order of the graph's, a test may give initializers, too.
        names = [i.name for i in model.graph.input]
        tests.append({"name": case.name, "model": model.SerializeToString(), "sets": sets, "rtol": case.rtol, "atol": case.atol,
                      "inputs": names, "constants": [n for n in names if n in given],
                      "outputs": [o.name for o in model.graph.output]})
    with open(path + f".{os.getpid()}", "wb") as file:
        pickle.dump(tests, file)
    os.replace(path + f".{os.getpid()}", path)
    return tests


def numbers(array):
    """Floats as float64; bfloat16 from its bits."""
    if array.dtype.kind == "V":
        return (array.view(np.uint16).astype(np.uint32) << 16).view(np.float32).astype(np.float64), "bfloat16"
    return array, array.dtype.name


def compare(got, want, rtol, atol):
    got, got_type = numbers(got)
    want, want_type = numbers(want)
    if want.dtype.kind == "S":
        got_type, want_type = got.dtype.kind, "S"
    if got_type != want_type or got.shape != want.shape:
        return f"is {got_type}{list(got.shape)}, want {want_type}{list(want.shape)}"
    if want.dtype.kind in "fc":
        try:
            np.testing.assert_allclose(got, want, rtol=rtol, atol=atol)
        except AssertionError:
            with np.errstate(all="ignore"):
                return f"largest difference {np.nanmax(np.abs(got.astype('c16') - want)) if want.size else 0:.3g}"
        return None
    wrong = int(np.count_nonzero(got != want))
    if wrong and want.dtype.kind in "iu":
        most = np.abs(got.astype(object) - want.astype(object)).max()
        return f"{wrong} of {want.size} differ, by {most} at most"
    return f"{wrong} of {want.size} differ" if wrong else None


def last_line(process):
    lines = process.stderr.strip().splitlines()
    text = lines[-1] if lines else f"ends with {process.returncode}"
    return re.sub(r"^linnet: ", "", text)


def run_set(linnet, model, names, case, inputs, outputs, folder):
    command = [linnet, "run", model, "--output-dir", os.path.join(folder, "out")]
    for i, (name, value) in enumerate(zip(names, inputs)):
        if name in case["constants"]:
            continue
        if not isinstance(value, np.ndarray):
            return "run", f"the input {name} is no tensor"
        path = os.path.join(folder, f"input_{i}.npy")
        np.save(path, value, allow_pickle=False)
        command += ["--input", f"{name}={path}"]
    process = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if process.returncode != 0:
        return "run", last_line(process).replace(folder + "/", "")
    with open(os.path.join(folder, "out", "outputs.json")) as file:
        got = {o["name"]: np.load(os.path.join(folder, "out", o["file"])) for o in json.load(file)}
    for name, want in zip(case["outputs"], outputs):
        if not isinstance(want, np.ndarray):
            return "wrong", f"{name} is no tensor"
        if name not in got:
            return "wrong", f"no output is called {name}"
        said = compare(got[name], want, case["rtol"], case["atol"])
        if said:
            return "wrong", f"{name}: {said}"
    return None


def run_case(args):
    case, linnet, keep = args
    with tempfile.TemporaryDirectory() as folder:
        source, model = os.path.join(folder, "model.onnx"), os.path.join(folder, "model.tflite")
        with open(source, "wb") as file:
            file.write(case["model"])
        if keep:
            with open(os.path.join(keep, case["name"] + ".onnx"), "wb") as file:
                file.write(case["model"])
        try:
            process = subprocess.run([linnet, "convert", source, "-o", model], capture_output=True, text=True, timeout=120)
            if process.returncode != 0:
                kind = "refused" if process.returncode == 1 else "crashed"
                return case["name"], kind, last_line(process).replace(source + ": ", "")
            if keep:
                os.system(f"cp {model} {keep}/{case['name']}.tflite")
            for inputs, outputs in case["sets"]:
                said = run_set(linnet, model, case["inputs"], case, inputs, outputs, folder)
                if said:
                    return (case["name"],) + said
        except subprocess.TimeoutExpired:
            return case["name"], "crashed", "takes longer than two minutes"
        except Exception as error:  # a test that cannot be run at all
            return case["name"], "run", f"{type(error).__name__}: {error}"[:200]
    return case["name"], "passed", ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--linnet", default="build/linnet")
    parser.add_argument("--only", default="")
    parser.add_argument("--kind", default="node")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("--keep", help="a folder that keeps models, .onnx and .tflite")
    parser.add_argument("--least", type=int, default=0, help="exit status 1 where fewer pass; 77 without onnx")
    args = parser.parse_args()
    if args.least:
        try:
            import onnx  # noqa: F401
        except ImportError:
            print("skipped: no onnx")
            return 77
    tests = [t for t in load(args.kind) if re.search(args.only, t["name"])]
    if args.keep:
        os.makedirs(args.keep, exist_ok=True)
    with cf.ThreadPoolExecutor(args.jobs) as pool:
        results = list(pool.map(run_case, [(t, args.linnet, args.keep) for t in tests]))
    count = collections.Counter(kind for _, kind, _ in results)
    if args.list:
        for name, kind, why in sorted(results, key=lambda r: (r[1], r[0])):
            if kind != "passed":
                print(f"{kind:8} {name}: {why}")
    rest = ", ".join(f"{count[k]} {w}" for k, w in (("refused", "refused"), ("run", "do not run"), ("wrong", "wrong"),
                                                    ("crashed", "crashed")) if count[k])
    print(f"{count['passed']} of {len(results)} pass" + (f"; {rest}" if rest else ""))
    if args.json:
        with open(args.json, "w") as file:
            json.dump({"passed": count["passed"], "count": len(results),
                       "tests": [{"name": n, "result": k, "reason": w} for n, k, w in results]}, file, indent=1)
    return 1 if count["passed"] < args.least else 0


if __name__ == "__main__":
    sys.exit(main())
