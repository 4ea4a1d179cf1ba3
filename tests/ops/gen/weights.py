"""Weights in every form that a file may keep them in (half precision, 4 and 2 bits, in blocks, sparse, shuffled), for each
operator that reads weights. Where LiteRT does not read a form it is asked about the same numbers in one that it does."""
import zlib

import numpy as np

import lib
from lib import DTYPES, SHORT, case, encode_sparse, graph, node, oracle_outputs, random_data, stored_bytes, tensor

FAMILY = "weights"
FLOATS = ("f32", "f16", "bf16")
LIMITS = {"i8": 127, "i4": 7, "i2": 1}


def weights(shape, type, axis=None, seed=1, const=True, zero=0, scale=None):
    """Symmetric weights of any type: along `axis`, or with one scale."""
    rng = np.random.default_rng(seed)
    if type in FLOATS:
        return tensor(shape, type, data=rng.uniform(-1, 1, shape), const=const)
    step = scale or 1.5 / LIMITS.get(type, 127)
    if type == "u8":
        data = rng.integers(0, 256, shape)
        data[data == 128] = 0  # an int8 of -128 overflows in LiteRT where these bytes are read as int8
        return tensor(shape, type, data=data, const=const, scale=step, zero_point=zero)
    data = rng.integers(-LIMITS[type] - (type == "i2"), LIMITS[type] + 1, shape)
    if axis is None:
        return tensor(shape, type, data=data, const=const, scale=step, zero_point=zero)
    scales = (rng.uniform(0.5, 1.5, shape[axis]) * step).astype(np.float32)
    return tensor(shape, type, data=data, const=const, per_axis=(axis, scales, None))


def scales_of(w):
    return np.asarray(w.per_axis[1] if w.per_axis else [w.scale], np.float32)


def bias_for(x, w, channels, type, seed=2, const=True):
    rng = np.random.default_rng(seed)
    if type in FLOATS:
        return tensor([channels], type, data=rng.uniform(-1, 1, channels), const=const)
    steps = np.float32(x.scale) * scales_of(w)
    data = np.round(rng.uniform(-1, 1, channels) / np.broadcast_to(steps, channels))
    quantized = {"per_axis": (0, steps, None)} if len(steps) > 1 else {"scale": steps[0]}
    return tensor([channels], type, data=data.astype(np.int64), const=const, **quantized)


def fill(tensors, name):
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    for t in tensors:
        if t is not None and t.data is None and t.raw is None:
            t.data = random_data(t, rng)


def plain(t, op="", floats=False):
    """The same numbers in a type that all of LiteRT's kernels read: float32 for halves, int8 for fewer bits."""
    if t is None or t.type not in ("float16", "bfloat16", "int4", "int2"):
        return t
    if t.type in ("float16", "bfloat16"):
        return tensor(t.shape, "f32", data=np.asarray(t.data, np.float32), const=t.const)
    if op == "DEPTHWISE_CONV_2D" and floats and t.per_axis is None:
        # LiteRT looks for as many scales as channels, even where there is one.
        return tensor(t.shape, "i8", data=t.data, const=t.const, per_axis=(3, [t.scale] * t.shape[3], None))
    return tensor(t.shape, "i8", data=t.data, const=t.const, scale=t.scale, zero_point=t.zero_point, per_axis=t.per_axis)


def layer(name, op, inputs, out, options=None, tolerance=None, options_table=None, asked=None):
    """A case whose expected output LiteRT computes from `asked`, or from the inputs in plain form."""
    fill(inputs, name)
    tolerance = tolerance or {"abs": 1e-5, "rel": 1e-4}
    asked = asked or [plain(t, op, inputs[0].type == "float32") for t in inputs]
    if all(a is b for a, b in zip(asked, inputs)):
        case(FAMILY, name, op, options, inputs, [out], tolerance=tolerance, options_table=options_table)
        return
    result = tensor(None, out.type, scale=out.scale, zero_point=out.zero_point)
    main = graph([node(op, asked, [result], options, options_table=options_table)],
                 [t for t in asked if t is not None and not t.const], [result])
    _, expected = oracle_outputs([main], "ref", 1)
    case(FAMILY, name, op, options, inputs, [out], expected=expected, resolver=None, tolerance=tolerance,
         options_table=options_table)


