"""EMBEDDING_LOOKUP."""
from lib import case, tensor

import numpy as np

FAMILY = "embedding"


def lookup(name, rows, table, out="float32", resolver="ref"):
    case(FAMILY, name, "EMBEDDING_LOOKUP", inputs=[tensor(data=rows, shape=None, type="int32"), table],
         outputs=[tensor(None, out)], resolver=resolver)


def cases():
    lookup("f32", [3, 0, 3, 1], tensor([4, 5], const=True))
    lookup("f32_three_dimensions", [1, 0], tensor([3, 2, 4], const=True))
    lookup("f32_one_row", [0], tensor([1, 1], const=True))
    lookup("i8_to_f32", [2, 2, 0], tensor([4, 6], "int8", scale=0.25, const=True))
    lookup("u8_to_f32", [2, 1, 0], tensor([4, 6], "uint8", scale=0.25, const=True))
    lookup("i8_rows_to_f32", [2, 1, 0],
           tensor([3, 6], "int8", per_axis=(0, [0.25, 0.5, 1.5], None), const=True))
    types()


def given(name, rows, values, table, out="f32", tolerance=None):
    """Where LiteRT has no kernel or a wrong one: rows of the table's values."""
    expected = tensor(None, out, data=np.asarray(values)[rows]).data
    case(FAMILY, name, "EMBEDDING_LOOKUP", inputs=[tensor(None, "i32", data=rows), table], outputs=[tensor(None, out)],
         expected=[expected], resolver=None, tolerance=tolerance)


def types():
    rng = np.random.default_rng(11)
    for out in ("f32", "f16"):
        for type in ("i8", "u8", "i4", "i2"):
            for axis in (False, True):
                quant = {"per_axis": (0, [0.25, 0.5, 1.5, 0.125], None)} if axis else {"scale": 0.3}
                lookup(f"{type}_table_to_{out}{'_rows' if axis else ''}", [2, 1, 0, 3, 3], tensor([4, 8], type, const=True, **quant), out)
        half = rng.integers(1, 9, [3, 2]) / 4
        scales = tensor(None, "f16", data=half, const=True)
        lookup(f"i4_blocks_to_{out}", [2, 0, 1], tensor([3, 64], "i4", const=True, blockwise=(scales, 32)), out)
    lookup("i8_zero_rows", [], tensor([4, 6], "i8", scale=0.25, const=True))
    # Rows of an odd number of int4 begin within a byte; LiteRT reads them from the byte's begin.
    for type, low, high in (("i4", -8, 7), ("i2", -2, 1)):
        odd = rng.integers(low, high + 1, [4, 5])
        given(f"{type}_odd_to_f32", [3, 1, 0, 2], odd * 0.5, tensor(None, type, data=odd, scale=0.5, const=True))
    signed = rng.integers(-128, 128, [4, 5])
    given("i8_zero_point_to_f32", [3, 0], (signed - 7) * 0.5, tensor(None, "i8", data=signed, scale=0.5, zero_point=7, const=True))
    halves = rng.integers(-100, 100, [4, 70]) / 8
    for type in ("f16", "bf16"):
        given(f"{type}_to_f32", [3, 0, 1], tensor(None, type, data=halves).data.astype(np.float32), tensor(None, type, data=halves, const=True))
    for type in ("f16", "i16", "i64", "bool", "i8", "u8", "i32", "bf16", "f64", "u16", "u32", "u64", "c64", "c128"):
        values = rng.integers(0, 2, [4, 5])
        given(f"{type}_copied", [3, 3, 0], values, tensor(None, type, data=values, const=type != "i16"), type)
    for type in ("i4", "u4", "i2"):
        for width in (4, 5, 7):  # rows that begin within a byte as well, which LiteRT reads from its begin
            table = tensor([4, width], type, data=rng.integers(*{"i4": (-8, 8), "u4": (0, 16), "i2": (-2, 2)}[type], [4, width]), const=True)
            given(f"{type}_copied_{width}", [3, 1, 0], table.data, table, type)
