"""Element-wise operators of one input. 8-bit forms are checked on all 256 values."""
import numpy as np

import lib
from lib import tensor

NOT_IN_REFERENCE = ("CEIL", "ELU", "ROUND")  # LiteRT's resolver of reference kernels lacks them


def case(family, name, op, options=None, inputs=(), outputs=(), **more):
    lib.case(family, name, op, options, inputs, outputs, resolver="opt" if op in NOT_IN_REFERENCE else "ref", **more)


BYTES = {"i8": np.arange(-128, 128).reshape(1, 256), "u8": np.arange(256).reshape(1, 256)}
WORDS = np.unique(np.concatenate([np.arange(-32768, 32768, 131), np.arange(-300, 301, 3), [32767]]))
LOOSE = {"abs": 2e-6, "rel": 1e-5}


def bytes_case(op, name, type, scale, zero, out_scale, out_zero, options=None, low=None):
    """`zero` and `out_zero` are int8's; uint8 has the same numbers 128 higher."""
    shift = 128 if type == "u8" else 0
    data = BYTES[type] if low is None else BYTES[type][:, low:]
    case("unary", f"{op.lower()}_{name}_{type}", op, options, [tensor(None, type, scale=scale, zero_point=zero + shift, data=data)],
         [tensor(None, type, scale=out_scale, zero_point=out_zero + shift)])


def words_case(op, name, scale, out_scale, options=None, data=WORDS, zero=0, out_zero=0):
    case("unary", f"{op.lower()}_{name}_i16", op, options, [tensor(None, "i16", scale=scale, zero_point=zero, data=data)],
         [tensor(None, "i16", scale=out_scale, zero_point=out_zero)])


def floats():
    wide = {"low": -12, "high": 12}
    for op in ("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "ELU", "HARD_SWISH", "LOGISTIC", "TANH", "ABS", "NEG", "SQUARE",
               "SIN", "COS", "FLOOR", "CEIL", "ROUND", "SIGN"):
        if op == "SIGN":
            case("unary", "sign_f32", op, inputs=[tensor(None, data=[-3, -0.0, 0, 2, 1e-30])], outputs=[tensor(None)])
            continue
        case("unary", f"{op.lower()}_f32", op, inputs=[tensor([3, 37], **wide)], outputs=[tensor(None)], tolerance=LOOSE)
    case("unary", "round_ties_f32", "ROUND", inputs=[tensor(None, data=[-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49999997])],
         outputs=[tensor(None)])
    case("unary", "exp_f32", "EXP", inputs=[tensor([3, 37], low=-20, high=10)], outputs=[tensor(None)])
    case("unary", "leaky_relu_f32", "LEAKY_RELU", {"alpha": 0.2}, [tensor([3, 37], **wide)], [tensor(None)])
    for approximate in (False, True):
        case("unary", f"gelu_{'tanh' if approximate else 'erf'}_f32", "GELU", {"approximate": approximate},
             [tensor([3, 37], **wide)], [tensor(None)], tolerance=LOOSE)
    for op in ("LOG", "SQRT", "RSQRT"):
        case("unary", f"{op.lower()}_f32", op, inputs=[tensor([3, 37], low=0.001, high=50)], outputs=[tensor(None)])
    case("unary", "relu_scalar_f32", "RELU", inputs=[tensor([], low=-1, high=1)], outputs=[tensor(None)])
    case("unary", "relu_empty_f32", "RELU", inputs=[tensor([2, 0, 3])], outputs=[tensor(None)])


def integers():
    case("unary", "abs_i32", "ABS", inputs=[tensor([2, 4], "i32")], outputs=[tensor(None, "i32")])
    case("unary", "neg_i32", "NEG", inputs=[tensor([2, 4], "i32")], outputs=[tensor(None, "i32")])
    case("unary", "neg_i64", "NEG", inputs=[tensor([9], "i64")], outputs=[tensor(None, "i64")])
    case("unary", "sign_i32", "SIGN", inputs=[tensor([9], "i32", low=-1, high=1)], outputs=[tensor(None, "i32")])
    case("unary", "logical_not", "LOGICAL_NOT", inputs=[tensor([3, 5], "bool")], outputs=[tensor(None, "bool")])


