"""TRANSPOSE_CONV, and MediaPipe's Convolution2DTransposeBias."""
import struct

import numpy as np

import lib
from lib import case, tensor


def ints(values):
    return tensor(None, "i32", data=values, const=True)


# name, input [n, h, w, c], weights [out_c, kh, kw, c], output [h, w], strides (w, h), padding
SHAPES = (("same_2x2_s2", [1, 4, 5, 3], [4, 2, 2, 3], [8, 10], (2, 2), "SAME"),
          ("same_3x3_s2", [2, 3, 4, 5], [2, 3, 3, 5], [6, 8], (2, 2), "SAME"),
          ("same_odd", [1, 3, 4, 5], [2, 3, 3, 5], [5, 7], (2, 2), "SAME"),
          ("same_s1", [1, 5, 4, 8], [3, 3, 3, 8], [5, 4], (1, 1), "SAME"),
          ("valid_3x3_s2", [1, 3, 4, 5], [2, 3, 3, 5], [7, 9], (2, 2), "VALID"),
          ("valid_4x2_s13", [1, 3, 4, 17], [20, 4, 2, 17], [10, 5], (1, 3), "VALID"),
          ("stride_beyond", [1, 2, 3, 4], [2, 2, 2, 4], [6, 9], (3, 3), "SAME"))


def transposed(name, type, i, w, out, strides, padding, q=None, bias=None, activation="NONE", const=True, weights="i8",
               **fields):
    fw = {"low": -1, "high": 1} if type == "f32" else {}
    inputs = [ints([i[0], *out, w[0]]), tensor(w, type if type in ("f32", "u8") else weights, const=const, **fw,
                                               **(q["w"] if q else {})),
              tensor(i, type, **(q["i"] if q else {}), **fields)]
    if bias:
        b = {"low": -3000, "high": 3000} if bias != "f32" else {}
        inputs.append(tensor([w[0]], bias, const=const, **b, **(q["b"] if q else {})))
    case("transpose_conv", name, "TRANSPOSE_CONV",
         {"padding": padding, "strideW": strides[0], "strideH": strides[1], "fusedActivationFunction": activation}, inputs,
         [tensor(None, type, **(q["o"] if q else {}))], tolerance={"abs": 1e-5, "rel": 1e-5})


def quants(type, channels, per_axis):
    zero = {"u8": 131, "i8": -5, "i16": 0}[type]
    scales = [0.011 + 0.003 * c for c in range(channels)]
    w = {"per_axis": (0, scales, None)} if per_axis else {"scale": 0.013, "zero_point": 120 if type == "u8" else 0}
    b = {"per_axis": (0, [0.05 * s for s in scales], None)} if per_axis else {"scale": 0.05 * 0.013}
    o = {"scale": 1.7 if type != "i16" else 0.011, "zero_point": {"u8": 100, "i8": 7, "i16": 0}[type]}
    return {"i": {"scale": 0.05 if type != "i16" else 0.0003, "zero_point": zero}, "w": w, "b": b, "o": o}


def cases():
    for shape in SHAPES:
        name = shape[0]
        transposed(f"f32_{name}", "f32", *shape[1:])
        transposed(f"f32_bias_{name}", "f32", *shape[1:], bias="f32")
        for type in ("i8", "u8"):
            q = quants(type, shape[2][0], type == "i8")
            transposed(f"{type}_{name}", type, *shape[1:], q=q, bias="i32")
        transposed(f"i16_{name}", "i16", *shape[1:], q=quants("i16", shape[2][0], True), bias="i64")
    transposed("i8_no_bias", "i8", *SHAPES[1][1:], q=quants("i8", 2, False))
    transposed("u8_no_bias", "u8", *SHAPES[1][1:], q=quants("u8", 2, False))
    transposed("i16_no_bias", "i16", *SHAPES[1][1:], q=quants("i16", 2, True))
    transposed("f32_weights_fed", "f32", *SHAPES[1][1:], const=False, bias="f32")
    transposed("f32_relu6", "f32", *SHAPES[1][1:], bias="f32", activation="RELU6")
    transposed("i8_relu", "i8", *SHAPES[1][1:], q=quants("i8", 2, True), bias="i32", activation="RELU")
    edges()
    empty()
    media_pipe()


