"""ATAN2, BITWISE_XOR, RIGHT_SHIFT."""
from lib import case, tensor

F = "bitwise"


def cases():
    for type in ("f32", "f64"):
        case(F, f"atan2_{type}", "ATAN2", None, [tensor([3, 7], type), tensor([3, 7], type)], [tensor(None, type)])
        case(F, f"atan2_axes_{type}", "ATAN2", None,
             [tensor(None, type, data=[0.0, -0.0, 1, -1, 0.0, -0.0, 2, float("inf")]),
              tensor(None, type, data=[1, 1, 0, 0, -1, -1, float("inf"), float("inf")])], [tensor(None, type)])
    for type in ("i8", "u8", "i16", "u16", "i32", "u32"):
        for name, a, b in (("same", [3, 5], [3, 5]), ("row", [2, 3, 4], [4]), ("both", [3, 1], [1, 5]), ("scalar", [6], [1])):
            case(F, f"xor_{type}_{name}", "BITWISE_XOR", None, [tensor(a, type), tensor(b, type)], [tensor(None, type)])
            case(F, f"right_shift_{type}_{name}", "RIGHT_SHIFT", None,
                 [tensor(a, type), tensor(b, type, low=-3 if type[0] == "i" else 0, high=40)], [tensor(None, type)])
