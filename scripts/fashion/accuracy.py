#!/usr/bin/env python3
"""Accuracy of a Fashion-MNIST model on the 10,000 test pictures, run by liblinnet.

usage: accuracy.py [--library build/liblinnet.so] [--model models/fashion_mnist.tflite] [--data DIR]
needs: numpy and the data set (data_set.py says where from). The model takes int8 pictures, value - 128.
"""
import argparse
import ctypes
import os
import time

import numpy as np

from data_set import DATA, ROOT, load


class Session:
    """A model on one thread, through the C API."""

    def __init__(self, library, path):
        self.c = ctypes.CDLL(library)
        for name in ("ln_session_output", "ln_tensor_data"):
            getattr(self.c, name).restype = ctypes.c_void_p
        error = ctypes.create_string_buffer(512)
        model, self.session = ctypes.c_void_p(), ctypes.c_void_p()
        if (self.c.ln_model_open(path.encode(), error, ctypes.byref(model))
                or self.c.ln_session_create(model, None, error, ctypes.byref(self.session))):
            raise SystemExit(f"{path}: {error.raw[4:].split(bytes(1))[0].decode()}")

    def scores(self, picture):
        data = np.ascontiguousarray(picture.astype(np.int16) - 128, np.int16).astype(np.int8)
        if (self.c.ln_session_set_input(self.session, 0, data.ctypes.data_as(ctypes.c_void_p),
                                        ctypes.c_size_t(data.nbytes), None)
                or self.c.ln_session_run(self.session, None)):
            raise SystemExit("the run failed")
        output = ctypes.c_void_p(self.c.ln_session_output(self.session, 0))
        return np.ctypeslib.as_array(ctypes.cast(self.c.ln_tensor_data(output), ctypes.POINTER(ctypes.c_int8)), (10,))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--library", default=os.path.join(ROOT, "build", "liblinnet.so"))
    p.add_argument("--model", default=os.path.join(ROOT, "models", "fashion_mnist.tflite"))
    p.add_argument("--data", default=DATA)
    a = p.parse_args()
    pictures, labels = load(a.data, "t10k")
    session = Session(a.library, a.model)
    start = time.perf_counter()
    right = sum(int(np.argmax(session.scores(picture))) == label for picture, label in zip(pictures, labels))
    seconds = time.perf_counter() - start
    print(f"{right / len(labels):.4f} of {len(labels)} pictures right, {1e6 * seconds / len(labels):.0f} us a picture")


if __name__ == "__main__":
    main()
