"""FULLY_CONNECTED: types, biases, ranks, weights that are fed, packed into four bits, or in blocks."""
import numpy as np
from lib import case, tensor

NAME = "FULLY_CONNECTED"


def layer(name, type, shape, units, depth=None, bias=True, zero=0, weights_zero=0, out_zero=0, scale=0.05, per_axis=False,
          wide_bias=True, activation="NONE", keep=False, asymmetric=False, const=True, bias_const=True, seed=1, weights=None,
          tolerance=None, resolver="ref"):
    rng = np.random.default_rng(seed)
    depth = depth or shape[-1]
    floats = type == "f32"
    weights = weights or {"f32": "f32", "u8": "u8"}.get(type, "i8")
    axis = (0, rng.uniform(0.005, 0.02, units).astype(np.float32), None)
    x = tensor(shape, type, scale=None if floats else scale, zero_point=zero)
    out = tensor(None, type, scale=None if floats else scale * 0.8 * np.sqrt(depth), zero_point=out_zero)
    w_scale = np.float32(0.0123)
    w = tensor([units, depth], weights, const=const, scale=None if weights == "f32" or per_axis else w_scale,
               per_axis=axis if per_axis else None, zero_point=weights_zero, low=-127 if weights == "i8" else None)
    inputs = [x, w]
    if bias:
        data = rng.uniform(-1, 1, units) if floats else rng.integers(-3000, 3000, units)
        kind = "f32" if floats else "i64" if type == "i16" and wide_bias else "i32"
        quantized = {} if floats else ({"per_axis": (0, axis[1] * np.float32(scale), None)} if per_axis
                                       else {"scale": np.float32(scale) * w_scale})
        inputs.append(tensor([units], kind, const=bias_const, data=data, **quantized))
    else:
        inputs.append(None)
    options = {"quantizedBiasType": 0 if wide_bias else "i32", "fusedActivationFunction": activation, "keepNumDims": keep, "asymmetricQuantizeInputs": asymmetric}
    case("fully_connected", name, NAME, options, inputs, [out], tolerance=tolerance, resolver=resolver)


