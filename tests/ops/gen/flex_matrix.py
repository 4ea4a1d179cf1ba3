"""Select-TF operators on matrices: products."""
from lib import flex_case, tensor, tensorflow

F = "flex_matrix"


TOLERANCE = {"f64": {"abs": 1e-12, "rel": 1e-12}, "f16": {"abs": 4e-3, "rel": 4e-3}, "bf16": {"abs": 3e-2, "rel": 3e-2},
             "c64": {"abs": 1e-5, "rel": 1e-5}, "c128": {"abs": 1e-12, "rel": 1e-12}, "i32": None}
EQUATIONS = {"ij,jk->ik": ([3, 4], [4, 5]), "bij,bkj->bik": ([2, 3, 4], [2, 5, 4]), "ij->ji": ([3, 4],), "ii->i": ([3, 3],), "ii->": ([3, 3],),
             "ij->": ([3, 4],), "i,j->ij": ([3], [4]), "ijk,jl->il": ([2, 3, 4], [3, 5]), "...ij,...jk->...ik": ([2, 3, 4], [1, 4, 5]),
             "abc,cde->abde": ([2, 3, 4], [4, 2, 2]), "...i->i...": ([2, 3, 4],), "ij,ij->": ([3, 4], [3, 4]), "bhqd,bhkd->bhqk": ([2, 2, 3, 4], [2, 2, 5, 4])}


def other_types():
    for type, tolerance in TOLERANCE.items():
        for a in (False, True):
            name, x, y = f"{type}_{a:d}", [4, 3] if a else [3, 4], [5, 4] if a else [4, 5]
            flex_case(F, f"matmul_{name}", "MatMul", {"a": tensor(x, type, low=-9, high=9), "b": tensor(y, type, low=-9, high=9)},
                      {"transpose_a": a, "transpose_b": a}, tolerance)
            flex_case(F, f"batchmatmulv2_{name}", "BatchMatMulV2", {"x": tensor([2, 1] + x, type, low=-9, high=9), "y": tensor([3] + y, type, low=-9, high=9)},
                      {"adj_x": a, "adj_y": a}, tolerance)
    for i, (equation, shapes) in enumerate(EQUATIONS.items()):
        for type in ("f32", "f64", "i32") if i < 2 else ("f32",):
            flex_case(F, f"einsum_{i}_{type}", "Einsum", {"inputs": [tensor(s, type) for s in shapes]}, {"equation": equation})


def cases():
    other_types()
    for a in (False, True):
        for b in (False, True):
            name = f"{'t' if a else 'n'}{'t' if b else 'n'}"
            x, y = [4, 3] if a else [3, 4], [5, 4] if b else [4, 5]
            flex_case(F, f"matmul_f32_{name}", "MatMul", {"a": tensor(x, "f32"), "b": tensor(y, "f32")},
                      {"transpose_a": a, "transpose_b": b})
            for op in ("BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"):
                flex_case(F, f"{op.lower()}_f32_{name}", op, {"x": tensor([2] + x, "f32"),
                                                             "y": tensor(([2] if op == "BatchMatMul" else []) + y, "f32")},
                          {"adj_x": a, "adj_y": b} | ({"Tout": tensorflow().float32} if op[-1] == "3" else {}))
