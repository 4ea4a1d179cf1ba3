"""STABLEHLO_* and DILATE. LiteRT 2.3.0 registers kernels for a part of them; the others' outputs come from NumPy here, after
the StableHLO specification."""
import numpy as np

from lib import DTYPES, SHORT, case, graph, model_case, node, tensor

SEED = np.random.default_rng(20260)
FLOATS = ("f32", "f16", "bf16")
INTS = ("i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64")


def dtype(type):
    return np.dtype(DTYPES[SHORT.get(type, type)])


def values(shape, type, low=None, high=None):
    if type == "bool":
        return SEED.integers(0, 2, shape).astype(bool)
    if type == "c64":
        return (SEED.uniform(-2, 2, shape) + 1j * SEED.uniform(-2, 2, shape)).astype("c8")
    if type in FLOATS + ("f64",):
        return SEED.uniform(-2 if low is None else low, 2 if high is None else high, shape).astype(dtype(type))
    signed = type[0] == "i"
    return SEED.integers((-9 if signed else 0) if low is None else low, 9 if high is None else high, shape,
                         endpoint=True).astype(dtype(type))


def given(name, op, inputs, expected, type, options=None, tolerance=None):
    case("stablehlo", name, op, options, inputs=inputs, outputs=[tensor(None, type)], expected=[expected],
         resolver=None, tolerance=tolerance)


def wide(x):
    return x.astype(np.float32) if x.dtype.kind not in "biu" and x.dtype.itemsize == 2 else x


def unary():
    functions = {
        "LOGISTIC": (lambda x: 1 / (1 + np.exp(-x)), -4, 4), "COSINE": (np.cos, -4, 4), "EXPONENTIAL": (np.exp, -3, 3),
        "FLOOR": (np.floor, -4, 4), "LOG": (np.log, 0.1, 4), "RSQRT": (lambda x: 1 / np.sqrt(x), 0.1, 4),
        "TANH": (np.tanh, -3, 3), "CBRT": (np.cbrt, -8, 8), "ABS": (np.abs, -4, 4), "NEGATE": (np.negative, -4, 4),
    }
    for name, (fn, low, high) in functions.items():
        types = FLOATS + ("f64",) + (("i8", "i16", "i32", "i64") if name in ("ABS", "NEGATE") else ())
        for type in types + (("u8", "u16", "u32", "u64") if name == "NEGATE" else ()) + (() if name == "FLOOR" else ("c64",)):
            x = values([3, 7], type, None if type[0] in "iu" else low, None if type[0] in "iu" else high)
            if type[0] == "i":
                x[0, 0] = np.iinfo(x.dtype).min
            rel = {"f16": 2e-3, "bf16": 2e-2}.get(type, 1e-5)
            with np.errstate(over="ignore"):
                if type == "c64" and name == "CBRT":
                    fn = lambda z: z ** (1 / 3)
                given(f"{name.lower()}_{type}", f"STABLEHLO_{name}", [tensor(None, type, data=x)],
                      fn(wide(x)).astype("f4" if type == "c64" and name == "ABS" else x.dtype),
                      "f32" if type == "c64" and name == "ABS" else type, tolerance={"rel": rel})
    given("tanh_scalar_f32", "STABLEHLO_TANH", [tensor([], data=np.float32(0.5))], np.tanh(np.float32(0.5)), "f32")


