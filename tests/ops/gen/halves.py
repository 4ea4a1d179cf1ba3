"""Operators without weights on float16 and bfloat16, which LiteRT refuses: it is asked about the same numbers as float32, and
its answer is rounded."""
import zlib

import numpy as np

from lib import DTYPES, SHORT, case, graph, node, oracle_outputs, random_data, tensor

POOL = {"strideH": 2, "strideW": 1, "filterHeight": 3, "filterWidth": 2, "padding": "SAME"}
SIZE = {"data": [5, 7], "const": True}


def half(name, op, shape, type, options=None, extra=(), resolver="ref", out=None, **quantized):
    x = tensor(shape, type)
    x.data = random_data(x, np.random.default_rng(zlib.crc32(name.encode())))
    wide = tensor(shape, "f32", data=np.asarray(x.data, np.float32))
    result = tensor(None, out or "f32", **quantized)
    _, expected = oracle_outputs([graph([node(op, [wide, *extra], [result], options)], [wide], [result])], resolver, 1)
    want = expected[0] if out else expected[0].astype(DTYPES[SHORT[type]])
    case("halves", f"{name}_{type}", op, options, [x, *extra], [tensor(None, out or type, **quantized)], expected=[want],
         resolver=None, tolerance={"abs": 1e-5, "rel": 1e-3 if type == "f16" else 8e-3})


def cases():
    for type in ("f16", "bf16"):
        for op in ("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"):
            half(op.lower(), op, [2, 5, 6, 3], type, POOL)
            half(op.lower() + "_relu", op, [1, 4, 4, 17], type, POOL | {"fusedActivationFunction": "RELU_N1_TO_1"})
        half("softmax", "SOFTMAX", [3, 17], type, {"beta": 0.5})
        half("log_softmax", "LOG_SOFTMAX", [3, 17], type)
        half("l2_normalization", "L2_NORMALIZATION", [2, 3, 9], type)
        half("local_response_norm", "LOCAL_RESPONSE_NORMALIZATION", [1, 2, 3, 8], type,
             {"radius": 2, "bias": 1.0, "alpha": 0.5, "beta": 0.5}, resolver="opt")
        for mode, options in (("", {}), ("_corners", {"alignCorners": True}), ("_centers", {"halfPixelCenters": True})):
            half("resize_bilinear" + mode, "RESIZE_BILINEAR", [2, 3, 4, 5], type, options, [tensor(None, "i32", **SIZE)])
        for out, zero in (("i8", -3), ("u8", 120), ("i16", 0), ("i4", 0)):
            half(f"quantize_{out}", "QUANTIZE", [3, 21], type, None, out=out, scale=0.3 if out == "i4" else 0.02, zero_point=zero)
