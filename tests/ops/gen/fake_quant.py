import numpy as np

from lib import case, tensor

F = "fake_quant"


def fake_quant(name, low, high, bits, narrow=False, **more):
    case(F, name, "FAKE_QUANT", {"min": low, "max": high, "numBits": bits, "narrowRange": narrow},
         more.pop("inputs", [tensor([3, 13], low=-3, high=7)]), [tensor(None)], **more)


def cases():
    for bits in (2, 4, 8, 16):
        for name, low, high in (("around", -1.3, 2.1), ("above", 0.0, 6.0), ("below", -1.0, 0.0)):
            fake_quant(f"bits{bits}_{name}", low, high, bits)
    # LiteRT refuses narrow ranges: by TensorFlow's definition -127..127 steps of 0.5 here, stored as 1..255.
    data = np.array([-100, -63.5, -63.2, -0.3, 0, 0.2, 0.3, 63.4, 64], np.float32)
    want = np.clip(np.round(data / np.float32(0.5)), -127, 127) * np.float32(0.5)
    fake_quant("narrow", -63.5, 63.5, 8, True, inputs=[tensor(None, data=data)], expected=[want], resolver=None)
