#!/usr/bin/env python3
"""usage: convert_bench.py CASES [--linnet build/linnet] [--only REGEX] [--runs N] [--timeout S] [--json FILE]
Seconds, peak memory and installed size of `linnet convert` over a folder of cases (../shared/convert), beside the converters
that are installed for this Python: TensorFlow's TFLiteConverter (Keras and SavedModel), onnx2tf (ONNX) and litert-torch
(torch.export), each in a process of its own, as people run them. What is not installed is said and left out. A peer counts
where it made a file; whether that is right is another question (tools/check_convert.py)."""
import argparse, importlib.metadata as metadata, importlib.util, json, os, re, statistics, subprocess, sys, tempfile, time

TENSORFLOW = """
import sys, tensorflow as tf
source, out = sys.argv[1:3]
if source.endswith((".keras", ".h5")):
    import keras
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.models.load_model(source, compile=False))
else:
    converter = tf.lite.TFLiteConverter.from_saved_model(source)
open(out, "wb").write(converter.convert())
"""
ONNX2TF = """
import glob, os, shutil, sys, onnx2tf
source, out = sys.argv[1:3]
folder = out + ".d"
onnx2tf.convert(input_onnx_file_path=source, output_folder_path=folder, non_verbose=True)
shutil.copy(sorted(glob.glob(os.path.join(folder, "*_float32.tflite")))[0], out)
"""
LITERT_TORCH = """
import sys, torch
try:
    import litert_torch as peer
except ImportError:
    import ai_edge_torch as peer
source, out = sys.argv[1:3]
program = torch.export.load(source)
peer.convert(program.module(), program.example_inputs[0]).export(out)
"""
# name, kinds of sources, modules it needs, distributions it is installed as, what is run
PEERS = [
    ("TFLiteConverter", {"keras3", "h5", "savedmodel"}, ["tensorflow"], ["tensorflow", "tensorflow-cpu"], TENSORFLOW),
    ("onnx2tf", {"onnx"}, ["onnx2tf", "tensorflow"], ["onnx2tf"], ONNX2TF),
    ("litert-torch", {"torch-export"}, ["torch", ("litert_torch", "ai_edge_torch")], ["litert-torch", "ai-edge-torch"], LITERT_TORCH),
]


def is_installed(modules):
    found = lambda m: importlib.util.find_spec(m) is not None
    return all(any(map(found, m)) if isinstance(m, tuple) else found(m) for m in modules)


def measure(words, timeout):
    """Exit status, seconds and peak kB of a command and what it starts."""
    start = time.monotonic()
    p = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        done, status, usage = os.wait4(p.pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), time.monotonic() - start, usage.ru_maxrss
        if time.monotonic() - start > timeout:
            p.kill()
            os.wait4(p.pid, 0)
            return None, time.monotonic() - start, 0
        time.sleep(0.0005 if time.monotonic() - start < 1 else 0.05)


def best(words, out, runs, timeout):
    """The median of runs that made a file; None where one did not."""
    results = []
    for _ in range(runs):
        status, seconds, memory = measure(words, timeout)
        if status != 0 or not os.path.exists(out):
            return None
        results.append((seconds, memory))
    return statistics.median(s for s, _ in results), max(m for _, m in results)


def linnet_bytes(linnet):
    """The tool with the shared libraries that a bare system does not bring."""
    total = os.path.getsize(linnet)
    listed = subprocess.run(["ldd", linnet], capture_output=True, text=True).stdout
    for path in re.findall(r"=> (/\S+)", listed):
        if not re.search(r"/(libc|libm|libpthread|libdl|librt|ld-linux[^/]*)[.-]", path):
            total += os.path.getsize(os.path.realpath(path))
    return total


def installed_bytes(names):
    """A distribution with everything that it requires."""
    todo, seen, total = list(names), set(), 0
    while todo:
        name = re.sub(r"[-_.]+", "-", todo.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        for file in found.files or []:
            try:
                total += os.stat(found.locate_file(file)).st_size
            except OSError:
                pass
        for line in found.requires or []:
            if "extra ==" not in line:
                todo.append(re.match(r"[A-Za-z0-9._-]+", line).group())
    return total


def cases(folder, only):
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name, "manifest.json")
        if re.search(only, name) and os.path.exists(path):
            manifest = json.load(open(path))
            if "refuse" not in manifest:
                yield name, os.path.join(folder, name, manifest["files"][0]), manifest["source"]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("cases")
    p.add_argument("--linnet", default="build/linnet")
    p.add_argument("--only", default="")
    p.add_argument("--runs", type=int, default=3, help="of linnet; peers run once")
    p.add_argument("--timeout", type=float, default=120)
    p.add_argument("--json")
    a = p.parse_args()
    peers = [peer for peer in PEERS if is_installed(peer[2])]
    for peer in PEERS:
        if peer not in peers:
            print(f"{peer[0]} is not installed")
    rows = []
    with tempfile.TemporaryDirectory() as work:
        for name, source, kind in cases(a.cases, a.only):
            out = os.path.join(work, f"{name}.tflite")
            row = {"case": name, "kind": kind, "linnet": best([a.linnet, "convert", source, "-o", out], out, a.runs, a.timeout)}
            for peer, kinds, _, _, script in peers:
                if kind in kinds:
                    theirs = out + ".peer"
                    row["peer"] = peer
                    row["theirs"] = best([sys.executable, "-c", script, source, theirs], theirs, 1, a.timeout)
            rows.append(row)
            told = lambda r: f"{r[0]:8.3f} s {r[1] / 1e3:8.1f} MB" if r else "    none                "
            print(f"{name:32} {told(row['linnet'])}" + (f"   {row['peer']} {told(row['theirs'])}" if "peer" in row else ""), flush=True)
    summary = {"linnet_bytes": linnet_bytes(a.linnet), "peers": {}}
    print(f"\nlinnet with its libraries: {summary['linnet_bytes'] / 1e6:.1f} MB")
    for peer, _, _, distributions, _ in peers:
        both = [r for r in rows if r.get("peer") == peer and r["linnet"] and r["theirs"]]
        size = installed_bytes(distributions)
        summary["peers"][peer] = {"bytes": size, "cases": len(both)}
        if not both:
            continue
        seconds = statistics.median(r["theirs"][0] / r["linnet"][0] for r in both)
        memory = statistics.median(r["theirs"][1] / r["linnet"][1] for r in both)
        summary["peers"][peer].update(seconds_ratio=seconds, memory_ratio=memory, size_ratio=size / summary["linnet_bytes"])
        print(f"{peer}: {size / 1e6:.0f} MB installed ({size / summary['linnet_bytes']:.0f} times linnet's), {seconds:.0f} times its "
              f"seconds, {memory:.1f} times its memory (medians over {len(both)} cases that both convert)")
    if a.json:
        json.dump({"rows": rows, **summary}, open(a.json, "w"), indent=1)


if __name__ == "__main__":
    main()
