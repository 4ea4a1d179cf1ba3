#!/usr/bin/env python3
"""ONNX models that the test makes, converted, run, and compared with ONNX Runtime: control flow, classic machine
learning, quantized operators and those of com.microsoft, which the backend tests of onnx do not hold.

usage: onnx_domains.py --linnet PATH [--only REGEX] [--litert]    (77: onnx or onnxruntime is not installed)
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper, save
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

F, I32, I64, U8, BOOL = (getattr(TensorProto, n) for n in ("FLOAT", "INT32", "INT64", "UINT8", "BOOL"))
MS, ML = "com.microsoft", "ai.onnx.ml"
random = np.random.default_rng(7)
cases = []  # name, model, feeds, whether stock LiteRT runs it, how far floats may be off


def floats(*shape):
    return random.standard_normal(shape).astype(np.float32)


def bytes_(*shape):
    return random.integers(0, 256, shape).astype(np.uint8)


def info(name, kind, shape=None):
    return helper.make_tensor_value_info(name, kind, shape)


def node(op, inputs, outputs, domain="", **attributes):
    return helper.make_node(op, inputs.split(), outputs.split(), domain=domain, **attributes)


def graph(name, nodes, inputs, outputs):
    return helper.make_graph(nodes, name, [info(*i) for i in inputs], [info(*o) for o in outputs])


def add(name, nodes, feeds, outputs, constants=None, shapes=None, opset=17, ml=1, litert=True, limit=1e-5):
    """feeds: a list of {input: array}; shapes: of inputs with open dimensions; limit: how far floats may be off."""
    kinds = {"float32": F, "int32": I32, "int64": I64, "uint8": U8, "bool": BOOL}
    inputs = [(k, kinds[v.dtype.name], (shapes or {}).get(k, v.shape)) for k, v in feeds[0].items()]
    main = graph("g", nodes if isinstance(nodes, list) else [nodes], inputs, outputs)
    main.initializer.extend(numpy_helper.from_array(np.asarray(v), k) for k, v in (constants or {}).items())
    sets = [helper.make_opsetid("", opset), helper.make_opsetid(MS, 1), helper.make_opsetid(ML, ml)]
    cases.append((name, helper.make_model(main, opset_imports=sets, ir_version=8), feeds, litert, limit))


def control_flow():
    h = node("MatMul", "x w", "h")
    one = [("a", F), ]
    yes, no = graph("yes", [node("Relu", "h", "a")], [], one), graph("no", [node("Neg", "h", "a")], [], one)
    join, mul = graph("join", [node("Concat", "h x", "a", axis=0)], [], one), graph("mul", [node("Mul", "h x", "a")], [], one)
    nodes = [h, node("If", "flag", "y", then_branch=yes, else_branch=no), node("ReduceSum", "x", "s", keepdims=0),
             node("Constant", "", "zero", value_float=0.0), node("Greater", "s zero", "c"),
             node("If", "c", "z", then_branch=join, else_branch=mul)]
    add("if", nodes, [{"x": floats(3, 4), "flag": np.array(True)}, {"x": -abs(floats(2, 4)), "flag": np.array(False)}],
        [("y", F, ["N", 4]), ("z", F, ["M", 4])], {"w": floats(4, 4)}, {"x": ["N", 4]}, 13)
    state = [("i", I64, []), ("c", BOOL, []), ("h", F, ["N", 4])]
    steps = [node("Identity", "c", "c2"), node("MatMul", "h w", "m"), node("Tanh", "m", "h2"),
             node("Cast", "i", "f", to=F), node("Add", "h2 f", "o")]
    body = graph("body", steps, state, [("c2", BOOL, []), ("h2", F), ("o", F)])
    loop = node("Loop", "n yes x", "last all", body=body)
    outputs = [("last", F, ["N", 4]), ("all", F, ["K", "N", 4])]
    weights = {"w": floats(4, 4), "yes": np.array(True)}
    for shape in ([3, 4], ["N", 4]):
        add(f"loop {shape}", loop, [{"x": floats(3, 4), "n": np.array(k)} for k in (5, 1)], outputs, weights,
            {"x": shape}, 13)
    add("loop of known length", loop, [{"x": floats(3, 4)}], outputs, dict(weights, n=np.array(4)), None, 13)
    ends = [node("MatMul", "h w", "h2"), node("ReduceMax", "h2", "most", keepdims=0), node("Less", "most limit", "c2"),
            node("Identity", "h2", "o")]
    body = graph("body", ends, state, [("c2", BOOL, []), ("h2", F), ("o", F)])
    more = {"w": abs(floats(4, 4)) * 1.5, "limit": np.float32(50), "yes": np.array(True)}
    for trips in (None, 6):
        add(f"loop that ends, {trips}", node("Loop", "n yes x" if trips else "none yes x", "last all", body=body),
            [{"x": abs(floats(3, 4))}, {"x": abs(floats(1, 4)) * 0.001}], outputs,
            dict(more, n=np.array(6)) if trips else dict(more, none=np.array(2**40)), {"x": ["N", 4]}, 13)
    grow = graph("body", [node("Identity", "c", "c2"), node("Concat", "h x", "h2", axis=0)], state,
                 [("c2", BOOL, []), ("h2", F)])
    add("loop that grows", node("Loop", "n yes x", "last", body=grow), [{"x": floats(2, 4), "n": np.array(3)}],
        [("last", F, ["M", 4])], {"yes": np.array(True)}, {"x": ["N", 4]}, 13)
    cell = [node("MatMul", "s w", "m"), node("Add", "m t", "z"), node("Tanh", "z", "s2"), node("Identity", "s2", "o")]
    body = graph("body", cell, [("s", F, ["N", 4]), ("t", F, ["N", 4])], [("s2", F), ("o", F)])
    for back in (0, 1):
        scan = node("Scan", "s0 x", "last all", body=body, num_scan_inputs=1, scan_input_axes=[1], scan_output_axes=[1],
                    scan_input_directions=[back], scan_output_directions=[back])
        add(f"scan {back}", scan, [{"s0": floats(2, 4), "x": floats(2, 5, 4)}, {"s0": floats(3, 4), "x": floats(3, 2, 4)}],
            [("last", F, ["N", 4]), ("all", F, ["N", "T", 4])], {"w": floats(4, 4)}, {"s0": ["N", 4], "x": ["N", "T", 4]}, 13)
    add("sequences", [node("SplitToSequence", "x two", "q", axis=0), node("SequenceAt", "q one", "a"),
                      node("SequenceInsert", "q a zero", "r"), node("SequenceErase", "r two", "t"),
                      node("ConcatFromSequence", "t", "y", axis=1)], [{"x": floats(6, 3)}], [("y", F)],
        {"two": np.array(2), "one": np.array(1), "zero": np.array(0)})


def microsoft():
    x, y = floats(2, 5, 12), [("y", F)]
    ms = lambda op, inputs, outputs="y", **a: node(op, inputs, outputs, MS, **a)
    vector = floats(12)
    add("Gelu", ms("Gelu", "x"), [{"x": x}], y)
    for op in ("BiasGelu", "FastGelu"):
        add(op, ms(op, "x b"), [{"x": x}], y, {"b": vector})
    add("QuickGelu", ms("QuickGelu", "x"), [{"x": x}], y)
    for turn_a, turn_b in ((0, 0), (0, 1), (1, 0), (1, 1)):
        add(f"FusedMatMul {turn_a}{turn_b}", ms("FusedMatMul", "x w", transA=turn_a, transB=turn_b, alpha=0.5),
            [{"x": x.transpose(0, 2, 1).copy() if turn_a else x}], y, {"w": floats(*((7, 12) if turn_b else (12, 7)))})
    add("FusedGemm", ms("FusedGemm", "x w b", activation="Relu", transB=1), [{"x": x[0]}], y, {"w": floats(7, 12), "b": floats(7)})
    add("FusedConv", ms("FusedConv", "x w b", activation="LeakyRelu", activation_params=[0.2], pads=[1] * 4, kernel_shape=[3, 3]),
        [{"x": floats(1, 3, 8, 8)}], y, {"w": floats(4, 3, 3, 3), "b": floats(4)})
    add("SkipLayerNormalization", node("SkipLayerNormalization", "x s g b c", "y", MS, epsilon=1e-5), [{"x": x, "s": floats(2, 5, 12)}],
        y, {"g": vector, "b": floats(12), "c": floats(12)})
    add("SkipSimplifiedLayerNormalization", ms("SkipSimplifiedLayerNormalization", "x s g", epsilon=1e-5),
        [{"x": x, "s": floats(2, 5, 12)}], y, {"g": vector})
    mask = np.array([[1, 1, 1, 1, 0], [1, 1, 0, 0, 0]], np.int32)
    ids, parts = random.integers(0, 20, (2, 5)).astype(np.int32), random.integers(0, 2, (2, 5)).astype(np.int32)
    add("EmbedLayerNormalization", ms("EmbedLayerNormalization", "i s we pe se g b m", "y n"), [{"i": ids, "s": parts, "m": mask}],
        y + [("n", I32)], {"we": floats(20, 12), "pe": floats(9, 12), "se": floats(2, 12), "g": vector, "b": floats(12)})
    weights = {"w": floats(12, 36), "b": floats(36)}
    for what, m in (("lengths", np.array([4, 2], np.int32)), ("tokens", mask)):
        for causal in (0, 1):
            add(f"Attention, {what} {causal}", ms("Attention", "x w b m", num_heads=3, unidirectional=causal), [{"x": x, "m": m}], y, weights)
    attention = helper.make_node("Attention", ["x", "w", "b", "", "past"], ["y", "present"], domain=MS, num_heads=3, unidirectional=1)
    add("Attention, past", attention, [{"x": x, "past": floats(2, 2, 3, 4, 4)}], y + [("present", F)], weights)
    add("MultiHeadAttention", ms("MultiHeadAttention", "q k v b", num_heads=3),
        [{"q": x, "k": floats(2, 6, 12), "v": floats(2, 6, 12)}], y, {"b": floats(36)})
    for between in (0, 1):
        add(f"RotaryEmbedding {between}", ms("RotaryEmbedding", "x p c s", interleaved=between),
            [{"x": floats(2, 3, 5, 4), "p": random.integers(0, 16, (2, 5))}], y, {"c": floats(16, 2), "s": floats(16, 2)})
    for bits, block, zero in ((4, 16, False), (4, 32, True), (8, 16, False)):
        blocks = -(-48 // block)
        packed = {"B": bytes_(10, blocks, block * bits // 8), "s": abs(floats(10 * blocks))}
        if zero:
            packed["z"] = bytes_(10 * ((blocks * bits + 7) // 8))
        add(f"MatMulNBits {bits} {block}", ms("MatMulNBits", "x B s z" if zero else "x B s", K=48, N=10, bits=bits, block_size=block),
            [{"x": floats(3, 48)}], y, packed)


def quantized():
    ms = lambda op, inputs, **a: node(op, inputs, "y", MS, **a)
    s = {"as": np.float32(0.02), "az": np.uint8(120), "bs": np.float32(0.03), "bz": np.uint8(100), "cs": np.float32(0.05),
         "cz": np.uint8(128)}
    unit = dict(s, cs=np.float32(1 / 256), cz=np.uint8(0))
    y, a, picture = [("y", U8)], {"a": bytes_(2, 5)}, {"a": bytes_(2, 3, 4, 4)}
    for op in ("QLinearAdd", "QLinearMul"):
        add(op, ms(op, "a as az b bs bz cs cz"), [dict(a, b=bytes_(2, 5))], y, s)
    add("QLinearSigmoid", ms("QLinearSigmoid", "a as az cs cz"), [a], y, unit)
    add("QLinearLeakyRelu", ms("QLinearLeakyRelu", "a as az cs cz", alpha=0.1), [a], y, s)
    add("QLinearSoftmax", ms("QLinearSoftmax", "a as az cs cz", axis=-1, opset=13), [a], y, unit)
    add("QLinearConcat", ms("QLinearConcat", "cs cz a as az b bs bz", axis=1), [dict(a, b=bytes_(2, 3))], y, s)
    add("QLinearGlobalAveragePool", ms("QLinearGlobalAveragePool", "a as az cs cz"), [picture], y, s)
    add("QLinearAveragePool", ms("QLinearAveragePool", "a as az cs cz", kernel_shape=[2, 2], strides=[2, 2]), [picture], y, s)
    small = lambda *shape: random.integers(-127, 128, shape).astype(np.int8)
    w = dict(s, w=small(7, 12), ws=abs(floats(7)) * 0.01, wz=np.zeros(7, np.int8), c=random.integers(-999, 999, 7).astype(np.int32))
    add("QGemm", ms("QGemm", "a as az w ws wz c cs cz", transB=1), [{"a": bytes_(3, 12)}], y, w)
    add("QGemm to floats", ms("QGemm", "a as az w ws wz c", transB=1), [{"a": bytes_(3, 12)}], [("y", F)], w)
    flat = {"w": small(600, 7), "ws": abs(floats(7)) * 0.01, "b": floats(7), "as": s["as"], "az": s["az"]}
    add("MatMulIntegerToFloat", helper.make_node("MatMulIntegerToFloat", ["a", "w", "as", "ws", "az", "", "b"], ["y"], domain=MS),
        [{"a": bytes_(3, 600)}], [("y", F)], flat)
    add("MatMulInteger of many", node("MatMulInteger", "a w az", "y"), [{"a": bytes_(3, 600)}], [("y", I32)], flat)
    lstm = helper.make_node("DynamicQuantizeLSTM", ["x", "w", "r", "b", "", "", "", "", "ws", "wz", "rs", "rz"], ["y", "h"], domain=MS,
                            hidden_size=8, direction="bidirectional")
    add("DynamicQuantizeLSTM", lstm, [{"x": floats(6, 2, 5)}], [("y", F), ("h", F)],
        {"w": small(2, 5, 32), "r": small(2, 8, 32), "b": floats(2, 64), "ws": np.full(2, 0.003, np.float32), "wz": np.zeros(2, np.int8),
         "rs": np.full(2, 0.002, np.float32), "rz": np.zeros(2, np.int8)}, limit=0.03)
    add("QAttention", ms("QAttention", "x w b xs ws m xz wz", num_heads=3), [{"x": bytes_(2, 5, 12), "m": np.array([4, 2], np.int32)}],
        [("y", F)], {"w": small(12, 36), "b": floats(36), "xs": s["as"], "ws": np.float32(0.01), "xz": np.uint8(128), "wz": np.int8(0)})


def trees(count, mode, classes, key, one_class=False):
    """Attributes of an ensemble of random trees."""
    names = ["treeids", "nodeids", "featureids", "values", "truenodeids", "falsenodeids", "modes", "missing_value_tracks_true"]
    a = {f"nodes_{n}": [] for n in names} | {f"{key}_{n}": [] for n in ("treeids", "nodeids", "ids", "weights")}

    def grow(rows, depth):
        at = len(rows)
        rows.append(None)
        if depth == 0 or random.random() < 0.2:
            rows[at] = (at, 0, 0.0, 0, 0, "LEAF")
        else:
            yes, no = grow(rows, depth - 1), grow(rows, depth - 1)
            rows[at] = (at, int(random.integers(5)), float(np.round(random.standard_normal(), 1)), yes, no, mode)
        return at

    for tree in range(count):
        rows = []
        grow(rows, 4)
        for row in rows:
            for name, value in zip(names, (tree,) + row + (int(random.integers(2)),)):
                a[f"nodes_{name}"].append(value)
            for c in range(1 if one_class else classes) if row[5] == "LEAF" else ():
                for name, value in zip(("treeids", "nodeids", "ids", "weights"), (tree, row[0], c, float(random.standard_normal()))):
                    a[f"{key}_{name}"].append(value)
    return a


def machine_learning():
    ml = lambda op, outputs="y", **a: node(op, "x", outputs, ML, **a)
    x = np.round(floats(40, 5), 1)
    gaps = x.copy()
    gaps[random.random(x.shape) < 0.1] = np.nan
    several, y, label = {"x": ["N", 5]}, [("y", F, None)], [("l", I64, None), ("y", F, None)]
    for mode in ("LEQ", "LT", "GTE", "GT", "EQ", "NEQ"):
        add(f"trees by {mode}", ml("TreeEnsembleRegressor", n_targets=2, base_values=[0.5, 1.0], **trees(6, "BRANCH_" + mode, 2, "target")),
            [{"x": x}, {"x": gaps}], y, None, several)
    for how in ("AVERAGE", "MIN", "MAX"):
        add(f"trees, {how}", ml("TreeEnsembleRegressor", n_targets=2, aggregate_function=how, **trees(6, "BRANCH_LEQ", 2, "target")),
            [{"x": x}], y, None, several)
    for post in ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO"):
        for classes, one in ((3, False), (2, True)):
            add(f"tree classes {classes} {post}", ml("TreeEnsembleClassifier", "l y", post_transform=post, classlabels_int64s=list(range(classes)),
                                                      **trees(6, "BRANCH_LEQ", classes, "class", one)), [{"x": x}], label, None, several)
        for rows in (3, 1):
            add(f"LinearClassifier {rows} {post}", ml("LinearClassifier", "l y", post_transform=post, coefficients=floats(rows * 5).tolist(),
                                                      intercepts=floats(rows).tolist(), classlabels_ints=list(range(max(rows, 2)))),
                [{"x": x}], label, None, several)
    for norm in ("MAX", "L1", "L2"):
        add(f"Normalizer {norm}", ml("Normalizer", norm=norm), [{"x": x}], y, None, several)
    for kernel in ("LINEAR", "RBF", "POLY", "SIGMOID"):
        add(f"SVMRegressor {kernel}", ml("SVMRegressor", kernel_type=kernel, kernel_params=[0.3, 0.2, 2.0], n_supports=4,
                                         support_vectors=floats(20).tolist(), coefficients=floats(4).tolist(), rho=[0.7]),
            [{"x": x}], y, None, several)
    add("LinearRegressor", ml("LinearRegressor", targets=2, coefficients=floats(10).tolist(), intercepts=[1.0, 2.0]), [{"x": x}], y, None, several)
    add("Scaler", ml("Scaler", offset=[1.0] * 5, scale=floats(5).tolist()), [{"x": x}], y, None, several)
    add("Imputer", ml("Imputer", imputed_value_floats=[1.0, 2.0, 3.0, 4.0, 5.0], replaced_value_float=float("nan")), [{"x": gaps}], y, None, several)
    add("OneHotEncoder", ml("OneHotEncoder", cats_int64s=[1, 3, 4]), [{"x": random.integers(0, 5, (6, 2))}], y)
    add("LabelEncoder", ml("LabelEncoder", keys_int64s=[1, 3], values_floats=[0.5, 1.5], default_float=9.0), [{"x": random.integers(0, 5, 8)}], y, ml=2)


def differs(got, want, absolute):
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"{got.dtype}{list(got.shape)}, want {want.dtype}{list(want.shape)}"
    if want.dtype.kind == "f":
        limit = absolute + 1e-4 * (np.nanmax(np.abs(want)) if want.size else 0)
        if not np.allclose(got, want, rtol=0, atol=limit, equal_nan=True):
            return f"differs by {np.nanmax(np.abs(got - want)):g}"
    elif not np.array_equal(got, want):
        return f"{int(np.sum(got != want))} of {want.size} differ"
    return None


def run(linnet, model, folder, index, feed):
    args = [linnet, "run", model, "--output-dir", os.path.join(folder, f"out{index}")]
    for name, value in feed.items():
        np.save(os.path.join(folder, f"{name}.npy"), value)
        args += ["--input", f"{name}={folder}/{name}.npy"]
    done = subprocess.run(args, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return done.stderr.strip()
    with open(os.path.join(folder, f"out{index}", "outputs.json"), encoding="utf-8") as file:
        return {o["name"]: np.load(os.path.join(folder, f"out{index}", o["file"])) for o in json.load(file)}


def stock(model, feed):
    from ai_edge_litert.interpreter import Interpreter
    return Interpreter(model).get_signature_runner()(**feed)


def check(linnet, litert, case):
    name, model, feeds, runs_on_stock, limit = case
    with tempfile.TemporaryDirectory() as folder:
        path, out = os.path.join(folder, "m.onnx"), os.path.join(folder, "m.tflite")
        save(model, path)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        done = subprocess.run([linnet, "convert", path, "-o", out], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return done.stderr.strip()
        for index, feed in enumerate(feeds):
            want = session.run(None, feed)
            results = [run(linnet, out, folder, index, feed)]
            if litert and runs_on_stock:
                results.append(stock(out, feed))
            for got in results:
                if isinstance(got, str):
                    return got
                for output, value in zip(model.graph.output, want):
                    wrong = differs(got[output.name], value, limit)
                    if wrong:
                        return f"run {index}, {output.name}: {wrong}"
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--linnet", required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--litert", action="store_true", help="stock LiteRT, too")
    args = parser.parse_args()
    onnxruntime.set_default_logger_severity(4)
    for make in (control_flow, microsoft, quantized, machine_learning):
        make()
    bad = 0
    chosen = [c for c in cases if re.search(args.only, c[0])]
    for case in chosen:
        wrong = check(args.linnet, args.litert, case)
        bad += wrong is not None
        if wrong is not None:
            print(f"{case[0]}: {wrong}")
    print(f"{len(chosen) - bad} of {len(chosen)} agree with ONNX Runtime {onnxruntime.__version__}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
