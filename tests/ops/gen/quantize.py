"""QUANTIZE and DEQUANTIZE."""
import numpy as np

from lib import case, tensor

ZERO = {"i8": -7, "u8": 121, "i16": 0, "i32": 0}
SCALE = {"i8": 0.03, "u8": 0.03, "i16": 0.0002, "i32": 0.00001}


def cases():
    rng = np.random.default_rng(3)
    for type in ("i8", "u8", "i16"):
        reals = np.concatenate([rng.uniform(-5, 5, 300), np.arange(-40, 40) * SCALE[type] / 2, [1000, -1000]]).astype(np.float32)
        case("quantize", f"quantize_f32_{type}", "QUANTIZE", inputs=[tensor(None, data=reals)],
             outputs=[tensor(None, type, scale=SCALE[type], zero_point=ZERO[type])])
    case("quantize", "quantize_scalar", "QUANTIZE", inputs=[tensor([])], outputs=[tensor(None, "i8", scale=0.05, zero_point=1)])
    pairs = [(a, b) for a in ("i8", "u8", "i16", "i32") for b in ("i8", "u8", "i16", "i32")]
    for a, b in pairs:
        if (a, b) in (("i16", "u8"), ("i32", "u8"), ("i32", "i32"), ("u8", "i32"), ("i8", "i32")):
            continue  # LiteRT has no such form
        for name, factor in (("finer", 0.31), ("coarser", 2.7)):
            low = {"low": -70000, "high": 70000} if a == "i32" else {}
            case("quantize", f"requantize_{name}_{a}_{b}", "QUANTIZE",
                 inputs=[tensor([3, 100], a, scale=SCALE[a], zero_point=ZERO[a], **low)],
                 outputs=[tensor(None, b, scale=SCALE[b] * factor, zero_point=ZERO[b] + (9 if b in ("i8", "u8") else 0))])
    case("quantize", "requantize_sign_u8_i8", "QUANTIZE", inputs=[tensor([300], "u8", scale=0.03, zero_point=128)],
         outputs=[tensor(None, "i8", scale=0.03, zero_point=0)])
    for type in ("i8", "u8", "i16"):
        case("quantize", f"dequantize_{type}", "DEQUANTIZE", inputs=[tensor([2, 130], type, scale=0.037, zero_point=ZERO[type])],
             outputs=[tensor(None)])
    case("quantize", "dequantize_f16", "DEQUANTIZE", inputs=[tensor([5, 27], "f16")], outputs=[tensor(None)])
    for axis in (0, 1, 2):
        scales = rng.uniform(0.01, 0.1, [3, 4, 5][axis])
        case("quantize", f"dequantize_axis{axis}_i8", "DEQUANTIZE", inputs=[tensor([3, 4, 5], "i8", per_axis=(axis, scales, None))],
             outputs=[tensor(None)])
    case("quantize", "dequantize_i4", "DEQUANTIZE", inputs=[tensor([3, 7], "i4", scale=0.25, const=True)], outputs=[tensor(None)])
    edges()