def binary():
    def truncated(x, y):
        return np.trunc(np.divide(x, y, dtype=np.float64)).astype(x.dtype) if x.dtype.kind in "iu" else x / y

    functions = {
        "ADD": np.add, "SUBTRACT": np.subtract, "MULTIPLY": np.multiply, "DIVIDE": truncated, "MAXIMUM": np.maximum,
        "MINIMUM": np.minimum, "REMAINDER": np.fmod, "POWER": np.power, "AND": np.bitwise_and, "OR": np.bitwise_or,
    }
    for name, fn in functions.items():
        types = INTS + ("bool",) if name in ("AND", "OR") else FLOATS + ("f64",) + INTS
        types += ("bool",) if name in ("ADD", "MULTIPLY", "MAXIMUM", "MINIMUM") else ()
        types += ("c64",) if name not in ("REMAINDER", "AND", "OR") else ()
        for type in types:
            x, y = values([2, 9], type), values([2, 9], type)
            if name in ("DIVIDE", "REMAINDER"):
                y = np.where(y == 0, np.ones_like(y), y)
            if name == "POWER":
                x = np.abs(x) + np.ones_like(x) if type in FLOATS + ("f64",) else x
                y = y if type in FLOATS + ("f64",) else np.abs(y) % 4
            rel = {"f16": 2e-3, "bf16": 2e-2}.get(type, 1e-5)
            with np.errstate(over="ignore"):
                given(f"{name.lower()}_{type}", f"STABLEHLO_{name}", [tensor(None, type, data=x), tensor(None, type, data=y)],
                      fn(wide(x), wide(y)).astype(x.dtype), type, tolerance={"rel": rel})
    for name in ("ADD", "MULTIPLY", "MAXIMUM", "MINIMUM"):
        for type in ("f32", "i32", "i64", "i8", "i16"):
            case("stablehlo", f"{name.lower()}_oracle_{type}", f"STABLEHLO_{name}", inputs=[tensor([2, 3, 4], type), tensor([2, 3, 4], type)],
                 outputs=[tensor(None, type)])
    for type in ("i8", "i16", "i32"):
        case("stablehlo", f"shift_left_{type}", "STABLEHLO_SHIFT_LEFT", resolver="opt",
             inputs=[tensor([3, 5], type), tensor([3, 5], type, low=0, high=7)], outputs=[tensor(None, type)])
    for type in ("u8", "u16", "u32", "i64", "u64"):
        x, y = values([11], type), (np.arange(11) * 7).astype(dtype(type))
        wanted = np.where(y < 8 * x.dtype.itemsize, x << np.minimum(y, 8 * x.dtype.itemsize - 1), np.zeros_like(x))
        given(f"shift_left_{type}", "STABLEHLO_SHIFT_LEFT", [tensor(None, type, data=x), tensor(None, type, data=y)],
              wanted.astype(x.dtype), type)


