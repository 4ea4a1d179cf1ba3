"""STABLEHLO_REDUCE, REDUCE_WINDOW, SCATTER and SORT with their regions, and TFLite's own REDUCE_WINDOW. LiteRT 2.3.0 runs
some of them for regions of one operator; the others' outputs come from NumPy here, after the StableHLO specification."""
import itertools

import numpy as np

from lib import DTYPES, SHORT, graph, model_case, node, tensor

F = "stablehlo_regions"
RNG = np.random.default_rng(174)
FLOATS = ("f32", "f16", "bf16", "f64")
INTS = ("i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64")
KERNELS = {"ADD": lambda a, b: a + b, "MULTIPLY": lambda a, b: a * b, "MAXIMUM": np.maximum, "MINIMUM": np.minimum,
           "AND": lambda a, b: a & b, "OR": lambda a, b: a | b}


def dtype(type):
    return np.dtype(DTYPES[SHORT.get(type, type)])


def values(shape, type, low=-4, high=4):
    if type == "bool":
        return RNG.integers(0, 2, shape).astype(bool)
    if type == "c64":
        return (RNG.uniform(-2, 2, shape) + 1j * RNG.uniform(-2, 2, shape)).astype("c8")
    if type in FLOATS:
        return RNG.uniform(low, high, shape).astype(dtype(type))
    return RNG.integers(0 if type[0] == "u" else low, high, shape, endpoint=True).astype(dtype(type))


def tolerance(type, steps=1):
    return {"rel": {"f16": 4e-3, "bf16": 3e-2}.get(type, 1e-5) * steps}


# ---- regions ----

def body(op, type, name="body", swap=False):
    a, b, c = tensor([], type), tensor([], type), tensor([], type)
    return graph([node("STABLEHLO_" + op, [b, a] if swap else [a, b], [c])], [a, b], [c], name)


def own_body(op, type):
    a, b, c = tensor([], type), tensor([], type), tensor([], type)
    return graph([node(op, [a, b], [c])], [a, b], [c], "body")


def second(types):
    a, b = [tensor([], t) for t in types], [tensor([], t) for t in types]
    return graph([], a + b, b, "second")


def affine_body(type):
    """(a, b) -> 2ab + a + b: associative and commutative, of several operators and a constant."""
    a, b, p, q, r, s = (tensor([], type) for _ in range(6))
    two = tensor([], type, data=2, const=True)
    return graph([node("STABLEHLO_MULTIPLY", [a, b], [p]), node("STABLEHLO_MULTIPLY", [p, two], [q]),
                  node("STABLEHLO_ADD", [q, a], [r]), node("STABLEHLO_ADD", [r, b], [s])], [a, b], [s], "affine")


def matrix_body(type):
    """2x2 upper triangular matrices [[a, b], [0, 1]] multiplied: associative, not commutative. Two operands."""
    a, b, c, d = (tensor([], type) for _ in range(4))
    p, q, r = (tensor([], type) for _ in range(3))
    return graph([node("STABLEHLO_MULTIPLY", [a, c], [p]), node("STABLEHLO_MULTIPLY", [a, d], [q]),
                  node("STABLEHLO_ADD", [q, b], [r])], [a, b, c, d], [p, r], "matrix")


def argmax_body(type, index):
    """(value, index) pairs: the greater value, of equal ones the lower index."""
    a, i, b, j = tensor([], type), tensor([], index), tensor([], type), tensor([], index)
    gt, eq, lt, both, first = (tensor([], "bool") for _ in range(5))
    v, k = tensor([], type), tensor([], index)
    return graph([node("STABLEHLO_COMPARE", [a, b], [gt], {"comparisonDirection": 3}),
                  node("STABLEHLO_COMPARE", [a, b], [eq], {"comparisonDirection": 0}),
                  node("STABLEHLO_COMPARE", [i, j], [lt], {"comparisonDirection": 5}),
                  node("STABLEHLO_AND", [eq, lt], [both]), node("STABLEHLO_OR", [gt, both], [first]),
                  node("STABLEHLO_SELECT", [first, a, b], [v]), node("STABLEHLO_SELECT", [first, i, j], [k])],
                 [a, i, b, j], [v, k], "argmax")


