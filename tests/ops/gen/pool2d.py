"""AVERAGE_POOL_2D and MAX_POOL_2D."""
from lib import case, tensor


def cases():
    shapes = {
        "2x2": ([1, 8, 6, 5], 2, 2, 2, 2, "VALID", 0),
        "3x3_same": ([2, 7, 9, 18], 3, 3, 2, 2, "SAME", 0),
        "3x2_stride1": ([1, 5, 6, 40], 3, 2, 1, 1, "SAME", 3),
        "global": ([1, 7, 7, 66], 7, 7, 1, 1, "VALID", 0),
        "tall": ([1, 25, 5, 16], 25, 5, 25, 5, "VALID", 1),
        "sparse": ([1, 9, 10, 3], 2, 2, 4, 3, "SAME", 0),
        "1x1": ([1, 4, 4, 7], 1, 1, 2, 2, "VALID", 0),
        "large": ([1, 30, 31, 2], 30, 31, 1, 1, "VALID", 0),
    }
    for op, stem in (("AVERAGE_POOL_2D", "average"), ("MAX_POOL_2D", "max")):
        for name, (shape, kh, kw, sh, sw, padding, activation) in shapes.items():
            for type in ("f32", "i8", "u8", "i16"):
                if name in ("large", "1x1") and type in ("i16",):
                    continue
                quantized = {} if type == "f32" else {
                    "scale": 0.04 if type != "i16" else 0.0004, "zero_point": {"i8": -20, "u8": 100, "i16": 0}[type]}
                case("pool2d", f"{stem}_{name}_{type}", op,
                     {"padding": 0 if padding == "SAME" else 1, "strideW": sw, "strideH": sh, "filterWidth": kw,
                      "filterHeight": kh, "fusedActivationFunction": activation},
                     [tensor(shape, type, **quantized)], [tensor(None, type, **quantized)])