def compare_and_choose():
    directions = [np.equal, np.not_equal, np.greater_equal, np.greater, np.less_equal, np.less]
    for type in FLOATS + ("f64",) + INTS + ("bool", "c64"):
        x, y = values([4, 5], type, *((-2, 2) if type[0] == "i" else ())), values([4, 5], type, *((-2, 2) if type[0] == "i" else ()))
        y[0] = x[0]
        for d in range(6) if type in ("f32", "i32", "bool") else (0, 1) if type == "c64" else (0, 5):
            given(f"compare_{d}_{type}", "STABLEHLO_COMPARE", [tensor(None, type, data=x), tensor(None, type, data=y)],
                  directions[d](x, y), "bool", {"comparisonDirection": d})
    for type, bits in (("f32", np.int32), ("f16", np.int16), ("f64", np.int64)):
        line = np.array([-np.inf, -1, -0.0, 0.0, 1, np.inf, np.nan], dtype(type))
        x, y = (v.copy() for v in np.meshgrid(line, line))
        key = [np.where(v.view(bits) < 0, np.iinfo(bits).min - (v.view(bits) + bits(1)), v.view(bits)) for v in (x, y)]
        for d in (0, 3, 4) if type != "f32" else range(6):
            given(f"compare_total_{d}_{type}", "STABLEHLO_COMPARE", [tensor(None, type, data=x), tensor(None, type, data=y)],
                  directions[d](*key), "bool", {"comparisonDirection": d, "compareType": 2})
    for type in FLOATS + ("f64",) + INTS + ("bool", "c64"):
        p, x, y = values([3, 4], "bool"), values([3, 4], type), values([3, 4], type)
        given(f"select_{type}", "STABLEHLO_SELECT", [tensor(None, "bool", data=p), tensor(None, type, data=x), tensor(None, type, data=y)],
              np.where(p, x, y), type)
    x, y = values([5], "f32"), values([5], "f32")
    given("select_scalar_f32", "STABLEHLO_SELECT", [tensor([], "bool", data=np.array(False)), tensor(None, data=x), tensor(None, data=y)], y, "f32")
    for type in FLOATS + ("f64",) + INTS:
        x, low, high = values([4, 6], type), values([], type, 0, 1), values([], type, 1, 2)
        given(f"clamp_{type}", "STABLEHLO_CLAMP", [tensor([], type, data=low), tensor(None, type, data=x), tensor([], type, data=high)],
              np.minimum(np.maximum(x, low), high), type)
    x, low, high = values([4, 6], "f32"), values([4, 6], "f32", -1, 0), values([4, 6], "f32", 0, 1)
    given("clamp_tensors_f32", "STABLEHLO_CLAMP", [tensor(None, data=low), tensor(None, data=x), tensor(None, data=high)],
          np.minimum(np.maximum(x, low), high), "f32")
    for a, b in (("f32", "i32"), ("i32", "f32"), ("f32", "f16"), ("bf16", "f32"), ("i64", "i32"), ("bool", "f32"),
                 ("f32", "f64"), ("u8", "f32"), ("i32", "i8"), ("f16", "i16")):
        x = values([3, 5], a)
        given(f"convert_{a}_{b}", "STABLEHLO_CONVERT", [tensor(None, a, data=x)], x.astype(dtype(b)), b)
    x = values([3, 5], "i32", -1, 1)
    given("convert_i32_bool", "STABLEHLO_CONVERT", [tensor(None, "i32", data=x)], x != 0, "bool")


def shapes():
    for type in FLOATS + ("f64",) + INTS + ("bool", "c64"):
        x = values([2, 3, 4], type)
        given(f"reshape_{type}", "STABLEHLO_RESHAPE", [tensor(None, type, data=x)], x.reshape(4, 6), type)
        given(f"transpose_{type}", "STABLEHLO_TRANSPOSE", [tensor(None, type, data=x)], x.transpose(2, 0, 1), type, {"permutation": [2, 0, 1]})
        given(f"slice_{type}", "STABLEHLO_SLICE", [tensor(None, type, data=x)], x[0:2:1, 1:3:1, 0:4:3], type,
              {"startIndices": [0, 1, 0], "limitIndices": [2, 3, 4], "strides": [1, 1, 3]})
        given(f"broadcast_{type}", "STABLEHLO_BROADCAST_IN_DIM", [tensor(None, type, data=x[:, :1, 0])],
              np.broadcast_to(x[:, None, :1, 0], (2, 5, 3)), type, {"broadcastDimensions": [0, 2]})
        given(f"concatenate_{type}", "STABLEHLO_CONCATENATE", [tensor(None, type, data=x), tensor(None, type, data=x[:, :1])],
              np.concatenate([x, x[:, :1]], 1), type, {"dimension": 1})
        starts = [tensor([], "i32", data=np.int32(v)) for v in (1, -3, 9)]
        given(f"dynamic_slice_{type}", "STABLEHLO_DYNAMIC_SLICE", [tensor(None, type, data=x)] + starts, x[1:2, 0:2, 1:4], type,
              {"sliceSizes": [1, 2, 3]})
        wanted = x.copy()
        wanted[1:2, 0:2, 1:4] = x[:1, 1:3, :3]
        given(f"dynamic_update_slice_{type}", "STABLEHLO_DYNAMIC_UPDATE_SLICE",
              [tensor(None, type, data=x), tensor(None, type, data=x[:1, 1:3, :3])] + starts, wanted, type)
    x = values([2, 3], "f32")
    given("reshape_scalar_f32", "STABLEHLO_RESHAPE", [tensor(None, data=x[:1, :1])], x[0, 0], "f32")
    given("transpose_rank5_f32", "STABLEHLO_TRANSPOSE", [tensor(None, data=np.arange(120, dtype="f4").reshape(1, 2, 3, 4, 5))],
          np.arange(120, dtype="f4").reshape(1, 2, 3, 4, 5).transpose(4, 2, 0, 3, 1), "f32", {"permutation": [4, 2, 0, 3, 1]})
    given("slice_empty_f32", "STABLEHLO_SLICE", [tensor(None, data=x)], x[1:1], "f32",
          {"startIndices": [1, 0], "limitIndices": [1, 3], "strides": [1, 1]})
    given("broadcast_scalar_f32", "STABLEHLO_BROADCAST_IN_DIM", [tensor([], data=x[0, 0])], np.full((2, 3), x[0, 0]), "f32",
          {"broadcastDimensions": np.zeros(0, np.int64)})
    given("concatenate_three_f32", "STABLEHLO_CONCATENATE", [tensor(None, data=x) for _ in range(3)], np.concatenate([x] * 3), "f32",
          {"dimension": 0})
    given("dynamic_slice_i64_starts_f32", "STABLEHLO_DYNAMIC_SLICE",
          [tensor(None, data=x), tensor([], "i64", data=np.int64(1)), tensor([], "i64", data=np.int64(2))], x[1:2, 1:3], "f32",
          {"sliceSizes": [1, 2]})
    for type in FLOATS + ("f64",) + INTS + ("c64",):
        given(f"iota_{type}", "STABLEHLO_IOTA", [], np.broadcast_to(np.arange(3)[:, None], (2, 3, 4)).astype(dtype(type)), type,
              {"iotaDimension": 1})
    given("iota_vector_i32", "STABLEHLO_IOTA", [], np.arange(9, dtype="i4"), "i32", {"iotaDimension": 0})
    given("iota_last_f32", "STABLEHLO_IOTA", [], np.broadcast_to(np.arange(5, dtype="f4"), (3, 5)), "f32", {"iotaDimension": 1})


