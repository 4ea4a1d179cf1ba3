"""Element types that LiteRT's kernels refuse but that data-moving operators take all the same: numpy is the oracle."""
import zlib

import ml_dtypes
import numpy as np

from lib import case, tensor

TYPES = ("f16", "bf16", "f64", "u16", "u32", "u64", "c64")


def ints(values):
    return tensor(None, "i32", data=values, const=True)


def values(type, shape):
    rng = np.random.default_rng(zlib.crc32(type.encode()))
    data = rng.integers(0, 200, shape)
    if type == "c64":
        return (data + 1j * rng.integers(-9, 9, shape)).astype(np.complex64)
    return data.astype({"f16": np.float16, "bf16": ml_dtypes.bfloat16, "f64": np.float64, "u16": np.uint16,
                        "u32": np.uint32, "u64": np.uint64}[type])


def one(type, name, op, x, want, extra=(), options=None, before=()):
    case("data_types", f"{name}_{type}", op, options, [*before, tensor(None, type, data=x), *extra],
         [tensor(None, type) for _ in want], expected=want, resolver=None)


def cases():
    for t in TYPES:
        x = values(t, (2, 4, 6))
        one(t, "reshape", "RESHAPE", x, [x.reshape(8, 6)], [ints([8, 6])])
        one(t, "transpose", "TRANSPOSE", x, [x.transpose(2, 0, 1)], [ints([2, 0, 1])])
        one(t, "concat", "CONCATENATION", x, [np.concatenate([x, x[:, :2]], 1)], [tensor(None, t, data=x[:, :2])],
            {"axis": 1})
        one(t, "slice", "SLICE", x, [x[:, 1:3, 2:]], [ints([0, 1, 2]), ints([2, 2, 4])])
        one(t, "strided_slice", "STRIDED_SLICE", x, [x[:, ::-2, 1:6:2]],
            [ints([0, 3, 1]), ints([2, 0, 6]), ints([1, -2, 2])], {"endMask": 2})
        one(t, "gather", "GATHER", x, [x[:, [3, 0, 0]]], [ints([3, 0, 0])], {"axis": 1})
        one(t, "pad", "PAD", x, [np.pad(x, ((0, 0), (1, 0), (0, 2)))], [ints([[0, 0], [1, 0], [0, 2]])])
        one(t, "split", "SPLIT", x, [x[..., :3], x[..., 3:]], (), {"numSplits": 2}, [ints(2)])
        one(t, "pack", "PACK", x, [np.stack([x, x[::-1]], 1)], [tensor(None, t, data=x[::-1])],
            {"axis": 1, "valuesCount": 2})
        one(t, "tile", "TILE", x, [np.tile(x, (1, 2, 1))], [ints([1, 2, 1])])
        one(t, "reverse", "REVERSE_V2", x, [x[:, :, ::-1]], [ints([2])])
        y = x.reshape(1, 2, 4, 6)
        deep = y.reshape(1, 1, 2, 2, 2, 6).transpose(0, 1, 3, 2, 4, 5).reshape(1, 1, 2, 24)
        one(t, "space_to_depth", "SPACE_TO_DEPTH", y, [deep], (), {"blockSize": 2})
