#!/usr/bin/env python3
"""Pictures of five classes of Fashion-MNIST, scaled up to 224 x 224, in folders: pictures.py OUT [TRAIN] [TEST]

OUT/train/CLASS/*.png holds TRAIN pictures a class (200), OUT/test/CLASS/*.png TEST ones (100). The data set is Debian's
package dataset-fashion-mnist (or FASHION_MNIST names a folder with its four IDX files).
"""
import gzip
import os
import struct
import sys
import zlib

import numpy as np

CLASSES = {0: "T-shirt", 1: "Trouser", 5: "Sandal", 8: "Bag", 9: "Ankle_boot"}
FOLDER = os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist")
SCALE = 8


def read_idx(name):
    data = gzip.open(os.path.join(FOLDER, name)).read()
    dims = struct.unpack(">%dI" % data[3], data[4 : 4 + 4 * data[3]])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(dims)


def scaled_up(picture):
    """Bilinear, centres of pixels aligned, white behind the garment as in a photograph of a shop."""
    at = (np.arange(picture.shape[0] * SCALE) + 0.5) / SCALE - 0.5
    low = np.clip(np.floor(at).astype(int), 0, picture.shape[0] - 2)
    part = np.clip(at - low, 0, 1)
    lines = picture[low] * (1 - part)[:, None] + picture[low + 1] * part[:, None]
    both = lines[:, low] * (1 - part) + lines[:, low + 1] * part
    return (255 - np.round(both)).astype(np.uint8)


def write_png(path, grey):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = grey.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), grey], axis=1).tobytes()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 6)) + chunk(b"IEND", b""))


def write_part(out, part, stem, count):
    images, labels = read_idx(stem + "-images-idx3-ubyte.gz"), read_idx(stem + "-labels-idx1-ubyte.gz")
    for label, name in CLASSES.items():
        folder = os.path.join(out, part, name)
        os.makedirs(folder, exist_ok=True)
        for index in np.flatnonzero(labels == label)[:count]:
            write_png(os.path.join(folder, "%05d.png" % index), scaled_up(images[index].astype(np.float32)))


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    write_part(sys.argv[1], "train", "train", int(sys.argv[2]) if len(sys.argv) > 2 else 200)
    write_part(sys.argv[1], "test", "t10k", int(sys.argv[3]) if len(sys.argv) > 3 else 100)


if __name__ == "__main__":
    main()
