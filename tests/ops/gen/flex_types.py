"""Select-TF operators with every element type of their rows: a model an operator, a part of it a type.

TensorFlow says what comes out. Where it defines an operator for a type but has no kernel for CPUs, it is asked with a
wider type and the result is rounded (`via`)."""
import numpy as np

import flex_binary
import flex_unary
from lib import DTYPES, SHORT, flex_cases, tensor, tensorflow

F = "flex_types"
HALVES, WIDE = ("f16", "bf16"), ("f32", "f64")
FLOATS = WIDE + HALVES
SIGNED, UNSIGNED, COMPLEX = ("i8", "i16", "i32", "i64"), ("u8", "u16", "u32", "u64"), ("c64", "c128")
INTS = SIGNED + UNSIGNED
NUMBERS = FLOATS + INTS
DATA = NUMBERS + ("bool",) + COMPLEX
SHORT_INTS = ("i8", "u8", "i16", "u16", "i32", "u32")
NAMES = {**SHORT, "bool": "bool"}
BOUNDS = {"float32": 4e-6, "float64": 1e-11, "complex64": 1e-5, "complex128": 1e-11, "float16": 4e-3, "bfloat16": 3e-2}
SAME = {"abs": 0.0, "rel": 0.0}
TO_WIDER = {"u16": "i32", "f16": "f32", "bf16": "f32", "u32": "i64", "u64": "i64", "bool": "u8", "c64": "f32", "c128": "f64"}


def const(values, type="i32"):
    return tensor(None, type, data=values, const=True)


def given(values, type):
    return tensor(None, type, data=values)


def anything(shape, type, seed=1):
    """Integers of the type's whole range."""
    ends = np.iinfo(DTYPES[NAMES[type]])
    return given(np.random.default_rng(seed).integers(ends.min, ends.max, shape, ends.dtype, endpoint=True), type)


def quarters(shape, type, low, high, seed=5):
    """Multiples of a quarter (of one for integers): exact in every type, and so are differences and small products."""
    steps = 4 if NAMES[type][0] in "fbc" else 1
    values = np.random.default_rng(seed).integers(low * steps, high * steps, shape, endpoint=True) / steps
    return given(values, type)


def name_of(type):
    return tensorflow().as_dtype(NAMES[type])


class Family:
    """Collects the parts of each operator's model."""

    def __init__(self):
        self.parts, self.exact = {}, set()

    def add(self, op, types, form, exact=False, via=(), via_types=None, **more):
        """form(type) gives the inputs, or the inputs and the attributes; `via` are types that TensorFlow lacks kernels
        for, `via_types` says which type serves."""
        if exact:
            self.exact.add(op)
        for type in types:
            made = form(type)
            inputs, attrs = made if isinstance(made, tuple) else (made, {})
            lacking = {NAMES[type]: NAMES[TO_WIDER[type]]} if type in via else via_types
            part = {"op": op, "inputs": inputs, "attrs": attrs, "via": lacking} | more
            self.parts.setdefault(op, []).append(part)

    def write(self):
        for op, parts in self.parts.items():
            flex_cases(F, op.lower(), parts, SAME if op in self.exact else BOUNDS)


def unary(f):
    lacking = {"BesselI0e": ("bf16",), "BesselI1e": ("bf16",), "Digamma": ("bf16",), "Lgamma": ("bf16",), "Erfinv": HALVES,
               "Ndtri": HALVES, "Rint": HALVES}
    for op, span in flex_unary.REAL.items():
        low, high = span or (-4, 4)
        types = FLOATS + (COMPLEX if op in flex_unary.COMPLEX else ())
        f.add(op, types, lambda t: {flex_unary.argument(op): tensor([7], t, low=low, high=high)}, via=lacking.get(op, ()))
    for op, types in (("Abs", SIGNED), ("Neg", SIGNED + COMPLEX), ("OnesLike", INTS + ("bool",) + COMPLEX), ("Relu", INTS), ("Relu6", INTS),
                      ("Sign", SIGNED + COMPLEX), ("Square", INTS + COMPLEX), ("Invert", None), ("Conj", None)):
        types = {"Invert": INTS, "Conj": COMPLEX}.get(op) or FLOATS + types
        f.add(op, types, lambda t: {flex_unary.argument(op): quarters([9], t, 0 if t in UNSIGNED else -9, 9)})
    f.add("Round", FLOATS, lambda t: {"x": quarters([9], t, -9, 9)})
    for type in SIGNED:  # TensorFlow 2.21 rounds every integer to 0, and has no kernels for short ones.
        x = quarters([9], type, -9, 9)
        f.add("Round", [type], lambda t: {"x": x}, expected=[x.data])
    for op in ("IsNan", "IsInf", "IsFinite"):
        f.add(op, FLOATS, lambda t: {"x": given([0, -1.5, np.inf, -np.inf, np.nan], t)})
    f.add("L2Loss", FLOATS, lambda t: {"t": tensor([9], t)})
    f.add("CheckNumerics", FLOATS, lambda t: ({"tensor": tensor([5], t)}, {"message": "odd"}))


