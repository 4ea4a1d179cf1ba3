"""SELECT and SELECT_V2."""
from lib import case, tensor


def cases():
    for type in ("f32", "i32", "i64", "i8", "u8", "i16", "bool"):
        q = {"scale": 0.1, "zero_point": 0} if type in ("i8", "u8", "i16") else {}
        case("select", f"select_same_{type}", "SELECT", inputs=[tensor([2, 9], "bool"), tensor([2, 9], type, **q), tensor([2, 9], type, **q)],
             outputs=[tensor(None, type, **q)])
        if type != "i16":
            case("select", f"select_v2_{type}", "SELECT_V2",
                 inputs=[tensor([4, 1, 3], "bool"), tensor([2, 3], type, **q), tensor([], type, **q)], outputs=[tensor(None, type, **q)])
    case("select", "select_rows_f32", "SELECT", inputs=[tensor([4], "bool"), tensor([4, 2, 3]), tensor([4, 2, 3])], outputs=[tensor(None)])
    case("select", "select_scalar_f32", "SELECT", inputs=[tensor([], "bool"), tensor([4, 3]), tensor([4, 3])], outputs=[tensor(None)])
    case("select", "select_v2_rank5_f32", "SELECT_V2",
         inputs=[tensor([2, 1, 2, 1, 3], "bool"), tensor([2, 1, 2, 1]), tensor([1, 3])], outputs=[tensor(None)])
