"""DEPTHWISE_CONV_2D: every accepted combination of types, strides, dilations, paddings, multipliers and biases."""
import numpy as np

import lib
from lib import case, tensor

NAME = "DEPTHWISE_CONV_2D"


def options(stride=1, padding="SAME", multiplier=1, activation=0, dilation=1, stride_h=None):
    return {"padding": 0 if padding == "SAME" else 1, "strideW": stride, "strideH": stride_h or stride,
            "depthMultiplier": multiplier, "fusedActivationFunction": activation, "dilationWFactor": dilation,
            "dilationHFactor": dilation}


def layer(name, type, shape, kernel, multiplier=1, bias=True, const=True, seed=1, zero=None, filter_zero=0, scale=0.05,
          tolerance=None, wide_bias=True, out_zero=None, resolver="ref", **rest):
    rng = np.random.default_rng(seed)
    channels = shape[3] * multiplier
    filter_shape = [1, kernel[0], kernel[1], channels]
    floats = type == "f32"
    weights = {"f32": "f32", "u8": "u8", "i8": "i8", "i16": "i8", "hybrid": "i8"}[type]
    if type in ("f32", "hybrid"):
        x = tensor(shape, "f32")
        out = tensor(None, "f32")
    else:
        x = tensor(shape, type, scale=scale, zero_point=zero or 0)
        out = tensor(None, type, scale=scale * 1.7 * np.sqrt(kernel[0] * kernel[1]),
                     zero_point=(zero or 0) if out_zero is None else out_zero)
    axis = (3, rng.uniform(0.005, 0.02, channels).astype(np.float32), None)
    f = tensor(filter_shape, weights, const=const, scale=0.012 if weights == "u8" else None, zero_point=filter_zero,
               per_axis=axis if weights == "i8" else None, low=-127 if weights == "i8" else None)
    b = None
    if bias:
        bias_type = "f32" if type in ("f32", "hybrid") else "i64" if type == "i16" and wide_bias else "i32"
        data = rng.uniform(-1, 1, channels) if floats or type == "hybrid" else rng.integers(-3000, 3000, channels)
        scales = axis[1] * scale
        b = tensor([channels], bias_type, const=const, data=data, scale=scale * 0.012 if weights == "u8" else None,
                   per_axis=(0, scales, None) if weights == "i8" and type != "hybrid" else None)
    inputs = [x, f] + ([b] if bias else [])
    case("depthwise_conv2d", name, NAME, options(multiplier=multiplier, **rest), inputs, [out], tolerance=tolerance,
         resolver=resolver)


def cases():
    for type in ("f32", "u8", "i8", "i16"):
        zeros = {"f32": {}, "u8": {"zero": 117, "filter_zero": 131}, "i8": {"zero": -9}, "i16": {}}[type]
        layer(f"3x3_{type}", type, [1, 7, 9, 20], (3, 3), **zeros)
        layer(f"3x3_stride2_{type}", type, [2, 8, 7, 17], (3, 3), stride=2, activation=3, **zeros)
        layer(f"5x5_valid_{type}", type, [1, 9, 8, 8], (5, 5), padding="VALID", activation=1, **zeros)
        layer(f"3x3_dilated_{type}", type, [1, 9, 10, 6], (3, 3), dilation=2, **zeros)
        layer(f"multiplier_{type}", type, [1, 10, 8, 1], (4, 3), multiplier=8, stride=2, **zeros)
        layer(f"multiplier3_{type}", type, [2, 5, 6, 3], (3, 3), multiplier=3, **zeros)
        layer(f"1x1_{type}", type, [1, 3, 4, 70], (1, 1), **zeros)
    for type in ("f32", "u8", "i8"):
        zeros = {"f32": {}, "u8": {"zero": 3, "filter_zero": 200}, "i8": {"zero": 100}}[type]
        layer(f"no_bias_{type}", type, [1, 6, 6, 10], (3, 3), bias=False, **zeros)
    layer("wide_5x5_stride2_f32", "f32", [1, 11, 12, 40], (5, 5), stride=2)
    layer("column_kernel_i8", "i8", [1, 12, 1, 40], (5, 1), padding="VALID", zero=4)
    layer("column_31_same_f32", "f32", [2, 45, 1, 20], (31, 1))
    layer("column_stride2_u8", "u8", [1, 21, 1, 33], (7, 1), stride=2, zero=90, filter_zero=120)
    layer("few_channels_i8", "i8", [1, 6, 45, 8], (3, 3), zero=-77)
    layer("few_channels_stride2_u8", "u8", [1, 9, 44, 16], (3, 3), stride=2, zero=30, filter_zero=150)
    layer("few_channels_stride2_i8", "i8", [1, 9, 43, 4], (3, 3), stride=2, zero=12)
    layer("kernel_larger_than_input_i8", "i8", [1, 2, 2, 12], (5, 5), zero=-128)
    layer("relu_n1_to_1_i8", "i8", [1, 4, 5, 9], (3, 3), activation=2, zero=1, out_zero=-5)
    layer("uneven_filter_zero_u8", "u8", [1, 6, 7, 65], (3, 3), zero=255, filter_zero=0)
    layer("late_filter_f32", "f32", [1, 5, 5, 12], (3, 3), const=False)
    layer("late_filter_u8", "u8", [1, 5, 5, 12], (3, 3), const=False, zero=99, filter_zero=140)
    layer("hybrid", "hybrid", [2, 6, 5, 10], (3, 3), tolerance={"abs": 2e-2, "rel": 1e-2})
    layer("hybrid_stride2_relu6", "hybrid", [1, 7, 7, 8], (3, 3), stride=2, activation=3, bias=False, tolerance={"abs": 2e-2, "rel": 1e-2})
    layer("empty_batch_f32", "f32", [1, 1, 1, 5], (3, 3), stride=2)
    edges()


