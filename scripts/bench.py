#!/usr/bin/env python3
"""Time models with linnet and with the runtimes that are installed beside it, in turns, in one run.

usage: bench.py [--linnet build/linnet] [--threads 1,2] [--seconds 0.3] [--rounds 3] [--json OUT.json | --results DIR]
                [--library build/liblinnet.so] [--golden CHECK.py] [--label TEXT] [MODEL.tflite...]

Without models: those of ../shared/models when they stand beside the checkout, and the model that ships. Every engine has
its own process and its turn in every round, so that a drift of the machine meets all alike; what is kept is the smallest of
the rounds' medians. Peers (ai-edge-litert with XNNPACK, openvino) that are not installed are left out with a word.
--results writes DIR/<date>-<commit>.json; bench/README.md says what stands in it and how memory is measured.
"""
import argparse
import datetime
import glob
import importlib.metadata
import importlib.util
import json
import math
import os
import platform
import re
import subprocess
import sys
import tempfile
import time

import hottest

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
SCHEMA = 1

# ---- the peers, each in a process of its own ----


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


PEERS = {"litert": ("ai_edge_litert", "ai-edge-litert", start_litert), "openvino": ("openvino", "openvino", start_openvino)}


def peak_rss_kb():
    """Of this process alone; what getrusage says begins with the memory of the process that started it."""
    try:
        with open("/proc/self/status") as status:
            return int(re.search(r"VmHWM:\s*(\d+)", status.read()).group(1))
    except (OSError, AttributeError):
        import resource
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def time_peer(name, model, threads, seconds):
    """Prints one JSON object of linnet bench's form."""
    import numpy
    importlib.import_module("ai_edge_litert.interpreter" if name == "litert" else name)
    bare = peak_rss_kb()
    loaded, run = PEERS[name][2](model, threads)
    begin = time.perf_counter()
    run()
    first = time.perf_counter() - begin
    resident = peak_rss_kb()
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    times.sort()
    print(json.dumps({"load_ms": 1e3 * loaded, "first_ms": 1e3 * first, "median_ms": 1e3 * times[len(times) // 2],
                      "peak_rss_kb": resident, "bare_rss_kb": bare, "numpy": numpy.__version__}))


# ---- measuring ----


def read_object(text):
    """The JSON object in an engine's output. Warnings of a peer's libraries may come before it. What is no object is a
    mistake here, not a model that an engine cannot run, so it is not passed over."""
    return json.loads(text[text.index("{"):])


def run_engine(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return read_object(done.stdout) if done.returncode == 0 else None


def measure(engine, model, threads, args):
    if engine == "linnet":
        return run_engine([args.linnet, "bench", model, "--threads", str(threads), "--seconds", str(args.seconds), "--json"])
    return run_engine([sys.executable, os.path.abspath(__file__), "--peer", engine, "--threads", str(threads),
                       "--seconds", str(args.seconds), model])


def bench_model(model, engines, threads, args):
    best = {}
    for _ in range(args.rounds):
        for engine in engines:
            result = measure(engine, model, threads, args)
            if result is None:
                continue
            result["start_ms"] = result["load_ms"] + result["first_ms"]
            if "bare_rss_kb" in result:  # older tools of ours do not say it
                result["memory_kb"] = max(0, result["peak_rss_kb"] - result["bare_rss_kb"])
            kept = best.setdefault(engine, {})
            for figure in ("median_ms", "start_ms", "memory_kb"):
                if figure in result:
                    kept[figure] = min(kept.get(figure, math.inf), result[figure])
    return best


def name_of(model):
    return os.path.basename(model)[:-len(".tflite")]


def steps_of(model, kernels, args):
    """Of a run at one thread: the steps that take the most time, and the type that most products are made in. All of its
    steps are added to `kernels`."""
    result = run_engine([args.linnet, "bench", model, "--per-op", "--seconds", str(args.seconds), "--json"])
    if result is None:
        return {"type": "other", "steps": []}
    hottest.add_steps(kernels, result["per_op"])
    macs = {}
    for step in result["per_op"]:
        if step["macs"] > 0:
            kind = step.get("type") or "other"
            if kind == "int8" and step["input_type"] == "float32":
                kind = "hybrid"
            macs[kind] = macs.get(kind, 0) + step["macs"]
    keys = ("op", "tensor", "kernel", "ms", "share", "macs", "gops", "peak_percent")
    return {"type": max(macs, key=macs.get) if macs else "other", "macs": sum(macs.values()),
            "arena_bytes": result["arena_bytes"], "weight_bytes": result["weight_bytes"],
            "steps": [{k: step[k] for k in keys if k in step} for step in result["per_op"][:8]]}


def rounded(value):
    """Numbers with the digits that a measurement has."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


# ---- what is not time ----


def stripped_bytes(path):
    """Of a shared library without its symbols; None when there is none, or no strip."""
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "library")
        try:
            subprocess.run(["strip", "-o", copy, os.path.realpath(path)], check=True, capture_output=True)
            return os.path.getsize(copy)
        except (OSError, subprocess.CalledProcessError):
            return None


def peer_library_bytes(name):
    """What runs a .tflite model on the CPU, as it is shipped."""
    folder = list(importlib.util.find_spec(PEERS[name][0]).submodule_search_locations)[0]
    if name == "litert":
        parts = ["libpywrap_litert_common.so"]
    else:
        parts = [os.path.join("libs", p) for p in ("libopenvino.so.*", "libopenvino_intel_cpu_plugin.so",
                                                   "libopenvino_tensorflow_lite_frontend.so.*", "libtbb.so.*")]
    found = [path for part in parts for path in glob.glob(os.path.join(folder, part))]
    return sum(os.path.getsize(path) for path in found) or None


def check_golden(args):
    """The recorded outputs of real models: how many pass, and how many of those with integer outputs are equal bit for bit."""
    if not args.golden or not os.path.exists(args.golden):
        return None
    done = subprocess.run([sys.executable, args.golden, "--linnet", args.linnet], capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    counts = re.search(r"(\d+) passed, (\d+) failed", done.stdout)
    if not counts:
        return None
    exact = re.search(r"(\d+) of (?:the )?(\d+)", lines[-2]) if len(lines) > 1 else None
    return {"passed": int(counts.group(1)), "failed": int(counts.group(2)),
            "integer_equal": int(exact.group(1)) if exact else None, "integer_models": int(exact.group(2)) if exact else None}


def git(*words):
    done = subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def cpu_facts():
    facts = {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count(), "flags": []}
    try:
        text = open("/proc/cpuinfo").read()
        facts["cpu"] = re.search(r"model name\s*: (.*)", text).group(1)
        wanted = "avx avx2 fma f16c avx512f avx512bw avx512vl avx512_vnni avx_vnni avx512_bf16 avx512_fp16 amx_int8 amx_bf16"
        flags = re.search(r"flags\s*: (.*)", text).group(1).split()
        facts["flags"] = [f for f in wanted.split() if f in flags]
        facts["memory_bytes"] = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, AttributeError):
        pass
    return facts


def gather(engines, args):
    """All of a result but the models' figures."""
    version = subprocess.run([args.linnet, "version"], capture_output=True, text=True).stdout.splitlines()
    libraries = {"linnet": stripped_bytes(args.library) if args.library and os.path.exists(args.library) else None}
    versions = {}
    for name in engines[1:]:
        versions[name] = importlib.metadata.version(PEERS[name][1])
        libraries[name] = peer_library_bytes(name)
    peak = {str(t): run_engine([args.linnet, "bench", "--peak", "--threads", str(t), "--json"]) for t in args.threads}
    return {"schema": SCHEMA, "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "label": args.label or version[0].split()[1], "version": version[0].split()[1],
            "commit": git("rev-parse", "--short=10", "HEAD"), "dirty": bool(git("status", "--porcelain", "-uno")),
            "tier": next((line.split()[-1] for line in version if line.startswith("kernels:")), ""),
            "machine": cpu_facts(), "peers": versions,
            "settings": {"seconds": args.seconds, "rounds": args.rounds},
            "peak": {t: p["peak"] for t, p in peak.items() if p}, "library_bytes": libraries, "accuracy": check_golden(args)}


# ---- the tables ----


def geomean(values):
    return math.exp(sum(math.log(v) for v in values) / len(values)) if values else float("nan")


def compare(best, engines):
    """linnet over the best peer: latency and load + first run; over LiteRT: memory. None where a side is missing."""
    peers = [best[e] for e in engines[1:] if e in best]
    if "linnet" not in best or not peers:
        return None
    mine = best["linnet"]
    out = {"latency": mine["median_ms"] / min(p["median_ms"] for p in peers),
           "start": mine["start_ms"] / min(p["start_ms"] for p in peers)}
    if best.get("litert", {}).get("memory_kb", 0) > 0 and "memory_kb" in mine:
        out["memory"] = mine["memory_kb"] / best["litert"]["memory_kb"]
    return out


def print_row(name, best, engines):
    row = f"{name[:44]:44s}" + "".join(f"{best[e]['median_ms']:12.3f}" if e in best else f"{'-':>12s}" for e in engines)
    ratios = compare(best, engines)
    if ratios:
        row += f"{ratios['latency']:8.2f}{ratios['start']:8.2f}"
        row += f"{ratios['memory']:8.2f}" if "memory" in ratios else f"{'-':>8s}"
    print(row, flush=True)


def bench_threads(threads, engines, args):
    """The table for a number of threads; returns the models' figures and the summary."""
    print(f"\n{'model':44s}" + "".join(f"{e:>12s}" for e in engines) + f"{'ratio':>8s}{'start':>8s}{'memory':>8s}"
          f"   ({threads} thread{'s' if threads > 1 else ''}, ms; linnet / best peer: latency, load + first run; / LiteRT: memory)")
    figures = {}
    for model in args.models:
        figures[name_of(model)] = bench_model(model, engines, threads, args)
        print_row(name_of(model), figures[name_of(model)], engines)
    ratios = {name: r for name, best in figures.items() if (r := compare(best, engines))}
    if not ratios:
        return figures, None
    memory = [max(r["memory"], 1e-3) for r in ratios.values() if "memory" in r]
    summary = {"models": len(ratios), "latency": geomean([r["latency"] for r in ratios.values()]),
               "start": geomean([r["start"] for r in ratios.values()]), "memory": geomean(memory) if memory else None,
               "slower": {name: r["latency"] for name, r in ratios.items() if r["latency"] > 1.05}}
    print(f"geometric mean over {len(ratios)} models: latency {summary['latency']:.3f}, load + first run {summary['start']:.3f}"
          + (f", memory {summary['memory']:.3f}" if memory else ""))
    slow = sorted(summary["slower"].items(), key=lambda item: -item[1])
    print(f"slower than the best peer by more than 5 % on {len(slow)}" +
          (": " + ", ".join(f"{name} {ratio:.2f}" for name, ratio in slow) if slow else ""), flush=True)
    return figures, summary


def find_engines():
    engines = ["linnet"]
    for name, (module, package, _) in PEERS.items():
        if importlib.util.find_spec(module):
            engines.append(name)
        else:
            print(f"{package} is not installed: left out")
    return engines


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--linnet", default=os.path.join(ROOT, "build", "linnet"))
    parser.add_argument("--threads", default="1", type=lambda text: [int(t) for t in text.split(",")])
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", metavar="OUT.json")
    parser.add_argument("--results", metavar="DIR")
    parser.add_argument("--library", help="whose stripped size is told")
    parser.add_argument("--golden", default=os.path.join(ROOT, "..", "shared", "tools", "check_golden.py"))
    parser.add_argument("--label", help="what the dashboard calls this result (default: the version)")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    parser.add_argument("models", nargs="*")
    args = parser.parse_args()
    args.models = args.models or sorted(glob.glob(os.path.join(ROOT, "..", "shared", "models", "*.tflite"))) + \
        sorted(glob.glob(os.path.join(ROOT, "models", "*.tflite")))
    return args


def main():
    args = parse()
    if args.peer:
        return time_peer(args.peer, args.models[0], args.threads[0], args.seconds)
    engines = find_engines()
    result = gather(engines, args) if args.json or args.results else {}
    result["threads"] = {}
    for threads in args.threads:
        figures, summary = bench_threads(threads, engines, args)
        result["threads"][str(threads)] = {"models": figures, "summary": summary}
    if not args.json and not args.results:
        return
    kernels = {}
    result["models"] = {name_of(model): steps_of(model, kernels, args) for model in args.models}
    result["kernels"] = hottest.hottest(kernels, 15)
    print("\nwhere the time of one run of each model goes")
    hottest.print_table(result["kernels"][:10], 1)
    path = args.json or os.path.join(args.results, f"{result['date'][:10]}-{result['commit'] or result['version']}.json")
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w") as out:
        json.dump(rounded(result), out, indent=1, sort_keys=True)
        out.write("\n")
    print(f"written: {os.path.relpath(path)}")


if __name__ == "__main__":
    main()
