"""Select-TF operators that are functions of two tensors element by element."""
from lib import flex_case, tensor

F = "flex_binary"


def cases():
    for type in ("f32", "f64", "f16", "bf16", "i32", "i64", "i16", "i8", "u8"):
        for op in ("AddV2",):
            flex_case(F, f"{op.lower()}_{type}", op, {"x": tensor([2, 3], type, low=-9 if type[0] != "u" else 0, high=9),
                                                      "y": tensor([3], type, low=1, high=9)})