def reshaping_body(type):
    """A sum by way of lists of one: operators that are not element-wise."""
    a, b, p, q, r, s = tensor([], type), tensor([], type), tensor([1], type), tensor([1], type), tensor([1], type), tensor([], type)
    one, none = tensor(None, "i32", data=[1], const=True), tensor([0], "i32", data=np.zeros(0), const=True)
    return graph([node("RESHAPE", [a, one], [p], {"newShape": [1]}), node("RESHAPE", [b, one], [q], {"newShape": [1]}),
                  node("STABLEHLO_ADD", [p, q], [r]), node("RESHAPE", [r, none], [s], {"newShape": np.zeros(0, "i4")})],
                 [a, b], [s], "reshaping")


def compare(types, key=0, direction=5, swap=False, compare_type=0):
    pairs = [tensor([], t) for t in types for _ in range(2)]
    a, b, c = pairs[2 * key], pairs[2 * key + 1], tensor([], "bool")
    return graph([node("STABLEHLO_COMPARE", [b, a] if swap else [a, b], [c],
                       {"comparisonDirection": direction, "compareType": compare_type})], pairs, [c], "comparator")


def two_keys(types):
    """By the first operand rising, then by the second falling."""
    pairs = [tensor([], t) for t in types for _ in range(2)]
    lt, eq, gt, both, out = (tensor([], "bool") for _ in range(5))
    return graph([node("STABLEHLO_COMPARE", pairs[:2], [lt], {"comparisonDirection": 5}),
                  node("STABLEHLO_COMPARE", pairs[:2], [eq], {"comparisonDirection": 0}),
                  node("STABLEHLO_COMPARE", pairs[2:4], [gt], {"comparisonDirection": 3}),
                  node("STABLEHLO_AND", [eq, gt], [both]), node("STABLEHLO_OR", [lt, both], [out])], pairs, [out], "two_keys")


def by_size(type):
    a, b, p, q, c = tensor([], type), tensor([], type), tensor([], type), tensor([], type), tensor([], "bool")
    return graph([node("STABLEHLO_ABS", [a], [p]), node("STABLEHLO_ABS", [b], [q]),
                  node("STABLEHLO_COMPARE", [p, q], [c], {"comparisonDirection": 5})], [a, b], [c], "by_size")


def given(name, op, ins, outs, types, options, region, tol=None):
    """ins and outs are arrays, `types` their tensors' types."""
    i = [tensor(list(np.shape(x)), t, data=x) for x, t in zip(ins, types[0])]
    o = [tensor(list(np.shape(x)), t) for x, t in zip(outs, types[1])]
    regions = [region] if region is not None else []
    model_case(F, name, [graph([node(op, i, o, options)], i, o)] + regions, expected=outs, tolerance=tol, resolver=None)


# ---- REDUCE ----

def fold(x, axes, init, fn):
    kept = [d for i, d in enumerate(x.shape) if i not in axes]
    order = sorted(axes)  # rows in the operand's own order
    x = np.moveaxis(x, order, range(len(order))).reshape([int(np.prod([x.shape[i] for i in order]))] + kept)
    out = np.full(x.shape[1:], init, x.dtype)
    for row in x:
        out = fn(out, row).astype(x.dtype)
    return out


def reduce_one(name, op, type, shape, axes, init, region=None, low=-4, high=4):
    x = values(shape, type, low, high)
    fn = KERNELS[op]
    init = np.asarray(init).astype(dtype(type))
    with np.errstate(over="ignore"):
        given(name, "STABLEHLO_REDUCE", [x, init], [fold(x, axes, init, fn)], ([type] * 2, [type]),
              {"dimensions": axes, "bodySubgraphIndex": 1}, region or body(op, type), tolerance(type, 4))


