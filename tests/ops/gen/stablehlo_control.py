"""STABLEHLO_CASE, WHILE, COMPOSITE and CUSTOM_CALL: operators that run other graphs of the model. LiteRT 2.3.0 runs CASE and
COMPOSITE."""
import numpy as np

from control_flow import binary, count_body, count_condition, counted, identity_branch, padded_branch
from lib import flexbuffer, graph, model_case, node, tensor

F = "stablehlo_control"


def branches_of(index, graphs, out=(2, 3), const=False, **given):
    i, a, b = tensor(None, "i32", data=np.int32(index), const=const), tensor((2, 3)), tensor((2, 3))
    y = tensor(out)
    main = graph([node("STABLEHLO_CASE", [i, a, b], [y], {"branchSubgraphIndices": list(range(1, len(graphs) + 1))})],
                 ([] if const else [i]) + [a, b], [y])
    return [main] + graphs


def model_case_opt(name, given):
    """CASE has no reference kernel."""
    model_case(F, name, given, resolver="opt")


def choices():
    three = [binary("ADD"), binary("MUL"), binary("SUB")]
    for index in (-1, 0, 1, 2, 3, 99):
        model_case_opt(f"case_{index}", branches_of(index, three))
    for index in (0, 2):
        model_case_opt(f"case_const_{index}", branches_of(index, three, const=True))
    model_case_opt("case_one_branch", branches_of(0, [binary("DIV")]))
    for index in (0, 1):
        given = branches_of(index, [padded_branch(), identity_branch()], (3, 3) if index == 0 else (2, 3))
        model_case_opt(f"case_shapes_differ_{index}", given)
    # A case in a case, where LiteRT crashes.
    inner, a, b, y = tensor(None, "i32", data=np.int32(1), const=True), tensor((2, 3)), tensor((2, 3)), tensor((2, 3))
    nested = graph([node("STABLEHLO_CASE", [inner, a, b], [y], {"branchSubgraphIndices": [2, 3]})], [a, b], [y], "nested")
    given = branches_of(0, [nested, binary("MUL"), binary("SUB")])
    a, b = given[0].inputs[1:]
    a.data, b.data = np.arange(6, dtype="f4").reshape(2, 3), np.full((2, 3), 2, "f4")
    model_case(F, "case_nested", given, expected=[a.data - b.data], resolver=None)


def loops():
    def loop(name, limit, op, shape, out, extra, want, body_out=None):
        i, x = tensor(None, "i32", data=[0]), tensor(shape, data=np.ones(shape))
        j, y = tensor((1,), "i32"), tensor(out)
        main = graph([node("STABLEHLO_WHILE", [i, x], [j, y], {"condSubgraphIndex": 1, "bodySubgraphIndex": 2})], [i, x], [j, y])
        model_case(F, name, [main, count_condition(limit, shape), count_body(op, shape, body_out or shape, extra)],
                   expected=[np.array([max(limit, 0)], "i4"), want], resolver=None)
    half = [tensor(None, "f32", data=[0.5], const=True)]
    loop("while_add", 7, "ADD", (2, 3), (2, 3), half, np.full((2, 3), 4.5, "f4"))
    loop("while_never", 0, "MUL", (5,), (5,), half, np.ones(5, "f4"))
    grow = [tensor(None, "i32", data=[[1, 0], [0, 2]], const=True)]
    want = np.zeros((4, 8), "f4")
    want[3, :2] = 1
    loop("while_growing", 3, "PAD", (1, 2), (4, 8), grow, want, body_out=(2, 4))


def counted_loops():
    x, w = np.array([0.9, 0.4, 0.7], "f4"), np.array([1.1, 0.8, 0.95], "f4")
    for _ in range(6):
        x = np.tanh(x) * w + np.float32(0.1)
    model_case(F, "while_counted", counted("STABLEHLO_WHILE", 6), expected=[np.array([6], "i4"), x, w], resolver=None, tolerance={"abs": 1e-6, "rel": 1e-5})


def composite(name, attributes=b"", **options):
    a, b, y = tensor((2, 3)), tensor((2, 3)), tensor((2, 3))
    table = {"name": name, "decompositionSubgraphIndex": 1, "compositeAttributes": np.frombuffer(attributes, np.uint8)}
    return graph([node("STABLEHLO_COMPOSITE", [a, b], [y], table | options)], [a, b], [y])


def composites():
    model_case(F, "composite", [composite("test.add", flexbuffer({"scale": 2})), binary("ADD")])
    model_case(F, "composite_version", [composite("test.mul", flexbuffer({"scale": 2.5, "mode": "fast"}), version=3), binary("MUL")])
    a, b, y = tensor((2, 3)), tensor((2, 3)), tensor((2, 3))
    inner = graph([node("STABLEHLO_COMPOSITE", [a, b], [y], {"name": "test.inner", "decompositionSubgraphIndex": 2,
                                                             "compositeAttributes": np.frombuffer(flexbuffer({"a": 1}), np.uint8)})],
                  [a, b], [y], "outer")
    model_case(F, "composite_nested", [composite("test.outer", flexbuffer({"b": 1})), inner, binary("SUB")])


def custom_calls():
    x = tensor((2, 3), data=np.arange(6).reshape(2, 3))
    z, y = tensor((2, 3), data=np.full((2, 3), 2.0)), tensor((2, 3))
    main = graph([node("STABLEHLO_CUSTOM_CALL", [x, z], [y], {"callTargetName": "test.power", "calledComputations": [1], "hasSideEffect": False,
                                                              "backendConfig": "of no use"})], [x, z], [y])
    model_case(F, "custom_call", [main, binary("POW")], expected=[x.data ** 2], resolver=None)


def cases():
    choices()
    loops()
    counted_loops()
    composites()
    custom_calls()
