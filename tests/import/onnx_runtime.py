#!/usr/bin/env python3
"""Models as text, converted and run beside ONNX Runtime, at several sizes of their open dimensions:
onnx_runtime.py LINNET [--only REGEX] [--stock]. --stock runs the results in LiteRT. Exit status 77 without the packages."""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import onnx
    import onnx.parser
    import onnxruntime
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

R = np.random.default_rng(7)


def f(*shape):
    return R.standard_normal(shape).astype(np.float32)


def constants(**arrays):
    return [onnx.numpy_helper.from_array(np.asarray(a), n) for n, a in arrays.items()]


def one(op, inputs="float[N,C,H,W] x", attributes="", names="x", outputs="y", opset=21):
    """A model of one operator."""
    return model(f"g ({inputs}) => ({', '.join('float[] ' + o for o in outputs.split(', '))}) {{ {outputs} = {op}{attributes} ({names}) }}",
                 opset)


def model(graph, opset=21, extra="", **weights):
    text = f'<ir_version: 10, opset_import: ["" : {opset}, "own" : 1]>\n{graph}\n{extra}'
    made = onnx.parser.parse_model(text)
    made.graph.initializer.extend(constants(**weights))
    for value in made.graph.output:  # "float[]" stands for any shape
        value.type.tensor_type.ClearField("shape")
    return made


