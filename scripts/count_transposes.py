#!/usr/bin/env python3
"""Transposes of converted models: in the source, as it was imported, and in the result.

    count_transposes.py CASES --linnet build/tests/linnet [--only REGEX] [--most N]

CASES is a folder of cases (../shared/convert); the sources are named by each case's manifest.json. Exit status 1 where
a result holds more transposes than the source, one for each input and output of three dimensions and more allowed
(--most: so many more).
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile


def convert(linnet, source, folder):
    run = subprocess.run([linnet, "convert", source, "-o", folder / "out.tflite", "--json"], capture_output=True, text=True)
    try:
        return json.loads(run.stdout), run.stderr.strip()
    except ValueError:
        return None, run.stderr.strip()


def interface(result):
    tensors = [t for s in result["signatures"] for t in s["inputs"] + s["outputs"]]
    return sum(3 <= len(t["shape"]) <= 5 for t in tensors)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=pathlib.Path)
    parser.add_argument("--linnet", required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--most", type=int, default=0)
    options = parser.parse_args()
    failed = 0
    print(f"{'case':34} {'source':>6} {'read':>6} {'result':>6}")
    with tempfile.TemporaryDirectory() as scratch:
        for manifest in sorted(options.cases.glob("*/manifest.json")):
            if not re.search(options.only, manifest.parent.name):
                continue
            for name in json.loads(manifest.read_text())["files"][:1]:
                result, said = convert(options.linnet, manifest.parent / name, pathlib.Path(scratch))
                if result is None or "result" not in result:
                    print(f"{manifest.parent.name:34} {said[-80:]}")
                    continue
                source, read = result["source"]["transposes"], result["source"]["imported_transposes"]
                left = result["result"]["transposes"]
                too_many = left > source + interface(result) + options.most
                failed += too_many
                print(f"{manifest.parent.name:34} {source:6} {read:6} {left:6}{'  too many' if too_many else ''}")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
