"""MATRIX_DIAG and MATRIX_SET_DIAG."""
from lib import case, tensor

F = "matrix_diag"


def cases():
    for type in ("f32", "i8", "u8", "i16", "i32", "i64"):
        case(F, f"diag_{type}", "MATRIX_DIAG", None, [tensor([2, 3, 4], type)], [tensor(None, type)])
        case(F, f"set_diag_{type}", "MATRIX_SET_DIAG", None, [tensor([2, 4, 4], type), tensor([2, 4], type)],
             [tensor(None, type)])
    for n in (1, 5):
        case(F, f"diag_list_{n}", "MATRIX_DIAG", None, [tensor([n])], [tensor(None)])
    for rows, columns in ((3, 5), (5, 3), (1, 4), (4, 1)):
        case(F, f"set_diag_{rows}x{columns}", "MATRIX_SET_DIAG", None,
             [tensor([2, 2, rows, columns]), tensor([2, 2, min(rows, columns)])], [tensor(None)])
    case(F, "set_diag_one_matrix", "MATRIX_SET_DIAG", None, [tensor([3, 3]), tensor([3])], [tensor(None)])
