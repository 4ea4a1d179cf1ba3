"""STABLEHLO_CONVOLUTION: NumPy, after the StableHLO specification; where a form is LiteRT's own CONV_2D, DEPTHWISE_CONV_2D
or TRANSPOSE_CONV too, what those give must agree."""
import numpy as np

from lib import DTYPES, SHORT, case, graph, node, oracle_outputs, tensor

F = "stablehlo_convolution"
RNG = np.random.default_rng(171)
TYPES = ("f32", "f16", "bf16", "f64", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "c64")
REL = {"f16": 2e-3, "bf16": 2e-2, "f64": 1e-12}
# Orders of dimensions: N batch, C feature, spatial ones by number; of the kernel I, O.
NHWC, HWIO, NCHW, OIHW, OHWI = "N01C", "01IO", "NC01", "OI01", "O01I"


def form(x, k, orders=(NHWC, HWIO, NHWC), **attributes):
    return x, k, orders, attributes


FORMS = {
    # two spatial dimensions, as CONV_2D
    "plain": form([2, 7, 6, 3], [3, 2, 3, 4]), "pointwise": form([1, 5, 4, 6], [1, 1, 6, 9]),
    "strides": form([1, 9, 8, 2], [3, 3, 2, 5], strides=[2, 3], padding=[1, 2, 0, 1]),
    "dilated": form([1, 9, 9, 2], [3, 2, 2, 3], dilation=[2, 3], padding=[2, 2, 1, 1]),
    "whole": form([3, 4, 5, 6], [4, 5, 6, 7]), "reversed": form([1, 6, 7, 2], [3, 2, 2, 4], reversal=[True, False], padding=[1, 1, 0, 0]),
    "turned": form([1, 6, 7, 2], [3, 2, 2, 4], reversal=[True, True], strides=[1, 2]),
    "nchw": form([2, 3, 7, 6], [4, 3, 3, 2], (NCHW, OIHW, NCHW), strides=[1, 2], padding=[1, 1, 1, 0]),
    "ohwi": form([1, 6, 6, 3], [5, 3, 3, 3], (NHWC, OHWI, NHWC)), "to_nchw": form([1, 6, 5, 3], [3, 3, 3, 4], (NHWC, HWIO, NCHW)),
    "odd_orders": form([6, 3, 2, 5], [2, 4, 3, 3], ("0CN1", "1OI0", "1N0C"), padding=[0, 1, 2, 0]),
    "grouped": form([1, 6, 5, 6], [3, 2, 2, 9], features=3), "depthwise": form([1, 8, 7, 5], [3, 3, 1, 5], features=5, padding=[1, 1, 1, 1]),
    "multiplied": form([1, 6, 5, 3], [2, 3, 1, 6], features=3, strides=[2, 1]),
    "depthwise_nchw": form([2, 4, 6, 5], [8, 1, 3, 3], (NCHW, OIHW, NCHW), features=4),
    "depthwise_reversed": form([1, 6, 5, 4], [3, 3, 1, 4], features=4, reversal=[False, True]),
    # what CONV_2D does not know
    "upsampled": form([1, 4, 5, 3], [3, 3, 3, 4], base=[2, 2], padding=[2, 2, 2, 2]),
    "upsampled_strides": form([2, 5, 4, 2], [3, 2, 2, 3], base=[3, 2], strides=[2, 3], dilation=[2, 1], padding=[1, 0, 3, 2]),
    "upsampled_grouped": form([1, 4, 3, 4], [2, 3, 2, 6], base=[1, 2], features=2, padding=[1, 1, 2, 2]),
    "cropped": form([1, 8, 8, 2], [3, 3, 2, 4], padding=[-1, -2, 1, -1]), "cropped_upsampled": form([1, 5, 5, 2], [2, 2, 2, 3], base=[2, 3], padding=[-2, 1, -1, -4]),
    "batch_groups": form([6, 5, 4, 2], [3, 2, 2, 9], batches=3, padding=[1, 0, 0, 1]),
    "batch_groups_nchw": form([4, 3, 5, 4], [6, 3, 2, 2], (NCHW, OIHW, NCHW), batches=2, reversal=[True, True]),
    # other numbers of spatial dimensions
    "product": form([4, 6], [6, 5], ("NC", "IO", "NC")), "product_groups": form([4, 6], [2, 9], ("NC", "IO", "NC"), features=3),
    "turned_product": form([6, 4], [5, 6], ("CN", "OI", "CN")),
    "line": form([2, 9, 3], [4, 3, 5], ("N0C", "0IO", "N0C"), strides=[2], padding=[1, 2], dilation=[2]),
    "line_ncw": form([2, 3, 9], [5, 3, 4], ("NC0", "OI0", "NC0"), base=[2], reversal=[True]),
    "line_depthwise": form([1, 9, 4], [3, 1, 4], ("N0C", "0IO", "N0C"), features=4),
    "volume": form([1, 4, 5, 6, 2], [2, 3, 2, 2, 3], ("N012C", "012IO", "N012C"), strides=[1, 2, 1], padding=[1, 0, 0, 1, 1, 1], dilation=[1, 1, 2]),
    "volume_ncdhw": form([1, 4, 4, 3, 5], [6, 2, 2, 3, 2], ("NC012", "OI012", "NC012"), features=2, base=[1, 2, 1]),
    "four": form([1, 3, 4, 3, 2, 2], [2, 2, 1, 2, 2, 3], ("N0123C", "0123IO", "N0123C"), padding=[0, 1, 0, 0, 1, 0, 0, 0]),
    "six": form([1, 2, 2, 3, 2, 2, 2, 2], [2, 1, 2, 2, 1, 2, 2, 3], ("N012345C", "012345IO", "N012345C"), reversal=[True, False] * 3),
    # nothing and next to nothing
    "too_large": form([1, 3, 3, 2], [4, 1, 2, 3]), "cropped_away": form([1, 3, 3, 2], [1, 1, 2, 3], padding=[-2, -2, 0, 0]),
    "no_batch": form([0, 4, 4, 2], [2, 2, 2, 3]), "no_features": form([1, 4, 4, 0], [2, 2, 0, 3]), "no_outputs": form([1, 4, 4, 2], [2, 2, 2, 0]),
    "no_taps": form([1, 4, 4, 2], [0, 2, 2, 3]), "no_pixels": form([1, 0, 4, 2], [2, 2, 2, 3], padding=[1, 2, 0, 0]),
    "no_pixels_upsampled": form([1, 4, 0, 1], [1, 1, 1, 2], base=[1, 4], padding=[0, 0, 1, 1]),
    "one": form([1, 1, 1, 1], [1, 1, 1, 1]), "one_channel": form([1, 7, 8, 1], [3, 3, 1, 2]), "one_output": form([1, 7, 8, 4], [3, 3, 4, 1]),
    # more than one block of rows, panel and task
    "blocks": form([1, 15, 16, 4], [3, 3, 4, 20], base=[1, 2], padding=[1, 1, 1, 1]), "narrow": form([1, 12, 4, 16], [3, 3, 16, 3], padding=[1, 1, 1, 1]),
}
CONSTANT = ("plain", "pointwise", "ohwi", "turned", "nchw", "grouped", "depthwise", "multiplied", "depthwise_nchw", "depthwise_reversed",
            "upsampled", "upsampled_grouped", "odd_orders", "batch_groups", "product", "line_ncw", "volume", "one_output", "no_pixels", "blocks")