def edges():
    rng = np.random.default_rng(8)
    far = np.array([0, -0.0, 1e9, -1e9, 32767.4, -32768.6, 0.5, -0.5, 1.5, 2.5, -1.5, -2.5, 1e-30], np.float32)
    for type, ends in (("i8", (-128, 127)), ("u8", (0, 255)), ("i16", (0, 0))):
        for zero in sorted(set(ends)):
            case("quantize", f"quantize_far_{zero}_{type}", "QUANTIZE", inputs=[tensor(None, data=far)],
                 outputs=[tensor(None, type, scale=1.0, zero_point=zero)])
        low, high = {"i8": (-128, 127), "u8": (0, 255), "i16": (-32768, 32767)}[type]
        case("quantize", f"quantize_beyond_{type}", "QUANTIZE",  # what is beyond int32 wraps in LiteRT; here it saturates
             inputs=[tensor(None, data=np.array([1e30, -1e30, np.inf, -np.inf], np.float32))],
             outputs=[tensor(None, type, scale=1.0)], expected=[np.array([high, low] * 2).astype(
                 {"i8": np.int8, "u8": np.uint8, "i16": np.int16}[type])], resolver=None)
        for axis in (0, 1, 2):
            if type != "i8":
                continue
            scales = rng.uniform(0.01, 0.1, [3, 4, 5][axis])
            case("quantize", f"quantize_axis{axis}_{type}", "QUANTIZE", inputs=[tensor([3, 4, 5], low=-5, high=5)],
                 outputs=[tensor([3, 4, 5], type, per_axis=(axis, scales, None))])
    for a in ("i8", "u8", "i16", "i32"):
        for b in ("i8", "u8", "i16", "i32"):
            if (a, b) in (("i16", "u8"), ("i32", "u8"), ("i32", "i32"), ("u8", "i32"), ("i8", "i32")):
                continue
            ends = {"i8": [-128, 127, -1, 0, 1], "u8": [0, 255, 1, 128, 127], "i16": [-32768, 32767, -1, 0, 1],
                    "i32": [-2**31, 2**31 - 1, -1, 0, 1]}[a]
            for n, (x, y) in enumerate(((1.0, 0.01), (0.01, 10.0), (0.5, 0.5))):
                zero_in = {"i8": -128, "u8": 255}.get(a, 0)
                zero_out = {"i8": 127, "u8": 0}.get(b, 0)
                case("quantize", f"requantize_ends{n}_{a}_{b}", "QUANTIZE",
                     inputs=[tensor(None, a, data=ends, scale=x, zero_point=zero_in)],
                     outputs=[tensor(None, b, scale=y, zero_point=zero_out)])
    for type in ("i8", "u8", "i16", "i4"):
        ends = {"i8": [-128, 127], "u8": [0, 255], "i16": [-32768, 32767], "i4": [-8, 7]}[type]
        for n, (scale, zero) in enumerate(((1e-8, ends[0]), (1e8, ends[1]))):
            if type == "i16" or type == "i4":
                zero = 0
            case("quantize", f"dequantize_ends{n}_{type}", "DEQUANTIZE",
                 inputs=[tensor(None, type, data=ends + [0 if type != "u8" else 5], scale=scale, zero_point=zero)],
                 outputs=[tensor(None)])
    case("quantize", "dequantize_f16_ends", "DEQUANTIZE",
         inputs=[tensor(None, "f16", data=[65504, -65504, 6e-8, -6e-8, 6.1e-5, 0, -0.0, np.inf, -np.inf])], outputs=[tensor(None)])
    for type, bits in (("u4", 4), ("i2", 2), ("bf16", 16)):
        data = {"u4": np.arange(16), "i2": np.array([-2, -1, 0, 1, 1]), "bf16": np.array([1.0, -2.5, 3e38, 1e-38, 0])}[type]
        q = {} if type == "bf16" else {"scale": 0.25, "zero_point": 3 if type == "u4" else 0}
        x = tensor(None, type, data=data, **q)
        real = np.asarray(x.data, np.float32)
        want = real if type == "bf16" else (real - q["zero_point"]) * np.float32(0.25)
        case("quantize", f"dequantize_{type}", "DEQUANTIZE", inputs=[x], outputs=[tensor(None)], expected=[want], resolver=None)
    whole = np.array([-2**31, -100, 0, 7, 2**31 - 1])
    case("quantize", "dequantize_i32", "DEQUANTIZE", inputs=[tensor(None, "i32", data=whole, scale=0.25)], outputs=[tensor(None)],
         expected=[(whole * 0.25).astype(np.float32)], resolver=None)
    packed()


def packed():
    rng = np.random.default_rng(4)
    for type, low, high in (("i4", -8, 7), ("u4", 0, 15), ("i2", -2, 1)):
        for name, shape, zero in (("", [3, 7], 0), ("_long", [2, 301], 1), ("_scalar", [], 0)):
            x = rng.uniform(-3, 5, shape).astype(np.float32)
            want = np.clip(np.trunc(x / np.float32(0.25) + np.copysign(0.5, x)) + zero, low, high)
            given = {} if type in ("i4", "u4") else {"expected": [want], "resolver": None}  # LiteRT's types
            case("quantize", f"quantize{name}_{type}", "QUANTIZE", inputs=[tensor(None, data=x)],
                 outputs=[tensor(None, type, scale=0.25, zero_point=zero)], **given)
        scales = np.array([0.1, 0.3, 0.5], np.float32)
        x = rng.uniform(-3, 5, (2, 3, 5)).astype(np.float32)
        real = x / scales[:, None]
        case("quantize", f"quantize_axis_{type}", "QUANTIZE", inputs=[tensor(None, data=x)],
             outputs=[tensor(None, type, per_axis=(1, scales, None))], resolver=None,
             expected=[np.clip(np.trunc(real + np.copysign(0.5, real)), low, high)])