def blockwise(name, shape, units, block, **rest):
    rng = np.random.default_rng(7)
    depth = shape[-1]
    scales = rng.uniform(0.01, 0.03, (units, depth // block)).astype(np.float16)
    values = rng.integers(-8, 8, (units, depth))
    x = tensor(shape, "f32", data=rng.uniform(-1, 1, shape))
    s = tensor([units, depth // block], "float16", data=scales, const=True, name="scales")
    w = tensor([units, depth], "int4", data=values, const=True, blockwise=(s, block))
    want = x.data.astype(np.float64).reshape(-1, depth) @ (values * np.repeat(scales.astype(np.float64), block, 1)).T
    case("fully_connected", name, NAME, {"keepNumDims": True}, [x, w, None], [tensor(None, "f32")],
         expected=[want.reshape(shape[:-1] + [units]).astype(np.float32)], resolver=None, tolerance={"rel": 5e-5}, **rest)  # x to 16 bits a block


def cases():
    for type in ("f32", "i8", "u8", "i16"):
        zeros = {"f32": {}, "i8": {"zero": -5, "out_zero": 9}, "u8": {"zero": 117, "weights_zero": 131, "out_zero": 100},
                 "i16": {"scale": 0.0005}}[type]
        layer(f"{type}_row", type, [1, 37], 45, **zeros)
        layer(f"{type}_rows", type, [17, 12], 70, activation="RELU", **zeros)
        layer(f"{type}_no_bias", type, [3, 8], 5, bias=False, **zeros)
        layer(f"{type}_rank_4", type, [2, 3, 2, 4], 6, depth=8, **zeros)
        layer(f"{type}_keep", type, [2, 3, 8], 6, keep=True, activation="RELU6", **zeros)
        layer(f"{type}_fed", type, [2, 9], 33, const=False, **zeros)
    layer("i8_bias_fed", "i8", [2, 9], 33, bias_const=False, zero=1)
    layer("i8_weights_zero", "i8", [5, 10], 7, weights_zero=3, zero=1)
    layer("i8_per_axis", "i8", [5, 10], 7, per_axis=True, zero=1)
    layer("i8_int4", "i8", [3, 16], 7, weights="i4", zero=1)
    layer("i16_narrow_bias", "i16", [3, 10], 7, wide_bias=False, scale=0.0005)
    loose = {"rel": 1e-4}
    layer("hybrid", "f32", [4, 33], 20, weights="i8", tolerance=loose)
    layer("hybrid_per_axis", "f32", [4, 33], 20, weights="i8", per_axis=True, tolerance=loose)
    layer("hybrid_asymmetric", "f32", [4, 33], 20, weights="i8", asymmetric=True, activation="RELU", tolerance=loose)
    layer("hybrid_int4", "f32", [2, 32], 9, weights="i4", asymmetric=True, tolerance=loose)
    blockwise("blocks_32", [2, 3, 64], 11, 32)
    blockwise("blocks_64", [3, 192], 70, 64)
    blockwise("blocks_48", [2, 96], 9, 48)
    edges()


def edges():
    zeros = {"f32": [{}], "i8": [{"zero": -128, "out_zero": 127}, {"zero": 127, "out_zero": -128}],
             "u8": [{"zero": 0, "weights_zero": 255, "out_zero": 255}, {"zero": 255, "weights_zero": 0, "out_zero": 0}],
             "i16": [{"scale": 0.0005}]}
    for type, points in zeros.items():
        for n, z in enumerate(points):
            layer(f"{type}_extremes_{n}", type, [3, 19], 9, **z)
        for activation in ("RELU", "RELU6", "RELU_N1_TO_1"):
            layer(f"{type}_{activation.lower()}", type, [2, 13], 11, activation=activation, **points[0])
        for m, k, n in ((1, 1, 1), (2, 2, 2), (5, 3, 8), (7, 31, 17), (4, 32, 16), (6, 33, 33), (1, 65, 64), (13, 4, 15)):
            layer(f"{type}_tiles_{m}_{k}_{n}", type, [m, k], n, **points[0])
    for type in ("i8", "u8", "i16"):
        layer(f"{type}_tiny_scales", type, [2, 9], 5, scale=1e-7)
        layer(f"{type}_huge_scales", type, [2, 9], 5, scale=1e5)
        high, low = {"u8": (255, 0), "i8": (127, -128), "i16": (32767, -32768)}[type]
        x = np.where(np.arange(3 * 40).reshape(3, 40) % 7 < 4, high, low)
        w = np.where(np.arange(6 * 40).reshape(6, 40) // 40 % 2 == 0, 255 if type == "u8" else 127, 0 if type == "u8" else -127)
        b = tensor([6], "i64" if type == "i16" else "i32", data=[2**30, -2**30, 5, 0, 2**20, -2**20], const=True, scale=1.0)
        case("fully_connected", f"{type}_saturated", NAME, {"quantizedBiasType": "i64"} if type == "i16" else {},
             [tensor(None, type, data=x, scale=1.0), tensor(None, "u8" if type == "u8" else "i8", data=w, const=True, scale=1.0), b],
             [tensor(None, type, scale=0.9 if type == "i16" else 3.0)])  # within int32
    for zero in (0, -100):
        x = np.where(np.arange(2 * 1100).reshape(2, 1100) // 7 % 5 < 4, 32767, -32768)
        w = np.where(np.arange(35 * 1100).reshape(35, 1100) // 1100 % 2 == 0, 127, -128)
        w[32:] = zero + 3  # biases beyond 32 bits where sums are within them
        b = tensor([35], "i64", data=np.where(np.arange(35) < 32, 7, 2**40), const=True, scale=1.0)
        case("fully_connected", f"i16_deep_{-zero}", NAME, {"quantizedBiasType": "i64"},
             [tensor(None, "i16", data=x, scale=1.0), tensor(None, "i8", data=w, const=True, scale=1.0, zero_point=zero), b],
             [tensor(None, "i16", scale=1e5)])
    for per_axis in (False, True):
        tag = "_axis" if per_axis else ""
        layer(f"i16_no_bias{tag}", "i16", [3, 10], 7, bias=False, scale=0.0005, per_axis=per_axis) if per_axis else None
        layer(f"i8_no_bias_axis", "i8", [3, 10], 7, bias=False, per_axis=True, zero=9) if per_axis else None
        layer(f"i16_wide{tag}", "i16", [3, 10], 7, scale=0.0005, per_axis=per_axis)
        layer(f"i8_keep_rank_4{tag}", "i8", [2, 2, 2, 10], 7, keep=True, per_axis=per_axis, zero=-3)
        layer(f"i8_relu_edge{tag}", "i8", [2, 10], 7, activation="RELU", per_axis=per_axis, zero=-3)
        for asymmetric in (False, True):
            a = "_asymmetric" if asymmetric else "_symmetric"
            for weights in ("i8", "i4"):
                layer(f"hybrid_{weights}{tag}{a}", "f32", [3, 24], 10, weights=weights, per_axis=per_axis,
                      asymmetric=asymmetric, tolerance={"rel": 1e-4})
    layer("hybrid_no_bias", "f32", [3, 24], 10, weights="i8", bias=False, tolerance={"rel": 1e-4})
    layer("hybrid_fed", "f32", [3, 24], 10, weights="i8", const=False, tolerance={"rel": 1e-4})
    case("fully_connected", "empty_rows", NAME, {}, [tensor([0, 5]), tensor([4, 5], const=True), tensor([4], const=True)],
         [tensor([0, 4])], expected=[np.zeros((0, 4), np.float32)], resolver=None)
    case("fully_connected", "rows_resized", NAME, {},
         [tensor([1, 5], signature=[-1, 5], resize=[6, 5]), tensor([4, 5], const=True), tensor([4], const=True)],
         [tensor([1, 4], signature=[-1, 4])])
    axis_zero_points()


def axis_zero_points():
    """The reference takes weights with a scale for each unit as symmetric, whatever their zero points say."""
    for type in ("i8", "i16"):
        w = tensor([5, 9], "i8", const=True, per_axis=(0, [0.01, 0.02, 0.03, 0.01, 0.02], [3, -4, 5, 0, 1]))
        case("fully_connected", f"{type}_axis_zero_points", NAME, {}, [tensor([2, 9], type, scale=0.05), w, None],
             [tensor(None, type, scale=0.2)])
