"""Every operator that audit.py has a form for, with every element type of its row: what NumPy says, and LiteRT where it
agrees (where LiteRT gives something else it is wrong: matrices of diagonals in wide types, packed bits, filled strings)."""
import numpy as np

import audit
import lib
from lib import case

F = "element_types"
FLOAT = ("f32", "f16", "bf16", "f64")
WHOLE = ("i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64")
NUMBER = FLOAT + WHOLE
DATA = NUMBER + ("bool", "c64", "c128")
MOVED = DATA + ("str", "i4", "i2", "u4")


def zero(x):
    return b"" if x.dtype == object else np.zeros((), x.dtype)[()]


def wide(x):
    """What is computed in: bfloat16 and float16 in float32, integers as Python has them."""
    if x.dtype.name in ("bfloat16", "float16"):
        return x.astype(np.float32)
    return x


def pointwise(f):
    def expected(inputs, attributes):
        with np.errstate(all="ignore"):
            return [np.asarray(f(*[wide(x) for x in inputs])).astype(inputs[0].dtype)]
    return expected


def compare(f):
    return lambda inputs, attributes: [np.asarray(f(*inputs)).astype(np.bool_)]


def reduce(f):
    def expected(inputs, attributes):
        x = inputs[0]
        return [np.asarray(f(wide(x), 1)).astype(x.dtype)]
    return expected


def moved(f):
    return lambda inputs, attributes: [np.asarray(r, inputs[0].dtype) for r in f(*inputs)]


def padded(x, pads, value=None):
    return np.pad(x, [tuple(p) for p in pads], constant_values=zero(x) if value is None else value)


def segments(f):
    def expected(x, ids, count):
        out = [[] for _ in range(int(count))]
        for row, id in zip(wide(x), ids):
            out[int(id)].append(row)
        return [np.stack([f(np.stack(rows)) for rows in out]).astype(x.dtype)]
    return lambda inputs, attributes: expected(inputs[0], inputs[1], inputs[2] if len(inputs) > 2 else max(inputs[1]) + 1)


def scatter(inputs, attributes):
    at, x, shape = inputs
    out = np.zeros([int(d) for d in shape], wide(x).dtype)
    for i, row in zip(at[:, 0], wide(x)):
        out[i] = np.logical_or(out[i], row) if x.dtype == np.bool_ else out[i] + row
    return [out.astype(x.dtype)]


def one_hot(inputs, attributes):
    at, depth, on, off = inputs
    out = np.full((len(at), int(depth)), off[()], on.dtype)
    for i, k in enumerate(at):
        out[i, k] = on[()]
    return [out]


def dilated(x, steps, value):
    out = np.full([(d - 1) * int(s) + 1 for d, s in zip(x.shape, steps)], value[()], x.dtype)
    out[tuple(slice(None, None, int(s)) for s in steps)] = x
    return [out]


def updated(x, update, at):
    out = x.copy()
    out[tuple(slice(int(a), int(a) + d) for a, d in zip(at, update.shape))] = update
    return [out]


def diagonals(x):
    out = np.full(x.shape + x.shape[-1:], zero(x), x.dtype)
    for i in range(x.shape[-1]):
        out[..., i, i] = x[..., i]
    return [out]


def set_diagonal(x, diagonal):
    out = x.copy()
    for i in range(len(diagonal)):
        out[i, i] = diagonal[i]
    return [out]


def sparse(inputs, attributes):
    at, shape, values, other = inputs
    out = np.full([int(d) for d in shape], other[()], values.dtype)
    for i, k in enumerate(at):
        out[k] = values[i]
    return [out]


def topk(inputs, attributes):
    x, k = inputs
    order = np.argsort(-wide(x).astype(np.float64), axis=-1, kind="stable")[:, :int(k)]
    return [np.take_along_axis(x, order, -1), order.astype(np.int32)]


def unique(inputs, attributes):
    seen, places = [], []
    for v in inputs[0]:
        if v not in seen:
            seen.append(v)
        places.append(seen.index(v))
    return [np.array(seen, inputs[0].dtype), np.array(places, np.int32)]


def looked_up(inputs, attributes):
    wanted, keys, x = inputs
    return [np.stack([x[list(keys).index(k)] for k in wanted]), np.ones(len(wanted), np.uint8)]


def is_set(x):
    return np.array([v not in (b"", 0) for v in x.ravel()]).reshape(x.shape)


def extreme_index(f):
    return lambda inputs, attributes: [np.asarray(f(wide(inputs[0]), int(inputs[1]))).astype(np.int32)]