def binary(f):
    number = ("Add", "AddV2", "Sub", "Mul", "Div")
    for op in number:
        types = NUMBERS + COMPLEX if op != "Add" else FLOATS + SIGNED + ("u8",) + COMPLEX
        f.add(op, types, lambda t: {"x": quarters([2, 3], t, 4, 9), "y": quarters([3], t, 1, 3)})
    for op in ("Less", "LessEqual", "Greater", "GreaterEqual", "Maximum", "Minimum"):
        f.add(op, NUMBERS, lambda t: {"x": quarters([2, 5], t, 0, 2), "y": quarters([5], t, 0, 2)})
    for op in ("Equal", "NotEqual"):
        f.add(op, ("str",), lambda t: {"x": given([[b"a", b"", b"abc"], [b"b", b"", b"ab"]], t), "y": given([b"a", b"", b"ab"], t)})
        f.add(op, NUMBERS + ("bool",) + COMPLEX, lambda t: {"x": given([[0, 1, 2], [1, 1, 0]], t), "y": given([0, 1, 1], t)})
    f.add("ApproximateEqual", FLOATS, lambda t: ({"x": quarters([9], t, 0, 2), "y": quarters([9], t, 0, 2, 6)}, {"tolerance": 0.75}),
          via=HALVES)
    for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor", "LeftShift", "RightShift"):
        f.add(op, INTS, lambda t: {"x": tensor([2, 5], t, low=-9 if t[0] == "i" else 0, high=99), "y": tensor([5], t, low=0, high=5)})
    for op, types in (("FloorDiv", NUMBERS), ("FloorMod", NUMBERS),
                      ("Mod", FLOATS + ("i32", "i64")), ("TruncateMod", FLOATS + ("i32", "i64")), ("TruncateDiv", INTS)):
        f.add(op, types, lambda t: {"x": quarters([2, 5], t, 0 if t in UNSIGNED else -9, 9), "y": quarters([5], t, 1, 4)},
              via=HALVES if op in ("Mod", "TruncateMod") else ())
    f.add("Pow", FLOATS + SIGNED + COMPLEX, lambda t: {"x": quarters([2, 5], t, 1, 3), "y": quarters([5], t, 0, 3)})
    f.add("SquaredDifference", FLOATS + ("i32", "i64") + COMPLEX, lambda t: {"x": quarters([2, 5], t, -3, 3), "y": quarters([5], t, -3, 3)})
    f.add("Atan2", FLOATS, lambda t: {"y": tensor([2, 5], t), "x": tensor([5], t)})
    for op in ("DivNoNan", "MulNoNan", "Xdivy", "Xlogy", "Xlog1py"):
        f.add(op, FLOATS + COMPLEX, lambda t: {"x": given([0, 1, 3, -1.5], t), "y": given([2, 0.5, 0.25, 4], t)})
    for op in ("Igamma", "Igammac"):
        f.add(op, FLOATS, lambda t: {"a": tensor([5], t, low=0.1, high=9), "x": tensor([5], t, low=0.1, high=9)}, via=HALVES)
    f.add("Polygamma", WIDE, lambda t: {"a": given([0, 1, 2, 3], t), "x": tensor([4], t, low=0.2, high=9)})
    f.add("Zeta", WIDE, lambda t: {"x": tensor([5], t, low=1.2, high=9), "q": tensor([5], t, low=0.1, high=9)})
    types = DATA + ("str",)
    f.add("Select", types, lambda t: {"condition": given([1, 0, 1], "bool"), "x": tensor([3], t), "y": tensor([3], t)}, exact=True)
    f.add("SelectV2", types, lambda t: {"condition": given([1, 0, 1], "bool"), "t": tensor([2, 1], t), "e": tensor([3], t)}, exact=True)
    for op, (first, second, low, high) in flex_binary.GRADIENTS.items():
        if op in ("ReluGrad", "Relu6Grad"):
            f.add(op, SHORT_INTS, lambda t: {first: quarters([9], t, 0, 9), second: quarters([9], t, 0 if t in UNSIGNED else -8, 8)})
        f.add(op, FLOATS + (COMPLEX if first == "y" else ()), lambda t: {first: tensor([5], t, low=low, high=high) if first == "y" else tensor([5], t),
                                     second: tensor([5], t) if first == "y" else tensor([5], t, low=low, high=high)})


NO_STRINGS = ("Snapshot", "BatchToSpaceND", "SpaceToBatchND", "ExtractImagePatches", "MatrixBandPart", "MatrixDiag", "MatrixDiagPart", "MatrixSetDiag",
              "MatrixDiagV2", "MatrixDiagV3", "MatrixDiagPartV2", "MatrixDiagPartV3", "MatrixSetDiagV2", "MatrixSetDiagV3", "Bitcast")


