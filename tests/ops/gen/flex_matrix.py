"""Select-TF operators on matrices: products."""
from lib import flex_case, tensor, tensorflow

F = "flex_matrix"


def cases():
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
