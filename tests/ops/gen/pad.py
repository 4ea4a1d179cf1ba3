"""PAD, PADV2, MIRROR_PAD."""
from lib import case, tensor


def ints(values, type="i32"):
    return tensor(None, type, data=values, const=True)


def cases():
    f = "pad"
    for type in ("f32", "i32", "i64", "bool"):
        case(f, f"pad_{type}", "PAD", None, [tensor([2, 3], type), ints([[1, 2], [0, 1]])], [tensor(None, type)])
    for type, zero in (("i8", -7), ("u8", 9), ("i16", 0)):
        q = {"scale": 0.5, "zero_point": zero}
        case(f, f"pad_{type}", "PAD", None, [tensor([2, 3], type, **q), ints([[1, 2], [0, 1]])],
             [tensor(None, type, **q)])
        case(f, f"padv2_{type}", "PADV2", None,
             [tensor([2, 3], type, **q), ints([[0, 2], [3, 0]]), tensor([1], type, data=[11], const=True, **q)],
             [tensor(None, type, **q)])
    for n, pads in enumerate(([[0, 0], [1, 1], [1, 1], [0, 0]], [[0, 0], [0, 1], [0, 1], [0, 0]],
                              [[1, 0], [0, 0], [2, 0], [0, 3]], [[0, 0], [0, 0], [0, 0], [0, 5]],
                              [[0, 0], [0, 0], [0, 0], [0, 0]])):
        case(f, f"pad_4d_{n}", "PAD", None, [tensor([1, 4, 3, 5]), ints(pads)], [tensor(None)])
    # Rows of a few dozen bytes, which are padded in chunks: paddings shorter and longer than one, and not on its borders.
    for type, channels, pads in (("f32", 24, [0, 4]), ("f32", 5, [1, 6]), ("i64", 3, [3, 1]), ("i64", 2, [0, 2]),
                                 ("f32", 4, [9, 0])):
        case(f, f"pad_channels_{type}_{channels}", "PAD", None,
             [tensor([1, 3, 4, channels], type), ints([[0, 0], [0, 1], [1, 0], pads])], [tensor(None, type)])
    for type, channels, pads in (("i8", 17, [3, 18]), ("i16", 11, [0, 5]), ("u8", 40, [16, 1])):
        q = {"scale": 0.5, "zero_point": 0 if type == "i16" else 3}
        case(f, f"pad_channels_{type}_{channels}", "PAD", None,
             [tensor([5, channels], type, **q), ints([[1, 0], pads])], [tensor(None, type, **q)])
    case(f, "pad_i64_paddings", "PAD", None, [tensor([2, 3]), ints([[1, 0], [0, 2]], "i64")], [tensor(None)])
    case(f, "pad_5d", "PAD", None, [tensor([2, 1, 2, 1, 2]), ints([[0, 0], [1, 0], [0, 1], [0, 0], [2, 0]])],
         [tensor(None)])
    case(f, "pad_late", "PAD", None, [tensor([2, 3]), tensor([2, 2], "i32", data=[[0, 1], [1, 0]])], [tensor([3, 4])])
    for type in ("f32", "i32", "i64"):
        case(f, f"padv2_{type}", "PADV2", None,
             [tensor([2, 3, 2], type), ints([[1, 0], [0, 1], [2, 2]]), tensor([1], type, data=[3], const=True)],
             [tensor(None, type)])
    for type in ("f32", "i32", "i8", "u8", "i16"):
        case(f, f"mirror_reflect_{type}", "MIRROR_PAD", {"mode": "REFLECT"},
             [tensor([3, 4], type), ints([[2, 1], [0, 3]])], [tensor(None, type)])
        case(f, f"mirror_symmetric_{type}", "MIRROR_PAD", {"mode": "SYMMETRIC"},
             [tensor([3, 4], type), ints([[3, 1], [2, 4]])], [tensor(None, type)])
    case(f, "mirror_3d", "MIRROR_PAD", {"mode": "REFLECT"}, [tensor([2, 3, 4]), ints([[1, 0], [1, 2], [3, 3]])],
         [tensor(None)])
