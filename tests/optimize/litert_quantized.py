"""LiteRT runs what the quantizer writes, with the same results: litert_quantized.py QUANTIZE_FILE LINNET
SHARED_DIR [--no-cases]

Three parts, each left out where what it needs is absent: the one-operator models of tests/ops/cases, quantized with
their own inputs, which LiteRT must take and compute near the floats; the yardsticks of SHARED_DIR/compress, as accurate
and as small as TensorFlow's converter makes them; real models, whose outputs must stay near. Exit status 77 (skipped)
without ai_edge_litert.
"""
import glob
import gzip
import json
import os
import pickle
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.interpreter import Interpreter, OpResolverType
except ImportError:
    print("skipped: no ai_edge_litert")
    sys.exit(77)

TYPES = {0: np.float32, 2: np.int32, 4: np.int64, 6: np.bool_}
CASES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "ops", "cases")
DATA_SET = "/usr/share/datasets/fashion-mnist"
# Families whose rows have integer forms.
FAMILIES = ["binary", "concat", "conv2d", "depthwise_conv2d", "fully_connected", "batch_matmul", "pad",
            "pool2d", "reduce", "resize", "shape_ops", "slice", "softmax", "split", "transpose", "transpose_conv",
            "unary", "gather", "stack", "space_depth", "select", "l2_normalization"]
# Their floats are past what 8 bits can say of them (-16 and lower), or LiteRT takes the model in no form.
STRANGE = ["log_softmax_far", "softmax_long", "_scalar_f32", "f32_rank_6", "resized", "sparse_", "topk"]


