"""CONV_2D: every accepted combination of types, strides, dilations, paddings, groups and biases, on each of the forms that
the product behind it takes (lines, windows gathered, the plain input)."""
import zlib

import numpy as np
import lib
from lib import case, tensor

NAME = "CONV_2D"


def options(stride=1, padding="SAME", activation="NONE", dilation=1, stride_h=None, dilation_h=None, bias_type=0):
    return {"padding": padding, "strideW": stride, "strideH": stride_h or stride, "fusedActivationFunction": activation,
            "dilationWFactor": dilation, "dilationHFactor": dilation_h or dilation, "quantizedBiasType": bias_type}


def layer(name, type, shape, kernel, out_c, groups=1, bias=True, const=True, seed=1, zero=0, filter_zero=0, scale=0.05,
          per_axis=True, wide_bias=True, out_zero=None, tolerance=None, filter_const=True, bias_const=True, **rest):
    rng = np.random.default_rng(seed)
    filter_shape = [out_c, kernel[0], kernel[1], shape[3] // groups]
    floats = type in ("f32", "hybrid")
    depth = int(np.prod(filter_shape[1:]))
    axis = (0, rng.uniform(0.005, 0.02, out_c).astype(np.float32), None)
    x = tensor(shape, "f32" if floats else type, scale=None if floats else scale, zero_point=zero)
    out = tensor(None, "f32" if floats else type, scale=None if floats else scale * 1.7 * np.sqrt(depth),
                 zero_point=zero if out_zero is None else out_zero)
    if type == "f32":
        f = tensor(filter_shape, "f32", const=filter_const)
    elif type == "u8":
        f = tensor(filter_shape, "u8", const=filter_const, scale=0.012, zero_point=filter_zero)
    else:
        f = tensor(filter_shape, "i8", const=filter_const, low=-127, per_axis=axis if per_axis else None,
                   scale=None if per_axis else 0.0121, zero_point=filter_zero)
    inputs = [x, f]
    data = rng.uniform(-1, 1, out_c) if floats else rng.integers(-3000, 3000, out_c)
    data = data if bias else np.zeros(out_c)
    kind = "f32" if floats else "i64" if type == "i16" and wide_bias else "i32"
    quantized = {}
    if type in ("i8", "i16"):
        quantized = ({"per_axis": (0, axis[1] * np.float32(scale), None)} if per_axis
                     else {"scale": np.float32(scale) * np.float32(0.0121)})
    elif type == "u8":
        quantized = {"scale": np.float32(scale) * np.float32(0.012)}
    inputs.append(tensor([out_c], kind, const=bias_const, data=data, **quantized))
    if bias:
        case("conv2d", name, NAME, options(**rest), inputs, [out], tolerance=tolerance)
        return
    # LiteRT refuses what TFLite's schema allows, a convolution without a bias: the oracle adds zeros.
    data_rng = np.random.default_rng(zlib.crc32(name.encode()))
    for t in inputs[:2]:
        t.data = lib.random_data(t, data_rng)
    whole = lib.graph([lib.node(NAME, inputs, [out], options(**rest))], [t for t in inputs if not t.const], [out])
    _, expected = lib.oracle_outputs([whole], "ref", 1)
    case("conv2d", name, NAME, options(**rest), inputs[:2], [out], tolerance=tolerance, expected=expected, resolver=None)


def cases():
    forms = [
        ("plain", [2, 5, 7, 12], (1, 1), 9, {}),
        ("plain_whole", [2, 4, 3, 6], (4, 3), 5, {"padding": "VALID"}),
        ("lines", [1, 9, 11, 5], (3, 3), 18, {}),
        ("lines_valid", [2, 8, 12, 4], (3, 2), 33, {"padding": "VALID"}),
        ("lines_stride", [1, 13, 16, 3], (5, 3), 7, {"stride": 2, "activation": "RELU6"}),
        ("lines_stride_1x1", [1, 9, 14, 8], (1, 1), 6, {"stride": 2, "stride_h": 3}),
        ("lines_dilated", [1, 11, 13, 4], (3, 3), 5, {"dilation": 2, "dilation_h": 3}),
        ("gather", [2, 3, 4, 17], (3, 3), 10, {"activation": "RELU"}),
        ("gather_stride", [1, 5, 6, 19], (3, 4), 4, {"stride": 2, "padding": "VALID", "activation": "RELU_N1_TO_1"}),
        ("gather_dilated", [1, 7, 8, 3], (2, 3), 6, {"dilation": 40}),
        ("narrow", [2, 5, 4, 3], (3, 3), 7, {}),
        ("column", [1, 23, 1, 6], (3, 1), 8, {"stride_h": 2}),
        ("groups", [1, 6, 9, 8], (3, 3), 12, {"groups": 4}),
    ]
    for name, shape, kernel, out_c, rest in forms:
        layer(f"f32_{name}", "f32", shape, kernel, out_c, **rest)
        layer(f"i8_{name}", "i8", shape, kernel, out_c, zero=-7, out_zero=4, **rest)
        layer(f"u8_{name}", "u8", shape, kernel, out_c, zero=121, filter_zero=140, out_zero=130, **rest)
        layer(f"i16_{name}", "i16", shape, kernel, out_c, scale=0.0005, **rest)
    small = [1, 6, 7, 5]
    layer("f32_no_bias", "f32", small, (3, 3), 4, bias=False)
    layer("f32_filter_fed", "f32", small, (3, 3), 4, filter_const=False)
    layer("f32_all_fed", "f32", small, (1, 1), 40, filter_const=False, bias_const=False)
    layer("i8_no_bias", "i8", small, (3, 3), 4, bias=False, zero=3)
    layer("i8_filter_fed", "i8", small, (3, 3), 4, filter_const=False, zero=3)
    layer("i8_bias_fed", "i8", small, (1, 1), 4, bias_const=False, zero=-128)
    layer("i8_per_tensor", "i8", small, (3, 3), 6, per_axis=False, zero=5)
    layer("i8_coarse", "i8", small, (3, 3), 6, zero=-128, out_zero=-128, scale=2.0)
    layer("u8_symmetric", "u8", small, (3, 3), 6, zero=128, filter_zero=128)
    layer("u8_filter_fed", "u8", small, (3, 3), 6, zero=0, filter_zero=255, filter_const=False)
    layer("u8_no_bias", "u8", small, (1, 1), 6, zero=255, filter_zero=0, bias=False)
    layer("i16_narrow_bias", "i16", small, (3, 3), 6, wide_bias=False, bias_type="i32", scale=0.0005)
    layer("hybrid", "hybrid", [2, 6, 7, 5], (3, 3), 6, tolerance={"rel": 1e-4})
    layer("hybrid_plain", "hybrid", [2, 3, 4, 8], (1, 1), 6, activation="RELU", tolerance={"rel": 1e-4})
