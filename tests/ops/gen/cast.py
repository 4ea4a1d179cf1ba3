"""CAST between all pairs of types that LiteRT casts."""
import numpy as np

from lib import DTYPES, SHORT, case, tensor

TYPES = ("f32", "f16", "f64", "bf16", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "bool", "c64")
DATA = [-100.75, -3.5, -1.0, -0.25, 0.0, 0.5, 1.0, 2.75, 17.0, 99.5, 126.9]


def given(a, b, values):
    """Where LiteRT has none: as C converts."""
    x = tensor(None, a, data=values)
    want = tensor(None, b, data=x.data).data
    case("cast", f"cast_{a}_{b}", "CAST", inputs=[x], outputs=[tensor(None, b)], expected=[want], resolver=None)


def cases():
    for a in TYPES:
        for b in TYPES:
            values = np.array(DATA)
            if a[0] == "u" or b[0] == "u":
                values = np.abs(values)
            if a[0] in "iu":
                values = np.trunc(values)
            if a == "bool":
                values = values > 0
            try:
                case("cast", f"cast_{a}_{b}", "CAST", inputs=[tensor(None, a, data=values)], outputs=[tensor(None, b)])
            except RuntimeError as e:
                if "LiteRT refuses" not in str(e):
                    raise
                given(a, b, values)
    odd = np.array(DATA + [-9, -8.5, -2.5, -1.5, 1.25, 7.9, 8, 15.6, 16, 300])
    for type in ("i4", "u4", "i2"):
        case("cast", f"cast_f32_{type}", "CAST", inputs=[tensor(None, "f32", data=odd)], outputs=[tensor(None, type)])
        if type != "i2":
            case("cast", f"cast_{type}_f32", "CAST", inputs=[tensor([5, 5], type)], outputs=[tensor(None, "f32")])
    given("i2", "f32", np.array([-2, -1, 0, 1, 1, 0, -2]))
    case("cast", "cast_f32_i4_long", "CAST", inputs=[tensor([1301], "f32", low=-9, high=9)], outputs=[tensor(None, "i4")])
    floats = [0.0, -0.0, 1, -1.5, 0.0625, 0.001, 3e-5, 1e-6, 1.0625, 1.1875, 2.5, 17, 440, 447, 448, 464, 465, 50000, 57344, 65000,
              1e9, -1e9, np.inf, -np.inf, np.nan]
    for type, bits in (("f8e4m3", np.arange(256)), ("f8e5m2", np.arange(256))):
        given("f32", type, np.array(floats, np.float32))
        given(type, "f32", bits.astype(np.uint8).view(DTYPES[SHORT[type]]))
    ends = np.array([-129, -128, 127, 128, 255, 256, 70000, -70000], np.int32)
    for b in ("i8", "u8", "i16", "u16"):
        case("cast", f"cast_wraps_i32_{b}", "CAST", inputs=[tensor(None, "i32", data=ends)], outputs=[tensor(None, b)])
    case("cast", "cast_empty", "CAST", inputs=[tensor([0, 3], "i32")], outputs=[tensor(None, "f32")])
