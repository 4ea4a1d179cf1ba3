"""Runs the code of a notebook's cells, in its folder, and checks what it found: notebook.py NOTEBOOK LINNET BACKBONE"""
import json
import os
import shutil
import sys

SKIP = 77


def main():
    notebook, linnet, backbone = (os.path.abspath(path) for path in sys.argv[1:4])
    try:
        import numpy  # noqa: F401  (what makes the pictures needs it)
    except ImportError:
        sys.exit(SKIP)
    if not os.path.exists(backbone) or not os.path.exists("/usr/share/datasets/fashion-mnist"):
        print("the backbone or the data set is not there")
        sys.exit(SKIP)
    os.environ.update(LINNET=linnet, BACKBONE=backbone, TRAIN="30", TEST="20")
    os.chdir(os.path.dirname(notebook))
    names = {}
    try:
        for cell in json.load(open(notebook))["cells"]:
            if cell["cell_type"] == "code":
                exec("".join(cell["source"]), names)
    finally:
        shutil.rmtree(names.get("folder", ""), ignore_errors=True)
    for result in (names["result"], names["tuned_result"]):
        if result["samples"] != 100 or result["accuracy"] < 0.8:
            sys.exit("a poor result: %s" % result)


if __name__ == "__main__":
    main()
