"""TOPK_V2."""
from lib import case, tensor


def cases():
    for type in ("f32", "i8", "u8", "i32", "i64"):
        for k in (1, 3, 9):
            case("topk", f"{type}_{k}", "TOPK_V2", None,
                 [tensor([4, 9], type, low=0, high=5), tensor(None, "i32", data=k, const=True)],
                 [tensor(None, type), tensor(None, "i32")])
    case("topk", "row", "TOPK_V2", None, [tensor([200]), tensor(None, "i32", data=20, const=True)],
         [tensor(None), tensor(None, "i32")])
