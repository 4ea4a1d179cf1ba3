"""CUMSUM."""
from lib import case, tensor


def cases():
    for type in ("f32", "i32", "i64"):
        for exclusive in (False, True):
            for reverse in (False, True):
                case("cumsum", f"{type}_{exclusive:d}{reverse:d}", "CUMSUM", {"exclusive": exclusive, "reverse": reverse},
                     [tensor([2, 5, 3], type), tensor(None, "i32", data=1, const=True)], [tensor(None, type)])
    case("cumsum", "last", "CUMSUM", None, [tensor([2, 9]), tensor(None, "i32", data=-1, const=True)], [tensor(None)])
