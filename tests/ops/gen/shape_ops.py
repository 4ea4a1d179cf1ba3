"""RESHAPE, SQUEEZE, EXPAND_DIMS, SHAPE, RANK."""
from lib import case, tensor


def ints(values, type="i32"):
    return tensor(None, type, data=values, const=True)


def cases():
    f = "shape_ops"
    for type in ("f32", "i8", "u8", "i16", "i32", "i64", "bool"):
        case(f, f"reshape_{type}", "RESHAPE", {"newShape": [3, 4]}, [tensor([2, 6], type), ints([3, 4])],
             [tensor(None, type)])
    case(f, "reshape_open", "RESHAPE", None, [tensor([2, 3, 4]), ints([4, -1])], [tensor(None)])
    case(f, "reshape_options", "RESHAPE", {"newShape": [2, -1, 2]}, [tensor([4, 6])], [tensor(None)])
    case(f, "reshape_scalar", "RESHAPE", {"newShape": [0]}, [tensor([1, 1])], [tensor(None)])
    case(f, "reshape_late", "RESHAPE", None, [tensor([2, 6]), tensor([2], "i32", data=[4, 3])],
         [tensor([4, 3])])
    case(f, "squeeze_all", "SQUEEZE", None, [tensor([1, 3, 1, 2])], [tensor(None)])
    case(f, "squeeze_first", "SQUEEZE", {"squeezeDims": [0]}, [tensor([1, 3, 1, 2], "i8")], [tensor(None, "i8")])
    case(f, "squeeze_negative", "SQUEEZE", {"squeezeDims": [-2]}, [tensor([1, 3, 1, 2], "u8")], [tensor(None, "u8")])
    for axis in (0, 1, -1):
        case(f, f"expand_dims_{axis}".replace("-", "m"), "EXPAND_DIMS", None, [tensor([2, 3]), ints(axis)],
             [tensor(None)])
    case(f, "expand_dims_i64", "EXPAND_DIMS", None, [tensor([2, 3], "i16"), ints([1], "i64")], [tensor(None, "i16")])
    case(f, "shape_i32", "SHAPE", {"outType": "i32"}, [tensor([2, 1, 5])], [tensor(None, "i32")])
    case(f, "shape_i64", "SHAPE", {"outType": "i64"}, [tensor([2, 1, 5], "u8")], [tensor(None, "i64")])
    case(f, "rank", "RANK", None, [tensor([2, 1, 5], "i8")], [tensor(None, "i32")])
