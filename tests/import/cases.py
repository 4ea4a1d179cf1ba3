"""The shared converter cases through their own checker, in our runtime or, with --stock, in LiteRT.

usage: cases.py LINNET SHARED [--stock]

Left out are what no converter can get right: three ONNX files that lack a part (ONNX Runtime refuses them, too), which must
be refused here, and one whose manifest names an input as the source does not; it is checked under the source's own name.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

PARTLESS = {"onnx_if_13": "h", "onnx_loop_13": "w", "onnx_function_17": "Gate"}  # and the name that is missing
MISNAMED = {"pt2_transformer": {"ids": "x"}}
NOT_STOCK = ["k3_text"]  # strings in lower case are a custom operator, which stock LiteRT lacks


def check(linnet, shared, folder, arguments):
    checker = os.path.join(shared, "tools", "check_convert.py")
    return subprocess.run([sys.executable, checker, folder, "--linnet", linnet, *arguments]).returncode


def main():
    linnet, shared = sys.argv[1:3]
    stock = sys.argv[3:4] == ["--stock"]
    cases = os.path.join(shared, "convert")
    try:
        import numpy  # noqa: F401
        if stock:
            import ai_edge_litert.interpreter  # noqa: F401
    except ImportError as error:
        print("skipped: %s" % error)
        sys.exit(77)
    if not os.path.isdir(cases):
        print("skipped: no cases in %s" % cases)
        sys.exit(77)
    arguments = ["--module", "ai_edge_litert.interpreter"] if stock else []
    without = [*PARTLESS, *MISNAMED, *(NOT_STOCK if stock else [])]
    status = check(linnet, shared, cases, [*arguments, "--only", "^(?!%s)" % "|".join(without)])
    for name, word in PARTLESS.items():
        run = subprocess.run([linnet, "convert", os.path.join(cases, name, "model.onnx"), "-o", os.devnull],
                             capture_output=True, text=True)
        if run.returncode != 1 or word not in run.stderr or run.stderr.count("\n") != 1:
            print("%s: ends with %d and says %r" % (name, run.returncode, run.stderr))
            status = 1
    with tempfile.TemporaryDirectory() as folder:
        for name, names in MISNAMED.items():
            shutil.copytree(os.path.join(cases, name), os.path.join(folder, name), copy_function=shutil.copyfile)
            os.chmod(os.path.join(folder, name), 0o755)
            path = os.path.join(folder, name, "manifest.json")
            with open(path) as file:
                manifest = json.load(file)
            for entry in manifest["inputs"]:
                entry["name"] = names.get(entry["name"], entry["name"])
            with open(path, "w") as file:
                json.dump(manifest, file)
        status = check(linnet, shared, folder, arguments) or status
    sys.exit(status != 0)


if __name__ == "__main__":
    main()
