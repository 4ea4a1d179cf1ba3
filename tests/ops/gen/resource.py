"""Variables that a session keeps: VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE, CALL_ONCE."""
import numpy as np

from lib import graph, model_case, node, tensor

FAMILY = "resource"


def handle(name, container=""):
    h = tensor((1,), "resource", name=f"handle_{name}")
    return h, node("VAR_HANDLE", [], [h], {"container": container, "sharedName": name})


def initial(value, name="v", type="f32"):
    """What CALL_ONCE runs: assigns a constant."""
    h, var = handle(name)
    return graph([var, node("ASSIGN_VARIABLE", [h, tensor(None, type, data=value, const=True)], [])], [], [], "init")


def accumulate(name, type, value, shape, invocations, op="ADD", known=True):
    """Adds the input to the variable and gives the sum."""
    h, var = handle("v")
    x, old = tensor(shape, type), tensor(shape if known else [], type, name="old")
    new = tensor(shape, type, name="new")
    main = graph([node("CALL_ONCE", [], [], {"initSubgraphIndex": 1}), var, node("READ_VARIABLE", [h], [old]),
                  node(op, [old, x], [new]), node("ASSIGN_VARIABLE", [h, new], [])], [x], [new])
    model_case(FAMILY, name, [main, initial(value, type=type)], invocations=invocations)


def assign_then_read(name, shape, declared, type="f32"):
    h, var = handle("v")
    x, y = tensor(shape, type), tensor(declared, type)
    main = graph([var, node("ASSIGN_VARIABLE", [h, x], []), node("READ_VARIABLE", [h], [y])], [x], [y])
    model_case(FAMILY, name, [main])


def read_resized():
    """LiteRT keeps the declared shape of what is read, whatever was assigned."""
    h, var = handle("v")
    x, y = tensor((2, 3), data=np.arange(4).reshape(4, 1), resize=(4, 1)), tensor((2, 3))
    main = graph([var, node("ASSIGN_VARIABLE", [h, x], []), node("READ_VARIABLE", [h], [y])], [x], [y])
    model_case(FAMILY, "assign_read_resized", [main], expected=[x.data], resolver=None)


def two_names():
    ha, a = handle("a", "one")
    hb, b = handle("a", "two")
    x, y, z = tensor((3,)), tensor((3,)), tensor((3,))
    k = tensor(None, "f32", data=[1.0, 2.0, 3.0], const=True)
    main = graph([a, b, node("ASSIGN_VARIABLE", [ha, x], []), node("ASSIGN_VARIABLE", [hb, k], []),
                  node("READ_VARIABLE", [ha], [y]), node("READ_VARIABLE", [hb], [z])], [x], [y, z])
    model_case(FAMILY, "same_name_other_container", [main])


def in_a_branch():
    """A branch of an IF assigns; the graph around it reads."""
    h, var = handle("v")
    h2, var2 = handle("v")
    c, x = tensor(None, "bool", data=True), tensor((2, 2))
    y, r = tensor((2, 2)), tensor((2, 2))
    a, b = tensor((2, 2)), tensor((2, 2))
    then = graph([var2, node("ASSIGN_VARIABLE", [h2, a], [])], [a], [a], "then")
    other = graph([node("ABS", [b], [tensor((2, 2))])], [b], [b], "else")
    main = graph([node("CALL_ONCE", [], [], {"initSubgraphIndex": 3}), var,
                  node("IF", [c, x], [y], {"thenSubgraphIndex": 1, "elseSubgraphIndex": 2}),
                  node("READ_VARIABLE", [h], [r])], [c, x], [y, r])
    model_case(FAMILY, "assigned_in_a_branch", [main, then, other, initial(np.zeros((2, 2)))])


def cases():
    accumulate("accumulate_f32", "f32", np.full((2, 3), 0.5), (2, 3), 1)
    accumulate("accumulate_f32_thrice", "f32", np.full((2, 3), 0.5), (2, 3), 3)
    accumulate("accumulate_i32_twice", "i32", np.full((4,), 3), (4,), 2)
    accumulate("accumulate_i64", "i64", np.full((4,), 3), (4,), 1, op="SUB")
    accumulate("accumulate_unknown", "f32", np.full((2, 3), 0.5), (2, 3), 2, known=False)
    assign_then_read("assign_read", (2, 3), (2, 3))
    assign_then_read("assign_read_i8", (2, 3), (2, 3), type="i8")
    assign_then_read("assign_read_bool", (2, 3), (2, 3), type="bool")
    read_resized()
    two_names()
    in_a_branch()
