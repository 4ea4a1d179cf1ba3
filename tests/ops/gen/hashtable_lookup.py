from lib import case, tensor

F = "hashtable_lookup"


def cases():
    for name, wanted, keys, shape in (("rows", [12, 5, -3, 40], [-3, 5, 12], [3, 2]), ("list", [7, 8, 7], [1, 7, 9, 11], [4]),
                                      ("cube", [0], [0, 2], [2, 3, 2]), ("none", [1, 2], [0], [1, 3])):
        out = [len(wanted)] + shape[1:]
        case(F, "f32_" + name, "HASHTABLE_LOOKUP", None,
             [tensor(None, "i32", data=wanted), tensor(None, "i32", data=keys), tensor(shape)],
             [tensor(out), tensor([len(wanted)], "u8")], resolver="opt")