def reduces():
    for type in FLOATS + INTS + ("bool",):
        for op in KERNELS:
            if op in ("AND", "OR") and type in FLOATS:
                continue
            info = np.finfo(dtype(type)) if type in ("f32", "f64", "f16") else None
            inits = {"ADD": 0, "MULTIPLY": 1, "AND": 1 if type == "bool" else 7, "OR": 0}
            if op in ("MAXIMUM", "MINIMUM"):
                init = 0 if type in ("bool",) or type[0] == "u" else (-9 if op == "MAXIMUM" else 9)
            else:
                init = inits[op]
            del info
            low, high = (-1.5, 1.5) if op == "MULTIPLY" and type in FLOATS else (-3, 3)
            reduce_one(f"reduce_{op.lower()}_{type}_rows", op, type, [3, 4, 5], [1, 2], init, low=low, high=high)
            reduce_one(f"reduce_{op.lower()}_{type}_columns", op, type, [3, 4, 5], [0], init, low=low, high=high)
    for name, shape, axes in (("all", [3, 2, 4], [0, 1, 2]), ("none", [3, 2], []), ("middle", [3, 4, 5], [1]), ("ends", [3, 4, 5], [0, 2]),
                              ("unsorted", [2, 3, 4], [2, 0]), ("scalar", [], []), ("ones", [1, 1, 3], [0, 1]), ("long", [2, 1300], [1]),
                              ("wide", [5, 1300], [0]), ("rank8", [2, 1, 2, 3, 1, 2, 2, 2], [1, 3, 6]), ("empty", [0, 3], [0]),
                              ("of_nothing", [3, 0, 2], [1]), ("to_nothing", [3, 0, 2], [0])):
        axes = np.asarray(axes, np.int64)
        reduce_one(f"reduce_{name}_f32", "ADD", "f32", shape, axes, 0)
        reduce_one(f"reduce_{name}_i32_start", "ADD", "i32", shape, axes, 5)
        x = values(shape, "i32", -2, 2)
        with np.errstate(over="ignore"):
            given(f"reduce_{name}_i32_graph", "STABLEHLO_REDUCE", [x, np.int32(0)],
                  [fold(x, axes, 0, lambda a, b: 2 * a * b + a + b)], (["i32"] * 2, ["i32"]),
                  {"dimensions": axes, "bodySubgraphIndex": 1}, affine_body("i32"))
    reduce_one("reduce_swapped_f32", "ADD", "f32", [4, 3], [0], 0, body("ADD", "f32", swap=True))
    for op, own in (("ADD", "ADD"), ("MULTIPLY", "MUL"), ("MAXIMUM", "MAXIMUM"), ("MINIMUM", "MINIMUM")):
        for type in ("f32", "i32"):
            reduce_one(f"reduce_own_{own.lower()}_{type}", op, type, [4, 3], [1], 1, own_body(own, type))
    reduce_one("reduce_own_logical_and_bool", "AND", "bool", [4, 3], [1], True, own_body("LOGICAL_AND", "bool"))
    reduce_one("reduce_own_logical_or_bool", "OR", "bool", [4, 3], [1], False, own_body("LOGICAL_OR", "bool"))
    reduce_one("reduce_reshaping_f32", "ADD", "f32", [3, 4], [1], 0, reshaping_body("f32"))
    reduce_one("reduce_reshaping_i64", "ADD", "i64", [3, 2, 2], [0, 2], 0, reshaping_body("i64"))
    x = values([4, 3], "f32")
    given("reduce_second_f32", "STABLEHLO_REDUCE", [x, np.float32(7)], [x[-1]], (["f32"] * 2, ["f32"]),
          {"dimensions": [0], "bodySubgraphIndex": 1}, second(["f32"]))
    x = values([4, 3], "c64")
    given("reduce_add_c64", "STABLEHLO_REDUCE", [x, np.complex64(0)], [x.sum(0)], (["c64"] * 2, ["c64"]),
          {"dimensions": [0], "bodySubgraphIndex": 1}, body("ADD", "c64"), tolerance("f32", 4))
    for n, k, axis in ((6, 4, 0), (2000, 1, 0), (3, 1100, 0), (70, 5, 0), (5, 7, 1)):
        shape = (n, k) if axis == 0 else (k, n)
        v, i = values(shape, "i32", -50, 50), np.broadcast_to(np.arange(n)[:, None], (n, k)).astype("i4")
        i = i if axis == 0 else np.ascontiguousarray(i.T)
        given(f"reduce_argmax_{n}x{k}_{axis}", "STABLEHLO_REDUCE", [v, i, np.int32(-1000), np.int32(0)],
              [v.max(axis), v.argmax(axis).astype("i4")], (["i32"] * 4, ["i32"] * 2), {"dimensions": [axis], "bodySubgraphIndex": 1}, argmax_body("i32", "i32"))
    v = values((5, 4), "f32")
    given("reduce_argmax_f32_i64", "STABLEHLO_REDUCE", [v, np.broadcast_to(np.arange(4), (5, 4)), np.float32(-np.inf), np.int64(0)],
          [v.max(1), v.argmax(1)], (["f32", "i64"] * 2, ["f32", "i64"]), {"dimensions": [1], "bodySubgraphIndex": 1}, argmax_body("f32", "i64"))
    for n, k in ((7, 3), (600, 2), (1500, 1)):  # order matters
        a, b = RNG.choice([-1, 1, 3], (n, k)).astype("i4"), values((n, k), "i32")
        p, q = np.ones(k, "i4"), np.zeros(k, "i4")
        with np.errstate(over="ignore"):
            for c, d in zip(a, b):
                p, q = p * c, p * d + q
        given(f"reduce_ordered_{n}x{k}", "STABLEHLO_REDUCE", [a, b, np.int32(1), np.int32(0)], [p, q], (["i32"] * 4, ["i32"] * 2),
              {"dimensions": [0], "bodySubgraphIndex": 1}, matrix_body("i32"))


