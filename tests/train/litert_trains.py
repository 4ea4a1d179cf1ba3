#!/usr/bin/env python3
"""Stock LiteRT trains what `linnet trainable` makes, with Linnet's losses step by step:
litert_trains.py LINNET EXAMPLE_MODELS SHARED [MODEL...]

Skips (77) without LiteRT.
"""
import json
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter, OpResolverType
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)
import linnet

tool, examples, shared = sys.argv[1:4]
STEPS, BATCH = 24, 8

# name: model, options
CASES = {
    "mlp-adam": ("mlp.json", ["--optimizer", "adam"]),
    "mlp-adamw": ("mlp.json", ["--optimizer", "adamw", "--weight-decay", "0.01"]),
    "mlp-clipped": ("mlp.json", ["--optimizer", "sgd", "--lr", "0.1", "--global-clip-norm", "0.5", "--clip-value", "0.05"]),
    "cnn-momentum": ("cnn.json", ["--optimizer", "sgd", "--lr", "0.01", "--momentum", "0.9"]),
    "cnn-head": ("cnn.json", ["--train", "logits"]),
    "mbnet-adam": ("mbnet.json", ["--optimizer", "adam"]),
    "lstm-rmsprop": ("lstm.json", ["--optimizer", "rmsprop"]),
    "gru-adagrad": ("gru.json", ["--loss", "mse", "--optimizer", "adagrad", "--lr", "0.01"]),
    "transformer-adam": ("transformer.json", []),
    "recommender-adam": ("recommender.json", ["--loss", "mse"]),
    "autoencoder-adam": ("autoencoder.json", ["--loss", "mse"]),
    "mobilenet_v1-head": ("mobilenet_v1_0.25_224_float.tflite", ["--train", "Logits"]),
    "tiny_kws": ("tiny_kws_float.tflite", ["--batch", "4"]),
    "tiny_vww": ("tiny_vww_float.tflite", ["--lr", "1e-4"]),
    "tiny_resnet": ("tiny_resnet_float.tflite", ["--optimizer", "sgd", "--lr", "1e-5"]),
}


def values(random, detail, batch):
    shape = [batch if i == 0 else int(d) for i, d in enumerate(detail["shape"])]
    if detail["dtype"] == np.float32:
        return random.uniform(-1, 1, shape).astype(np.float32)
    if detail["dtype"] == np.int8:
        return random.integers(-100, 100, shape).astype(np.int8)
    return random.integers(0, 2, shape).astype(detail["dtype"])


def train_in_litert(path, samples, resolver=OpResolverType.AUTO):
    runner = Interpreter(path, experimental_op_resolver_type=resolver).get_signature_runner("train")
    return [float(runner(**sample)["loss"]) for sample in samples]


def train_in_linnet(path, samples):
    model = linnet.Model(path)
    session = model.session("train")
    for name, value in samples[0].items():
        session.resize(name, value.shape)
    return [float(session.run(sample)["loss"]) for sample in samples]


def arrays(path, sample):
    """Weights go out of one interpreter and into another as tensors."""
    first, second = Interpreter(path), Interpreter(path)
    first.get_signature_runner("train")(**sample)
    saved = first.get_signature_runner("save")()
    steps = second.get_signature_runner("restore")(**saved)["steps"]
    if int(steps) != 1:
        raise ValueError(f"restored after {steps} steps, not 1")
    losses = [float(i.get_signature_runner("eval")(**sample)["loss"]) for i in (first, second)]
    ours = linnet.Model(path)
    restore = ours.session("restore")
    evaluate = ours.session("eval", share=restore)
    restore.run(saved)
    for name, value in sample.items():
        evaluate.resize(name, value.shape)
    losses.append(float(evaluate.run(sample)["loss"]))
    if losses[0] != losses[1] or abs(losses[2] - losses[0]) > 1e-5 * abs(losses[0]):
        raise ValueError(f"losses after restoring: {losses}")


