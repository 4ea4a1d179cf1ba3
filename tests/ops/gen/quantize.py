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
