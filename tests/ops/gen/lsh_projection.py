"""LSH_PROJECTION."""
from lib import case, tensor

F = "lsh_projection"
SPARSE, DENSE = 1, 2


def cases():
    for kind in ("sparse", "dense"):
        for weighted in (False, True):
            for type, shape in (("i32", [5, 2]), ("f32", [4]), ("u8", [3, 1]), ("i8", [3, 5]), ("i64", [3, 3]), ("i16", [2, 9]),
                                ("f32", [3, 7]), ("i32", [2, 4, 4]), ("i64", [2, 3, 9]), ("bool", [3, 3])):
                size = "x".join(map(str, shape))
                # The weights are absent, or left out of the operator's inputs.
                weights = [tensor([shape[0]], low=-1, high=2)] if weighted else []
                case(F, f"{kind}_{type}_{size}{'_weighted' if weighted else ''}", "LSH_PROJECTION",
                     {"type": SPARSE if kind == "sparse" else DENSE},
                     [tensor([4, 9], low=-9, high=9), tensor(shape, type)] + weights, [tensor(None, "i32")])
        case(F, f"{kind}_constant_seeds", "LSH_PROJECTION", {"type": SPARSE if kind == "sparse" else DENSE},
             [tensor([3, 2], const=True, low=-1, high=1), tensor([6, 3], "i32")], [tensor(None, "i32")])
        case(F, f"{kind}_one_hash", "LSH_PROJECTION", {"type": SPARSE if kind == "sparse" else DENSE},
             [tensor([1, 32], low=-1, high=1), tensor([6, 3], "i32")], [tensor(None, "i32")])