# ---- the layers: name, operator, options, input shape, weights' shape, their axis, channels ----

CONV = {"strideW": 1, "strideH": 1, "dilationWFactor": 1, "dilationHFactor": 1, "padding": "SAME"}
LAYERS = (
    ("conv_lines", "CONV_2D", CONV, [2, 6, 9, 5], [19, 3, 3, 5], 0, 19),
    ("conv_plain", "CONV_2D", CONV | {"fusedActivationFunction": "RELU6"}, [1, 4, 5, 7], [9, 1, 1, 7], 0, 9),
    ("conv_gather", "CONV_2D", CONV | {"strideW": 2}, [1, 4, 5, 17], [6, 3, 2, 17], 0, 6),
    ("conv_groups", "CONV_2D", CONV | {"padding": "VALID"}, [1, 5, 7, 6], [9, 2, 2, 2], 0, 9),
    ("depthwise", "DEPTHWISE_CONV_2D", CONV | {"depthMultiplier": 1}, [2, 6, 5, 11], [1, 3, 3, 11], 3, 11),
    ("depthwise_multiplier", "DEPTHWISE_CONV_2D", CONV | {"depthMultiplier": 3, "strideW": 2, "strideH": 2}, [1, 7, 6, 3],
     [1, 2, 3, 9], 3, 9),
    ("dense", "FULLY_CONNECTED", {"fusedActivationFunction": "RELU"}, [3, 37], [21, 37], 0, 21),
    ("transpose_conv", "TRANSPOSE_CONV", {"strideW": 2, "strideH": 2, "padding": "SAME"}, [2, 3, 4, 7], [5, 3, 3, 7], 0, 5),
)


def quantized(type, depth):
    scale, zero = {"i8": (0.05, -5), "u8": (0.05, 121), "i16": (0.0005, 0)}.get(type, (None, 0))
    out = None if scale is None else scale * 0.8 * np.sqrt(depth)
    return {"scale": scale, "zero_point": zero}, {"scale": out, "zero_point": zero}


def one(which, x_type, w_type, axis=False, bias=True, const=True, name=None, **more):
    stem, op, options, shape, w_shape, w_axis, channels = which
    depth = int(np.prod(w_shape)) // channels
    qx, qo = quantized(x_type, depth)
    x = tensor(shape, x_type, **qx)
    w = weights(w_shape, w_type, w_axis if axis else None, const=const, **more)
    bias_type = {"f32": "f32", "i16": "i64"}.get(x_type, "i32")
    b = bias_for(x, w, channels, bias_type) if bias else None
    if bias and x_type != "f32" and op == "FULLY_CONNECTED" and x_type == "i16":
        options = options | {"quantizedBiasType": "i64"}
    inputs = [x, w, b]
    if op == "TRANSPOSE_CONV":
        inputs = [tensor(None, "i32", data=[shape[0], 6, 8, channels], const=True), w, x, b]
    if inputs[-1] is None and op != "FULLY_CONNECTED":
        inputs = inputs[:-1]
    form = f"{x_type}_{w_type}" + ("_axis" if axis else "") + ("" if bias else "_no_bias") + ("" if const else "_fed")
    layer(name or f"{stem}_{form}", op, inputs, tensor(None, x_type, **qo), options)


