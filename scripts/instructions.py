#!/usr/bin/env python3
"""Count the instructions of one inference on AArch64, tier by tier, in the emulator: no time can be told there.

usage: instructions.py [--linnet build/aarch64/linnet] [--shared ../shared] [--tiers generic,neon,...] [--json] [MODEL...]
needs: qemu-aarch64 (Debian: qemu-user) and a C compiler, for the emulator's plugin that counts (instruction_plugin.c).
Each model is run with N and with N + 1 invocations at one thread, on the inputs of SHARED/golden; the difference is one
inference, without loading and preparing. MODEL is the name of a file of SHARED/models.
"""
import argparse, json, os, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TIERS = ["generic", "neon", "neondot", "neoni8mm"]
MODELS = ["mobilenet_v1_0.25_224_float", "mobilenet_v2_1.0_224_quant", "mp_face_detection_short_range", "tiny_kws_float",
          "tiny_kws_int8", "tiny_resnet_int8", "tiny_vww_int8"]
PLUGIN_VERSIONS = range(1, 6)  # of the emulator's plugin interface; each emulator takes some of them


def build_plugin(folder, version):
    plugin = os.path.join(folder, f"instructions{version}.so")
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-shared", "-fPIC", f"-DPLUGIN_VERSION={version}", "-o", plugin,
                    os.path.join(HERE, "instruction_plugin.c")], check=True)
    return plugin


def executed(plugin, folder, tier, command):
    """Instructions of one run of the tool, or None where the emulator refuses the plugin."""
    out = os.path.join(folder, "count")
    if os.path.exists(out):
        os.remove(out)
    done = subprocess.run(["qemu-aarch64", "-cpu", "max", "-plugin", f"{plugin},out={out}", *command],
                          env={**os.environ, "LINNET_CPU": tier}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if not os.path.exists(out):
        return None
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr.strip()}")
    return int(open(out).read())


def find_plugin(folder, linnet):
    for version in PLUGIN_VERSIONS:
        plugin = build_plugin(folder, version)
        if executed(plugin, folder, "", [linnet, "version"]) is not None:
            return plugin
    sys.exit("instructions.py: this qemu-aarch64 takes no plugin")


def command_of(args, name):
    golden = os.path.join(args.shared, "golden", name)
    with open(os.path.join(golden, "manifest.json")) as file:
        signature, entry = next(iter(json.load(file)["signatures"].items()))
    command = [args.linnet, "run", os.path.join(args.shared, "models", name + ".tflite"), "--threads", "1"]
    if signature != "main":
        command += ["--signature", signature]
    for tensor in entry["inputs"]:
        command += ["--input", os.path.join(golden, tensor["file"])]
    return command


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--linnet", default=os.path.join(HERE, "..", "build", "aarch64", "linnet"))
    parser.add_argument("--shared", default=os.path.join(HERE, "..", "..", "shared"))
    parser.add_argument("--tiers", default=",".join(TIERS))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("models", nargs="*", metavar="MODEL", default=MODELS)
    args = parser.parse_args()
    tiers = args.tiers.split(",")
    counts = {}
    with tempfile.TemporaryDirectory() as folder:
        plugin = find_plugin(folder, args.linnet)
        for name in args.models:
            command = command_of(args, name)
            runs = {tier: [executed(plugin, folder, tier, command + ["--invocations", n]) for n in ("1", "2")]
                    for tier in tiers}
            counts[name] = {tier: two - one for tier, (one, two) in runs.items()}
    if args.json:
        print(json.dumps(counts, indent=1))
        return
    print("Instructions of one inference at one thread, in thousands\n")
    print("| model | " + " | ".join(tiers) + " |")
    print("|---" * (len(tiers) + 1) + "|")
    for name, count in counts.items():
        print(f"| {name} | " + " | ".join(f"{count[tier] / 1e3:,.0f}" for tier in tiers) + " |")


if __name__ == "__main__":
    main()
