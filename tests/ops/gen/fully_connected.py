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
         expected=[want.reshape(shape[:-1] + [units]).astype(np.float32)], resolver=None, tolerance={"rel": 1e-5}, **rest)


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