def every_type():
    for which in LAYERS:
        for w in ("f16", "bf16"):
            one(which, "f32", w)
        for x in ("f32", "i8", "i16"):
            for w in ("i4", "i2"):
                for axis in (False, True):
                    if which[0] == "conv_groups" and x == "f32" and not axis:
                        continue  # LiteRT wants scales along the axis
                    one(which, x, w, axis)
        if which[0] in ("conv_lines", "conv_plain", "dense"):
            one(which, "f32", "u8")  # an old form: the bytes are int8
        if which[1] == "TRANSPOSE_CONV":
            one(which, "f32", "i8")
            one(which, "f32", "i8", axis=True)
            one(which, "f32", "i8", bias=False)
    for which in (LAYERS[0], LAYERS[4], LAYERS[6], LAYERS[7]):
        one(which, "f32", "f16", const=False)
        one(which, "f32", "i4", const=False)
        one(which, "i8", "i4", const=False)
        one(which, "i16", "i4", const=False)
    for w in ("f16", "i4"):
        one(LAYERS[6], "f32", w, bias=False)
        one(LAYERS[7], "f32", w, bias=False)


# ---- sparse ----

def sparse(which, x_type, formats, order, block_map, blocks, tag, type=None, kept=0.5):
    """Weights in the sparse encoding; formats "" stores the zeros, too."""
    stem, op, options, shape, w_shape, w_axis, channels = which
    w_type = type or ("f32" if x_type == "f32" else "i8")
    full = weights(w_shape, w_type, None, seed=5)
    rng = np.random.default_rng(9)
    keep = rng.random(w_shape) < (0.4 if kept == 0.5 else kept)
    if block_map:
        small = list(w_shape)
        for d, b in zip(block_map, blocks):
            small[d] //= b
        keep = rng.random(small) < kept
        for d, b in zip(block_map, blocks):
            keep = np.repeat(keep, b, d)
    full.data = np.where(keep, full.data, 0).astype(full.data.dtype)
    dense = w = tensor(w_shape, w_type, const=True, data=full.data, scale=full.scale)
    if formats:
        params, stored = encode_sparse(full.data, order, list(block_map), list(blocks), formats, "Uint16")
        w = tensor(w_shape, w_type, const=True, sparsity=params, raw=stored_bytes(stored, full.type), scale=full.scale)
    depth = int(np.prod(w_shape)) // channels
    qx, qo = quantized(x_type, depth)
    x = tensor(shape, x_type, **qx)
    b = bias_for(x, dense, channels, {"f32": "f32", "i16": "i64"}.get(x_type, "i32"))
    fill([x], stem + tag)
    inputs, asked = [x, w, b], [x, plain(dense), b]
    if op == "TRANSPOSE_CONV":
        size = tensor(None, "i32", data=[shape[0], 6, 8, channels], const=True)
        inputs, asked = [size, w, x, b], [size, plain(dense), x, b]
    layer(f"sparse_{stem}_{x_type}_{w_type}_{tag}", op, inputs, tensor(None, x_type, **qo), options, asked=asked)


def all_sparse():
    dense = ("dense", "FULLY_CONNECTED", {}, [3, 32], [16, 32], 0, 16)
    for x, w in (("f32", "f32"), ("f32", "f16"), ("f32", "i8"), ("i8", "i8"), ("i16", "i8")):
        sparse(dense, x, "ds", [0, 1], (), (), "csr", w)
        sparse(dense, x, "dsd", [0, 1, 2], (1,), (4,), "1x4", w)
        sparse(dense, x, "dsd", [0, 1, 2], (1,), (16,), "1x16", w)
        sparse(dense, x, "dsdd", [0, 1, 2, 3], (0, 1), (4, 4), "4x4", w)
    for which in (LAYERS[0], LAYERS[4], LAYERS[7]):
        for x in ("f32", "i8", "i16"):
            sparse(which, x, "ddds", [0, 1, 2, 3], (), (), "csr")
    # Large enough to be run as they are stored.
    for x, w, k, n in (("f32", "f32", 80, 32), ("f32", "f16", 80, 32), ("i8", "i8", 384, 64)):
        rows = ("wide", "FULLY_CONNECTED", {"fusedActivationFunction": "RELU"}, [127, k], [n, k], 0, n)
        pixels = ("pointwise", "CONV_2D", CONV | {"fusedActivationFunction": "RELU6"}, [1, 11, 11, k], [n + 4, 1, 1, k], 0, n + 4)
        sparse(rows, x, "ds", [0, 1], (), (), "csr", w, kept=0.1)
        sparse(rows, x, "dsd", [0, 1, 2], (1,), (4,), "1x4", w, kept=0.1)
        sparse(rows, x, "dsd", [0, 1, 2], (1,), (16,), "1x16", w, kept=0.15)
        sparse(rows, x, "dsdd", [0, 1, 2, 3], (0, 1), (4, 4), "4x4", w, kept=0.1)
        sparse(pixels, x, "ddds", [0, 1, 2, 3], (), (), "csr", w, kept=0.1)
        sparse(pixels, x, "dddsd", [0, 1, 2, 3, 4], (3,), (4,), "1x4", w, kept=0.1)
        sparse(pixels, x, "dddsd", [0, 1, 2, 3, 4], (3,), (16,), "1x16", w, kept=0.15)
        sparse(pixels, x, "dddsdd", [0, 1, 2, 3, 4, 5], (0, 3), (4, 4), "4x4", w, kept=0.1)
        sparse(pixels, x, "", (), (), (), "stored", w, kept=0.1)


