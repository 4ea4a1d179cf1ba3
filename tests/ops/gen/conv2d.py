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
    # Large enough to go through Winograd's transforms, with tiles cut off at either end.
    layer("f32_winograd_same", "f32", [1, 13, 10, 16], (3, 3), 24)
    layer("f32_winograd_valid", "f32", [2, 14, 19, 33], (3, 3), 17, padding="VALID", activation="RELU")
    layer("f32_winograd_deep", "f32", [1, 8, 8, 160], (3, 3), 40, bias=False)
    layer("f32_winograd_fed", "f32", [2, 13, 10, 16], (3, 3), 27, filter_const=False)
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
    edges()


def edges():
    """Activations, extremes of zero points and scales, channels around the tiles' sizes, windows at the border of sense."""
    zeros = {"i8": (-128, 127), "u8": (0, 255), "i16": (0,), "f32": (0,), "hybrid": (0,)}
    for type, points in zeros.items():
        scale = {"scale": 0.0005} if type == "i16" else {}
        loose = {"tolerance": {"rel": 1e-4}} if type == "hybrid" else {}
        for activation in ("RELU", "RELU6", "RELU_N1_TO_1"):
            layer(f"{type}_{activation.lower()}", type, [1, 4, 5, 3], (2, 2), 5, activation=activation, zero=points[0],
                  filter_zero=127 if type == "u8" else 0, **scale, **loose)
        for point in points:
            if type in ("i8", "u8"):
                layer(f"{type}_zero_{point}", type, [1, 5, 5, 4], (3, 3), 3, zero=point, out_zero=points[0] + points[1] - point,
                      filter_zero=point if type == "u8" else 0)
        for padding in ("SAME", "VALID"):
            layer(f"{type}_dilated_{padding.lower()}", type, [1, 9, 8, 3], (3, 2), 4, padding=padding, dilation=3,
                  dilation_h=2, zero=points[0], **scale, **loose)
            layer(f"{type}_far_strides_{padding.lower()}", type, [2, 9, 11, 3], (2, 2), 4, padding=padding, stride=5,
                  stride_h=4, zero=points[0], **scale, **loose)
            layer(f"{type}_line_{padding.lower()}", type, [2, 1, 23, 4], (1, 5), 6, padding=padding, stride=2, stride_h=1,
                  zero=points[0], **scale, **loose)
        layer(f"{type}_beyond_input", type, [1, 2, 3, 3], (5, 7), 4, zero=points[0], **scale, **loose)
        layer(f"{type}_groups_strided", type, [2, 7, 8, 6], (3, 3), 9, groups=3, stride=2, zero=points[0], **scale, **loose)
        layer(f"{type}_groups_dilated", type, [1, 9, 9, 4], (2, 2), 6, groups=2, dilation=3, zero=points[0], **scale, **loose)
        layer(f"{type}_groups_all", type, [1, 5, 6, 5], (3, 3), 5, groups=5, zero=points[0], **scale, **loose)
        layer(f"{type}_groups_far_dilated", type, [1, 4, 5, 4], (3, 2), 6, groups=2, dilation=90, zero=points[0], **scale,
              **loose)
    for out_c in (1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 48, 49, 65):
        in_c = {1: 33, 2: 1, 7: 2, 8: 3, 15: 4, 16: 5, 17: 7}.get(out_c, 6)
        for type in ("f32", "i8", "u8"):
            layer(f"{type}_channels_{in_c}_{out_c}", type, [1, 3, 7, in_c], (1, 2), out_c, zero=3 if type != "f32" else 0,
                  filter_zero=90 if type == "u8" else 0)
    for type in ("i8", "u8", "i16"):
        half = {"i8": 127, "u8": 255, "i16": 32767}[type]
        layer(f"{type}_tiny_scales", type, [1, 3, 4, 3], (2, 2), 4, scale=1e-7)
        layer(f"{type}_huge_scales", type, [1, 3, 4, 3], (2, 2), 4, scale=1e5)
        saturated(f"{type}_saturated", type, half)
    for form, shape, kernel in (("gather", [1, 4, 4, 80], (3, 3)), ("lines", [1, 3, 8, 90], (3, 3)), ("plain", [1, 2, 3, 1030], (1, 1))):
        deep_i16(f"i16_deep_{form}", shape, kernel)
    layer("hybrid_per_tensor", "hybrid", [2, 6, 7, 5], (3, 3), 6, per_axis=False, tolerance={"rel": 1e-4})
    layer("hybrid_strided", "hybrid", [3, 7, 8, 4], (3, 3), 5, stride=2, padding="VALID", tolerance={"rel": 1e-4})
    layer("hybrid_dilated", "hybrid", [2, 8, 8, 3], (3, 3), 4, dilation=2, tolerance={"rel": 1e-4})
    layer("hybrid_filter_fed", "hybrid", [2, 5, 5, 3], (3, 3), 4, filter_const=False, tolerance={"rel": 1e-4})
    case("conv2d", "empty_batch", NAME, options(), [tensor([0, 4, 4, 3]), tensor([5, 3, 3, 3], const=True),
                                                    tensor([5], const=True)], [tensor([0, 4, 4, 5])],
         expected=[np.zeros([0, 4, 4, 5], np.float32)], resolver=None)
    for type in ("f32", "i8", "hybrid"):
        layer(f"{type}_no_window_fits", type, [1, 2, 5, 3], (4, 2), 4, padding="VALID", stride=2)
    for type in ("f32", "i8"):
        quantized = {} if type == "f32" else {"scale": 0.1, "zero_point": 4}
        case("conv2d", f"batch_resized_{type}", NAME, options(),
             [tensor([1, 4, 5, 3], type, signature=[-1, 4, 5, 3], resize=[3, 4, 5, 3], **quantized),
              tensor([5, 3, 3, 3], type, const=True, **({} if type == "f32" else {"scale": 0.01})),
              tensor([5], "f32" if type == "f32" else "i32", const=True, **({} if type == "f32" else {"scale": 0.001}))],
             [tensor([1, 4, 5, 5], type, signature=[-1, 4, 5, 5], **({} if type == "f32" else {"scale": 0.3}))])


