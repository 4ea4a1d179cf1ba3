"""FILL, ZEROS_LIKE, RANGE, ONE_HOT."""
from lib import case, tensor


def ints(values, type="i32"):
    return tensor(None, type, data=values, const=True)


def cases():
    f = "fill"
    for type in ("f32", "i32", "i64", "i8", "i16", "bool"):
        case(f, f"fill_{type}", "FILL", None, [ints([2, 3]), tensor([], type, data=1)], [tensor([2, 3], type)])
    case(f, "fill_i64_dims", "FILL", None, [ints([4], "i64"), tensor([], "f32", data=2.5)], [tensor([4])])
    for type in ("f32", "i32", "i64"):
        case(f, f"zeros_like_{type}", "ZEROS_LIKE", None, [tensor([2, 3], type)], [tensor(None, type)])
    for n, (start, limit, delta) in enumerate(((0, 5, 1), (3, 18, 4), (10, 1, -3))):
        for type in ("i32", "f32", "i64"):
            case(f, f"range_{type}_{n}", "RANGE", None, [ints(start, type), ints(limit, type), ints(delta, type)],
                 [tensor(None, type)])
    case(f, "range_fraction", "RANGE", None, [ints(0.5, "f32"), ints(3.1, "f32"), ints(0.3, "f32")], [tensor(None)])
    for type in ("f32", "i32", "i64", "i8", "u8", "bool"):
        case(f, f"one_hot_{type}", "ONE_HOT", {"axis": -1},
             [tensor([4], "i32", data=[0, 2, -1, 5]), ints(3), ints(1, type), ints(0, type)], [tensor(None, type)])
    case(f, "one_hot_axis", "ONE_HOT", {"axis": 1},
         [tensor([2, 3], "i64", low=0, high=3), ints(4), ints(2.5, "f32"), ints(-1.5, "f32")], [tensor(None)])