def moves(f):
    def move(op, form, types=DATA, **more):
        if types is DATA and op not in NO_STRINGS:
            types = DATA + ("str",)
        f.add(op, types, form, exact=True, **more)

    lacking = ("bool",) + COMPLEX
    block = {"block_shape": const([2, 2])}
    move("BatchToSpaceND", lambda t: {"input": tensor([4, 1, 2, 1], t), **block, "crops": const([[0, 1], [1, 0]])}, via=lacking)
    move("SpaceToBatchND", lambda t: {"input": tensor([1, 2, 3, 1], t), **block, "paddings": const([[0, 0], [1, 0]])}, via=lacking)
    move("DepthToSpace", lambda t: ({"input": tensor([1, 1, 2, 4], t)}, {"block_size": 2}))
    move("SpaceToDepth", lambda t: ({"input": tensor([1, 2, 4, 1], t)}, {"block_size": 2}))
    move("ExtractImagePatches", lambda t: ({"images": tensor([1, 3, 3, 1], t)},
                                           {"ksizes": [1, 2, 2, 1], "strides": [1, 2, 1, 1], "rates": [1, 1, 1, 1], "padding": "SAME"}),
         via=("bool",))
    move("BroadcastTo", lambda t: {"input": tensor([2, 1], t), "shape": const([2, 3])})
    move("Concat", lambda t: {"concat_dim": const(1), "values": [tensor([2, 1], t), tensor([2, 2], t)]})
    move("ConcatV2", lambda t: {"values": [tensor([2, 1], t), tensor([2, 2], t)], "axis": const(1)})
    for op in ("DynamicStitch", "ParallelDynamicStitch"):
        move(op, lambda t: {"indices": [const([2, 0]), const([1])], "data": [tensor([2, 2], t), tensor([1, 2], t)]})
    move("DynamicPartition", lambda t: ({"data": tensor([4, 2], t), "partitions": const([1, 0, 1, 1])}, {"num_partitions": 2}))
    move("EnsureShape", lambda t: ({"input": tensor([2, 3], t)}, {"shape": [2, None]}))
    move("ExpandDims", lambda t: {"input": tensor([3], t), "axis": const(0)})
    for index in ("i32", "i64"):
        types = DATA if index == "i32" else ("f32",)
        move("Fill", lambda t: {"dims": const([2, 2], index), "value": tensor([], t)}, types)
        move("OneHot", lambda t: ({"indices": given([0, 2, -1], index), "depth": const(3), "on_value": tensor([], t), "off_value": tensor([], t)},
                                  {"axis": 0}), types)
        move("SparseToDense", lambda t: {"sparse_indices": given([[0, 1], [2, 0]], index), "output_shape": const([3, 2], index),
                                         "sparse_values": tensor([2], t), "default_value": tensor([], t)}, types)
        masks = {k: 0 for k in ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")}
        move("StridedSliceGrad", lambda t: ({"shape": const([3, 3], index), "begin": const([0, 1], index), "end": const([2, 3], index),
                                             "strides": const([1, 1], index), "dy": tensor([2, 2], t)}, masks), types)
    move("Gather", lambda t: {"params": tensor([3, 2], t), "indices": given([2, 0], "i32")})
    move("GatherV2", lambda t: {"params": tensor([2, 3], t), "indices": given([2, 0], "i32"), "axis": const(1)})
    move("GatherNd", lambda t: {"params": tensor([2, 3], t), "indices": given([[1, 2], [0, 1]], "i32")})
    for op in ("Identity", "PreventGradient", "Snapshot", "StopGradient"):
        move(op, lambda t: {"input": tensor([3], t)})
    move("MatrixBandPart", lambda t: {"input": tensor([3, 3], t), "num_lower": const(0, "i64"), "num_upper": const(1, "i64")})
    move("MatrixDiag", lambda t: {"diagonal": tensor([3], t)})
    move("MatrixDiagPart", lambda t: {"input": tensor([2, 3], t)})
    move("MatrixSetDiag", lambda t: {"input": tensor([2, 3], t), "diagonal": tensor([2], t)})
    for v in ("V2", "V3"):
        move("MatrixDiag" + v, lambda t: {"diagonal": tensor([2], t), "k": const(1), "num_rows": const(-1), "num_cols": const(-1),
                                          "padding_value": tensor([], t)})
        move("MatrixDiagPart" + v, lambda t: {"input": tensor([2, 3], t), "k": const([0, 1]), "padding_value": tensor([], t)})
        move("MatrixSetDiag" + v, lambda t: {"input": tensor([2, 3], t), "diagonal": tensor([2], t), "k": const(1)})
    pads = {"paddings": const([[1, 0], [0, 1]])}
    move("MirrorPad", lambda t: ({"input": tensor([2, 3], t), **pads}, {"mode": "REFLECT"}))
    move("Pad", lambda t: {"input": tensor([2, 2], t), **pads})
    move("PadV2", lambda t: {"input": tensor([2, 2], t), **pads, "constant_values": tensor([], t)})
    move("Pack", lambda t: ({"values": [tensor([2], t), tensor([2], t)]}, {"axis": 1}))
    move("Unpack", lambda t: ({"value": tensor([3, 2], t)}, {"num": 2, "axis": 1}))
    move("Reshape", lambda t: {"tensor": tensor([2, 3], t), "shape": const([3, -1])})
    move("ReverseSequence", lambda t: ({"input": tensor([2, 3], t), "seq_lengths": given([2, 3], "i32")}, {"seq_dim": 1, "batch_dim": 0}))
    move("ReverseV2", lambda t: {"tensor": tensor([2, 3], t), "axis": const([1])})
    move("Roll", lambda t: {"input": tensor([5], t), "shift": const([2]), "axis": const([0])})
    move("Slice", lambda t: {"input": tensor([2, 3], t), "begin": const([0, 1]), "size": const([2, -1])})
    move("Split", lambda t: ({"axis": const(1), "value": tensor([2, 4], t)}, {"num_split": 2}))
    move("SplitV", lambda t: ({"value": tensor([2, 4], t), "size_splits": const([1, 3]), "axis": const(1)}, {"num_split": 2}))
    move("Squeeze", lambda t: ({"input": tensor([1, 3], t)}, {"axis": [0]}))
    move("StridedSlice", lambda t: ({"input": tensor([3, 4], t), "begin": const([0, 1]), "end": const([3, 4]), "strides": const([2, 2])}, masks))
    move("TensorScatterUpdate", lambda t: {"tensor": tensor([3, 2], t), "indices": given([[2], [0]], "i32"), "updates": tensor([2, 2], t)})
    move("Tile", lambda t: {"input": tensor([2, 1], t), "multiples": const([1, 2])}, via=("u16",))
    move("Transpose", lambda t: {"x": tensor([2, 3], t), "perm": const([1, 0])})
    move("ZerosLike", lambda t: {"x": tensor([3], t)})
    bytes_of = {t: np.dtype(DTYPES[NAMES[t]]).itemsize for t in DATA}
    move("Bitcast", lambda t: ({"input": tensor([2, 1], t)}, {"type": name_of({1: "i8", 2: "i16", 4: "i32", 8: "i64", 16: "c64"}[bytes_of[t]])}),
         [t for t in DATA if t != "bool"])
    shuffles = iter(range(1, 99))
    move("RandomShuffle", lambda t: ({"value": tensor([5], t)}, {"seed": 4000 + next(shuffles), "seed2": 9}))


def sums(f):
    ids = const([0, 0, 2])
    for op in ("SegmentMax", "SegmentMean", "SegmentMin", "SegmentProd", "SegmentSum"):
        types = FLOATS + SHORT_INTS + (("i64", "u64") + COMPLEX if op == "SegmentSum" else ())
        f.add(op, types, lambda t: {"data": quarters([3, 2], t, 0 if t in UNSIGNED else -4, 4), "segment_ids": ids})
        f.add(op, ("f32",), lambda t: {"data": quarters([3, 2], t, -4, 4), "segment_ids": const([0, 0, 2], "i64")})
    for op in ("Sum", "Prod", "Max", "Min"):
        for index in ("i32", "i64"):
            f.add("UnsortedSegment" + op, NUMBERS + (COMPLEX if op == "Sum" else ()), lambda t: {"data": anything([4, 2], t) if t in INTS else quarters([4, 2], t, -4, 4),
                                                                    "segment_ids": given([2, 0, 2, -1], index), "num_segments": const(4, index)})
    for op in ("SparseSegmentMean", "SparseSegmentSqrtN", "SparseSegmentSum"):
        types = FLOATS + (SHORT_INTS if op == "SparseSegmentSum" else ())
        f.add(op, types, lambda t: {"data": quarters([3, 2], t, 0 if t in UNSIGNED else -4, 4), "indices": const([2, 0, 2]), "segment_ids": const([0, 0, 1])})
    for op in ("Add", "Sub", "Max", "Min"):
        f.add("TensorScatter" + op, NUMBERS + (COMPLEX if op in ("Add", "Sub") else ()), lambda t: {"tensor": quarters([3, 2], t, 6, 9), "indices": given([[2], [0], [2]], "i32"),
                                                        "updates": quarters([3, 2], t, 0, 3)})
    f.add("ScatterNdNonAliasingAdd", NUMBERS + COMPLEX, lambda t: {"input": quarters([3, 2], t, 6, 9), "indices": given([[2], [0], [2]], "i32"),
                                                         "updates": quarters([3, 2], t, 0, 3)})
    for index in ("i32", "i64"):
        f.add("ScatterNd", DATA, lambda t: {"indices": given([[2], [0], [2]], index), "updates": quarters([3, 2], t, 0, 1 if t == "bool" else 4),
                                                               "shape": const([3, 2], index)})
    f.add("AddN", NUMBERS + COMPLEX, lambda t: {"inputs": [anything([5], t, s) if t in INTS else quarters([3], t, -4, 4, s) for s in range(3)]})
    for op in ("ArgMax", "ArgMin"):
        f.add(op, NUMBERS + ("bool",), lambda t: {"input": anything([2, 5], t) if t in INTS else tensor([2, 5], t), "dimension": const(1)})
    for op in ("Sum", "Mean", "Max", "Min", "Prod"):
        types = {"Sum": NUMBERS + COMPLEX, "Mean": FLOATS + ("i32", "i64") + COMPLEX}.get(op, NUMBERS)
        f.add(op, types, lambda t: ({"input": anything([2, 5], t) if t in INTS else quarters([2, 3], t, -3, 3), "axis": const([1])}, {"keep_dims": False}))
    for op in ("Cumprod", "CumulativeLogsumexp", "Cumsum"):
        types = FLOATS + {"Cumsum": INTS + COMPLEX, "Cumprod": SHORT_INTS}.get(op, ())
        for index in ("i32", "i64"):
            f.add(op, types, lambda t: {"x": anything([2, 5], t) if t in INTS else quarters([2, 3], t, 1, 3), "axis": const(1, index)})
    f.add("EuclideanNorm", FLOATS, lambda t: ({"input": quarters([2, 3], t, -3, 3), "axis": const([1])}, {"keep_dims": False}))
    def product(t):
        return {"x": quarters([2, 2, 3], t, -3, 3), "y": quarters([2, 3, 2], t, -3, 3)}
    f.add("BatchMatMul", FLOATS + ("i32",) + COMPLEX, product)
    f.add("BatchMatMulV3", [t for t in FLOATS + ("i32",) + COMPLEX if t != "f16"], lambda t: (product(t), {"Tout": name_of(t)}))
    # TensorFlow has no kernel of halves under this name.
    same = tensorflow().raw_ops.BatchMatMulV2(**{k: v.data for k, v in product("f16").items()}).numpy()
    f.add("BatchMatMulV3", ["f16"], lambda t: (product(t), {"Tout": name_of(t)}), expected=[same])
    f.add("Einsum", FLOATS + ("i32",), lambda t: ({"inputs": [quarters([2, 3], t, -3, 3), quarters([3, 2], t, -3, 3)]}, {"equation": "ij,jk->ik"}))
    for op in ("BiasAdd", "BiasAddV1"):
        f.add(op, NUMBERS + COMPLEX, lambda t: {"value": quarters([2, 3], t, 0, 4), "bias": quarters([3], t, 0, 4)})
    f.add("BiasAddGrad", FLOATS + SHORT_INTS, lambda t: {"out_backprop": anything([3, 2], t) if t in INTS else quarters([3, 2], t, -4, 4)})
    f.add("ClipByValue", NUMBERS, lambda t: {"t": quarters([7], t, 0, 9), "clip_value_min": given(2, t), "clip_value_max": given(5, t)},
          via=("u32", "u64"))
    f.add("Cross", FLOATS + SHORT_INTS, lambda t: {"a": quarters([2, 3], t, 0, 9), "b": quarters([2, 3], t, 0, 9, 6)})
    f.add("LinSpace", FLOATS, lambda t: {"start": given(-1, t), "stop": given(2.5, t), "num": const(5)}, via=HALVES)
    for op in ("LowerBound", "UpperBound"):
        f.add(op, FLOATS + SHORT_INTS, lambda t: {"sorted_inputs": given([[1, 3, 3, 7]], t), "values": given([[3, 0, 8]], t)})
    f.add("TopKV2", NUMBERS, lambda t: {"input": anything([2, 5], t) if t in INTS else tensor([2, 5], t), "k": const(2)})
    f.add("Range", FLOATS + ("i32", "i64"), lambda t: {"start": const(1, t), "limit": const(4, t), "delta": const(2, t)})
    wholes = [3, 1, 3, 7, 1, 9]
    for op, more, unknown in (("Unique", {}, (0,)), ("UniqueV2", {"axis": const([])}, (0,)), ("UniqueWithCounts", {}, (0, 2))):
        f.add(op, NUMBERS + ("bool",), lambda t: {"x": given(wholes, t)} | more, unknown=unknown)
        f.add(op, ("str",), lambda t: {"x": given([b"b", b"", b"b", b"abc", b""], t)} | more, unknown=unknown)
    f.add("Where", NUMBERS + ("bool", "c64"), lambda t: {"condition": given([0, 1, 0, 2], t)}, via=HALVES, unknown=(0,))
    f.add("Cast", NUMBERS + ("bool", "c64"), lambda t: ({"x": given([0, 1, 7], t)}, {"DstT": name_of("f32")}))
    f.add("Cast", NUMBERS + ("bool", "c64"), lambda t: ({"x": given([0, 1, 7], "f32")}, {"DstT": name_of(t)}))
    f.add("BroadcastArgs", ("i32", "i64"), lambda t: {"s0": given([2, 1], t), "s1": given([3], t)})


def networks(f):
    window = {"strides": [1, 2, 2, 1], "padding": "VALID", "ksize": [1, 2, 2, 1]}
    cube = {"strides": [1, 2, 2, 2, 1], "padding": "VALID", "ksize": [1, 2, 2, 2, 1]}
    f.add("AvgPool", ("f32",) + HALVES, lambda t: ({"value": quarters([1, 4, 4, 1], t, -4, 4)}, window))
    f.add("MaxPool", ("f32",) + HALVES, lambda t: ({"input": quarters([1, 4, 4, 1], t, -4, 4)}, window))
    f.add("MaxPool3D", ("f32", "bf16"), lambda t: ({"input": quarters([1, 2, 4, 2, 1], t, -4, 4)}, cube))
    f.add("LRN", ("f32",) + HALVES, lambda t: ({"input": quarters([1, 1, 1, 4], t, -2, 2)}, {"depth_radius": 1, "bias": 1.5, "alpha": 0.5, "beta": 0.5}),
          via=("bf16",))
    f.add("AvgPoolGrad", FLOATS, lambda t: ({"orig_input_shape": const([1, 4, 4, 1]), "grad": quarters([1, 2, 2, 1], t, -4, 4)}, window))

    def largest(t):
        x = given(np.random.default_rng(3).permutation(16).reshape(1, 4, 4, 1) / 4, t)
        best = x.data.reshape(1, 2, 2, 2, 2, 1).max((2, 4))
        return {"orig_input": x, "orig_output": given(best, t), "grad": quarters([1, 2, 2, 1], t, -4, 4)}, window
    f.add("MaxPoolGrad", FLOATS, largest)

    def largest_of_cubes(t):
        x = given(np.random.default_rng(3).permutation(16).reshape(1, 2, 4, 2, 1) / 4, t)
        best = x.data.reshape(1, 1, 2, 2, 2, 1, 2, 1).max((2, 4, 6))
        return {"orig_input": x, "orig_output": given(best, t), "grad": quarters([1, 1, 2, 1, 1], t, -4, 4)}, cube
    f.add("MaxPool3DGrad", ("f32", "bf16"), largest_of_cubes)
    # TensorFlow has no kernels of doubles: sums of eighths come out the same in floats.
    for type, via in (("f32", None), ("bf16", None), ("f64", {"float64": "float32"})):
        f.add("AvgPool3D", [type], lambda t: ({"input": quarters([1, 2, 4, 2, 1], t, -4, 4)}, cube), via_types=via)
        f.add("AvgPool3DGrad", [type], lambda t: ({"orig_input_shape": const([1, 2, 4, 2, 1]), "grad": quarters([1, 1, 2, 1, 1], t, -4, 4)}, cube),
              via_types=via)
    ones = {"strides": [1, 1, 1, 1, 1], "padding": "SAME"}
    for index in ("i32", "i64"):
        f.add("Conv3DBackpropInputV2", FLOATS, lambda t: ({"input_sizes": const([1, 2, 2, 2, 1], index), "filter": tensor([1, 2, 1, 1, 2], t),
                                                         "out_backprop": tensor([1, 2, 2, 2, 2], t)}, ones))
    plane = {"strides": [1, 1, 1, 1], "padding": "SAME"}
    image, filter, result = [1, 3, 3, 2], [2, 2, 2, 2], [1, 3, 3, 2]
    for op, out in (("Conv2D", result), ("DepthwiseConv2dNative", [1, 3, 3, 4])):
        f.add(op, FLOATS, lambda t: ({"input": quarters(image, t, -2, 2), "filter": quarters(filter, t, -2, 2)}, plane))
        f.add(op + "BackpropInput", FLOATS, lambda t: ({"input_sizes": const(image), "filter": quarters(filter, t, -2, 2),
                                                        "out_backprop": quarters(out, t, -2, 2)}, plane))
        f.add(op + "BackpropFilter", FLOATS, lambda t: ({"input": quarters(image, t, -2, 2), "filter_sizes": const(filter),
                                                         "out_backprop": quarters(out, t, -2, 2)}, plane))
    solid = {"input": [1, 2, 3, 2, 1], "filter": [1, 2, 1, 1, 2], "out_backprop": [1, 2, 3, 2, 2]}
    f.add("Conv3D", FLOATS, lambda t: ({k: quarters(solid[k], t, -2, 2) for k in ("input", "filter")}, ones))
    f.add("Conv3DBackpropFilterV2", FLOATS, lambda t: ({"input": quarters(solid["input"], t, -2, 2), "filter_sizes": const(solid["filter"]),
                                                        "out_backprop": quarters(solid["out_backprop"], t, -2, 2)}, ones))
    f.add("Qr", WIDE + ("f16",), lambda t: {"input": given([[4, 1], [2, 2.5]], t)})
    f.add("ResizeBilinear", ("f32",) + HALVES, lambda t: {"images": quarters([1, 2, 3, 1], t, -4, 4), "size": const([3, 4])})
    f.add("ResizeBilinearGrad", FLOATS, lambda t: {"grads": quarters([1, 4, 6, 1], "f32", -4, 4), "original_image": quarters([1, 2, 3, 1], t, -4, 4)})
    for op, ends in (("V2", ("iou_threshold",)), ("V3", ("iou_threshold", "score_threshold"))):
        f.add("NonMaxSuppression" + op, ("f32", "f16"), lambda t: {
            "boxes": given([[0, 0, 1, 1], [0, 0.25, 1, 1], [1, 1, 2, 2]], t), "scores": given([0.5, 0.75, 0.25], t), "max_output_size": const(3),
            **{k: const(0.375, t) for k in ends}}, unknown=(0,))
    f.add("SparseSegmentSumWithNumSegments", FLOATS + SHORT_INTS, lambda t: {"data": quarters([3, 2], t, 0, 4), "indices": const([2, 0, 2]),
                                                                             "segment_ids": const([0, 0, 1]), "num_segments": const(3)})
    f.add("MatrixInverse", WIDE + ("f16",), lambda t: {"input": given([[4, 1], [2, 2.5]], t)})
    f.add("ResizeNearestNeighbor", FLOATS + ("u8", "u16") + SIGNED, lambda t: {"images": tensor([1, 2, 2, 1], t), "size": const([3, 1])})
    f.add("ResizeNearestNeighborGrad", FLOATS + ("i8", "u8", "i32"), lambda t: {"grads": quarters([1, 3, 2, 1], t, 0, 4), "size": const([2, 2])})
    boxes = {"boxes": given([[0, 0, 1, 1], [0.25, 0.75, 0.5, 0]], "f32"), "box_ind": given([0, 0], "i32"), "crop_size": const([2, 2])}
    f.add("CropAndResize", WIDE + ("f16", "u8", "u16", "i8", "i16", "i32"), lambda t: {"image": quarters([1, 3, 3, 1], t, 0, 9), **boxes})
    for op in ("RGBToHSV", "HSVToRGB"):
        f.add(op, FLOATS, lambda t: {"images": tensor([2, 3], t, low=0, high=1)})
    f.add("MirrorPadGrad", FLOATS + SHORT_INTS, lambda t: ({"input": anything([4, 4], t) if t in INTS else quarters([4, 4], t, -4, 4), "paddings": const([[1, 1], [0, 1]])}, {"mode": "REFLECT"}))
    local = {"depth_radius": 1, "bias": 1.5, "alpha": 0.5, "beta": 0.5}

    def around(t):
        x = np.array([[[[0.5, -1, 2, 0.25]]]], np.float32)
        y = tensorflow().raw_ops.LRN(input=x, **local).numpy()
        return {"input_grads": quarters([1, 1, 1, 4], t, -2, 2), "input_image": given(x, t), "output_image": given(y, t)}, local
    f.add("LRNGrad", ("f32",) + HALVES, around, via=("bf16",))
    f.add("SoftmaxCrossEntropyWithLogits", FLOATS, lambda t: {"features": quarters([2, 3], t, -2, 2), "labels": quarters([2, 3], t, 0, 1)})
    f.add("SparseSoftmaxCrossEntropyWithLogits", FLOATS, lambda t: {"features": quarters([2, 3], t, -2, 2), "labels": given([2, 0], "i32")})
    for version in ("V2", "V3"):
        f.add("FusedBatchNorm" + version, ("f32",) + HALVES, lambda t: (
            {"x": quarters([1, 3, 2, 2], t, -3, 3), "scale": given([1, 2], "f32"), "offset": given([0.5, 0], "f32"),
             "mean": given([], "f32"), "variance": given([], "f32")}, {"is_training": True, "epsilon": 0.01}))
        reserved = {f"reserve_space_{i}": given([1, 0.5] if i < 3 else [], "f32") for i in range(1, 3 + (version == "V3"))}
        f.add("FusedBatchNormGrad" + version, ("f32",) + HALVES, lambda t: (
            {"y_backprop": quarters([1, 3, 2, 2], t, -3, 3), "x": quarters([1, 3, 2, 2], t, -3, 3, 6), "scale": given([1, 2], "f32"), **reserved},
            {"is_training": True, "epsilon": 0.01}))


def random(f):
    """The shape in either index type: TensorFlow's numbers for the same seeds."""
    seeds = iter(range(1, 99))
    key = {"key": given([2**63 + 5], "u64"), "counter": given([2**64 - 2, 7], "u64"), "alg": const(1)}
    for index in ("i32", "i64"):
        shape = {"shape": const([5], index)}

        def own():
            return {"seed": 5000 + next(seeds), "seed2": 3}
        for op in ("RandomStandardNormal", "RandomUniform", "TruncatedNormal"):
            f.add(op, FLOATS, lambda t: (shape, {**own(), "dtype": name_of(t)}))
        f.add("RandomUniformInt", ("i32", "i64"), lambda t: ({**shape, "minval": const(-5, t), "maxval": const(1000, t)}, own()))
        pair = {"seed": given([12345, -7], "i64")}
        for op in ("StatelessRandomNormal", "StatelessRandomUniform", "StatelessTruncatedNormal"):
            f.add(op, FLOATS, lambda t: ({**shape, **pair}, {"dtype": name_of(t)}))
            f.add(op + "V2", FLOATS, lambda t: ({**shape, **key}, {"dtype": name_of(t)}))
        whole = ("i32", "i64", "u32", "u64")
        f.add("StatelessRandomUniformFullInt", whole, lambda t: ({**shape, **pair}, {"dtype": name_of(t)}))
        f.add("StatelessRandomUniformFullIntV2", whole, lambda t: ({**shape, **key}, {"dtype": name_of(t)}))
        f.add("StatelessRandomUniformInt", whole[:2], lambda t: {**shape, **pair, "minval": const(-9, t), "maxval": const(77, t)})
        f.add("StatelessRandomUniformIntV2", whole[:2], lambda t: {**shape, **key, "minval": const(-9, t), "maxval": const(77, t)})
        for type, kernel in (("u32", "i32"), ("u64", "i64")):  # TensorFlow has kernels of signed integers alone.
            def ends(t):
                return {**shape, **key, "minval": const(9, t), "maxval": const(77, t)}
            held = {k: tensorflow().constant(v.data) for k, v in ends(kernel).items()}
            drawn = tensorflow().raw_ops.StatelessRandomUniformIntV2(**held).numpy().astype(DTYPES[NAMES[type]])
            f.add("StatelessRandomUniformIntV2", [type], ends, expected=[drawn])


def not_numbers(f):
    """NaN, infinities, and nothing at all."""
    odd = [[1, np.nan, 3], [np.nan, 2, 1], [np.inf, -np.inf, 1], [np.nan, np.nan, np.nan], [-np.inf, np.nan, -np.inf]]
    for op in ("ArgMax", "ArgMin"):
        f.add(op, FLOATS, lambda t: {"input": given(odd, t), "dimension": const(1)})
    for op in ("Max", "Min", "Sum", "Prod", "Mean"):
        f.add(op, FLOATS, lambda t: ({"input": given(odd, t), "axis": const([1])}, {"keep_dims": False}))
        f.add(op, [t for t in NUMBERS if t in FLOATS or op != "Mean"],
              lambda t: ({"input": given(np.zeros([2, 0]), t), "axis": const([1])}, {"keep_dims": False}))


def wrapping(f):
    """Integers whose sums and products do not fit."""
    f.add("BatchMatMul", ("i32",), lambda t: {"x": anything([2, 3], t), "y": anything([3, 2], t, 2)})
    f.add("Einsum", ("i32",), lambda t: ({"inputs": [anything([2, 3], t), anything([3, 2], t, 2)]}, {"equation": "ij,jk->ik"}))
    f.add("Cross", SHORT_INTS, lambda t: {"a": anything([2, 3], t), "b": anything([2, 3], t, 2)})
    for op in ("SegmentMean", "SegmentProd"):
        f.add(op, ("i32",), lambda t: {"data": anything([5, 2], t), "segment_ids": const([0, 0, 0, 1, 1])})
    f.add("Bincount", ("i32", "i64"), lambda t: {"arr": given([1, 1, 0, 1], "i32"), "size": const(3), "weights": anything([4], t)})
    for op in ("Add", "AddV2", "Sub", "Mul"):
        f.add(op, SIGNED + ("u8",) if op == "Add" else INTS, lambda t: {"x": anything([5], t), "y": anything([5], t, 2)})
    for op in ("Div", "TruncateDiv", "FloorDiv", "FloorMod", "Maximum", "Minimum", "BitwiseXor", "Less"):
        f.add(op, INTS, lambda t: {"x": anything([9], t), "y": given(anything([9], t, 2).data | 1, t)})
    f.add("RightShift", INTS, lambda t: {"x": anything([9], t), "y": quarters([9], t, 0, 5)})
    for op in ("Square", "Relu", "Relu6", "Invert"):
        f.add(op, INTS, lambda t: {flex_unary.argument(op): anything([9], t)})
    for op in ("Add", "Sub"):
        f.add("TensorScatter" + op, INTS, lambda t: {"tensor": anything([3, 2], t), "indices": given([[2], [0], [2]], "i32"),
                                                     "updates": anything([3, 2], t, 2)})


def cases():
    f = Family()
    for group in (unary, binary, moves, sums, networks, random, wrapping, not_numbers):
        group(f)
    f.write()