def cases():
    def images(c=3, sizes=((11, 14), (8, 9))):
        return [{"x": f(n, c, *s)} for n, s in zip((2, 1), sizes)]

    w = f(4, 3, 3, 3)
    for name, attributes in (("same", "pads=[1,1,1,1]"), ("strides", "pads=[1,1,1,1], strides=[2,2]"), ("uneven", "pads=[0,2,1,3], strides=[2,1]"),
                             ("dilated", "pads=[2,2,2,2], dilations=[2,2]"), ("upper", 'auto_pad="SAME_UPPER", strides=[2,2]'),
                             ("valid", 'auto_pad="VALID", strides=[3,2]')):
        yield f"conv_{name}", model(f"g (float[N,3,H,W] x) => (float[] y) {{ y = Conv<{attributes}>(x, w, b) }}", w=w, b=f(4)), images()
    yield "conv_groups", model("g (float[N,4,H,W] x) => (float[] y) { y = Conv<group=2, pads=[1,1,1,1]>(x, w) }", w=f(6, 2, 3, 3)), images(4)
    yield "conv_depthwise", model("g (float[N,3,H,W] x) => (float[] y) { y = Conv<group=3, pads=[1,1,1,1], strides=[2,2]>(x, w) }",
                                  w=f(6, 1, 3, 3)), images()
    yield "conv_1d", model("g (float[N,3,L] x) => (float[] y) { y = Conv<pads=[2,1], strides=[2]>(x, w) }", w=f(5, 3, 4)), [
        {"x": f(2, 3, 12)}, {"x": f(1, 3, 9)}]
    yield "conv_3d", model("g (float[N,2,D,H,W] x) => (float[] y) { y = Conv<pads=[1,0,1,1,0,1], strides=[1,2,1]>(x, w) }", w=f(3, 2, 3, 2, 3)), [
        {"x": f(1, 2, 5, 6, 7)}, {"x": f(2, 2, 4, 5, 6)}]
    yield "conv_run_weights", model("g (float[N,3,H,W] x, float[4,3,3,3] w) => (float[] y) { y = Conv<pads=[1,1,1,1]>(x, w) }"), [
        {"x": f(1, 3, 6, 7), "w": w}]
    for name, attributes in (("plain", "strides=[2,2]"), ("pads", "strides=[2,2], pads=[1,1,1,1]"), ("more", "strides=[2,2], pads=[1,1,1,1], output_padding=[1,1]"),
                             ("even", "strides=[3,2], pads=[0,1,1,1]"), ("dilated", "dilations=[2,3], pads=[1,1,0,0]"), ("one", "pads=[1,1,1,1]")):
        yield f"conv_transpose_{name}", model(f"g (float[N,3,H,W] x) => (float[] y) {{ y = ConvTranspose<{attributes}>(x, w, b) }}",
                                              w=f(3, 4, 3, 3), b=f(4)), images()
    yield "conv_transpose_4", model("g (float[N,3,H,W] x) => (float[] y) { y = ConvTranspose<strides=[2,2], pads=[1,1,1,1]>(x, w) }",
                                    w=f(3, 2, 4, 4)), images()
    yield "conv_transpose_groups", model("g (float[N,4,H,W] x) => (float[] y) { y = ConvTranspose<strides=[2,2], group=2>(x, w, b) }",
                                         w=f(4, 3, 2, 2), b=f(6)), images(4)
    yield "conv_transpose_1d", model("g (float[N,3,L] x) => (float[] y) { y = ConvTranspose<strides=[2], pads=[1,0], output_padding=[1]>(x, w) }",
                                     w=f(3, 2, 3)), [{"x": f(1, 3, 7)}, {"x": f(2, 3, 5)}]
    yield "conv_transpose_3d", model("g (float[N,2,D,H,W] x) => (float[] y) { y = ConvTranspose<strides=[2,1,2], pads=[1,0,1,1,0,1]>(x, w) }",
                                     w=f(2, 3, 3, 3, 3)), [{"x": f(1, 2, 3, 4, 5)}]
    for kind in ("MaxPool", "AveragePool"):
        for name, attributes in (("plain", "kernel_shape=[2,2], strides=[2,2]"), ("pads", "kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]"),
                                 ("ceil", "kernel_shape=[3,2], strides=[2,2], ceil_mode=1"), ("ceil_pads", "kernel_shape=[3,3], strides=[2,2], pads=[0,1,1,1], ceil_mode=1"),
                                 ("upper", 'kernel_shape=[3,3], strides=[2,2], auto_pad="SAME_UPPER"'), ("same", "kernel_shape=[3,3], pads=[1,1,1,1]"),
                                 ("dilated", "kernel_shape=[2,3], dilations=[2,2], strides=[2,1]")):
            yield f"{kind}_{name}", one(kind, "float[N,3,H,W] x", f"<{attributes}>"), images()
    for name, attributes in (("pads", "kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1], count_include_pad=1"),
                             ("ceil", "kernel_shape=[3,3], strides=[2,2], pads=[1,0,1,1], ceil_mode=1, count_include_pad=1")):
        yield f"AveragePool_counted_{name}", one("AveragePool", "float[N,3,H,W] x", f"<{attributes}>"), images()
    yield "MaxPool_1d", one("MaxPool", "float[N,3,L] x", "<kernel_shape=[3], strides=[2], pads=[1,1]>"), [{"x": f(2, 3, 9)}, {"x": f(1, 3, 8)}]
    yield "MaxPool_3d", one("MaxPool", "float[N,2,D,H,W] x", "<kernel_shape=[2,3,2], strides=[2,2,1], pads=[0,1,0,1,1,0]>"), [
        {"x": f(1, 2, 6, 7, 5)}, {"x": f(2, 2, 5, 6, 7)}]
    yield "AveragePool_3d", one("AveragePool", "float[N,2,D,H,W] x", "<kernel_shape=[2,3,2], strides=[1,2,1], pads=[1,1,0,0,1,1]>"), [{"x": f(1, 2, 6, 7, 5)}]
    yield "MaxPool_indices", model("g (float[N,3,H,W] x) => (float[] y, int64[] i) { y, i = MaxPool<kernel_shape=[2,2], strides=[2,2]>(x) }"), images()
    yield "LpPool", one("LpPool", "float[N,3,H,W] x", "<kernel_shape=[2,2], strides=[2,2], p=2>"), images()
    for op in ("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"):
        yield op, one(op, "float[N,3,H,W] x"), images()
    for name, attributes in (("linear", 'mode="linear"'), ("nearest", 'mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"'),
                             ("pytorch", 'mode="linear", coordinate_transformation_mode="pytorch_half_pixel"'),
                             ("corners", 'mode="linear", coordinate_transformation_mode="align_corners"'), ("cubic", 'mode="cubic"'), ("default", 'mode="nearest"')):
        yield f"Resize_{name}", model(f"g (float[N,3,H,W] x) => (float[] y) {{ y = Resize<{attributes}>(x, , s) }}", s=np.float32([1, 1, 2, 3])), images()
        yield f"Resize_{name}_fixed", model(f"g (float[N,3,11,14] x) => (float[] y) {{ y = Resize<{attributes}>(x, , , s) }}",
                                            s=np.int64([2, 3, 17, 9])), [{"x": f(2, 3, 11, 14)}]
    yield "Resize_by_run", model("g (float[N,3,H,W] x, int64[4] s) => (float[] y) { y = Resize<mode=\"linear\">(x, , , s) }"), [
        {"x": f(1, 3, 6, 7), "s": np.int64([1, 3, 9, 5])}, {"x": f(2, 3, 6, 7), "s": np.int64([2, 3, 4, 14])}]
    for mode in ("constant", "edge", "reflect", "wrap"):
        yield f"Pad_{mode}", model(f'g (float[N,3,H,W] x) => (float[] y) {{ y = Pad<mode="{mode}">(x, p) }}', p=np.int64([0, 0, 2, 1, 0, 0, 3, 4])), images()
        yield f"Pad_{mode}_by_run", model(f'g (float[N,3,H,W] x, int64[8] p) => (float[] y) {{ y = Pad<mode="{mode}">(x, p) }}'), [
            {"x": f(1, 3, 6, 7), "p": np.int64([0, 0, 2, 1, 0, 0, 3, 4])}]
    yield "Pad_negative", model("g (float[N,3,H,W] x) => (float[] y) { y = Pad(x, p, v) }", p=np.int64([0, 0, -2, 1, 0, 0, 3, -1]), v=np.float32(2)), images()
    yield "BatchNormalization", model("g (float[N,3,H,W] x) => (float[] y) { y = BatchNormalization(x, s, b, m, v) }", s=f(3), b=f(3), m=f(3), v=np.abs(f(3))), images()
    yield "InstanceNormalization", model("g (float[N,3,H,W] x) => (float[] y) { y = InstanceNormalization(x, s, b) }", s=f(3), b=f(3)), images()
    yield "GroupNormalization", model("g (float[N,4,H,W] x) => (float[] y) { y = GroupNormalization<num_groups=2>(x, s, b) }", s=f(4), b=f(4)), images(4)
    yield "LayerNormalization", model("g (float[N,T,8] x) => (float[] y) { y = LayerNormalization(x, s, b) }", s=f(8), b=f(8)), [{"x": f(2, 5, 8)}, {"x": f(1, 3, 8)}]
    yield "LRN", one("LRN", "float[N,5,H,W] x", "<size=3>"), images(5)
    for mode in ("linear", "nearest", "cubic"):
        for pads in ("zeros", "border", "reflection"):
            yield f"GridSample_{mode}_{pads}", model(f'g (float[N,3,H,W] x, float[N,P,Q,2] grid) => (float[] y) {{ y = GridSample<mode="{mode}", padding_mode="{pads}">(x, grid) }}'), [
                {"x": f(2, 3, 6, 7), "grid": (R.random((2, 4, 5, 2)) * 2.6 - 1.3).astype(np.float32)}]
    yield "RoiAlign", model("g (float[1,3,H,W] x, float[R,4] r, int64[R] i) => (float[] y) { y = RoiAlign<output_height=3, output_width=4, sampling_ratio=2, spatial_scale=0.5>(x, r, i) }"), [
        {"x": f(1, 3, 10, 12), "r": np.float32([[1, 2, 15, 18], [0, 0, 8, 6]]), "i": np.int64([0, 0])}]
    for axes, keep in (("", 1), ("", 0), (", axes", 1), (", axes", 0)):
        for op in ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceLogSumExp", "ReduceL2", "ReduceProd"):
            yield f"{op}_{'some' if axes else 'all'}_{keep}", model(f"g (float[N,T,4] x) => (float[] y) {{ y = {op}<keepdims={keep}>(x{axes}) }}", axes=np.int64([1, -1])), [
                {"x": f(2, 5, 4)}, {"x": f(3, 2, 4)}]
    yield "Softmax_old", one("Softmax", "float[N,3,4] x", "<axis=1>", opset=11), [{"x": f(2, 3, 4)}]
    yield "Softmax_axis", one("Softmax", "float[N,3,T] x", "<axis=1>"), [{"x": f(2, 3, 4)}, {"x": f(1, 3, 2)}]
    yield "Hardmax", one("Hardmax", "float[N,3,T] x", "<axis=1>"), [{"x": f(2, 3, 4)}]
    yield "TopK", model("g (float[N,T] x) => (float[] y, int64[] i) { y, i = TopK<axis=0, largest=0>(x, k) }", k=np.int64([2])), [{"x": f(5, 3)}, {"x": f(2, 4)}]
    yield "CumSum", model("g (float[N,T] x) => (float[] y) { y = CumSum<exclusive=1, reverse=1>(x, a) }", a=np.int64(1)), [{"x": f(2, 5)}]
    yield "ArgMax", model("g (float[N,T] x) => (int64[] y) { y = ArgMax<axis=1, select_last_index=1>(x) }"), [{"x": np.float32([[1, 3, 3], [2, 2, 0]])}]
    yield "halves", model("g (float16[N,3,H,W] x) => (float16[] y) { c = Conv<pads=[1,1,1,1]>(x, w)\n r = Relu(c)\n y = GlobalAveragePool(r) }", w=f(4, 3, 3, 3).astype(np.float16)), [
        {"x": f(2, 3, 6, 5).astype(np.float16)}]
    # graphs within graphs, functions
    yield "if_captures", model("""g (float[N,4] x, bool flag) => (float[] y, float[] z) {
      h = MatMul(x, w)
      y = If(flag) <then_branch = t () => (float[N,4] a) { a = Relu(h) }, else_branch = e () => (float[N,4] b) { b = Neg(h) }>
      s = ReduceSum<keepdims=0>(x)
      c = Greater(s, zero)
      z = If(c) <then_branch = t2 () => (float[K,4] p) { p = Concat<axis=0>(h, x) }, else_branch = e2 () => (float[L,4] q) { q = Mul(h, x) }>
    }""", 13, w=f(4, 4), zero=np.float32(0)), [{"x": np.abs(f(3, 4)), "flag": np.bool_(True)}, {"x": -np.abs(f(2, 4)), "flag": np.bool_(False)}]
    yield "loop_captures", model("""g (float[3,4] x, int64 n) => (float[] y, float[] all) {
      y, all = Loop(n, yes, x) <body = b (int64 i, bool go, float[3,4] a) => (bool on, float[3,4] next, float[3,4] each) {
        m = MatMul(a, w)
        next = Tanh(m)
        each = Add(next, x)
        on = Identity(go)
      }>
    }""", 13, w=f(4, 4), yes=np.bool_(True)), [{"x": f(3, 4), "n": np.int64(5)}, {"x": f(3, 4), "n": np.int64(2)}]
    yield "function", model("""g (float[N,4] x) => (float[] y) {
      a = own.Gate<slope=0.3>(x, w)
      y = own.Gate<slope=0.1>(a, w)
    }""", 17, """<opset_import: ["" : 17], domain: "own"> Gate<slope>(v, k) => (r) {
      m = MatMul(v, k)
      l = LeakyRelu<alpha: float = @slope>(m)
      s = Sigmoid(m)
      r = Mul(l, s)
    }""", w=f(4, 4)), [{"x": f(2, 4)}, {"x": f(5, 4)}]