def edges():
    for type in ("f32", "u8", "i8", "i16", "hybrid"):
        z = {"u8": {"zero": 255, "filter_zero": 1, "out_zero": 0}, "i8": {"zero": 127, "out_zero": -128}}.get(type, {})
        if type == "i16":
            z = {"scale": 0.0005}
        if type == "hybrid":
            z = {"tolerance": {"abs": 1e-5, "rel": 1e-4}}
        for activation, what in ((1, "relu"), (2, "relu_n1_to_1"), (3, "relu6")):
            layer(f"{what}_edges_{type}", type, [1, 4, 5, 5], (2, 3), activation=activation, **z)
        for padding in ("SAME", "VALID"):
            tag = padding.lower()
            layer(f"dilated_{tag}_{type}", type, [2, 9, 10, 7], (2, 3), dilation=3, padding=padding, **z)
            layer(f"far_strides_{tag}_{type}", type, [1, 11, 9, 6], (2, 2), stride=4, stride_h=5, padding=padding, **z)
            layer(f"line_{tag}_{type}", type, [2, 1, 19, 9], (1, 5), padding=padding, **z)
            layer(f"multiplier_dilated_{tag}_{type}", type, [1, 8, 9, 2], (3, 3), multiplier=4, dilation=2, padding=padding, **z)
        layer(f"beyond_input_{type}", type, [1, 2, 3, 4], (7, 5), **z)
        layer(f"beyond_input_dilated_{type}", type, [1, 3, 3, 4], (3, 3), dilation=50, **z)
    for channels in (1, 2, 7, 15, 16, 17, 31, 32, 33, 47, 64, 65):
        for type in ("f32", "i8", "u8"):
            z = {"u8": {"zero": 9, "filter_zero": 77}, "i8": {"zero": 5}}.get(type, {})
            layer(f"channels_{channels}_{type}", type, [1, 3, 4, channels], (3, 3) if channels < 40 else (2, 2), **z)
    for type in ("u8", "i8", "i16"):
        layer(f"tiny_scales_{type}", type, [1, 3, 4, 5], (2, 2), scale=1e-7)
        layer(f"huge_scales_{type}", type, [1, 3, 4, 5], (2, 2), scale=1e5)
        high, low = {"u8": (255, 0), "i8": (127, -128), "i16": (32767, -32768)}[type]
        x = np.where(np.arange(5 * 5 * 6).reshape(1, 5, 5, 6) % 6 < 3, high, low)
        w = np.where(np.arange(9 * 6).reshape(1, 3, 3, 6) % 2 == 0, 255 if type == "u8" else 127, 0 if type == "u8" else -127)
        case("depthwise_conv2d", f"saturated_{type}", NAME, options(),
             [tensor(None, type, data=x, scale=1.0), tensor(None, "u8" if type == "u8" else "i8", data=w, const=True, scale=1.0),
              tensor([6], "i64" if type == "i16" else "i32", data=[2**30, -2**30, 5, 0, 2**20, -2**20], const=True, scale=1.0)],
             [tensor(None, type, scale=0.4 if type == "i16" else 3.0)])
    x = np.where(np.arange(25 * 25 * 35).reshape(1, 25, 25, 35) % 49 < 48, 32767, -32768)
    w = np.where(np.arange(24 * 24 * 35).reshape(1, 24, 24, 35) % 35 % 2 == 0, 127, -128)
    w[..., 32:] //= 32  # a block of sums within 32 bits with biases beyond them
    bias = np.arange(35)
    bias[32:] = 2**40, -2**40, 2**31
    case("depthwise_conv2d", "deep_i16", NAME, options(padding="VALID"),
         [tensor(None, "i16", data=x, scale=1.0), tensor(None, "i8", data=w, const=True, scale=1.0),
          tensor([35], "i64", data=bias, const=True, scale=1.0)], [tensor(None, "i16", scale=8e4)])
    layer("channels_35_i16", "i16", [1, 3, 13, 35], (3, 3))
    layer("channels_40_i16", "i16", [1, 7, 9, 40], (3, 3), stride=2)
    for type in ("f32", "i8", "hybrid"):
        layer(f"no_window_fits_{type}", type, [1, 2, 5, 3], (4, 2), padding="VALID", stride=2)
    no_bias_f32()


def no_bias_f32():
    """LiteRT's float kernel crashes without a bias: it is asked with one of zeros."""
    rng = np.random.default_rng(5)
    for stride in (1, 2):
        x = tensor(None, "f32", data=rng.uniform(-1, 1, (1, 5, 6, 9)))
        f = tensor(None, "f32", data=rng.uniform(-1, 1, (1, 3, 3, 9)), const=True)
        zeros = tensor(None, "f32", data=np.zeros(9), const=True)
        out = tensor(None)
        main = lib.graph([lib.node(NAME, [x, f, zeros], [out], options(stride=stride))], [x], [out])
        _, expected = lib.oracle_outputs([main], "ref", 1)
        case("depthwise_conv2d", f"no_bias_stride{stride}_f32", NAME, options(stride=stride), [x, f], [tensor(None)],
             expected=expected, resolver=None)