def numbers(inputs, attributes):
    start, limit, delta = [wide(x)[()] for x in inputs]
    return [np.arange(start, limit, delta).astype(inputs[0].dtype)]


def erf_like(x):
    import math
    return np.vectorize(lambda v: 0.5 * v * (1 + math.erf(v / 2**0.5)))(x.astype(np.float64))


def pooled(f):
    def expected(inputs, attributes):
        x = wide(inputs[0]).reshape(1, 2, 2, 2, 2, 2)
        return [f(x, (2, 4)).astype(inputs[0].dtype)]
    return expected


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def normalized(x):
    squares = np.array([[[(x[0, i, j, max(0, c - 1):c + 2]**2).sum() for c in range(3)] for j in range(2)] for i in range(2)])
    return x / np.sqrt(1 + squares)[None]


def fake_quant(x):
    scale = 5 / 255
    nudge = round(1 / scale)
    low, high = -nudge * scale, (255 - nudge) * scale
    return (np.round((np.clip(x, low, high) - low) / scale) * scale + low)


# operator: (types, what it gives). Inputs are those of audit.FORMS.
ROWS = {
    "FLOOR": (FLOAT, pointwise(np.floor)), "CEIL": (FLOAT, pointwise(np.ceil)), "ROUND": (FLOAT, pointwise(np.rint)),
    "SIN": (FLOAT, pointwise(np.sin)), "COS": (FLOAT, pointwise(np.cos)), "EXP": (FLOAT, pointwise(np.exp)),
    "LOG": (FLOAT, pointwise(np.log)), "SQRT": (FLOAT, pointwise(np.sqrt)),
    "RSQRT": (FLOAT, pointwise(lambda x: 1 / np.sqrt(x))), "TANH": (FLOAT, pointwise(np.tanh)),
    "LOGISTIC": (FLOAT, pointwise(lambda x: 1 / (1 + np.exp(-x)))),
    "RELU": (FLOAT, pointwise(lambda x: np.maximum(x, 0))), "RELU6": (FLOAT, pointwise(lambda x: np.clip(x, 0, 6))),
    "RELU_N1_TO_1": (FLOAT, pointwise(lambda x: np.clip(x, -1, 1))),
    "RELU_0_TO_1": (FLOAT, pointwise(lambda x: np.clip(x, 0, 1))),
    "LEAKY_RELU": (FLOAT, pointwise(lambda x: np.where(x > 0, x, x * 0))),
    "ELU": (FLOAT, pointwise(lambda x: np.where(x < 0, np.expm1(x), x))), "GELU": (FLOAT, pointwise(erf_like)),
    "HARD_SWISH": (FLOAT, pointwise(lambda x: x * np.clip(x + 3, 0, 6) / 6)),
    "ABS": (FLOAT + ("i8", "i16", "i32", "i64"), pointwise(np.abs)),
    "NEG": (NUMBER + ("c64", "c128"), pointwise(np.negative)), "SQUARE": (NUMBER, pointwise(np.square)),
    "SIGN": (NUMBER, pointwise(np.sign)), "LOGICAL_NOT": (("bool",), pointwise(np.logical_not)),
    "ADD": (NUMBER + ("c64", "c128"), pointwise(np.add)), "SUB": (NUMBER + ("c64", "c128"), pointwise(np.subtract)),
    "MUL": (NUMBER + ("c64", "c128"), pointwise(np.multiply)),
    "DIV": (NUMBER + ("c64", "c128"), pointwise(lambda x, y: x // y if x.dtype.kind in "iu" else x / y)),
    "MAXIMUM": (NUMBER, pointwise(np.maximum)), "MINIMUM": (NUMBER, pointwise(np.minimum)),
    "POW": (NUMBER, pointwise(np.power)), "FLOOR_DIV": (NUMBER, pointwise(np.floor_divide)),
    "FLOOR_MOD": (NUMBER, pointwise(np.mod)), "SQUARED_DIFFERENCE": (NUMBER, pointwise(lambda x, y: (x - y) * (x - y))),
    "ATAN2": (FLOAT, pointwise(np.arctan2)), "PRELU": (FLOAT, pointwise(lambda x, y: np.where(x >= 0, x, x * y))),
    "BITWISE_XOR": (WHOLE, pointwise(np.bitwise_xor)), "RIGHT_SHIFT": (WHOLE, pointwise(np.right_shift)),
    "LOGICAL_AND": (("bool",), pointwise(np.logical_and)), "LOGICAL_OR": (("bool",), pointwise(np.logical_or)),
    "LESS": (NUMBER + ("bool",), compare(np.less)), "GREATER": (NUMBER + ("bool",), compare(np.greater)),
    "LESS_EQUAL": (NUMBER + ("bool",), compare(np.less_equal)),
    "GREATER_EQUAL": (NUMBER + ("bool",), compare(np.greater_equal)),
    "EQUAL": (DATA + ("str",), compare(np.equal)), "NOT_EQUAL": (DATA + ("str",), compare(np.not_equal)),
    "SUM": (FLOAT + ("u16", "i32", "u32", "i64", "u64", "bool", "c64", "c128"), reduce(lambda x, a: x.any(a) if x.dtype == np.bool_ else x.sum(a))),
    "MEAN": (FLOAT + ("u16", "i32", "u32", "i64", "c64", "c128"), reduce(lambda x, a: x.sum(a) // 3 if x.dtype.kind in "iu" else x.mean(a))),
    "REDUCE_PROD": (NUMBER + ("bool",), reduce(lambda x, a: x.all(a) if x.dtype == np.bool_ else x.prod(a))),
    "REDUCE_MAX": (NUMBER + ("bool",), reduce(lambda x, a: x.max(a))),
    "REDUCE_MIN": (NUMBER + ("bool",), reduce(lambda x, a: x.min(a))),
    "CUMSUM": (NUMBER, lambda i, a: [np.cumsum(wide(i[0]), 1, wide(i[0]).dtype).astype(i[0].dtype)]),
    "ADD_N": (NUMBER, pointwise(lambda x, y, z: x + y + z)),
    "ARG_MAX": (NUMBER + ("bool",), extreme_index(np.argmax)), "ARG_MIN": (NUMBER + ("bool",), extreme_index(np.argmin)),
    "TOPK_V2": (NUMBER, topk), "UNIQUE": (NUMBER + ("bool", "str"), unique), "RANGE": (NUMBER, numbers),
    "WHERE": (NUMBER + ("bool", "c64", "str"), lambda i, a: [np.argwhere(is_set(i[0])).astype(np.int64)]),
    "BUCKETIZE": (FLOAT + WHOLE[:-1], lambda i, a: [np.digitize(i[0].astype(np.float64), [1.0, 2.0]).astype(np.int32)]),
    "SEGMENT_SUM": (NUMBER, segments(lambda r: r.sum(0))),
    "UNSORTED_SEGMENT_SUM": (NUMBER, segments(lambda r: r.sum(0))),
    "UNSORTED_SEGMENT_PROD": (NUMBER, segments(lambda r: r.prod(0))),
    "UNSORTED_SEGMENT_MAX": (NUMBER, segments(lambda r: r.max(0))),
    "UNSORTED_SEGMENT_MIN": (NUMBER, segments(lambda r: r.min(0))),
    "SCATTER_ND": (DATA, scatter), "ONE_HOT": (MOVED, one_hot),
    "SOFTMAX": (FLOAT[:3], pointwise(softmax)), "LOG_SOFTMAX": (FLOAT[:3], pointwise(lambda x: np.log(softmax(x)))),
    "L2_NORMALIZATION": (FLOAT[:3], pointwise(lambda x: x / np.sqrt((x * x).sum(-1, keepdims=True)))),
    "LOCAL_RESPONSE_NORMALIZATION": (FLOAT[:3], pointwise(normalized)), "FAKE_QUANT": (FLOAT[:3], pointwise(fake_quant)),
    "AVERAGE_POOL_2D": (FLOAT[:3], pooled(np.mean)), "MAX_POOL_2D": (FLOAT[:3], pooled(np.max)),
    "L2_POOL_2D": (FLOAT[:3], pooled(lambda x, a: np.sqrt((x * x).mean(a)))),
    "RESIZE_NEAREST_NEIGHBOR": (MOVED, moved(lambda x, size: [x.repeat(2, 1).repeat(2, 2)])),
    "CONCATENATION": (MOVED, moved(lambda x, y: [np.concatenate([x, y], 1)])),
    "DEPTH_TO_SPACE": (MOVED, moved(lambda x: [x.reshape(1, 2, 2, 1)])),
    "SPACE_TO_DEPTH": (MOVED, moved(lambda x: [x.reshape(1, 1, 1, 4)])),
    "BATCH_TO_SPACE_ND": (MOVED, moved(lambda x, b, c: [x.reshape(2, 2, 1, 1, 1, 2).transpose(2, 3, 0, 4, 1, 5).reshape(1, 2, 2, 2)])),
    "SPACE_TO_BATCH_ND": (MOVED, moved(lambda x, b, p: [x.reshape(4, 1, 1, 2)])),
    "HASHTABLE_LOOKUP": (MOVED, looked_up),
    "PAD": (MOVED, moved(lambda x, p: [padded(x, p)])), "PADV2": (MOVED, moved(lambda x, p, v: [padded(x, p, v[()])])),
    "MIRROR_PAD": (MOVED, moved(lambda x, p: [np.pad(x, [tuple(r) for r in p], mode="reflect")])),
    "GATHER": (MOVED, moved(lambda x, i: [x[i]])), "GATHER_ND": (MOVED, moved(lambda x, i: [x[i[:, 0]]])),
    "TRANSPOSE": (MOVED, moved(lambda x, p: [x.T])), "SLICE": (MOVED, moved(lambda x, b, s: [x[:, 1:]])),
    "STRIDED_SLICE": (MOVED, moved(lambda x, b, e, s: [x[:, 1:]])),
    "SPLIT": (MOVED, lambda i, a: [i[1][:, :2], i[1][:, 2:]]), "SPLIT_V": (MOVED, moved(lambda x, s, a: [x[:, :1], x[:, 1:]])),
    "TILE": (MOVED, moved(lambda x, m: [np.tile(x, (1, 2))])), "REVERSE_V2": (MOVED, moved(lambda x, a: [x[::-1]])),
    "REVERSE_SEQUENCE": (MOVED, moved(lambda x, n: [np.stack([x[0], np.concatenate([x[1, 1::-1], x[1, 2:]])])])),
    "PACK": (MOVED, moved(lambda x, y: [np.stack([x, y])])), "UNPACK": (MOVED, moved(lambda x: [x[0], x[1]])),
    "FILL": (MOVED, lambda i, a: [np.full([int(d) for d in i[0]], i[1][()], i[1].dtype)]),
    "ZEROS_LIKE": (MOVED, moved(lambda x: [np.full(x.shape, zero(x), x.dtype)])),
    "BROADCAST_TO": (MOVED, moved(lambda x, s: [np.broadcast_to(x, (2, 3))])),
    "MATRIX_DIAG": (MOVED, moved(diagonals)), "MATRIX_SET_DIAG": (MOVED, moved(set_diagonal)),
    "DYNAMIC_UPDATE_SLICE": (MOVED, moved(updated)), "DILATE": (MOVED, moved(dilated)), "SPARSE_TO_DENSE": (MOVED, sparse),
    "SELECT": (MOVED, lambda i, a: [np.where(i[0], i[1], i[2])]), "SELECT_V2": (MOVED, lambda i, a: [np.where(i[0], i[1], i[2])]),
    "RESHAPE": (MOVED, moved(lambda x, s: [x.reshape(3, 2)])), "SQUEEZE": (MOVED, moved(lambda x: [x[0]])),
    "EXPAND_DIMS": (MOVED, moved(lambda x, a: [x[:, None]])),
}
COARSE = {"f16": 2e-3, "bf16": 2e-2}


def close(a, b, type):
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.dtype.kind in "fcV":
        wider = np.complex128 if a.dtype.kind == "c" else np.float64
        return np.allclose(a.astype(wider), b.astype(wider), rtol=2 * COARSE.get(type, 1e-5), atol=1e-5)
    return bool(np.array_equal(a, b))


def data_of(t):
    return t.data if t.type != "string" or t.data is None else np.asarray(t.data, object).reshape(t.shape)


def one(op, type, expected):
    # One of the letters beside T stands for the index types: int32 serves.
    types = {"T": type, "I": "i32", "W": "i32"}
    g = audit.build(op, audit.FORMS[op][0], types, True)
    n = g.nodes[0]
    for t in n.outputs:
        t.shape = None
    want = [np.asarray(w) for w in expected([data_of(t) for t in n.inputs], n.options)]
    for w, t in zip(want, n.outputs):
        assert w.dtype == lib.DTYPES[t.type] or t.type == "string", (op, type, w.dtype, t.type)
    oracle = None
    for resolver in ("ref", "opt"):
        ok, result = audit.guarded(lambda: lib.oracle_outputs([g], resolver, 1))
        if ok and all(close(np.asarray(a), b, type) for a, b in zip(result[1], want, strict=True)):
            oracle = resolver
            break
    tolerance = {"abs": 1e-5, "rel": COARSE.get(type, 1e-5)}
    case(F, f"{op.lower()}_{type}", op, n.options, n.inputs, n.outputs, expected=want, resolver=oracle, seed=7,
         tolerance=tolerance)


def cases():
    for op, (types, expected) in ROWS.items():
        for type in types:
            one(op, type, expected)
