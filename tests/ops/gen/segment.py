"""SEGMENT_SUM and UNSORTED_SEGMENT_PROD, MAX, SUM, MIN."""
from lib import case, tensor

F = "segment"


def cases():
    for type in ("f32", "i32"):
        for name, shape, ids in (("rows", [5, 3], [0, 0, 1, 2, 2]), ("list", [4], [0, 1, 1, 2]), ("cube", [3, 2, 2], [0, 0, 0])):
            for late in (False, True):
                out = [max(ids) + 1] + shape[1:]
                case(F, f"sum_{type}_{name}{'_late' if late else ''}", "SEGMENT_SUM", None,
                     [tensor(shape, type, low=-9, high=9), tensor(None, "i32", data=ids, const=not late)],
                     [tensor(out, type, signature=[-1] + shape[1:] if late else None)], resolver="opt")
        for op in ("PROD", "MAX", "SUM", "MIN"):
            for name, shape, ids, count in (("rows", [5, 3], [3, 0, 0, 1, 3], 4), ("empty", [3, 2], [4, 1, 1], 6),
                                            ("list", [4], [1, 0, 1, 1], 2), ("matrix", [2, 3, 2], [[0, 1, 0], [2, 1, 1]], 3),
                                            ("dropped", [4, 2], [0, -1, 1, -1], 2)):
                for late in (False, True):
                    depth = 2 if name == "matrix" else 1
                    out = [count] + shape[depth:]
                    case(F, f"unsorted_{op.lower()}_{type}_{name}{'_late' if late else ''}", f"UNSORTED_SEGMENT_{op}", None,
                         [tensor(shape, type, low=-9, high=9), tensor(None, "i32", data=ids),
                          tensor([], "i32", data=count, const=not late)],
                         [tensor(out, type, signature=[-1] + shape[depth:] if late else None)])
