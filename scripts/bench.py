#!/usr/bin/env python3
"""Time models with linnet and with the runtimes that are installed beside it, in turns, in one run.

usage: bench.py [--linnet build/linnet] [--threads 1] [--seconds 0.5] [--rounds 3] [--json OUT.json] [MODEL.tflite...]

Without models: those of ../shared/models when they stand beside the checkout, and the model that ships. Every engine has
its own process and its turn in every round, so that a drift of the machine meets all alike; what is kept is the smallest of
the rounds' medians. Peers (ai-edge-litert with XNNPACK, openvino) that are not installed are left out with a word.
"""
import argparse
import glob
import importlib.util
import json
import math
import os
import subprocess
import sys
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")


def random_input(rng, shape, dtype):
    """Values that every model takes: small non-negative integers, floats in [-1, 1)."""
    if dtype.kind == "f":
        return rng.uniform(-1, 1, shape).astype(dtype)
    return rng.integers(0, 2 if dtype.kind == "b" else 5 if dtype.itemsize > 2 else 100, shape).astype(dtype)


def start_litert(model, threads):
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter
    begin = time.perf_counter()
    interpreter = Interpreter(model, num_threads=threads)
    interpreter.allocate_tensors()
    loaded = time.perf_counter() - begin
    rng = np.random.default_rng(0)
    for detail in interpreter.get_input_details():
        shape = [max(1, int(n)) for n in detail["shape"]]
        interpreter.set_tensor(detail["index"], random_input(rng, shape, np.dtype(detail["dtype"])))
    return loaded, interpreter.invoke


def start_openvino(model, threads):
    import numpy as np
    import openvino
    begin = time.perf_counter()
    core = openvino.Core()
    network = core.read_model(model)
    for port in network.inputs:
        if port.partial_shape.is_dynamic:
            network.reshape({port.any_name: [1 if n.is_dynamic else n.get_length() for n in port.partial_shape]})
    compiled = core.compile_model(network, "CPU", {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1,
                                                   "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"})
    loaded = time.perf_counter() - begin
    request = compiled.create_infer_request()
    rng = np.random.default_rng(0)
    for index, port in enumerate(compiled.inputs):
        request.set_input_tensor(index, openvino.Tensor(random_input(rng, list(port.shape), port.element_type.to_dtype())))
    return loaded, request.infer


PEERS = {"litert": ("ai_edge_litert", start_litert), "openvino": ("openvino", start_openvino)}


def time_peer(name, model, threads, seconds):
    """In a process of its own: prints one JSON object of linnet bench's form."""
    loaded, run = PEERS[name][1](model, threads)
    begin = time.perf_counter()
    run()
    first = time.perf_counter() - begin
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    times.sort()
    print(json.dumps({"load_ms": 1e3 * loaded, "first_ms": 1e3 * first, "median_ms": 1e3 * times[len(times) // 2]}))


def measure(engine, model, args):
    if engine == "linnet":
        command = [args.linnet, "bench", model, "--threads", str(args.threads), "--seconds", str(args.seconds), "--json"]
    else:
        command = [sys.executable, os.path.abspath(__file__), "--peer", engine, "--threads", str(args.threads),
                   "--seconds", str(args.seconds), model]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0:
        return None
    # Warnings of a peer's libraries may come before its object. What is no object is a mistake here, not a model that
    # an engine cannot run, so it is not passed over.
    return json.loads(done.stdout[done.stdout.index("{"):])


def bench_model(model, engines, args):
    best = {}
    for _ in range(args.rounds):
        for engine in engines:
            result = measure(engine, model, args)
            if result is None:
                continue
            start = result["load_ms"] + result["first_ms"]
            kept = best.setdefault(engine, {"median_ms": result["median_ms"], "start_ms": start})
            kept["median_ms"] = min(kept["median_ms"], result["median_ms"])
            kept["start_ms"] = min(kept["start_ms"], start)
    return best


def geomean(values):
    return math.exp(sum(math.log(v) for v in values) / len(values)) if values else float("nan")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--linnet", default=os.path.join(ROOT, "build", "linnet"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    parser.add_argument("models", nargs="*")
    args = parser.parse_args()
    if args.peer:
        return time_peer(args.peer, args.models[0], args.threads, args.seconds)
    models = args.models or sorted(glob.glob(os.path.join(ROOT, "..", "shared", "models", "*.tflite"))) + \
        sorted(glob.glob(os.path.join(ROOT, "models", "*.tflite")))
    engines = ["linnet"]
    for name, (module, _) in PEERS.items():
        if importlib.util.find_spec(module):
            engines.append(name)
        else:
            print(f"{name} is not installed: left out")
    print(f"{'model':44s}" + "".join(f"{e:>12s}" for e in engines) + f"{'ratio':>8s}{'start':>8s}   ({args.threads} thread(s), ms; "
          "ratio and start: linnet / best peer, latency and load + first run)")
    results, ratios, starts = {}, [], []
    for model in models:
        best = bench_model(model, engines, args)
        name = os.path.basename(model)[:-len(".tflite")]
        results[name] = best
        row = f"{name:44s}" + "".join(f"{best[e]['median_ms']:12.3f}" if e in best else f"{'-':>12s}" for e in engines)
        peers = [best[e] for e in engines[1:] if e in best]
        if "linnet" in best and peers:
            ratios.append(best["linnet"]["median_ms"] / min(p["median_ms"] for p in peers))
            starts.append(best["linnet"]["start_ms"] / min(p["start_ms"] for p in peers))
            row += f"{ratios[-1]:8.2f}{starts[-1]:8.2f}"
        print(row, flush=True)
    if ratios:
        print(f"geometric mean over {len(ratios)} models: latency {geomean(ratios):.3f}, load + first run {geomean(starts):.3f}")
    if args.json:
        with open(args.json, "w") as out:
            json.dump({"threads": args.threads, "models": results}, out, indent=1)


if __name__ == "__main__":
    main()
