#!/usr/bin/env python3
"""Labelled samples for docs/optimize.md without a data set: the pictures of examples/fashion, moved by up to two pixels and
made darker. Writes pictures.npy (uint8 [400, 28, 28]) and labels.npy (uint8 [400]) into a folder.

usage: samples.py [FOLDER]
"""
import os
import struct
import sys

PICTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples", "fashion")
CLASSES = {"trouser": 1, "pullover": 2, "dress": 3, "sandal": 5, "shirt": 6, "sneaker": 7, "bag": 8, "ankle_boot": 9}
SIDE = 28


def read_bmp(path):
    """Rows of grey values of an uncompressed picture with a palette, or of 24 bits."""
    with open(path, "rb") as file:
        data = file.read()
    start, bits = struct.unpack_from("<I", data, 10)[0], struct.unpack_from("<H", data, 28)[0]
    step = bits // 8
    width = (SIDE * step + 3) // 4 * 4
    return [[data[start + (SIDE - 1 - y) * width + x * step] for x in range(SIDE)] for y in range(SIDE)]


def moved(rows, dx, dy, tenths):
    return bytes(rows[y - dy][x - dx] * tenths // 10 if 0 <= y - dy < SIDE and 0 <= x - dx < SIDE else 0
                 for y in range(SIDE) for x in range(SIDE))


def write_npy(path, shape, data):
    header = "{'descr': '|u1', 'fortran_order': False, 'shape': %s, }" % (shape,)
    header = header.ljust(117) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data)


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else "."
    pictures, labels = b"", b""
    for tenths in (10, 7):
        for dy in range(-2, 3):
            for dx in range(-2, 3):
                for name, label in sorted(CLASSES.items()):
                    pictures += moved(read_bmp(os.path.join(PICTURES, name + ".bmp")), dx, dy, tenths)
                    labels += bytes([label])
    write_npy(os.path.join(folder, "pictures.npy"), (len(labels), SIDE, SIDE), pictures)
    write_npy(os.path.join(folder, "labels.npy"), (len(labels),), labels)


if __name__ == "__main__":
    main()
