"""CONCATENATION."""
from lib import case, tensor


def cases():
    f = "concat"
    for type in ("f32", "i8", "u8", "i16", "i32", "i64", "bool"):
        case(f, f"two_{type}", "CONCATENATION", {"axis": 1}, [tensor([2, 3], type), tensor([2, 2], type)],
             [tensor(None, type)])
    for axis in (0, 2, -1):
        shapes = [[2, 3, 4] for _ in range(3)]
        for i, s in enumerate(shapes):
            s[axis] += i
        case(f, f"three_axis_{axis}".replace("-", "m"), "CONCATENATION", {"axis": axis},
             [tensor(s) for s in shapes], [tensor(None)])
    case(f, "many", "CONCATENATION", {"axis": 3}, [tensor([1, 2, 2, 1 + i % 3]) for i in range(12)], [tensor(None)])
    case(f, "one", "CONCATENATION", {"axis": 0}, [tensor([3])], [tensor(None)])
    case(f, "constant", "CONCATENATION", {"axis": 0}, [tensor([3]), tensor([2], const=True)], [tensor(None)])
    case(f, "empty", "CONCATENATION", {"axis": 1}, [tensor([2, 3]), tensor([2, 0], const=True, data=[[], []])],
         [tensor(None)])
    for n, out in enumerate(((0.1, 5), (0.05, 100), (0.3, 0))):
        case(f, f"rescaled_u8_{n}", "CONCATENATION", {"axis": 2},
             [tensor([2, 3, 20], "u8", scale=0.1, zero_point=5), tensor([2, 3, 300], "u8", scale=0.07, zero_point=130)],
             [tensor(None, "u8", scale=out[0], zero_point=out[1])])
    case(f, "same_scale_i8", "CONCATENATION", {"axis": 1},
         [tensor([2, 5], "i8", scale=0.1, zero_point=-4), tensor([2, 3], "i8", scale=0.1, zero_point=-4)],
         [tensor(None, "i8", scale=0.1, zero_point=-4)])
