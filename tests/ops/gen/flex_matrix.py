"""Select-TF operators on matrices: products."""
from lib import flex_case, tensor

F = "flex_matrix"


def cases():
    for a in (False, True):
        for b in (False, True):
            name = f"{'t' if a else 'n'}{'t' if b else 'n'}"
            x, y = [4, 3] if a else [3, 4], [5, 4] if b else [4, 5]
            flex_case(F, f"matmul_f32_{name}", "MatMul", {"a": tensor(x, "f32"), "b": tensor(y, "f32")},
                      {"transpose_a": a, "transpose_b": b})
            flex_case(F, f"batchmatmulv2_f32_{name}", "BatchMatMulV2", {"x": tensor([2] + x, "f32"), "y": tensor(y, "f32")},
                      {"adj_x": a, "adj_y": b})