WHOLE = ("strides", "turned", "nchw", "multiplied", "upsampled_strides", "cropped_upsampled", "batch_groups", "turned_product",
         "line_ncw", "volume_ncdhw", "six", "no_features", "no_pixels", "one")
ALL_TYPES = ("plain", "odd_orders", "upsampled_grouped", "batch_groups_nchw")


def values(shape, type):
    dtype = np.dtype(DTYPES[SHORT[type]])
    if type == "c64":
        return (RNG.uniform(-2, 2, shape) + 1j * RNG.uniform(-2, 2, shape)).astype(dtype)
    if type in ("f32", "f16", "bf16", "f64"):
        return RNG.uniform(-2, 2, shape).astype(dtype)
    return RNG.integers(0 if type[0] == "u" else -9, 9, shape, endpoint=True).astype(dtype)


def to(x, order, wanted):
    return np.transpose(x, [order.index(c) for c in wanted])


def padded(x, base, low, high):
    """x [batch, spatial..., feature] with zeros between and around; negative paddings take away."""
    for axis, (b, l, h) in enumerate(zip(base, low, high), 1):
        extent = (x.shape[axis] - 1) * b + 1 if x.shape[axis] else 0
        wide = np.zeros([*x.shape[:axis], extent, *x.shape[axis + 1:]], x.dtype)
        wide[(slice(None),) * axis + (slice(None, None, b),)] = x
        around = [(0, 0)] * x.ndim
        around[axis] = (max(l, 0), max(h, 0))
        wide = np.pad(wide, around)
        end = wide.shape[axis] + min(h, 0)
        wide = wide[(slice(None),) * axis + (slice(-min(l, 0), max(end, -min(l, 0))),)]
        x = wide
    return x