def run_linnet(linnet, path, folder, inputs):
    command = [linnet, "run", path, "--output-dir", folder + "/out"]
    for name, value in inputs.items():
        np.save(f"{folder}/{name}.npy", np.asarray(value))
        command += ["--input", f"{name}={folder}/{name}.npy"]
    process = subprocess.run(command, capture_output=True, text=True)
    if process.returncode:
        raise RuntimeError(process.stderr.strip())
    with open(folder + "/out/outputs.json") as file:
        return {o["name"]: np.load(folder + "/out/" + o["file"]) for o in json.load(file)}


def run_stock(path, inputs):
    from ai_edge_litert.interpreter import Interpreter
    return Interpreter(path).get_signature_runner()(**{k: np.asarray(v) for k, v in inputs.items()})


def compare(got, want):
    if got.dtype != want.dtype or got.shape != want.shape:
        return f"{got.dtype}{list(got.shape)} for {want.dtype}{list(want.shape)}"
    if want.dtype.kind != "f":
        return None if np.array_equal(got, want) else "other values"
    far = np.abs(got.astype(np.float64) - want)
    least = 2e-3 if want.dtype == np.float16 else 1e-4
    return None if np.all(far <= 1e-5 + least * np.abs(want).max(initial=0)) else f"off by {far.max():.3g}"