def deep_i16(name, shape, kernel):
    """Sums beyond 32 bits, then biases beyond them, then neither: 32 columns each, as panels are wide at most."""
    rng = np.random.default_rng(3)
    out_c = 67
    depth = kernel[0] * kernel[1] * shape[3]
    x = np.where(np.arange(np.prod(shape)).reshape(shape) // 7 % 12 < 11, 32767, -32768)
    w = np.where(np.arange(out_c * depth).reshape(out_c, *kernel, shape[3]) // depth % 2 == 0, 127, -128)
    w[3] = rng.integers(-128, 128, w[3].shape)
    w[32:] //= 32
    bias = rng.integers(-3000, 3000, out_c)
    bias[32:35] = 2**40, -2**40, 2**31
    case("conv2d", name, NAME, options(),
         [tensor(None, "i16", data=x, scale=1.0), tensor(None, "i8", data=w, const=True, scale=1.0),
          tensor([out_c], "i64", data=bias, const=True, scale=1.0)], [tensor(None, "i16", scale=depth * 130.0)])


def saturated(name, type, most):
    """All values at the ends of their types, a multiplier above one: sums and results leave the range."""
    x = np.where(np.arange(5 * 6 * 16).reshape(1, 5, 6, 16) % 5 < 3, most, 0 if type == "u8" else -most - 1)
    w = np.where(np.arange(6 * 9 * 16).reshape(6, 3, 3, 16) // 144 % 2 == 0, 255 if type == "u8" else 127, 0 if type == "u8" else -127)
    f = {"scale": 1.0, "zero_point": 0}
    case("conv2d", name, NAME, options(),
         [tensor(None, type, data=x, scale=1.0), tensor(None, "u8" if type == "u8" else "i8", data=w, const=True, **f),
          tensor([6], "i64" if type == "i16" else "i32", data=[2**30, -2**30, 5, 0, 2**20, -2**20], const=True, scale=1.0)],
         [tensor(None, type, scale=0.4 if type == "i16" else 3.0)])