def convolve(x, k, a):
    """x [batch, spatial..., in], k [spatial..., in / feature groups, out]."""
    if a["features"] > 1:
        parts = zip(np.split(x, a["features"], -1), np.split(k, a["features"], -1))
        return np.concatenate([convolve(u, v, a | {"features": 1}) for u, v in parts], -1)
    if a["batches"] > 1:
        parts = zip(np.split(x, a["batches"], 0), np.split(k, a["batches"], -1))
        return np.concatenate([convolve(u, v, a | {"batches": 1}) for u, v in parts], -1)
    x = padded(x, a["base"], a["padding"][::2], a["padding"][1::2])
    spatial = x.ndim - 2
    reach = [(n - 1) * d + 1 if n else 0 for n, d in zip(k.shape, a["dilation"])]
    outs = [0 if n == 0 or r > n else (n - r) // s + 1 for n, r, s in zip(x.shape[1:], reach, a["strides"])]
    out = np.zeros([x.shape[0], *outs, k.shape[-1]], x.dtype)
    turn = tuple(slice(None, None, -1 if r else 1) for r in a["reversal"])
    for at in np.ndindex(*outs):
        cut = tuple(slice(i * s, i * s + r, d) for i, s, r, d in zip(at, a["strides"], reach, a["dilation"]))
        window = x[(slice(None), *cut)][(slice(None), *turn)]
        if 0 not in k.shape:
            out[(slice(None), *at)] = np.tensordot(window, k, (list(range(1, spatial + 2)), list(range(spatial + 1))))
    return out


def filled(rank, attributes):
    n = rank - 2
    a = {"strides": [1] * n, "padding": [0] * 2 * n, "base": [1] * n, "dilation": [1] * n, "reversal": [False] * n, "features": 1, "batches": 1}
    return a | attributes


def convolution(x, k, orders, attributes, out):
    a = filled(x.ndim, attributes)
    spatial = "".join(str(i) for i in range(x.ndim - 2))
    wide = {"c": np.complex128, "i": np.int64, "u": np.int64}.get(np.dtype(out).kind, np.float64)
    with np.errstate(over="ignore"):
        y = convolve(to(x, orders[0], f"N{spatial}C").astype(wide), to(k, orders[1], f"{spatial}IO").astype(wide), a)
        return np.ascontiguousarray(to(y, f"N{spatial}C", orders[2]).astype(out))


def options(rank, orders, attributes, absent=()):
    a = filled(rank, attributes)
    spatial = [str(i) for i in range(rank - 2)]

    def places(order):
        return np.array([order.index(c) for c in spatial], np.int64)

    all = {"windowStrides": np.array(a["strides"], np.int64), "padding": np.array(a["padding"], np.int64),
           "lhsDilation": np.array(a["base"], np.int64), "rhsDilation": np.array(a["dilation"], np.int64),
           "windowReversal": np.array(a["reversal"], np.bool_), "inputBatchDimension": orders[0].index("N"),
           "inputFeatureDimension": orders[0].index("C"), "inputSpatialDimensions": places(orders[0]),
           "kernelInputFeatureDimension": orders[1].index("I"), "kernelOutputFeatureDimension": orders[1].index("O"),
           "kernelSpatialDimensions": places(orders[1]), "outputBatchDimension": orders[2].index("N"),
           "outputFeatureDimension": orders[2].index("C"), "outputSpatialDimensions": places(orders[2]),
           "featureGroupCount": a["features"], "batchGroupCount": a["batches"], "precisionConfig": np.zeros(2, np.uint32)}
    return {k: v for k, v in all.items() if k not in absent}


def one(name, types, const=False, absent=()):
    sx, sk, orders, attributes = FORMS[name]
    tx, tk, out = types
    x, k = values(sx, tx), values(sk, tk)
    label = tx if tx == tk == out else "_".join(types)
    suffix = ("_const" if const else "") + ("_defaults" if absent else "")
    want = convolution(x, k, orders, attributes, np.dtype(DTYPES[SHORT[out]]))
    case(F, f"{name}_{label}{suffix}", "STABLEHLO_CONVOLUTION", options(len(sx), orders, attributes, absent),
         [tensor(sx, tx, data=x), tensor(sk, tk, data=k, const=const)], [tensor(None, out)], expected=[want], resolver=None,
         tolerance={"rel": REL.get(out, 1e-5)})


def agrees(op, inputs, options, want):
    if "CONV_2D" in op:
        inputs = inputs + [tensor(None, data=np.zeros(want.shape[-1]), const=True)]
    out = tensor(list(want.shape))
    _, got = oracle_outputs([graph([node(op, inputs, [out], options)], [t for t in inputs if not t.const], [out])], "ref", 1)
    np.testing.assert_allclose(got[0], want, 1e-4, 1e-4)


def cross_check():
    """LiteRT's own kernels against the NumPy above: filters [out, h, w, in], [1, h, w, channels], [out, h, w, in]."""
    f32 = np.dtype(np.float32)
    x, k = values([2, 9, 8, 4], "f32"), values([3, 2, 4, 6], "f32")
    strides = {"strideH": 2, "strideW": 1, "padding": "VALID"}
    agrees("CONV_2D", [tensor(None, data=x), tensor(None, data=k.transpose(3, 0, 1, 2), const=True)],
           strides | {"dilationHFactor": 2, "dilationWFactor": 3},
           convolution(x, k, (NHWC, HWIO, NHWC), {"strides": [2, 1], "dilation": [2, 3]}, f32))
    agrees("CONV_2D", [tensor(None, data=x), tensor(None, data=k[:, :, :2].transpose(3, 0, 1, 2), const=True)], strides,
           convolution(x, k[:, :, :2], (NHWC, HWIO, NHWC), {"strides": [2, 1], "features": 2}, f32))
    k = values([3, 3, 1, 8], "f32")
    agrees("DEPTHWISE_CONV_2D", [tensor(None, data=x), tensor(None, data=k.reshape(1, 3, 3, 8), const=True)],
           {"strideH": 1, "strideW": 1, "padding": "SAME", "depthMultiplier": 2},
           convolution(x, k, (NHWC, HWIO, NHWC), {"features": 4, "padding": [1, 1, 1, 1]}, f32))
    x, k = values([1, 4, 5, 3], "f32"), values([6, 3, 3, 3], "f32")
    want = convolution(x, k, (NHWC, OHWI, NHWC), {"base": [2, 2], "padding": [2, 2, 2, 2], "reversal": [True, True]}, f32)
    agrees("TRANSPOSE_CONV", [tensor(None, "i32", data=list(want.shape), const=True), tensor(None, data=k, const=True), tensor(None, data=x)],
           {"strideH": 2, "strideW": 2, "padding": "VALID"}, want)


def cases():
    cross_check()
    for name in FORMS:
        for t in TYPES if name in ALL_TYPES else ("f32",):
            one(name, (t, t, t))
        if name in CONSTANT:
            one(name, ("f32", "f32", "f32"), const=True)
        if name in WHOLE:
            one(name, ("i32", "i32", "i32"))
    for types in (("i8", "i8", "i32"), ("u8", "i8", "i32"), ("bf16", "bf16", "f32"), ("f16", "f32", "f32"), ("f32", "f32", "f64")):
        for name in ("plain", "odd_orders", "upsampled_grouped", "depthwise"):
            one(name, types, const=types[0] == "f16")
    for name in ("plain", "ohwi", "depthwise", "upsampled", "nchw"):
        one(name, ("bf16", "bf16", "bf16"), const=True)
    for name in ("plain", "product", "volume"):
        one(name, ("f32", "f32", "f32"), absent=("precisionConfig",) if name == "volume" else (
            "windowStrides", "padding", "lhsDilation", "rhsDilation", "windowReversal", "precisionConfig"))
    for name in ("nchw", "turned", "grouped", "depthwise", "dilated", "narrow", "pointwise"):
        one(name, ("i8", "i8", "i32"), const=True)
    for name in ("to_nchw", "whole", "no_pixels"):
        one(name, ("u8", "i8", "i16"))