def check(name, folder):
    source, options = CASES[name]
    model = os.path.join(shared, "models", source)
    if source.endswith(".json"):
        model = os.path.join(folder, name + ".in.tflite")
        subprocess.run([tool, "build", os.path.join(examples, source), "-o", model], check=True, stdout=subprocess.DEVNULL)
    if not os.path.exists(model):
        return f"skipped: {source} is absent"
    path = os.path.join(folder, name + ".tflite")
    made = subprocess.run([tool, "trainable", model, "-o", path, "--json", *options], check=True, stdout=subprocess.PIPE)
    made = json.loads(made.stdout)
    details = Interpreter(path).get_signature_runner("train").get_input_details()
    random = np.random.default_rng(3)
    batch = made.get("batch", BATCH)
    few = [{k: values(random, d, batch) for k, d in details.items()} for _ in range(4)]
    samples = [few[i % len(few)] for i in range(STEPS)]
    theirs, ours = train_in_litert(path, samples), train_in_linnet(path, samples)
    apart = max(abs(a - b) / max(abs(a), 1e-3) for a, b in zip(theirs, ours))
    if not apart <= 1e-4:
        raise ValueError(f"losses are {apart:.3g} apart\n{theirs}\n{ours}")
    if not min(ours[-4:]) < max(ours[:4]):
        raise ValueError(f"nothing was learned: {ours}")
    subprocess.run([tool, "trainable", model, "-o", path, "--checkpoints", "arrays", *options], check=True,
                   stdout=subprocess.DEVNULL)
    arrays(path, samples[0])
    return f"{STEPS} steps with batch {made.get('batch', 'any')}, losses {ours[0]:.4g} to {ours[-1]:.4g}, {apart:.1e} apart"


def check_quantized(folder):
    """A quantized backbone stays as it is under a float head that learns. LiteRT's reference has Linnet's integers."""
    source = os.path.join(shared, "models", "tiny_resnet_int8.tflite")
    if not os.path.exists(source):
        return "skipped: it is absent"
    random = np.random.default_rng(5)
    x, y, model, path = (os.path.join(folder, name) for name in ("x.npy", "y.npy", "head.tflite", "trainable.tflite"))
    np.save(x, random.integers(-100, 100, (24, 32, 32, 3)).astype(np.int8))
    np.save(y, (np.arange(24) % 3).astype(np.int32))
    subprocess.run([tool, "train", source, "--data", x, "--labels", y, "--head", "dense:3", "--epochs", "1", "--quiet", "-o", model],
                   check=True, stdout=subprocess.DEVNULL)
    subprocess.run([tool, "trainable", model, "-o", path, "--train", "head"], check=True, stdout=subprocess.DEVNULL)
    kinds = {d["dtype"] for d in Interpreter(path).get_tensor_details()}
    if np.int8 not in kinds:
        raise ValueError("the backbone is not quantized any more")
    runner = Interpreter(path).get_signature_runner("train")
    samples = [{k: values(random, d, BATCH) for k, d in runner.get_input_details().items()} for _ in range(3)] * 8
    theirs = train_in_litert(path, samples, OpResolverType.BUILTIN_REF)
    ours = train_in_linnet(path, samples)
    apart = max(abs(a - b) / abs(a) for a, b in zip(theirs, ours))
    if not apart <= 1e-4:
        raise ValueError(f"losses are {apart:.3g} apart\n{theirs}\n{ours}")
    return f"losses {ours[0]:.4g} to {ours[-1]:.4g}, {apart:.1e} apart"


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in sys.argv[4:] or [*CASES, "quantized backbone"]:
            try:
                print(f"{name}: {check(name, folder) if name in CASES else check_quantized(folder)}", flush=True)
            except (ValueError, RuntimeError, linnet.Error, subprocess.CalledProcessError) as error:
                failed += 1
                print(f"FAIL {name}: {error}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
