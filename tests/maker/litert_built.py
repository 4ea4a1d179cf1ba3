#!/usr/bin/env python3
"""LiteRT runs what linnet build makes of the examples, for one sample and for three, with the outputs of Linnet; recurrent
layers, attention and normalization give what their formulas do; the two yardstick architectures are those of ../shared/compress, operator by operator.

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

PICTURE = {"input": {"name": "x", "shape": [9, 8, 4]}}
STEPS = {"input": {"name": "x", "shape": [6, 5]}}
# What the examples leave out: layers that are called as their JSON has them, one after the other.
CASES = {
    "conv": (PICTURE, ["Conv2D filters=6 kernel_size=3,2 dilation_rate=2 use_bias=false activation=silu",
                       "DepthwiseConv2D kernel_size=3 depth_multiplier=2 padding=same use_bias=false",
                       "SeparableConv2D filters=5 kernel_size=3 padding=same activation=hard_sigmoid"]),
    "pools": (PICTURE, ["ZeroPadding2D padding=2,1", "MaxPooling2D pool_size=3 strides=2 padding=same",
                        "AveragePooling2D", "UpSampling2D size=2,3", "GlobalMaxPooling2D keepdims=true"]),
    "steps": (STEPS, ["Conv1D filters=7 kernel_size=3 strides=2 padding=same activation=elu", "LeakyReLU",
                      "PReLU alpha_initializer=random_uniform", "GlobalMaxPooling1D", "Dense units=3 use_bias=false"]),
    "shapes": (PICTURE, ["Permute dims=3,1,2", "Reshape target_shape=36,-1", "Rescaling scale=0.5 offset=-1",
                         "BatchNormalization gamma_initializer=random_normal fold=false", "GlobalAveragePooling1D",
                         "Dense units=6 activation=hard_swish", "Softmax"]),
    "folded": (PICTURE, ["Conv2D name=a filters=6 kernel_size=1 use_bias=false",
                         "BatchNormalization gamma_initializer=random_normal beta_initializer=random_normal", "ReLU",
                         "Conv2D name=b filters=6 kernel_size=1", "Average from=re_lu,b", "Maximum from=average,b",
                         "Minimum from=maximum,re_lu", "Subtract from=minimum,b", "Multiply from=subtract,re_lu",
                         "Concatenate from=multiply,b axis=2", "Activation activation=exponential"]),
    "gru": (STEPS, ["GRU units=4 return_sequences=true bias_initializer=random_normal go_backwards=true",
                    "LSTM units=3 return_sequences=true recurrent_activation=hard_sigmoid activation=relu",
                    "MultiHeadAttention num_heads=2 key_dim=3 value_dim=5", "LayerNormalization scale=false",
                    "Flatten", "Dense units=4 activation=log_softmax"]),
    "one_lstm": ({"batch": 2, **STEPS}, ["LSTM units=4 unroll=false return_sequences=true", "LSTM units=3 unroll=false"]),
}


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
    shape = (count or detail["shape"][0], *detail["shape"][1:])
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
    for count in [0] if fixed else [1, 3]:
        inputs = {key: sample(d, count, generator) for key, d in details.items()}
        mine = ours(path, inputs, folder)
        for resolver in (OpResolverType.BUILTIN_REF, OpResolverType.BUILTIN):
            try:
                theirs = litert(path, inputs, resolver)
            except ValueError as why:  # the reference kernels are not there for every operator
                if resolver == OpResolverType.BUILTIN_REF and "Didn't find op" in str(why):
                    continue
                raise
            if sorted(theirs) != sorted(mine):
                complain(f"{name}: outputs {sorted(mine)}, LiteRT has {sorted(theirs)}")
                continue
            for key, value in theirs.items():
                if value.shape != mine[key].shape:
                    complain(f"{name}: {key} is {mine[key].shape}, {value.shape} in LiteRT")
                    continue
                gap = numpy.abs(value - mine[key]).max() / max(numpy.abs(value).max(), 1e-30)
                worst = worst if gap <= worst else gap  # also what is no number
            if all(value.size > 1 and numpy.ptp(value) == 0 for value in theirs.values()):
                complain(f"{name}: nothing but one number comes out")
    print(f"{name}: {os.path.getsize(path)} bytes, outputs {worst:.2g} apart")
    if not worst < 1e-4:
        complain(f"{name}: LiteRT's outputs are {worst} apart")


def value_of(text):
    try:
        return json.loads(f"[{text}]" if "," in text and text[0].isdigit() else text)
    except ValueError:
        return text.split(",") if "," in text else text


def layer_of(text):
    kind, *words = text.split()
    return {"layer": kind, **{key: value_of(value) for key, value in (word.split("=") for word in words)}}


def sigmoid(x):
    return 1 / (1 + numpy.exp(-x))


def gru_by_hand(x, w):
    """As Keras has it, the reset gate after the product."""
    units = w["layer/recurrent_kernel"].shape[1]
    state = numpy.zeros((len(x), units))
    for step in range(x.shape[1]):
        a = x[:, step] @ w["layer/kernel"].T + w["layer/bias"]
        b = state @ w["layer/recurrent_kernel"].T + w["layer/recurrent_bias"]
        update = sigmoid(a[:, :units] + b[:, :units])
        reset = sigmoid(a[:, units:2 * units] + b[:, units:2 * units])
        state = update * state + (1 - update) * numpy.tanh(a[:, 2 * units:] + reset * b[:, 2 * units:])
    return state


def lstm_by_hand(x, w):
    units = w["layer/recurrent_kernel"].shape[1]
    state = cell = numpy.zeros((len(x), units))
    for step in range(x.shape[1]):
        gates = x[:, step] @ w["layer/kernel"].T + state @ w["layer/recurrent_kernel"].T + w["layer/bias"]
        i, f, c, o = (gates[:, n * units:(n + 1) * units] for n in range(4))
        cell = sigmoid(f) * cell + sigmoid(i) * numpy.tanh(c)
        state = sigmoid(o) * numpy.tanh(cell)
    return state


def attention_by_hand(x, w, heads=2):
    def split(part):
        y = x @ w[f"layer/{part}/kernel"].T + w[f"layer/{part}/bias"]
        return y.reshape(*y.shape[:2], heads, -1).transpose(0, 2, 1, 3)
    q, k, v = split("query"), split("key"), split("value")
    scores = q @ k.transpose(0, 1, 3, 2) / numpy.sqrt(q.shape[-1])
    scores += numpy.triu(numpy.full(scores.shape[-2:], -1e9), 1)
    shares = numpy.exp(scores - scores.max(-1, keepdims=True))
    y = (shares / shares.sum(-1, keepdims=True) @ v).transpose(0, 2, 1, 3).reshape(*x.shape[:2], -1)
    return y @ w["layer/output/kernel"].T + w["layer/output/bias"]


def norm_by_hand(x, w):
    centred = x - x.mean(-1, keepdims=True)
    return centred / numpy.sqrt(x.var(-1, keepdims=True) + 1e-3) * w["layer/gamma"] + w["layer/beta"]


# What no operator computes by itself, beside the formula.
BY_HAND = {
    "GRU name=layer units=4 bias_initializer=random_normal": gru_by_hand,
    "LSTM name=layer units=4 bias_initializer=random_normal": lstm_by_hand,
    "MultiHeadAttention name=layer num_heads=2 key_dim=3 value_dim=5 use_causal_mask=true bias_initializer=random_normal":
        attention_by_hand,
    "LayerNormalization name=layer gamma_initializer=random_normal beta_initializer=random_normal": norm_by_hand,
}


def compare_by_hand(layer, formula, folder):
    path = f"{folder}/hand.tflite"
    with open(f"{folder}/hand.json", "w") as file:
        json.dump({**STEPS, "layers": [layer_of(layer)]}, file)
    run("build", f"{folder}/hand.json", "-o", path)
    interpreter = Interpreter(model_path=path)
    interpreter.allocate_tensors()
    weights = {d["name"]: interpreter.get_tensor(d["index"]) for d in interpreter.get_tensor_details()
               if d["name"].startswith("layer/") and d["name"].split("/")[-1] in
               ("kernel", "bias", "recurrent_kernel", "recurrent_bias", "gamma", "beta")}
    x = numpy.random.default_rng(2).standard_normal((3, 6, 5), dtype=numpy.float32)
    want = formula(x.astype(numpy.float64), weights)
    have = ours(path, {"x": x}, folder)["layer"]
    worst = numpy.abs(want - have).max() if want.shape == have.shape else numpy.inf
    print(f"{layer.split()[0]}: {worst:.2g} from the formula")
    if not worst < 1e-5:
        complain(f"{layer}: {worst} from the formula")


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
    for name, (rest, layers) in CASES.items():
        with open(f"{folder}/case.json", "w") as file:
            json.dump({**rest, "layers": [layer_of(layer) for layer in layers]}, file)
        run("build", f"{folder}/case.json", "-o", f"{folder}/case.tflite", "--seed", "3")
        compare(name, f"{folder}/case.tflite", folder)
    for layer, formula in BY_HAND.items():
        compare_by_hand(layer, formula, folder)
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