# ---- REDUCE_WINDOW ----

def window_places(n, window, stride, base, dilation, low, high):
    """For each output, its taps' indices into the operand; None for padding."""
    extent = (0 if n == 0 else (n - 1) * base + 1) + low + high
    reach = (window - 1) * dilation + 1
    count = 0 if extent < reach else (extent - reach) // stride + 1
    def index(o, w):
        at = o * stride + w * dilation - low
        return at // base if 0 <= at <= (n - 1) * base and at % base == 0 else None
    return [[index(o, w) for w in range(window)] for o in range(count)]


def reduce_windows(xs, inits, fn, form):
    """xs and inits are lists of operands; fn takes and gives lists."""
    places = [window_places(n, *(form[k][i] for k in ("window", "stride", "base", "dilation")), *form["padding"][i])
              for i, n in enumerate(xs[0].shape)]
    outs = [np.zeros([len(p) for p in places], x.dtype) for x in xs]
    for at in np.ndindex(*outs[0].shape):
        acc = [x.dtype.type(i) for x, i in zip(xs, inits)]
        for tap in itertools.product(*(places[d][o] for d, o in enumerate(at))):
            seen = [i if None in tap else x[tap] for x, i in zip(xs, inits)]
            acc = [x.dtype.type(v) for x, v in zip(xs, fn(acc, seen))]
        for out, v in zip(outs, acc):
            out[at] = v
    return outs


def window_options(form):
    return {"windowDimensions": form["window"], "windowStrides": form["stride"], "baseDilations": form["base"],
            "windowDilations": form["dilation"], "padding": [p for pair in form["padding"] for p in pair], "bodySubgraphIndex": 1}


def form(rank, window, stride=1, base=1, dilation=1, padding=(0, 0)):
    def spread(v):
        return list(v) if isinstance(v, (list, tuple)) else [v] * rank
    pads = padding if isinstance(padding[0], (list, tuple)) else [padding] * rank
    return {"window": spread(window), "stride": spread(stride), "base": spread(base), "dilation": spread(dilation), "padding": pads}


FORMS = {
    "plain": ([4, 5], form(2, [2, 3])), "strides": ([5, 9], form(2, [2, 3], [2, 3])), "padded": ([4, 5], form(2, 3, 1, 1, 1, ((1, 1), (2, 0)))),
    "base": ([3, 4], form(2, 2, 1, [2, 3])), "dilated": ([6, 7], form(2, [2, 3], 1, 1, [3, 2])),
    "cropped": ([6, 7], form(2, 2, 1, 1, 1, ((-1, 0), (-2, -1)))), "mixed": ([5, 6], form(2, [3, 2], [2, 1], [2, 3], [1, 2], ((-2, 1), (1, -3)))),
    "list": ([9], form(1, 4, 2, 1, 1, ((3, 2),))), "prefix": ([7], form(1, 7, 1, 1, 1, ((6, 0),))),
    "image": ([2, 5, 6, 3], form(4, [1, 3, 2, 1], [1, 2, 2, 1], 1, 1, ((0, 0), (1, 1), (0, 1), (0, 0)))),
    "rank6": ([2, 2, 2, 3, 2, 2], form(6, [1, 2, 1, 2, 2, 1])),
}


