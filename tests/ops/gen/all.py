#!/usr/bin/env python3
"""Generates the cases of operators: all.py [FAMILY...]. A family is a file beside this one that defines cases()."""
import glob
import importlib
import os
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import lib


def generate(family):
    """Runs a family's cases() and removes the files it no longer makes."""
    before = len(lib.written)
    importlib.import_module(family).cases()
    made = set(lib.written[before:])
    for path in glob.glob(os.path.join(lib.CASES, family, "*.tflite")):
        if os.path.normpath(path) not in made:
            os.remove(path)
    size = sum(os.path.getsize(p) for p in made)
    print(f"{family}: {len(made)} cases, {size / 1024:.0f} KB")


def main():
    names = sys.argv[1:] or sorted(os.path.basename(p)[:-3] for p in glob.glob(os.path.join(HERE, "*.py")))
    failed = False
    for family in names:
        if family in ("all", "lib"):
            continue
        try:
            generate(family)
        except Exception as e:
            failed = True
            traceback.print_exc() if os.environ.get("TRACE") else print(f"{family}: {e}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