def paddings():
    forms = {"edges": ([1, 2], [0, 3], [0, 0]), "crop": ([-1, 0], [0, -2], [0, 0]), "interior": ([0, 1], [2, 0], [1, 2]),
             "mixed": ([-1, 2], [1, -3], [2, 1]), "beyond": ([-3, 1], [-1, -3], [1, 0])}
    for form, (low, high, interior) in forms.items():
        for type in ("f32", "i8", "i64") if form == "mixed" else ("f32",):
            case("stablehlo", f"pad_{form}_{type}", "STABLEHLO_PAD",
                 {"edgePaddingLow": low, "edgePaddingHigh": high, "interiorPadding": interior},
                 inputs=[tensor([3, 4], type), tensor([], type)], outputs=[tensor(None, type)])
    for type in ("f32", "i8", "u8", "i16", "i32", "i64"):
        case("stablehlo", f"dilate_{type}", "DILATE", inputs=[tensor([2, 3, 2], type), tensor(None, "i32", data=[2, 1, 3], const=True),
                                                             tensor([], type)], outputs=[tensor(None, type)])
    case("stablehlo", "dilate_one_f32", "DILATE", inputs=[tensor([3, 2]), tensor(None, "i32", data=[1, 1], const=True), tensor([])],
         outputs=[tensor(None)])
    case("stablehlo", "dilate_given_f32", "DILATE", inputs=[tensor([3, 2]), tensor(None, "i32", data=[3, 2]), tensor([])],
         outputs=[tensor(None)])



def spread(x, value, low, high, interior):
    out = np.full([l + (n - 1) * (i + 1) + 1 + h for n, l, h, i in zip(x.shape, low, high, interior)], value)
    for at in np.ndindex(*x.shape):
        to = tuple(l + a * (i + 1) for a, l, i in zip(at, low, interior))
        if all(0 <= t < n for t, n in zip(to, out.shape)):
            out[to] = x[at]
    return out


