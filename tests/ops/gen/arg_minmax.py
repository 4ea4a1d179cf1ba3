"""ARG_MAX and ARG_MIN."""
from lib import case, tensor


def ints(values, type="i32"):
    return tensor(None, type, data=values, const=True)


def cases():
    f = "arg_minmax"
    for op in ("ARG_MAX", "ARG_MIN"):
        low = op.lower()
        for type in ("f32", "i8", "u8", "i32"):
            case(f, f"{low}_{type}", op, {"outputType": "i32"}, [tensor([9, 21], type, low=0, high=30), ints(-1)],
                 [tensor(None, "i32")])
        case(f, f"{low}_i64_out", op, {"outputType": "i64"}, [tensor([2, 3, 7]), ints(1)], [tensor(None, "i64")])
        case(f, f"{low}_first", op, {"outputType": "i32"}, [tensor([5, 300], "u8"), ints(0)], [tensor(None, "i32")])
        case(f, f"{low}_middle", op, {"outputType": "i32"}, [tensor([3, 4, 5], "i8"), ints([1])], [tensor(None, "i32")])
        for n in (1, 16, 31, 32, 33, 64, 70):
            case(f, f"{low}_u8_{n}", op, {"outputType": "i64"}, [tensor([40, n], "u8", low=200, high=207), ints(1)],
                 [tensor(None, "i64")])
    case(f, "arg_max_bool", "ARG_MAX", {"outputType": "i32"}, [tensor([4, 6], "bool"), ints(1)], [tensor(None, "i32")])