# ---- blocks ----

def blockwise(which, w_type, block, scales_type="f16", zeros=None):
    stem, op, options, shape, w_shape, w_axis, channels = which
    rng = np.random.default_rng(7)
    limit = LIMITS[w_type]
    data = rng.integers(-limit - 1, limit + 1, w_shape)
    count = [*w_shape[:-1], w_shape[-1] // block]
    scales = tensor(None, scales_type, data=rng.uniform(0.5, 1.5, count) / limit, const=True, name="scales")
    w = tensor(w_shape, w_type, data=data, const=True, blockwise=(scales, block))
    real = data * np.repeat(np.asarray(scales.data, np.float32), block, -1)
    floats = tensor(None, "f32", data=real, const=True)
    x = tensor(shape, "f32")
    b = bias_for(x, floats, channels, "f32")
    fill([x], stem)
    layer(f"blocks_{stem}_{w_type}_{block}_{scales_type}", op, [x, w, b], tensor(None, "f32"), options, asked=[x, floats, b])


def all_blocks():
    dense = ("dense", "FULLY_CONNECTED", {}, [3, 64], [11, 64], 0, 11)
    for w in ("i8", "i4", "i2"):
        blockwise(dense, w, 32)
        blockwise(dense, w, 4, "f32")
    blockwise(dense, "i4", 64, "bf16")
    blockwise(("conv", "CONV_2D", CONV, [1, 5, 7, 8], [6, 3, 3, 8], 0, 6), "i4", 4)
    blockwise(("depthwise", "DEPTHWISE_CONV_2D", CONV | {"depthMultiplier": 1}, [1, 5, 6, 8], [1, 3, 3, 8], 3, 8), "i4", 4)


# ---- fully-connected layers from bytes to int16 ----

def to_i16():
    """LiteRT reads int8 inputs of such layers as uint8: their results are stated here."""
    for x_type, w_type in (("i8", "i8"), ("i8", "i4"), ("i8", "i2"), ("u8", "u8")):
        for axis in (False, True):
            if axis and w_type == "u8":
                continue
            name = f"dense_{x_type}_{w_type}_i16" + ("_axis" if axis else "")
            x = tensor([4, 23], x_type, scale=0.05, zero_point={"i8": -7, "u8": 117}[x_type])
            w = weights([13, 23], w_type, 0 if axis else None, zero=131 if w_type == "u8" else 0)
            b = bias_for(x, w, 13, "i32")
            fill([x], name)
            options = {"fusedActivationFunction": "RELU"}
            out = tensor(None, "i16", scale=0.002)
            if x_type == "u8":
                case(FAMILY, name, "FULLY_CONNECTED", options, [x, w, b], [out])
                continue
            sums = (x.data.astype(np.int64) + 7) @ w.data.T.astype(np.int64) + b.data
            real = sums * (np.float64(np.float32(0.05)) * scales_of(w) / np.float64(np.float32(0.002)))
            want = np.clip(np.trunc(real + np.copysign(0.5, real)), 0, 32767).astype(np.int16)
            case(FAMILY, name, "FULLY_CONNECTED", options, [x, w, b], [out], expected=[want], resolver=None)


def shuffled(rows, units, depth):
    rng = np.random.default_rng(rows)
    real = rng.integers(0, 256, (units, depth)).astype(np.uint8)
    blocks = real.reshape(units // 4, 4, depth // 16, 16).transpose(0, 2, 1, 3)
    x = tensor([rows, depth], "u8", scale=1 / 128, zero_point=128)
    w = tensor([units, depth], "u8", const=True, raw=(blocks ^ 128).tobytes(), scale=0.01, zero_point=128)
    b = tensor([units], "i32", data=rng.integers(-9000, 9000, units), const=True, scale=0.01 / 128)
    name = f"shuffled_{rows}x{units}x{depth}"
    case(FAMILY, name, "FULLY_CONNECTED", {"weightsFormat": "SHUFFLED4x16INT8"}, [x, w, b],
         [tensor(None, "i16", scale=8 / 32768), tensor([rows, depth], "u8")])


# ---- products and 3-D convolutions ----

def others():
    for adj in (False, True):
        y_shape = [2, 5, 9] if adj else [2, 9, 5]
        tag = "_adj" if adj else ""
        options = {"adjY": adj}
        for w in ("f16", "bf16"):
            for const in (True, False):
                y = weights(y_shape, w, const=const)
                layer(f"matmul_f32_{w}{tag}" + ("" if const else "_fed"), "BATCH_MATMUL", [tensor([2, 3, 9]), y],
                      tensor(None), options, options_table="BatchMatMulOptions")
        for w in ("i4", "i2"):
            layer(f"matmul_i8_{w}{tag}", "BATCH_MATMUL",
                  [tensor([2, 3, 9], "i8", scale=0.05, zero_point=4), weights(y_shape, w)],
                  tensor(None, "i8", scale=0.2, zero_point=-3), options, options_table="BatchMatMulOptions")
        for x, y, o, so in (("i16", "i8", "i16", 0.01), ("i8", "i8", "i32", 1.0)):
            case(FAMILY, f"matmul_{x}_{y}_{o}{tag}", "BATCH_MATMUL", options,
                 [tensor([2, 3, 9], x, scale=0.01), tensor(y_shape, y, scale=0.02)], [tensor(None, o, scale=so)],
                 options_table="BatchMatMulOptions")
    conv3d = {"strideD": 1, "strideH": 1, "strideW": 2, "padding": "SAME"}
    for w in ("f16", "bf16"):
        for const in (True, False):
            f = weights([2, 3, 2, 3, 9], w, const=const)
            layer(f"conv3d_{w}" + ("" if const else "_fed"), "CONV_3D",
                  [tensor([1, 3, 4, 5, 3]), f, tensor([9], const=True)], tensor(None), conv3d, options_table="Conv3DOptions")
            f = weights([2, 3, 2, 5, 3], w, const=const)
            layer(f"conv3d_transpose_{w}" + ("" if const else "_fed"), "CONV_3D_TRANSPOSE",
                  [tensor(None, "i32", data=[1, 3, 4, 9, 5], const=True), f, tensor([1, 3, 4, 5, 3]), tensor([5], const=True)],
                  tensor(None), conv3d, options_table="Conv3DOptions")


def unsigned_axis():
    """uint8 weights with a scale for each channel and one zero point for all: int8 layers are asked, 128 lower."""
    for stem, op, options, shape, w_shape, axis, channels in (LAYERS[0], LAYERS[4], LAYERS[6], LAYERS[7]):
        rng = np.random.default_rng(12)
        scales = rng.uniform(0.005, 0.02, channels).astype(np.float32)
        data = rng.integers(-127, 128, w_shape)
        x = rng.integers(-128, 128, shape)
        b = rng.integers(-3000, 3000, channels)
        size = tensor(None, "i32", data=[shape[0], 6, 8, channels], const=True)

        def inputs(type, by):
            i = tensor(None, type, data=x + by, scale=0.05, zero_point=by - 9)
            w = tensor(None, type, data=data + by, const=True, per_axis=(axis, scales, [by] * channels))
            c = tensor(None, "i32", data=b, const=True, per_axis=(0, scales * np.float32(0.05), None))
            return [size, w, i, c] if op == "TRANSPOSE_CONV" else [i, w, c]

        result = tensor(None, "i8", scale=0.5, zero_point=3)
        asked = inputs("i8", 0)
        main = graph([node(op, asked, [result], options)], [t for t in asked if not t.const], [result])
        _, expected = oracle_outputs([main], "ref", 1)
        case(FAMILY, f"{stem}_u8_u8_axis", op, options, inputs("u8", 128), [tensor(None, "u8", scale=0.5, zero_point=131)],
             expected=[(expected[0].astype(np.int16) + 128).astype(np.uint8)], resolver=None)


# ---- half precision throughout: computed in float32 and rounded at the end ----

def half(name, op, inputs, type, options, options_table=None):
    fill(inputs, name)
    asked = [plain(t) for t in inputs]
    result = tensor(None)
    main = graph([node(op, asked, [result], options, options_table=options_table)],
                 [t for t in asked if t is not None and not t.const], [result])
    _, expected = oracle_outputs([main], "ref", 1)
    case(FAMILY, name, op, options, inputs, [tensor(None, type)], resolver=None, options_table=options_table,
         expected=[expected[0].astype(DTYPES[SHORT[type]])], tolerance={"abs": 1e-4, "rel": 8e-3 if type == "bf16" else 1e-3})


def all_halves():
    for type in ("f16", "bf16"):
        for which in LAYERS:
            stem, op, options, shape, w_shape, w_axis, channels = which
            for w_type in (type, "f32", "i8"):
                if w_type == "i8" and stem not in ("conv_lines", "dense", "transpose_conv"):
                    continue
                x, w = tensor(shape, type), weights(w_shape, w_type, w_axis, const=w_type != type or stem != "conv_gather")
                b = bias_for(x, w, channels, type if w_type == type else "f32")
                inputs = [x, w, b]
                if op == "TRANSPOSE_CONV":
                    inputs = [tensor(None, "i32", data=[shape[0], 6, 8, channels], const=True), w, x, b]
                half(f"half_{stem}_{type}_{w_type}", op, inputs, type, options)
        for const in (True, False):
            half(f"half_matmul_{type}" + ("" if const else "_fed"), "BATCH_MATMUL",
                 [tensor([2, 4, 9], type), weights([2, 9, 5], type, const=const)], type, {}, options_table="BatchMatMulOptions")
        conv3d = {"strideD": 1, "strideH": 1, "strideW": 2, "padding": "SAME"}
        half(f"half_conv3d_{type}", "CONV_3D", [tensor([1, 3, 4, 5, 3], type), weights([2, 3, 2, 3, 9], type),
                                                tensor([9], type, const=True)], type, conv3d, options_table="Conv3DOptions")
        half(f"half_conv3d_transpose_{type}", "CONV_3D_TRANSPOSE",
             [tensor(None, "i32", data=[1, 3, 4, 9, 5], const=True), weights([2, 3, 2, 5, 3], type),
              tensor([1, 3, 4, 5, 3], type), tensor([5], type, const=True)], type, conv3d, options_table="Conv3DOptions")
        x = tensor([2, 9])
        w = weights([6, 9], "f32")
        half(f"half_bias_{type}", "FULLY_CONNECTED", [x, w, bias_for(x, w, 6, type)], "f32", {})


def cases():
    every_type()
    all_halves()
    unsigned_axis()
    all_sparse()
    all_blocks()
    to_i16()
    for rows in (1, 4):
        shuffled(rows, 8, 32)
    others()
