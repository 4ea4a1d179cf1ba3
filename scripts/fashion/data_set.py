#!/usr/bin/env python3
"""Fashion-MNIST as arrays, from the files that Debian's package dataset-fashion-mnist installs (MIT licence, Zalando SE).

usage: data_set.py FOLDER [--data DIR]   writes a few pictures of the test set there, each the first of its class
needs: numpy, pillow
"""
import argparse
import gzip
import os

import numpy as np

DATA = "/usr/share/datasets/fashion-mnist"
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def read_idx(path):
    """An array in the idx format of the MNIST family: two zero bytes, type 8, rank, big-endian dimensions, bytes."""
    with gzip.open(path) as file:
        data = file.read()
    rank = data[3]
    shape = np.frombuffer(data, ">u4", rank, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def load(folder, part):
    """Pictures and classes of "train" or "t10k"."""
    return (read_idx(os.path.join(folder, part + "-images-idx3-ubyte.gz")),
            read_idx(os.path.join(folder, part + "-labels-idx1-ubyte.gz")).astype(np.int64))


def main():
    from PIL import Image
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder")
    p.add_argument("--data", default=DATA)
    a = p.parse_args()
    with open(os.path.join(ROOT, "examples", "fashion", "labels.txt"), encoding="utf-8") as file:
        names = file.read().split("\n")
    pictures, labels = load(a.data, "t10k")
    os.makedirs(a.folder, exist_ok=True)
    for label in (9, 2, 1, 6, 5, 7, 8, 3):
        index = int(np.nonzero(labels == label)[0][0])
        name = names[label].lower().replace(" ", "_")
        Image.fromarray(pictures[index]).save(os.path.join(a.folder, name + ".bmp"))


if __name__ == "__main__":
    main()
