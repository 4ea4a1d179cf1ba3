"""PACK and UNPACK."""
from lib import case, tensor


def cases():
    f = "stack"
    for type in ("f32", "i8", "u8", "i16", "i32", "i64"):
        case(f, f"pack_{type}", "PACK", {"axis": 0, "valuesCount": 2}, [tensor([2, 3], type), tensor([2, 3], type)],
             [tensor(None, type)])
        if type == "i64":
            continue  # LiteRT's UNPACK does not take it
        case(f, f"unpack_{type}", "UNPACK", {"axis": 0, "num": 2}, [tensor([2, 3], type)],
             [tensor(None, type), tensor(None, type)])
    for axis in (1, 2, -1):
        name = str(axis).replace("-", "m")
        case(f, f"pack_axis_{name}", "PACK", {"axis": axis, "valuesCount": 3}, [tensor([2, 4]) for _ in range(3)],
             [tensor(None)])
        case(f, f"unpack_axis_{name}", "UNPACK", {"axis": axis, "num": 3}, [tensor([3, 3, 3])],
             [tensor(None) for _ in range(3)])
    case(f, "pack_scalars", "PACK", {"axis": 0, "valuesCount": 2},
         [tensor([], "i32", data=3), tensor([], "i32", data=4, const=True)], [tensor(None, "i32")])
    case(f, "unpack_bool", "UNPACK", {"axis": 0, "num": 2}, [tensor([2], "bool")],
         [tensor(None, "bool"), tensor(None, "bool")])