def quantize(program, model, out, data, count, *settings):
    done = subprocess.run([program, model, out, data, str(count), *settings], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def run(path, samples):
    interpreter = Interpreter(path, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    interpreter.allocate_tensors()
    results = []
    for sample in samples:
        for detail, value in zip(interpreter.get_input_details(), sample):
            interpreter.set_tensor(detail["index"], value.reshape(detail["shape"]).astype(detail["dtype"]))
        interpreter.invoke()
        results.append([interpreter.get_tensor(d["index"]).astype(np.float64)
                        for d in interpreter.get_output_details()])
    return results


def apart(path, samples):
    """What `run` gives, from a process of its own: some models crash LiteRT. None where it refuses or crashes."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            with os.fdopen(write, "wb") as pipe:
                pickle.dump(run(path, samples), pipe)
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    return pickle.loads(data) if data else None


def snr(floats, made):
    power = error = 0.0
    for a, b in zip(floats, made):
        for x, y in zip(a, b):
            good = np.isfinite(x)
            power += float((x[good] ** 2).sum())
            error += float(((x - y)[good] ** 2).sum())
    return 999.0 if error == 0 else 10 * np.log10(power / error) if power > 0 else -999.0


# ---- one operator ----

def case_inputs(path):
    """The operator's inputs, or None for a case that is not of floats alone."""
    with open(path, "rb") as f:
        model = schema.ModelT.InitFromPackedBuf(f.read(), 0)
    graph = model.subgraphs[0]
    inputs = [graph.tensors[i] for i in graph.inputs]
    if len(graph.operators) != 1 or len(model.subgraphs) != 1:
        return None
    if not any(t.type == 0 for t in inputs) or any(t.type not in TYPES for t in inputs):
        return None
    blobs = {m.name.decode(): model.buffers[m.buffer].data for m in model.metadata or []}
    values = [blobs.get(f"case.in.{i}") for i in range(len(inputs))]
    if any(v is None for v in values):
        return None
    return [np.frombuffer(bytes(v), TYPES[t.type]) for v, t in zip(values, inputs)]


def check_case(program, folder, path, form, least):
    values = case_inputs(path)
    if values is None or any(word in os.path.basename(path) for word in STRANGE):
        return 0, None
    data, out = os.path.join(folder, "case.bin"), os.path.join(folder, "case.tflite")
    np.concatenate([v.astype(np.float32).ravel() for v in values]).tofile(data)
    status, text = quantize(program, path, out, data, 1, "format=" + form)
    if status != 0 or "left in float32" in text:
        return 0, None
    floats = apart(path, [values])
    if floats is None:
        return 0, None
    made = apart(out, [values])
    if made is None:
        return 1, "LiteRT refuses it"
    near = snr(floats, made)
    return 1, None if near >= least else f"{near:.1f} dB from the floats"


def check_cases(program, folder):
    bad = []
    for form, least in (("int8", 20), ("int16x8", 38)):
        total = 0
        for family in FAMILIES:
            for path in sorted(glob.glob(os.path.join(CASES, family, "*f32*.tflite"))):
                counted, wrong = check_case(program, folder, path, form, least)
                total += counted
                if wrong:
                    bad.append(f"{form} {family}/{os.path.basename(path)}: {wrong}")
        print(f"{form}: {total} operators' models")
        if total < 100:
            bad.append(f"{form}: no more than {total} models of one operator could be quantized")
    return bad


# ---- yardsticks ----

def pictures(name, count):
    with gzip.open(os.path.join(DATA_SET, name + "-images-idx3-ubyte.gz")) as f:
        pixels = np.frombuffer(f.read(16 + count * 784), np.uint8, offset=16)
    return (pixels.reshape(-1, 28, 28, 1) / 255.0).astype(np.float32)


def accuracy(path, x, y, batch=100):
    interpreter = Interpreter(path, num_threads=2)
    index = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(index, [batch, 28, 28, 1])
    interpreter.allocate_tensors()
    right = 0
    for at in range(0, len(x), batch):
        interpreter.set_tensor(index, x[at:at + batch])
        interpreter.invoke()
        found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).argmax(1)
        right += int((found == y[at:at + batch]).sum())
    return right / len(x)


def check_yardsticks(program, linnet, folder, shared):
    figures = json.load(open(os.path.join(shared, "compress", "tfmot.json"), encoding="utf-8"))
    x = pictures("t10k", 10000)
    with gzip.open(os.path.join(DATA_SET, "t10k-labels-idx1-ubyte.gz")) as f:
        y = np.frombuffer(f.read(), np.uint8, offset=8)
    train, test, labels = (os.path.join(folder, name) for name in ("train.bin", "test.npy", "labels.npy"))
    pictures("train", 200).tofile(train)
    np.save(test, x)
    np.save(labels, y.astype(np.int32))
    bad = []
    for model in ("cnn", "mbnet"):
        for form, key in (("int8", "int8"), ("int16x8", "16x8")):
            out = os.path.join(folder, f"{model}-{form}.tflite")
            source = os.path.join(shared, "compress", f"fashion_{model}_float.tflite")
            status, text = quantize(program, source, out, train, 200, "format=" + form)
            if status != 0:
                bad.append(f"{model} {form}: {text.strip()}")
                continue
            own = json.loads(subprocess.run([linnet, "eval", out, "--data", test, "--labels", labels, "--json"],
                                            capture_output=True, text=True, check=True).stdout)["accuracy"]
            theirs, size, wanted = accuracy(out, x, y), os.path.getsize(out), figures[model][key]
            line = (f"{model} {form}: {own:.4f}, in LiteRT {theirs:.4f}, {size} bytes; "
                    f"the converter's {wanted['accuracy']:.4f}, {wanted['bytes']} bytes")
            print(line)
            if min(own, theirs) < wanted["accuracy"] - 0.001 or abs(own - theirs) > 0.0005 or size > wanted["bytes"]:
                bad.append(line)
    return bad


# ---- real models ----

def check_models(program, folder, shared):
    bad = []
    rng = np.random.default_rng(1)
    for name, form, least in (("mobilenet_v1_0.25_224_float", "int8", 5), ("tiny_vww_float", "int8", 25),
                              ("tiny_vww_float", "int16x8", 30), ("tiny_ad01_fp32", "int8", 20),
                              ("mp_face_detection_short_range", "int8", 8), ("tflm_trained_lstm", "int8", 25)):
        path = os.path.join(shared, "models", name + ".tflite")
        if not os.path.exists(path):
            continue
        details = Interpreter(path).get_input_details()
        samples = []
        for _ in range(4):
            smooth = [np.kron(rng.uniform(0, 1, [1, 8, 8, 3]), np.ones([1, d["shape"][1] // 8, d["shape"][2] // 8, 1]))
                      if len(d["shape"]) == 4 and d["shape"][3] == 3 else rng.standard_normal(d["shape"])
                      for d in details]
            samples.append([s.astype(np.float32) for s in smooth])
        data, out = os.path.join(folder, "model.bin"), os.path.join(folder, "model.tflite")
        np.concatenate([v.ravel() for s in samples for v in s]).tofile(data)
        status, text = quantize(program, path, out, data, len(samples), "format=" + form, "rounding=learned")
        made = apart(out, samples) if status == 0 else None
        if made is None:
            bad.append(f"{name} {form}: " + (text.strip() if status != 0 else "LiteRT refuses it"))
            continue
        near = snr(run(path, samples), made)
        print(f"{name} {form}: {near:.1f} dB")
        if near < least:
            bad.append(f"{name} {form}: {near:.1f} dB")
    return bad


def main():
    program, linnet, shared = sys.argv[1:4]
    with tempfile.TemporaryDirectory() as folder:
        bad = check_cases(program, folder) if "--no-cases" not in sys.argv else []
        if os.path.exists(os.path.join(shared, "compress", "tfmot.json")) and os.path.exists(DATA_SET):
            bad += check_yardsticks(program, linnet, folder, shared)
        if os.path.exists(os.path.join(shared, "models")):
            bad += check_models(program, folder, shared)
    for line in bad:
        print("FAILED:", line)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
