"""Hash tables: HASHTABLE, HASHTABLE_IMPORT, HASHTABLE_FIND, HASHTABLE_SIZE. LiteRT has no reference kernels of them."""
from lib import graph, model_case, node, tensor

FAMILY = "hashtable"


def table(key, value):
    h = tensor((1,), "resource", name="table")
    return h, node("HASHTABLE", [], [h], {"tableId": 4, "keyDtype": key, "valueDtype": value})


def find(name, key, value, keys, values, wanted, default, imports=1):
    h, make = table(key, value)
    k, v = tensor(None, key, data=keys, const=True), tensor(None, value, data=values, const=True)
    q, d = tensor(None, key, data=wanted), tensor(None, value, data=default, const=True)
    y, n = tensor(list(q.shape), value), tensor((1,), "i64")
    fill = [node("HASHTABLE_IMPORT", [h, k, v], []) for _ in range(imports)]
    main = graph([make] + fill + [node("HASHTABLE_FIND", [h, q, d], [y]), node("HASHTABLE_SIZE", [h], [n])], [q], [y, n])
    model_case(FAMILY, name, [main], resolver="opt", invocations=2)


def cases():
    words = [b"apple", b"", b"pear", b"a longer text", b"plum"]
    find("string_i64", "string", "i64", words, [3, 1, 4, 1, -5], [[b"pear", b"none"], [b"", b"plum"]], [-1])
    find("i64_string", "i64", "string", [3, 2**40, -7, 0, 12], words, [0, 5, -7, 2**40], [b"unknown"])
    find("i64_string_twice", "i64", "string", [3, 3, 4], words[:3], [3, 4, 9], [b"?"], imports=2)