def windows():
    for name, (shape, f) in FORMS.items():
        for op in ("ADD", "MAXIMUM") if name != "mixed" else ("ADD", "MULTIPLY", "MAXIMUM", "MINIMUM"):
            for type in ("f32", "i32") if name != "mixed" else ("f32", "f64", "i8", "u8", "i16", "i32", "i64", "bool"):
                if type == "bool" and op == "ADD":  # LiteRT counts into its bools
                    continue
                for start in (0, 3) if op == "ADD" and type in ("f32", "i32") else (1,):
                    x, init = tensor(shape, type, low=-4 if type[0] != "u" else 0, high=4), tensor([], type, data=start)
                    y = tensor([len(window_places(n, *(f[k][i] for k in ("window", "stride", "base", "dilation")), *f["padding"][i]))
                                for i, n in enumerate(shape)], type)
                    main = graph([node("STABLEHLO_REDUCE_WINDOW", [x, init], [y], window_options(f))], [x, init], [y])
                    model_case(F, f"window_{name}_{op.lower()}_{type}_{start}", [main, body(op, type)])
    f = FORMS["mixed"]
    for type in ("f16", "bf16", "u16", "u32", "u64"):
        x = values(f[0], type, -2, 2)
        want = reduce_windows([x], [dtype(type).type(0)], lambda a, b: [a[0] + b[0]], f[1])
        given(f"window_mixed_add_{type}", "STABLEHLO_REDUCE_WINDOW", [x, np.zeros([], dtype(type))], want, ([type] * 2, [type]),
              window_options(f[1]), body("ADD", type), tolerance(type, 4))
    for op, type in (("AND", "i8"), ("OR", "i32"), ("AND", "u16"), ("OR", "bool"), ("AND", "bool")):
        x = values([4, 5], type, -100, 100)
        init = dtype(type).type(1 if op == "AND" else 0)
        given(f"window_padded_{op.lower()}_{type}", "STABLEHLO_REDUCE_WINDOW", [x, init],
              reduce_windows([x], [init], lambda a, b: [KERNELS[op](a[0], b[0])], FORMS["padded"][1]), ([type] * 2, [type]),
              window_options(FORMS["padded"][1]), body(op, type))
    for name in ("padded", "mixed", "image", "list"):
        shape, f = FORMS[name]
        x, i = values(shape, "i32", -9, 9), RNG.permutation(np.prod(shape)).reshape(shape).astype("i4")
        first = lambda a, b: a if (a[0] > b[0] or (a[0] == b[0] and a[1] < b[1])) else b
        given(f"window_{name}_argmax", "STABLEHLO_REDUCE_WINDOW", [x, i, np.int32(-99), np.int32(999)],
              reduce_windows([x, i], [-99, 999], first, f), (["i32"] * 4, ["i32"] * 2), window_options(f), argmax_body("i32", "i32"))
        x = values(shape, "i64", -1, 1)
        given(f"window_{name}_graph_i64", "STABLEHLO_REDUCE_WINDOW", [x, np.int64(1)],
              reduce_windows([x], [1], lambda a, b: [2 * a[0] * b[0] + a[0] + b[0]], f), (["i64"] * 2, ["i64"]), window_options(f), affine_body("i64"))
    x = values([3, 4], "f32")
    given("window_reshaping_f32", "STABLEHLO_REDUCE_WINDOW", [x, np.float32(0)],
          reduce_windows([x], [np.float32(0)], lambda a, b: [a[0] + b[0]], form(2, 2)), (["f32"] * 2, ["f32"]), window_options(form(2, 2)),
          reshaping_body("f32"), tolerance("f32"))
    for name, shape, f, want in (("scalar", [], form(0, []), []), ("too_large", [3, 4], form(2, [4, 1]), [0, 4]), ("empty", [0, 4], form(2, 1), [0, 4]),
                                 ("padding_alone", [0, 2], form(2, 2, 1, 1, 1, ((1, 2), (0, 0))), [2, 1])):
        x = values(shape, "f32")
        expected = np.full(want, 0.5) if name == "padding_alone" else (x + np.float32(0.5) if name == "scalar" else np.zeros(want, "f4"))
        expected = expected * (5 if name == "padding_alone" else 1)
        options = window_options(f)
        options = {k: np.asarray(v, np.int64) if isinstance(v, list) else v for k, v in options.items()}
        given(f"window_{name}_f32", "STABLEHLO_REDUCE_WINDOW", [x, np.float32(0.5)], [np.asarray(expected, "f4")], (["f32"] * 2, ["f32"]),
              options, body("ADD", "f32"))
    x = values([9], "i32")
    given("window_defaults_i32", "STABLEHLO_REDUCE_WINDOW", [x, np.int32(0)], [x[:-2] + x[1:-1] + x[2:]], (["i32"] * 2, ["i32"]),
          {"windowDimensions": [3], "bodySubgraphIndex": 1}, body("ADD", "i32"))


