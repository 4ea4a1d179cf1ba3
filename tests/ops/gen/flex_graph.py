"""Select-TF operators that stand in a graph: constants, what hands its input on, assertions, prints and nothing at all."""
import numpy as np

from lib import FlexModel, flex_case, flex_node, flex_options, graph, model_case, node, random_data, tensor, tensorflow

F = "flex_graph"
TYPES = ("f32", "f64", "f16", "bf16", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "bool", "c64", "c128", "str")


def constants():
    tf = tensorflow()
    rng = np.random.default_rng(5)
    for type in TYPES:
        for name, shape, same in (("", [2, 3], False), ("_same", [4, 2], True), ("_scalar", [], False), ("_none", [0, 3], False)):
            if name and type not in ("f32", "i64", "bool", "str", "c64"):
                continue
            t = tensor(shape, type)
            value = random_data(tensor([1] * len(shape), type), rng) * np.ones(shape) if same and type != "str" else random_data(t, rng)
            if same and type == "str":
                value = np.full(shape, b"again", object)
            with tf.Graph().as_default() as g:
                tf.constant(value, tf.as_dtype(t.type), shape)
                n = next(n for n in g.as_graph_def().node if n.op == "Const")
            held = tf.make_ndarray(n.attr["value"].tensor)
            model_case(F, f"const_{type}{name}", [graph([node("FlexConst", [], [t], custom=flex_options(n))], [], [t])], [held], None, None)


def handed_on():
    for type in TYPES:
        for op in ("Identity", "StopGradient", "PreventGradient", "DebugGradientIdentity"):
            flex_case(F, f"{op.lower()}_{type}", op, {"input": tensor([2, 3], type)}, outputs=[tensor([], type).type])
        flex_case(F, f"placeholderwithdefault_{type}", "PlaceholderWithDefault", {"input": tensor([2, 3], type)}, {"shape": [None, 3]},
                  outputs=[tensor([], type).type])
        flex_case(F, f"ensureshape_{type}", "EnsureShape", {"input": tensor([2, 3], type)}, {"shape": [None, 3]}, outputs=[tensor([], type).type])
    m = FlexModel(F, "identityn")
    inputs = [m.feed([2, 3], t) for t in ("f32", "str", "i64")]
    handle = m.op("TensorListFromTensor", {"tensor": inputs[0], "element_shape": m.const(-1)})
    got = m.op("IdentityN", {"input": inputs + [handle]})
    m.case(got[:3] + [m.op("TensorListStack", {"input_handle": got[3], "element_shape": m.const(-1)}, element_dtype=m.tf.float32)])
    m = FlexModel(F, "identity_of_handle")
    handle = m.op("VarHandleOp", shared_name="identity_of_handle", dtype=m.tf.float32, shape=[3])
    handle = m.op("Identity", {"input": handle})
    m.op("AssignVariableOp", {"resource": handle, "value": m.feed([3], "f32")})
    m.case([m.op("ReadVariableOp", {"resource": handle}, dtype=m.tf.float32)])


def effects():
    for type in TYPES:
        m = FlexModel(F, f"effects_{type}")
        x = m.feed([2, 3], type)
        for op in ("NoOp", "ControlTrigger"):
            m.nodes.append(node("Flex" + op, [], [], custom=flex_options(flex_node(op, {})[0])))
        for limit, first in ((3, -1), (-1, 1)):
            m.op("Assert", {"condition": m.const(True, "bool"), "data": [x, m.const(7)]}, summarize=limit)
            shown = m.op("Print", {"input": x, "data": [x, m.const(7)]}, message="seen: ", first_n=first, summarize=limit)
        m.op("PrintV2", {"input": m.const(np.array(b"a line", object), "str")}, output_stream="log(info)")
        m.case([shown], invocations=2)
        m = FlexModel(F, f"refused_assert_{type}")
        x = m.feed([5], type) if type != "str" else m.feed(None, "str", data=np.array([b"what", b"\x07is", b"wrong", b"here"], object))
        text = {"str": "does not hold: [what ?is wrong ...] [7]"}.get(type, "...] [7]")
        m.refused(text, "Assert", {"condition": m.feed(None, "bool", data=False), "data": [x, m.const(7)]}, summarize=3)
    m = FlexModel(F, "refused_print_file")
    m.refused("the attribute output_stream is", "PrintV2", {"input": m.const(np.array(b"a line", object), "str")}, asked=False,
              output_stream="file:///tmp/linnet-never-written")
    m = FlexModel(F, "refused_ensureshape")
    m.refused("is not of the shape", "EnsureShape", {"input": m.feed([2, 3], "f32")}, ["f32"], shape=[3, None])
    n, x, y = flex_node("Identity", {}, {"input": (m.tf.float32, [2])})[0], tensor([2], "f32"), tensor([2], "f32")
    for op, text in (("StatefulPartitionedCall", "its function is not part of the file"), ("PartitionedCall", "its function is not part of the file"),
                     ("Placeholder", "a placeholder that nothing feeds")):
        n.op = op
        model_case(F, f"refused_{op.lower()}", [graph([node("Flex" + op, [x], [y], custom=flex_options(n))], [x], [y])], None, None, None, refused=text)


def cases():
    constants()
    handed_on()
    effects()
