"""MEAN, SUM, REDUCE_PROD, REDUCE_MAX, REDUCE_MIN, REDUCE_ANY, REDUCE_ALL."""
from lib import case, tensor


def ints(values):
    return tensor(None, "i32", data=values, const=True)


SHAPES = (("hw_kept", [2, 5, 7, 6], [1, 2], True), ("hw", [2, 5, 7, 6], [2, 1], False), ("last", [2, 3, 40], [-1], False),
          ("first", [5, 33], [0], True), ("two_runs", [3, 4, 5, 6], [0, 2], False), ("inner", [3, 4, 5, 6], [1, 3], True),
          ("all", [3, 5], [0, 1], False), ("repeated", [4, 6], [1, -1, 1], False))
QUANT = {"i8": ((0.1, 3, 0.1, 3), (0.1, -3, 0.07, 4), (0.05, 100, 0.3, 20)),
         "u8": ((0.1, 3, 0.1, 3), (0.1, 30, 0.07, 4), (0.05, 100, 0.3, 20)),
         "i16": ((0.1, 0, 0.1, 0), (0.1, 0, 0.07, 0), (0.05, 0, 0.3, 0))}


def cases():
    f = "reduce"
    for name, shape, axes, keep in SHAPES:
        for op in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD"):
            case(f, f"{op.lower()}_{name}", op, {"keepDims": keep}, [tensor(shape, low=-1.2, high=1.2), ints(axes)],
                 [tensor(None)], tolerance={"abs": 1e-6, "rel": 1e-5})
    for type in ("i32", "i64"):
        for op in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD"):
            case(f, f"{op.lower()}_{type}", op, {"keepDims": False}, [tensor([2, 3, 4], type, low=-9, high=9), ints([1])],
                 [tensor(None, type)])
    for type, quants in QUANT.items():
        for op in ("REDUCE_MAX", "REDUCE_MIN"):
            case(f, f"{op.lower()}_{type}", op, {"keepDims": True},
                 [tensor([2, 3, 20], type, scale=0.5, zero_point=0), ints([2])],
                 [tensor(None, type, scale=0.5, zero_point=0)])
        for n, (si, zi, so, zo) in enumerate(quants):
            for name, shape, axes, keep in SHAPES[:3]:
                case(f, f"mean_{type}_{n}_{name}", "MEAN", {"keepDims": keep},
                     [tensor(shape, type, scale=si, zero_point=zi), ints(axes)],
                     [tensor(None, type, scale=so, zero_point=zo)])
            # The reference sum of signed types adds to what the output held before.
            case(f, f"sum_{type}_{n}", "SUM", {"keepDims": False},
                 [tensor([3, 11], type, scale=si, zero_point=zi, low=-100 if type != "u8" else 0, high=100), ints([1])],
                 [tensor(None, type, scale=so, zero_point=zo)], resolver="ref" if type == "u8" else "opt")
    case(f, "mean_late", "MEAN", {"keepDims": False}, [tensor([3, 4]), tensor([1], "i32", data=[0])], [tensor([4])])
    for op in ("REDUCE_ANY", "REDUCE_ALL"):
        for n, axes in enumerate(([1], [0, 2])):
            case(f, f"{op.lower()}_{n}", op, {"keepDims": False}, [tensor([3, 4, 2], "bool"), ints(axes)],
                 [tensor(None, "bool")])
