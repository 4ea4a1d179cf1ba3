from lib import case, tensor

F = "broadcast_args"


def cases():
    for type in ("i32", "i64"):
        for name, a, b in (("same", [2, 3], [2, 3]), ("longer", [4, 1, 3], [5, 1]), ("shorter", [3], [2, 6, 1]),
                           ("ones", [1, 1], [1]), ("scalar", [], [2, 3]), ("zero", [0, 1], [1, 4])):
            case(F, f"{type}_{name}", "BROADCAST_ARGS", None, [tensor([len(a)], type, data=a), tensor([len(b)], type, data=b)],
                 [tensor(None, type)])