def check(args, name, source, runs):
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(source, folder + "/m.onnx")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(source.SerializeToString(), options)
        process = subprocess.run([args.linnet, "convert", folder + "/m.onnx", "-o", folder + "/m.tflite"], capture_output=True, text=True)
        if process.returncode:
            return process.stderr.strip()
        for inputs in runs:
            want = dict(zip([o.name for o in session.get_outputs()], session.run(None, {k: np.asarray(v) for k, v in inputs.items()})))
            got = run_stock(folder + "/m.tflite", inputs) if args.stock else run_linnet(args.linnet, folder + "/m.tflite", folder, inputs)
            for key, value in want.items():
                said = compare(got[key], value)
                if said:
                    return f"{key}: {said} at {[v.shape for v in inputs.values()]}"
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("linnet")
    parser.add_argument("--only", default="")
    parser.add_argument("--stock", action="store_true")
    args = parser.parse_args()
    count = failed = 0
    for name, source, runs in cases():
        if not re.search(args.only, name):
            continue
        count += 1
        try:
            said = check(args, name, source, runs)
        except Exception as error:
            said = f"{type(error).__name__}: {str(error)[:300]}"
        if said:
            failed += 1
            print(f"{name}: {said}")
    print(f"{count - failed} of {count} agree with ONNX Runtime")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
