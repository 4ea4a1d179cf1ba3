"""IF, WHILE and CALL: models of several graphs."""
import numpy as np

from lib import graph, model_case, node, tensor

FAMILY = "control_flow"


def binary(op, shape=(2, 3), type="f32", name="branch", **out):
    """A graph of one operator on two inputs."""
    a, b, c = tensor(shape, type), tensor(shape, type), tensor(shape, type, **out)
    return graph([node(op, [a, b], [c])], [a, b], [c], name)


def branches(name, condition, then, other, shapes=((2, 3), (2, 3)), type="f32", out=(2, 3), const=False, resize=None):
    c = tensor(None, "bool", data=np.asarray(condition), const=const)
    a, b = tensor(shapes[0], type, resize=resize), tensor(shapes[1], type, resize=resize)
    y = tensor(list(out) if out is not None else None, type)
    main = graph([node("IF", [c, a, b], [y], {"thenSubgraphIndex": 1, "elseSubgraphIndex": 2})],
                 ([] if const else [c]) + [a, b], [y])
    model_case(FAMILY, name, [main, then, other])


def identity_branch():
    a, b = tensor((2, 3)), tensor((2, 3))
    return graph([], [a, b], [b], "identity")


def padded_branch():
    """Its output has another shape than the other branch's."""
    a, b, c = tensor((2, 3)), tensor((2, 3)), tensor((3, 3))
    pads = tensor(None, "i32", data=[[1, 0], [0, 0]], const=True)
    return graph([node("PAD", [a, pads], [c])], [a, b], [c], "padded")


def nested_branch():
    a, b, y = tensor((2, 3)), tensor((2, 3)), tensor((2, 3))
    c = tensor(None, "bool", data=False, const=True)
    return graph([node("IF", [c, a, b], [y], {"thenSubgraphIndex": 2, "elseSubgraphIndex": 3})], [a, b], [y], "nested")


def ifs():
    for value in (True, False):
        word = "then" if value else "else"
        branches(f"if_{word}", value, binary("ADD"), binary("MUL"))
        branches(f"if_{word}_i32", value, binary("ADD", type="i32"), binary("SUB", type="i32"), type="i32")
        branches(f"if_{word}_identity", value, identity_branch(), binary("MUL"))
        branches(f"if_{word}_shapes_differ", value, padded_branch(), binary("MUL"), out=(3, 3) if value else (2, 3))
        branches(f"if_{word}_resized", value, binary("ADD"), binary("MUL"), out=None, resize=(4, 2))
    branches("if_one_element", [True], binary("ADD"), binary("MUL"))
    c, a, b = tensor(None, "bool", data=True), tensor((2, 3)), tensor((2, 3))
    y, z = tensor((2, 3)), tensor((2, 3))
    main = graph([node("IF", [c, a, b], [y], {"thenSubgraphIndex": 1, "elseSubgraphIndex": 2}),
                  node("IF", [c, y, b], [z], {"thenSubgraphIndex": 2, "elseSubgraphIndex": 3})], [c, a, b], [z])
    model_case(FAMILY, "if_nested_twice", [main, nested_branch(), binary("SUB"), binary("DIV")])


def count_condition(limit, shape, type="i32", value=None):
    i, x, y = tensor((1,), "i32"), tensor(shape, value or "f32"), tensor((1,), "bool")
    n = tensor(None, "i32", data=[limit], const=True)
    return graph([node("LESS", [i, n], [y])], [i, x], [y], "condition")


def count_body(op, shape, out_shape, extra):
    i, x, j, y = tensor((1,), "i32"), tensor(shape), tensor((1,), "i32"), tensor(out_shape)
    one = tensor(None, "i32", data=[1], const=True)
    return graph([node("ADD", [i, one], [j]), node(op, [x] + extra, [y])], [i, x], [j, y], "body")


