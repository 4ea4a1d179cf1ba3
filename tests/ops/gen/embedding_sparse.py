"""EMBEDDING_LOOKUP_SPARSE."""
from lib import case, tensor

F = "embedding_sparse"


def cases():
    for combiner in ("SUM", "MEAN", "SQRTN"):
        for name, rows, places, extents, table in (
                ("matrix", [1, 3, 0, 2], [[0, 0], [2, 0], [2, 1], [3, 0]], [4, 2], [4, 3]),
                ("deep", [1, 3, 0], [[0, 0, 0], [1, 0, 0], [1, 0, 1]], [2, 2, 2], [4, 3, 2])):
            out = extents[:-1] + table[1:]
            case(F, f"{name}_{combiner.lower()}", "EMBEDDING_LOOKUP_SPARSE", {"combiner": combiner},
                 [tensor(None, "i32", data=rows), tensor(None, "i32", data=places), tensor(None, "i32", data=extents),
                  tensor([len(rows)], low=0.5, high=2), tensor(table)], [tensor(out, signature=[-1] * len(out))])
    for combiner in ("SUM", "MEAN", "SQRTN"):
        for name, rows, places, extents, table, low, high in (
                ("one_place", [2, 2, 0, 3], [[1, 0], [1, 1], [1, 2], [1, 3]], [3, 4], [4, 5], 0.5, 2),
                ("negative_weights", [1, 3, 0], [[0, 0], [0, 1], [2, 0]], [3, 2], [4, 3], -2, -0.5),
                ("one_row", [0], [[0, 0]], [1, 1], [1, 1], 1, 2),
                ("wide", [5, 1, 4, 0, 2], [[0, 0], [1, 0], [1, 1], [3, 0], [3, 1]], [4, 2], [6, 37], 0.5, 2)):
            out = extents[:-1] + table[1:]
            case(F, f"{name}_{combiner.lower()}", "EMBEDDING_LOOKUP_SPARSE", {"combiner": combiner},
                 [tensor(None, "i32", data=rows), tensor(None, "i32", data=places), tensor(None, "i32", data=extents),
                  tensor([len(rows)], low=low, high=high), tensor(table)], [tensor(out, signature=[-1] * len(out))])