def quantized_bytes():
    for type in ("i8", "u8"):
        for i, (scale, zero) in enumerate([(0.05, 3), (0.11, -40), (0.0123, 90)]):
            bytes_case("LOGISTIC", f"{i}", type, scale, zero, 1 / 256, -128)
            bytes_case("TANH", f"{i}", type, scale, zero, 1 / 128, 0)
            bytes_case("HARD_SWISH", f"{i}", type, scale, zero, scale * (0.7 + 0.4 * i), -100 + 50 * i)
        for op in ("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1"):
            bytes_case(op, "same", type, 0.05, 3, 0.05, 3)
            if op in ("RELU", "RELU6"):
                bytes_case(op, "rescaled", type, 0.071, -20, 0.029, -110)
        bytes_case("LEAKY_RELU", "rescaled", type, 0.05, 7, 0.037, -20, {"alpha": 0.3})
        bytes_case("LEAKY_RELU", "negative", type, 0.05, 7, 0.06, -90, {"alpha": -0.4})
        for approximate in (False, True):
            bytes_case("GELU", "tanh" if approximate else "erf", type, 0.04, 5, 0.03, -110, {"approximate": approximate})
    bytes_case("ELU", "rescaled", "i8", 0.05, 3, 0.04, -60)
    bytes_case("ABS", "rescaled", "i8", 0.5, 3, 0.25, -10)
    bytes_case("ABS", "same", "i8", 0.5, 0, 0.5, 0)
    bytes_case("EXP", "rescaled", "i8", 0.03, 3, 0.2, -128)
    bytes_case("LOG", "rescaled", "i8", 0.03, -120, 0.02, 20)
    bytes_case("RSQRT", "rescaled", "i8", 0.03, -100, 0.02, -120, low=28)


def quantized_words():
    for i, scale in enumerate([2**-12, 2**-11, 0.0003, 0.00011, 0.0021]):
        words_case("LOGISTIC", f"{i}", scale, 2**-15)
        words_case("TANH", f"{i}", scale, 2**-15)
    words_case("RELU", "rescaled", 0.0003, 0.00021)
    words_case("LEAKY_RELU", "rescaled", 0.0003, 0.00031, {"alpha": 0.2})
    words_case("ABS", "rescaled", 0.0003, 0.00031)
    words_case("EXP", "rescaled", 0.0001, 0.001)
    words_case("LOG", "rescaled", 0.0003, 0.0002)
    words_case("GELU", "erf", 0.0002, 0.0002, {"approximate": False})


def given_case(name, op, x, out, expected):
    lib.case("unary", name, op, inputs=[x], outputs=[out], expected=[expected], resolver=None)


def away(x):
    """Rounded to nearest, halves away from zero."""
    return np.trunc(x + np.copysign(np.float32(0.5), x))


def without_oracle():
    """Forms that LiteRT has not, from the definitions of those that it has."""
    scale, out_scale = 0.0003, 0.00021
    for op, low, high in (("RELU_N1_TO_1", -1, 1), ("RELU_0_TO_1", 0, 1)):
        ends = [int(np.clip(np.round(v / np.float32(out_scale)), -32768, 32767)) for v in (low, high)]
        want = np.clip([lib.multiply_quantized(int(x), np.float32(scale) / np.float32(out_scale)) for x in WORDS], *ends)
        given_case(f"{op.lower()}_rescaled_i16", op, tensor(None, "i16", scale, data=WORDS), tensor(None, "i16", out_scale), want.astype(np.int16))
    stored, in_zero, out_zero = BYTES["u8"], 131, 68
    real = np.float32(0.05) * (stored - in_zero).astype(np.float32)
    want = away(np.where(real < 0, np.expm1(real), real) / np.float32(0.04)) + out_zero
    given_case("elu_rescaled_u8", "ELU", tensor(None, "u8", 0.05, in_zero, data=stored), tensor(None, "u8", 0.04, out_zero),
               np.clip(want, 0, 255).astype(np.uint8))
    table = words_table(lambda x: np.where(x < 0, np.expm1(x), x), 0.0003, 0.0002)
    given_case("elu_rescaled_i16", "ELU", tensor(None, "i16", 0.0003, data=WORDS), tensor(None, "i16", 0.0002), look_up(table, WORDS))


def words_table(f, scale, out_scale):
    """TFLite's table of a function of int16 values: 513 points, each moved by half of what a line misses between two."""
    low, step, inverse = np.float32(scale) * np.float32(-32768), np.float32(scale) * np.float32(65535) / np.float32(512), np.float32(65536) / (np.float32(out_scale) * np.float32(65535))
    at = low + step * np.arange(513, dtype=np.float32)
    here = f(at).astype(np.float32) * inverse
    middle = away(f(at[:-1] + step / 2).astype(np.float32) * inverse)
    between = away((here[1:] + away(here[:-1])) / 2)
    points = away(here[:-1]) - away((between - middle) / 2)
    return np.clip(np.append(points, away(here[-1])), -32768, 32767).astype(np.int64)


def look_up(table, x):
    index, offset = (x >> 7) + 256, x & 127
    return (table[index] + (((table[index + 1] - table[index]) * offset + 64) >> 7)).astype(np.int16)


def cases():
    without_oracle()
    floats()
    integers()
    quantized_bytes()
    quantized_words()
