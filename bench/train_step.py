#!/usr/bin/env python3
"""A training step here and in TensorFlow, side by side in one run.

usage: train_step.py BUILD_FOLDER [--batch N] [--threads N] [--rounds N] [--seconds S] [--xla] [--json]

Both train the plain convolutional network of examples/models/cnn.json with Adam on batches of pictures made up once:
forward, gradients, update. Each program waits for its turn, so that the machine's moods meet both. The figures are the
least and the median time of a step over all rounds, and each process's peak memory. Exit 77: no TensorFlow here.
"""
import argparse
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def tensorflow_side(args):
    """Answers each line of standard input with a round of steps, as step_bench does."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    import tensorflow as tf
    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    tf.config.threading.set_inter_op_parallelism_threads(args.threads)
    layers = tf.keras.layers
    model = tf.keras.Sequential([
        layers.Input((28, 28, 1), args.batch),
        layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(),
        layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(),
        layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dense(10)])
    loss_of = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = tf.keras.optimizers.Adam(0.001)
    optimizer.build(model.trainable_variables)

    @tf.function(jit_compile=args.xla)
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))
        return loss

    x = tf.random.uniform((args.batch, 28, 28, 1))
    y = tf.constant([i % 10 for i in range(args.batch)])
    for _ in range(5):
        step(x, y).numpy()
    for _ in sys.stdin:
        times, until = [], time.perf_counter() + args.seconds
        while len(times) < 3 or time.perf_counter() < until:
            begin = time.perf_counter()
            step(x, y).numpy()
            times.append(time.perf_counter() - begin)
        print(json.dumps({"min_ms": min(times) * 1e3, "median_ms": statistics.median(times) * 1e3, "steps": len(times),
                          "peak_rss_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}), flush=True)


def start(command):
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def take_turn(program):
    program.stdin.write("\n")
    program.stdin.flush()
    line = program.stdout.readline()
    if not line:
        raise SystemExit("train_step.py: a program ended before its turn")
    return json.loads(line)


def measure(args):
    folder = os.path.abspath(args.build)
    with tempfile.TemporaryDirectory() as temporary:
        model = os.path.join(temporary, "cnn.tflite")
        subprocess.run([os.path.join(folder, "linnet"), "build", os.path.join(HERE, "../examples/models/cnn.json"), "-o",
                        model, "--batch", str(args.batch)], check=True, stdout=subprocess.DEVNULL)
        ours = [os.path.join(folder, "tests/step_bench"), model, "--steps"]
        theirs = [sys.executable, os.path.abspath(__file__), "--tensorflow", args.build, "--batch", str(args.batch)]
        theirs += ["--xla"] if args.xla else []
        shared = ["--threads", str(args.threads), "--seconds", str(args.seconds)]
        programs = {"linnet": start(ours + shared), "tensorflow": start(theirs + shared)}
        rounds = {name: [] for name in programs}
        for _ in range(args.rounds):
            for name, program in programs.items():
                rounds[name].append(take_turn(program))
        for program in programs.values():
            program.stdin.close()
            program.wait()
    result = {"batch": args.batch, "threads": args.threads}
    for name, turns in rounds.items():
        least = min(t["min_ms"] for t in turns)
        result[name] = {"min_ms": least, "median_ms": statistics.median(t["median_ms"] for t in turns),
                        "samples_per_second": args.batch / least * 1e3, "steps": sum(t["steps"] for t in turns),
                        "peak_rss_kb": max(t["peak_rss_kb"] for t in turns)}
    a, b = result["linnet"], result["tensorflow"]
    result["times_as_fast"] = b["min_ms"] / a["min_ms"]
    result["median_times_as_fast"] = b["median_ms"] / a["median_ms"]
    result["share_of_memory"] = a["peak_rss_kb"] / b["peak_rss_kb"]
    return result


def show(result):
    print(f"a step of the plain CNN, batch {result['batch']}, {result['threads']} threads")
    for name in ("linnet", "tensorflow"):
        r = result[name]
        print(f"  {name:11} {r['min_ms']:8.2f} ms least {r['median_ms']:8.2f} ms median "
              f"{r['samples_per_second']:8.0f} samples/s {r['peak_rss_kb'] / 1024:7.0f} MB peak")
    print(f"  {result['times_as_fast']:.2f} times as fast ({result['median_times_as_fast']:.2f} by medians), "
          f"{100 * result['share_of_memory']:.0f} % of the memory")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--xla", action="store_true", help="TensorFlow compiles its step")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--tensorflow", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if importlib.util.find_spec("tensorflow") is None:
        print("no TensorFlow here (pip install tensorflow-cpu)")
        return 77
    if args.tensorflow:
        tensorflow_side(args)
        return 0
    result = measure(args)
    if args.json:
        print(json.dumps(result, indent=1))
    else:
        show(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