def edges():
    i, w, out, strides, padding = SHAPES[1][1:]
    for type, bias in (("f32", "f32"), ("i8", "i32"), ("u8", "i32"), ("i16", "i64")):
        q = None if type == "f32" else quants(type, w[0], type in ("i8", "i16"))
        for activation in ("RELU", "RELU6", "RELU_N1_TO_1"):
            if (type, activation) != ("i8", "RELU") and (type, activation) != ("f32", "RELU6"):
                transposed(f"{type}_{activation.lower()}", type, i, w, out, strides, padding, q=q, bias=bias, activation=activation)
        transposed(f"{type}_fed", type, i, w, out, strides, padding, q=q, bias=bias, const=False)
        for n, (a, b, o, s, p) in enumerate((([1, 2, 2, 1], [1, 1, 1, 1], [2, 2], (1, 1), "SAME"),
                                              ([3, 1, 5, 2], [9, 1, 4, 2], [1, 13], (3, 1), "SAME"),
                                              ([1, 4, 1, 33], [17, 5, 1, 33], [11, 1], (1, 2), "VALID"),
                                              ([1, 2, 3, 4], [3, 1, 1, 4], [8, 12], (4, 4), "SAME"),
                                              ([1, 3, 3, 2], [2, 7, 7, 2], [3, 3], (1, 1), "SAME"))):
            form = None if q is None else quants(type, b[0], type in ("i8", "i16"))
            transposed(f"{type}_shape_{n}", type, a, b, o, s, p, q=form, bias=bias)
    for type, points in (("i8", (-128, 127)), ("u8", (0, 255))):
        for zero in points:
            q = quants(type, w[0], False)
            q["i"]["zero_point"], q["o"]["zero_point"] = zero, points[0] + points[1] - zero
            if type == "u8":
                q["w"]["zero_point"] = zero
            transposed(f"{type}_zero_{zero}", type, i, w, out, strides, padding, q=q, bias="i32")
    q = quants("i8", w[0], False)
    q["w"]["zero_point"] = 9  # which the reference does not read
    transposed("i8_weights_zero", "i8", i, w, out, strides, padding, q=q, bias="i32")
    narrow_bias(i, w, out, strides, padding)
    transposed("i16_per_tensor", "i16", i, w, out, strides, padding, q=quants("i16", w[0], False), bias="i64")
    transposed("i8_per_tensor", "i8", i, w, out, strides, padding, q=quants("i8", w[0], False), bias="i32")


def narrow_bias(i, w, out, strides, padding):
    """LiteRT reads an int32 bias of int16 images as int64: it is asked with one."""
    q = quants("i16", w[0], True)
    size = ints([i[0], *out, w[0]])
    rng = np.random.default_rng(4)
    f = tensor(None, "i8", data=rng.integers(-127, 128, w), const=True, **q["w"])
    x = tensor(None, "i16", data=rng.integers(-32768, 32768, i), **q["i"])
    values = rng.integers(-3000, 3000, w[0])
    options = {"padding": padding, "strideW": strides[0], "strideH": strides[1]}
    wide, result = tensor(None, "i64", data=values, const=True, **q["b"]), tensor(None, "i16", **q["o"])
    asked = lib.graph([lib.node("TRANSPOSE_CONV", [size, f, x, wide], [result], options)], [x], [result])
    _, expected = lib.oracle_outputs([asked], "ref", 1)
    case("transpose_conv", "i16_narrow_bias", "TRANSPOSE_CONV", options,
         [size, f, x, tensor(None, "i32", data=values, const=True, **q["b"])], [tensor(None, "i16", **q["o"])],
         expected=expected, resolver=None)


def empty():
    """Nothing goes in: the bias comes out."""
    bias = tensor(None, data=[1.0, -2.0, 3.0], const=True)
    want = np.broadcast_to(np.float32([1, -2, 3]), (1, 4, 5, 3))
    for name, i, w in (("no_lines", [1, 0, 2, 4], [3, 2, 2, 4]), ("no_columns", [1, 2, 0, 4], [3, 2, 2, 4])):
        case("transpose_conv", f"f32_{name}", "TRANSPOSE_CONV", {"padding": "SAME", "strideW": 2, "strideH": 2},
             [ints([1, 4, 5, 3]), tensor(w, const=True), tensor(i), bias], [tensor([1, 4, 5, 3])], expected=[want], resolver=None)


def media_pipe():
    """LiteRT has no kernel for it: the definition, in numpy."""
    rng = np.random.default_rng(7)
    for name, padding, kernel, stride in (("same_2x2", 1, 2, 2), ("valid_3x3", 2, 3, 2)):
        x = rng.uniform(-1, 1, (1, 3, 4, 5)).astype(np.float32)
        w = rng.uniform(-1, 1, (2, kernel, kernel, 5)).astype(np.float32)
        b = rng.uniform(-1, 1, 2).astype(np.float32)
        h, wd = (3 * stride, 4 * stride) if padding == 1 else (2 * stride + kernel, 3 * stride + kernel)

        def convolved(x, w, b):
            out = np.zeros((1, h, wd, 2)) + b
            for y in range(3):
                for z in range(4):
                    for ky in range(kernel):
                        for kx in range(kernel):
                            out[0, y * stride + ky, z * stride + kx] += w[:, ky, kx].astype(np.float64) @ x[0, y, z]
            return out

        out = convolved(x, w, b)
        case("transpose_conv", f"bias_{name}", "Convolution2DTransposeBias", None,
             [tensor(None, "f32", data=x), tensor(None, "f32", data=w, const=True), tensor(None, "f32", data=b, const=True)],
             [tensor(None)], custom=struct.pack("<iii", padding, stride, stride), expected=[out.astype(np.float32)],
             resolver=None, tolerance={"abs": 1e-5, "rel": 1e-5})
        for type in ("f16", "bf16"):
            halves = [tensor(None, type, data=values, const=i > 0) for i, values in enumerate((x, w, b))]
            want = convolved(*[t.data.astype(np.float32) for t in halves])
            case("transpose_conv", f"bias_{name}_{type}", "Convolution2DTransposeBias", None, halves, [tensor(None, type)],
                 custom=struct.pack("<iii", padding, stride, stride), expected=[tensor(None, type, data=want).data], resolver=None,
                 tolerance={"abs": 0, "rel": {"f16": 2e-3, "bf16": 1.6e-2}[type]})