def own_windows():
    for function in range(1, 7):
        for type in ("f32", "f64", "i8", "u8", "i16", "i32", "i64") + (("bool",) if function != 1 else ()):
            for name, shape, arguments in (("plain", [4, 5], ([2, 3], [1, 1], [1, 1])), ("strides", [7, 8], ([2, 2], [2, 3], [2, 1]))):
                x, init = tensor(shape, type, low=0 if type[0] == "u" else -3, high=3), tensor([], type, data=1 if function in (2, 5) else 0)
                extra = [tensor(None, "i64", data=v, const=True) for v in arguments]
                out = [(n - (w - 1) * d - 1) // s + 1 for n, w, s, d in zip(shape, *arguments)]
                y = tensor(out, type)
                model_case(F, f"own_window_{function}_{type}_{name}", [graph([node("REDUCE_WINDOW", [x, init] + extra, [y], {"reduceFunction": function})], [x, init], [y])])
    x = values([5, 4], "i32")  # LiteRT asks for constants
    fed = [tensor([5, 4], "i32", data=x), tensor([], "i32", data=0)] + [tensor(None, "i64", data=v) for v in ([3, 2], [2, 1], [1, 2])]
    y = tensor([2, 2], "i32", signature=[-1, -1])
    model_case(F, "own_window_late_i32", [graph([node("REDUCE_WINDOW", fed, [y], {"reduceFunction": 1})], fed, [y])], resolver=None,
               expected=reduce_windows([x], [0], lambda a, b: [a[0] + b[0]], form(2, [3, 2], [2, 1], 1, [1, 2])))
    for type in ("f16", "bf16", "u16", "u32", "u64"):
        x = values([5, 4], type)
        i, o = tensor([5, 4], type, data=x), tensor([4, 3], type)
        init, extra = tensor([], type, data=0), [tensor(None, "i32", data=v, const=True) for v in ([2, 2], [1, 1], [1, 1])]
        want = reduce_windows([x], [dtype(type).type(0)], lambda a, b: [a[0] + b[0]], form(2, 2))
        model_case(F, f"own_window_1_{type}", [graph([node("REDUCE_WINDOW", [i, init] + extra, [o], {"reduceFunction": 1})], [i, init], [o])],
                   expected=want, resolver=None, tolerance=tolerance(type, 4))


# ---- SCATTER ----

def scatter(x, indices, updates, o, fn):
    out = x.copy()
    d = o["indexVectorDim"]
    indices = indices[..., None] if d == indices.ndim else np.moveaxis(indices, d, -1)
    window = o["updateWindowDims"]
    batch = [i for i in range(updates.ndim) if i not in window]
    kept = [i for i in range(x.ndim) if i not in o["insertedWindowDims"]]
    for at in np.ndindex(*updates.shape):
        start = np.zeros(x.ndim, int)
        start[list(o["scatterDimsToOperandDims"])] = indices[tuple(at[i] for i in batch)]
        for k, w in zip(kept, window):
            start[k] += at[w]
        if all(0 <= s < n for s, n in zip(start, x.shape)):
            with np.errstate(over="ignore"):
                out[tuple(start)] = fn(out[tuple(start)], updates[at])
    return out


def scatter_options(window, inserted, map, vector, unique=False):
    return {"indicesAreSorted": False, "updateWindowDims": np.asarray(window, np.int64), "insertedWindowDims": np.asarray(inserted, np.int64),
            "scatterDimsToOperandDims": np.asarray(map, np.int64), "indexVectorDim": vector, "uniqueIndices": unique, "updateComputationSubgraphIndex": 1}


SCATTERS = {
    "rows": ([4, 3], [[0], [2], [0], [3]], [4, 3], scatter_options([1], [0], [0], 1)),
    "elements": ([3, 4], [[0, 1], [2, 3], [0, 1], [1, 0]], [4], scatter_options([], [0, 1], [0, 1], 1)),
    "outside": ([3, 4], [[0, 1], [3, 0], [-1, 2], [1, 4]], [4], scatter_options([], [0, 1], [0, 1], 1)),
    "windows": ([5, 6], [[0, 1], [3, 2]], [2, 2, 3], scatter_options([1, 2], [], [0, 1], 1)),
    "columns": ([4, 5], [1, 3, 1], [4, 3], scatter_options([0], [1], [1], 1)),
    "exchanged": ([4, 5], [[3, 1], [0, 2], [0, 0]], [3, 2], scatter_options([1], [1], [1, 0], 1)),
    "vector_first": ([4, 5, 2], [[0, 2, 3], [1, 4, 0]], [3, 2], scatter_options([1], [0, 1], [0, 1], 0)),
    "batches": ([6, 3], [[[0], [5]], [[2], [2]]], [2, 2, 3], scatter_options([2], [0], [0], 2)),
    "single": ([5], [2], [2], scatter_options([0], [], [0], 0)),
    "late_window": ([4, 5], [[1], [3]], [3, 2], scatter_options([0], [1], [1], 1)),
}
BODIES = {"ADD": lambda a, b: a + b, "MULTIPLY": lambda a, b: a * b, "MAXIMUM": max, "MINIMUM": min, None: lambda a, b: b}


def scatters():
    for name, (shape, indices, updates, o) in SCATTERS.items():
        for op, fn in BODIES.items():
            for type in ("f32", "i32") if name != "rows" else FLOATS + INTS + ("bool",):
                if name not in ("rows", "elements") and op in ("MULTIPLY", "MINIMUM"):
                    continue
                for index in ("i32", "i64") if name == "elements" and type == "f32" else ("i32",):
                    x, u, i = values(shape, type), values(updates, type), np.asarray(indices, dtype(index))
                    region = second([type]) if op is None else body(op, type)
                    label = "update" if op is None else op.lower()
                    given(f"scatter_{name}_{label}_{type}_{index}", "STABLEHLO_SCATTER", [x, i, u], [scatter(x, i, u, o, fn)],
                          ([type, index, type], [type]), o, region, tolerance(type))
        x, u, i = values(shape, "i32"), values(updates, "i32"), np.asarray(indices, "i4")
        given(f"scatter_{name}_graph", "STABLEHLO_SCATTER", [x, i, u], [scatter(x, i, u, o, lambda a, b: 2 * a * b + a + b)],
              (["i32"] * 3, ["i32"]), o, affine_body("i32"))
    # LiteRT's own answers for what it runs.
    for name in ("rows", "elements", "windows", "vector_first"):
        shape, indices, updates, o = SCATTERS[name]
        for op in BODIES:
            for type in ("f32", "i8", "i32", "i64", "bool"):
                if type == "bool" and op in ("MAXIMUM", "MINIMUM"):
                    continue
                x, u, i = tensor(shape, type, low=-5, high=5), tensor(updates, type, low=-5, high=5), tensor(None, "i32", data=indices)
                y = tensor(shape, type)
                model_case(F, f"scatter_oracle_{name}_{'update' if op is None else op.lower()}_{type}",
                           [graph([node("STABLEHLO_SCATTER", [x, i, u], [y], o)], [x, i, u], [y]), second([type]) if op is None else body(op, type)])
    shape, indices, updates, o = SCATTERS["windows"]
    for index in ("u32", "u64", "i16", "u8"):
        x, u, i = values(shape, "f32"), values(updates, "f32"), np.asarray(indices, dtype(index))
        given(f"scatter_windows_{index}", "STABLEHLO_SCATTER", [x, i, u], [scatter(x, i, u, o, BODIES["ADD"])], (["f32", index, "f32"], ["f32"]), o, body("ADD", "f32"))
    shape, indices, updates, o = SCATTERS["rows"]
    a, b, c, d, i = values(shape, "i32", 1, 3), values(shape, "i32"), values(updates, "i32", 1, 3), values(updates, "i32"), np.asarray(indices, "i4")
    p, q = a.copy(), b.copy()
    for k, row in enumerate(i[:, 0]):
        p[row], q[row] = p[row] * c[k], p[row] * d[k] + q[row]
    given("scatter_two_operands", "STABLEHLO_SCATTER", [a, b, i, c, d], [p, q], (["i32"] * 5, ["i32"] * 2), o, matrix_body("i32"))
    x, u = values([3, 4], "f32"), values([0, 4], "f32")
    given("scatter_nothing_f32", "STABLEHLO_SCATTER", [x, np.zeros([0, 1], "i4"), u], [x], (["f32", "i32", "f32"], ["f32"]), scatter_options([1], [0], [0], 1), body("ADD", "f32"))
    x = values([4, 2], "c64")
    u = values([2, 2], "c64")
    o = scatter_options([1], [0], [0], 1)
    i = np.array([[3], [3]], "i4")
    given("scatter_add_c64", "STABLEHLO_SCATTER", [x, i, u], [scatter(x, i, u, o, BODIES["ADD"])], (["c64", "i32", "c64"], ["c64"]), o, body("ADD", "c64"))


# ---- SORT ----

def sorts():
    for type in FLOATS + INTS + ("bool",):
        for direction in (5, 3):
            x = values([3, 9], type, -99, 99)
            key = -x.astype(np.float64) if direction == 3 else x.astype(np.float64)
            given(f"sort_{'up' if direction == 5 else 'down'}_{type}", "STABLEHLO_SORT", [x], [np.take_along_axis(x, np.argsort(key, 1, kind="stable"), 1)],
                  ([type], [type]), {"dimension": 1, "isStable": True, "comparatorSubgraphIndex": 1}, compare([type], 0, direction))
    x = np.array([0.0, -0.0, np.inf, 3, -0.0, -np.inf, -3, 0.0, np.nan, 1e-40], "f4")
    order = np.argsort(x, kind="stable")
    i = np.arange(10, dtype="i4")
    given("sort_zeros_f32", "STABLEHLO_SORT", [x, i], [x[order], i[order]], (["f32", "i32"],) * 2, {"dimension": 0, "isStable": True, "comparatorSubgraphIndex": 1},
          compare(["f32", "i32"]))
    total = np.lexsort((np.where(np.signbit(x), 0, 1), x))
    given("sort_total_f32", "STABLEHLO_SORT", [x, i], [x[total], i[total]], (["f32", "i32"],) * 2, {"dimension": -1, "isStable": True, "comparatorSubgraphIndex": 1},
          compare(["f32", "i32"], compare_type=2))
    for name, shape, axis in (("first", [9, 3], 0), ("middle", [2, 60, 3], 1), ("long", [3000], 0), ("rank7", [2, 1, 2, 3, 1, 2, 2], 3), ("negative", [3, 4], -2),
                              ("one", [3, 1], 1), ("empty", [3, 0], 1), ("scalar", [], 0)):
        x = values(shape, "i32", -999, 999)
        j = np.arange(x.size, dtype="i4").reshape(shape)
        order = np.argsort(x, axis, kind="stable") if shape else None
        pick = (lambda v: np.take_along_axis(v, order, axis)) if shape else (lambda v: v)
        given(f"sort_{name}", "STABLEHLO_SORT", [x, j], [pick(x), pick(j)], (["i32"] * 2,) * 2, {"dimension": axis, "isStable": True, "comparatorSubgraphIndex": 1},
              compare(["i32", "i32"]))
        order = np.argsort(-j, axis, kind="stable") if shape else None
        given(f"sort_{name}_second_down", "STABLEHLO_SORT", [x, j], [pick(x), pick(j)], (["i32"] * 2,) * 2,
              {"dimension": axis, "isStable": False, "comparatorSubgraphIndex": 1}, compare(["i32", "i32"], 1, 5, swap=True))
        x = values(shape, "i32", -3, 3)
        y = values(shape, "f32")
        order = np.lexsort((-y, x), axis) if shape else None
        given(f"sort_{name}_two_keys", "STABLEHLO_SORT", [x, y, j], [pick(x), pick(y), pick(j)], (["i32", "f32", "i32"],) * 2,
              {"dimension": axis, "isStable": True, "comparatorSubgraphIndex": 1}, two_keys(["i32", "f32", "i32"]))
        order = np.argsort(np.abs(x), axis, kind="stable") if shape else None
        given(f"sort_{name}_by_size", "STABLEHLO_SORT", [x], [pick(x)], (["i32"],) * 2, {"dimension": axis, "isStable": True, "comparatorSubgraphIndex": 1}, by_size("i32"))
    a, b, c = tensor([], "f32"), tensor([], "f32"), tensor([], "bool")
    x = values([2, 5], "f32")
    given("sort_own_less", "STABLEHLO_SORT", [x], [np.sort(x, 1)], (["f32"],) * 2, {"dimension": 1, "isStable": True, "comparatorSubgraphIndex": 1},
          graph([node("LESS", [a, b], [c])], [a, b], [c], "less"))



def complex_values():
    """complex64 has no order: it is summed, or carried by another operand's order."""
    x = values([4, 5], "f32").astype("c8") * np.complex64(1 + 2j)
    o = FORMS["padded"][1]
    given("window_padded_add_c64", "STABLEHLO_REDUCE_WINDOW", [x, np.complex64(0)], reduce_windows([x], [np.complex64(0)], lambda a, b: [a[0] + b[0]], o),
          (["c64"] * 2, ["c64"]), window_options(o), body("ADD", "c64"), {"rel": 1e-5})
    i = RNG.permutation(20).reshape(4, 5).astype("i4")
    order = np.argsort(i, 1)
    given("sort_carried_c64", "STABLEHLO_SORT", [x, i], [np.take_along_axis(x, order, 1), np.take_along_axis(i, order, 1)], (["c64", "i32"],) * 2,
          {"dimension": 1, "isStable": True, "comparatorSubgraphIndex": 1}, compare(["c64", "i32"], 1))


def cases():
    reduces()
    windows()
    own_windows()
    scatters()
    sorts()
    complex_values()