def loop(name, limit, op, shape, out, extra, body_out=None, resize=None, start=0):
    i, x = tensor(None, "i32", data=[start]), tensor(shape, resize=resize)
    j, y = tensor((1,), "i32"), tensor(out)
    main = graph([node("WHILE", [i, x], [j, y], {"condSubgraphIndex": 1, "bodySubgraphIndex": 2})], [i, x], [j, y])
    model_case(FAMILY, name, [main, count_condition(limit, shape), count_body(op, shape, body_out or shape, extra)])


def whiles():
    def half():
        return [tensor(None, "f32", data=[0.5], const=True)]
    loop("while_add", 7, "ADD", (2, 3), (2, 3), half())
    loop("while_once", 1, "MUL", (5,), (5,), half())
    loop("while_never", 0, "MUL", (5,), (5,), half())
    loop("while_resized", 3, "ADD", (2, 3), (2, 3), half(), resize=(3, 1))
    grow = [tensor(None, "i32", data=[[1, 0], [0, 2]], const=True)]
    loop("while_growing", 4, "PAD", (1, 2), (5, 10), grow, body_out=(2, 4))
    loop("while_growing_never", 0, "PAD", (1, 2), (1, 2), grow, body_out=(2, 4))


def counted_graphs(limit, low=None):
    """x = tanh(x) * w + 0.1 while i < limit (and the sum of x is above `low`): w is handed on as it is."""
    def carried():
        return [tensor((1,), "i32"), tensor((3,)), tensor((3,))]
    given, y = carried(), tensor((1,), "bool")
    n = tensor(None, "i32", data=[limit], const=True)
    ops = [node("LESS", [given[0], n], [y])]
    if low is not None:
        total, more, both = tensor((1,)), tensor((1,), "bool"), tensor((1,), "bool")
        axes, least = tensor(None, "i32", data=[0], const=True), tensor(None, "f32", data=[low], const=True)
        ops += [node("SUM", [given[1], axes], [total], {"keepDims": True}), node("GREATER", [total, least], [more]),
                node("LOGICAL_AND", [y, more], [both])]
        y = both
    condition = graph(ops, given, [y], "condition")
    given, j, x = carried(), tensor((1,), "i32"), [tensor((3,)) for _ in range(3)]
    one, bit = tensor(None, "i32", data=[1], const=True), tensor(None, "f32", data=[0.1], const=True)
    body = graph([node("ADD", [given[0], one], [j]), node("TANH", [given[1]], [x[0]]), node("MUL", [x[0], given[2]], [x[1]]),
                  node("ADD", [x[1], bit], [x[2]])], given, [j, x[2], given[2]], "body")
    return [condition, body]


def counted(op, limit, low=None):
    """The number of steps follows from constants."""
    i, x = tensor(None, "i32", data=[0], const=True), tensor(None, "f32", data=[0.9, 0.4, 0.7])
    w = tensor(None, "f32", data=[1.1, 0.8, 0.95])
    j, y, v = tensor((1,), "i32"), tensor((3,)), tensor((3,))
    main = graph([node(op, [i, x, w], [j, y, v], {"condSubgraphIndex": 1, "bodySubgraphIndex": 2})], [x, w], [j, y, v])
    return [main] + counted_graphs(limit, low)


def counted_whiles():
    model_case(FAMILY, "while_counted", counted("WHILE", 6))
    model_case(FAMILY, "while_counted_long", counted("WHILE", 600))
    model_case(FAMILY, "while_bounded", counted("WHILE", 600, 1.9255))


def calls():
    x, y = tensor((2, 3), data=np.arange(6, dtype=np.float32).reshape(2, 3)), tensor((2, 3), data=np.full((2, 3), 2.0))
    a, b = tensor((2, 3)), tensor((2, 3))
    main = graph([node("CALL", [x, y], [a], {"subgraph": 1}), node("CALL", [a, y], [b], {"subgraph": 1})], [x, y], [b])
    model_case(FAMILY, "call_twice", [main, binary("ADD")], expected=[x.data + 4], resolver=None)


def cases():
    ifs()
    whiles()
    counted_whiles()
    calls()
