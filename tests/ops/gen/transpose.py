"""TRANSPOSE, REVERSE_V2, BROADCAST_TO, TILE."""
from lib import case, tensor


def ints(values, type="i32"):
    return tensor(None, type, data=values, const=True)


def cases():
    f = "transpose"
    for type in ("f32", "i8", "u8", "i16", "i32", "i64", "bool"):
        case(f, f"transpose_2d_{type}", "TRANSPOSE", None, [tensor([37, 19], type), ints([1, 0])], [tensor(None, type)])
    for perm in ([0, 2, 1, 3], [3, 2, 1, 0], [0, 3, 1, 2], [2, 3, 0, 1], [0, 1, 2, 3]):
        name = "".join(map(str, perm))
        case(f, f"transpose_{name}", "TRANSPOSE", None, [tensor([2, 5, 3, 7]), ints(perm)], [tensor(None)])
    case(f, "transpose_3d_i8", "TRANSPOSE", None, [tensor([4, 1, 9], "i8", scale=0.5, zero_point=3), ints([2, 0, 1])],
         [tensor(None, "i8", scale=0.5, zero_point=3)])
    case(f, "transpose_5d", "TRANSPOSE", None, [tensor([2, 3, 1, 2, 4]), ints([4, 0, 2, 3, 1])], [tensor(None)])
    case(f, "transpose_6d", "TRANSPOSE", None, [tensor([2, 3, 1, 2, 2, 3]), ints([5, 4, 0, 2, 3, 1])], [tensor(None)])
    case(f, "transpose_tiles", "TRANSPOSE", None, [tensor([2, 70, 33], "i8"), ints([0, 2, 1])], [tensor(None, "i8")])
    for type in ("f32", "i32", "i64", "u8", "i16", "bool"):
        case(f, f"reverse_{type}", "REVERSE_V2", None, [tensor([2, 3, 4], type), ints([1])], [tensor(None, type)])
    case(f, "reverse_last", "REVERSE_V2", None, [tensor([3, 5]), ints([1])], [tensor(None)])
    case(f, "reverse_two", "REVERSE_V2", None, [tensor([3, 2, 5]), ints([0, 1])], [tensor(None)])
    for type in ("f32", "i32", "i8", "u8", "i16", "i64", "bool"):
        case(f, f"broadcast_to_{type}", "BROADCAST_TO", None, [tensor([3, 1], type), ints([2, 3, 4])],
             [tensor(None, type)])
    case(f, "broadcast_to_i64_shape", "BROADCAST_TO", None, [tensor([1, 2, 1, 3]), ints([2, 2, 4, 3], "i64")],
         [tensor(None)])
    for type in ("f32", "i32", "i64", "u8", "i8", "bool"):
        case(f, f"tile_{type}", "TILE", None, [tensor([2, 3], type), ints([2, 3])], [tensor(None, type)])
    case(f, "tile_i64_multiples", "TILE", None, [tensor([2, 1, 3]), ints([1, 4, 2], "i64")], [tensor(None)])
    case(f, "tile_late", "TILE", None, [tensor([2, 3]), tensor([2], "i32", data=[3, 1])], [tensor([6, 3])])