def together(name, nodes, wants):
    """One model of several operators on the same tensors: (operator, inputs, options) and what each gives with its type."""
    outs = [tensor(list(w.shape), t) for w, t in wants]
    fed = []
    for _, ins, _ in nodes:
        fed += [t for t in ins if not t.const and t not in fed]
    model_case("stablehlo", name, [graph([node(op, ins, [out], options) for (op, ins, options), out in zip(nodes, outs)], fed, outs)],
               expected=[w for w, _ in wants], resolver=None)


def converted(x, type):
    if type == "bool":
        return x != 0
    return (x.real if x.dtype.kind == "c" and type != "c64" else x).astype(dtype(type))


def other_types():
    """What the cases above leave out: complex128 where elements are only moved, and conversions from every type to every type."""
    types = FLOATS + ("f64",) + INTS + ("bool", "c64")
    pads, spreads = [], []
    for type in types + ("c128",):
        x = np.arange(1, 13).reshape(3, 4).astype(dtype(type))
        pads.append(("STABLEHLO_PAD", [tensor(None, type, data=x, const=True), tensor([], type, data=x[1, 1])],
                     {"edgePaddingLow": [2, -4], "edgePaddingHigh": [-1, 5], "interiorPadding": [1, 1]}))
        spreads.append((spread(x, x[1, 1], [2, -4], [-1, 5], [1, 1]), type))
    together("pad_types", pads, spreads)
    x = (np.arange(24).reshape(2, 3, 4) - 1j * np.arange(24).reshape(2, 3, 4)[::-1]).astype("c16")
    t, part = tensor(None, "c128", data=x), tensor(None, "c128", data=x[:1, 1:3, :3])
    starts = [tensor([], "i32", data=np.int32(v), const=True) for v in (1, -3, 9)]
    indices = tensor(None, "i32", data=[[1, 0], [0, 9]], const=True)
    moved = x.copy()
    moved[1:2, 0:2, 1:4] = x[:1, 1:3, :3]
    together("moved_c128", [
        ("STABLEHLO_RESHAPE", [t], {}), ("STABLEHLO_TRANSPOSE", [t], {"permutation": [2, 0, 1]}),
        ("STABLEHLO_SLICE", [t], {"startIndices": [0, 1, 0], "limitIndices": [2, 3, 4], "strides": [1, 1, 3]}),
        ("STABLEHLO_BROADCAST_IN_DIM", [t], {"broadcastDimensions": [1, 2, 3]}), ("STABLEHLO_CONCATENATE", [t, t], {"dimension": 1}),
        ("STABLEHLO_DYNAMIC_SLICE", [t] + starts, {"sliceSizes": [1, 2, 3]}), ("STABLEHLO_DYNAMIC_UPDATE_SLICE", [t, part] + starts, {}),
        ("STABLEHLO_GATHER", [t, indices], {"offsetDims": [1], "collapsedSliceDims": [0, 1], "startIndexMap": [0, 1], "indexVectorDim": 1,
                                            "sliceSizes": [1, 1, 4], "indicesAreSorted": False}),
    ], [(w, "c128") for w in (x.reshape(4, 6), x.transpose(2, 0, 1), x[:, 1:3, ::3], np.broadcast_to(x, (2, 2, 3, 4)), np.concatenate([x, x], 1),
                                       x[1:2, 0:2, 1:4], moved, np.stack([x[1, 0], x[0, 2]]))])
    for type in types:
        x = np.array([0, 1, 2, 3, 50, 101] if type[0] in "ub" else [0, 1, -2, 3, 50, -101]).astype(dtype(type))
        t = tensor(None, type, data=x)
        targets = [u for u in types if u[0] != "u" or type[0] in "ub"]
        together(f"convert_{type}_all", [("STABLEHLO_CONVERT", [t], {})] * len(targets), [(converted(x, u), u) for u in targets])


def cases():
    unary()
    binary()
    compare_and_choose()
    shapes()
    paddings()
    other_types()
