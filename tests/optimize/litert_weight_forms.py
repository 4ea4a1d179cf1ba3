"""Models with weights in other forms, beside LiteRT: litert_weight_forms.py LINNET SHARED

Both Fashion-MNIST models of SHARED/compress in every form that stock LiteRT reads: as accurate as what TensorFlow's
converter made of them and no larger (dynamic range, float16), int4 within a point of the floats, and LiteRT as right
about the 10,000 test pictures as Linnet. Models of SHARED/models with recurrent layers, embeddings and matrix products
give LiteRT's outputs in forms of weights alone. Exits with 77 where LiteRT, the models or the pictures are absent.
"""
import gzip
import json
import os
import subprocess
import sys
import tempfile

LINNET, SHARED = sys.argv[1:3]
DATA = "/usr/share/datasets/fashion-mnist"
IMAGES, LABELS = f"{DATA}/t10k-images-idx3-ubyte.gz", f"{DATA}/t10k-labels-idx1-ubyte.gz"
TRAINING = f"{DATA}/train-images-idx3-ubyte.gz"
FIGURES = f"{SHARED}/compress/tfmot.json"
try:
    import numpy
    from ai_edge_litert.interpreter import Interpreter
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)
if not all(os.path.exists(path) for path in (IMAGES, LABELS, TRAINING, FIGURES)):
    print("skipped: no Fashion-MNIST, or no models")
    sys.exit(77)

# What stands there, its name in tfmot.json, how many points accuracy may lie below the float model's (None: below
# tfmot's by a tenth), and whether LiteRT's integers may round otherwise than ours.
FORMS = [
    (["--quantize", "dynamic"], "dynamic", None, True),
    (["--quantize", "float16"], "fp16", None, False),
    (["--quantize", "bfloat16"], None, 0.3, False),
    (["--quantize", "int8-weights"], None, 0.3, False),
    (["--quantize", "int4-weights"], None, 1.0, False),
    (["--quantize", "int4-weights", "--set", "quantize.rounding=learned"], None, 1.0, False),
    (["--quantize", "int4-weights", "--block", "32"], None, 1.0, True),
]
failures = []


def check(good, text):
    print(("     " if good else "BAD  ") + text, flush=True)
    if not good:
        failures.append(text)


def linnet(*arguments):
    done = subprocess.run([LINNET, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"linnet {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def accuracy(model):
    text = linnet("eval", model, "--data", IMAGES, "--labels", LABELS, "--normalize", "0,255", "--json")
    return json.loads(text)["accuracy"]


def idx(path):
    data = gzip.open(path).read()
    shape = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(data[3])]
    return numpy.frombuffer(data, numpy.uint8, offset=4 + 4 * len(shape)).reshape(shape)


def litert_accuracy(model, pictures, labels):
    interpreter = Interpreter(model_path=model, num_threads=1)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    result = interpreter.get_output_details()[0]["index"]
    right = 0
    for picture, label in zip(pictures, labels):
        interpreter.set_tensor(source, picture[numpy.newaxis])
        interpreter.invoke()
        right += int(interpreter.get_tensor(result)[0].argmax() == label)
    return right / len(labels)


def compare_outputs(folder, name, form):
    """One run of a model in a form of weights alone: what both compute."""
    source, out = f"{SHARED}/models/{name}.tflite", f"{folder}/other.tflite"
    linnet("optimize", source, "-o", out, "--quantize", form, "--no-measure")
    interpreter = Interpreter(model_path=out, num_threads=1)
    interpreter.allocate_tensors()
    random = numpy.random.default_rng(1)
    flags = []
    for i, detail in enumerate(interpreter.get_input_details()):
        floats = detail["dtype"] == numpy.float32
        value = random.uniform(-1, 1, detail["shape"]) if floats else random.integers(0, 100, detail["shape"])
        interpreter.set_tensor(detail["index"], value.astype(detail["dtype"]))
        numpy.save(f"{folder}/in{i}.npy", value.astype(detail["dtype"]))
        flags += ["--input", f"{folder}/in{i}.npy"]
    interpreter.invoke()
    linnet("run", out, *flags, "--output-dir", f"{folder}/outputs")
    worst = 0
    listed = json.load(open(f"{folder}/outputs/outputs.json", encoding="utf-8"))
    for detail, entry in zip(interpreter.get_output_details(), listed):
        theirs, ours = interpreter.get_tensor(detail["index"]), numpy.load(f"{folder}/outputs/{entry['file']}")
        worst = max(worst, float(abs(theirs - ours).max() / abs(theirs).max()))
    smaller = os.path.getsize(out) < 0.8 * os.path.getsize(source)
    check(worst < 1e-4 and smaller, f"{name} {form}: outputs {worst:.2g} apart, {os.path.getsize(out)} bytes")


figures = json.load(open(FIGURES, encoding="utf-8"))
pictures = idx(IMAGES).astype(numpy.float32)[..., numpy.newaxis] / numpy.float32(255)
labels = idx(LABELS)
with tempfile.TemporaryDirectory() as folder:
    for name in ("cnn", "mbnet"):
        source = f"{SHARED}/compress/fashion_{name}_float.tflite"
        floats = figures[name]["float"]["accuracy"]
        for flags, theirs, points, rounds in FORMS:
            out = f"{folder}/out.tflite"
            linnet("optimize", source, "-o", out, *flags, "--data", TRAINING, "--normalize", "0,255", "--no-measure")
            size, ours = os.path.getsize(out), accuracy(out)
            other = litert_accuracy(out, pictures, labels)
            text = f"{name} {' '.join(flags[1:])}: {size} bytes, {ours:.4f}, LiteRT {other:.4f}"
            least = floats - points / 100 if theirs is None else figures[name][theirs]["accuracy"] - 0.001
            most = figures[name][theirs]["bytes"] if theirs is not None else figures[name]["float"]["bytes"]
            check(ours >= least - 1e-9, f"{text}; at least {least:.4f}")
            check(size <= most, f"{text}; at most {most} bytes")
            check(abs(ours - other) <= 0.0005 + 1e-9, f"{text}; alike")
    for name in ("tflm_trained_lstm", "movie_review", "litert_conformer", "tiny_ad01_fp32", "tiny_resnet_float"):
        for form in ("float16", "bfloat16", "int8-weights", "int4-weights"):
            if os.path.exists(f"{SHARED}/models/{name}.tflite"):
                compare_outputs(folder, name, form)
sys.exit(1 if failures else 0)
