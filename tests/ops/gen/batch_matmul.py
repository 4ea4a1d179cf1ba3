"""BATCH_MATMUL."""
import numpy as np

from lib import case, tensor

SHAPES = (("plain", [4, 7], [7, 5], {}), ("batch", [3, 4, 7], [3, 7, 5], {}), ("broadcast_y", [3, 4, 7], [7, 5], {}),
          ("broadcast_x", [4, 7], [2, 7, 5], {}), ("broadcast_both", [2, 1, 4, 7], [1, 3, 7, 5], {}),
          ("adj_x", [2, 7, 4], [2, 7, 5], {"adjX": True}), ("adj_y", [2, 4, 7], [2, 5, 7], {"adjY": True}),
          ("adj_both", [2, 3, 7, 4], [3, 5, 7], {"adjX": True, "adjY": True}), ("row", [1, 33], [33, 17], {}),
          ("column", [2, 9, 33], [2, 33, 1], {}),
          ("rank_5", [2, 1, 3, 4, 5], [1, 2, 1, 5, 6], {}), ("rank_5_adj", [1, 2, 1, 5, 4], [2, 1, 2, 6, 5], {"adjX": True, "adjY": True}),
          ("rank_5_one_side", [6, 5], [2, 2, 2, 5, 3], {}), ("one", [1, 1], [1, 1], {}), ("tiles", [17, 33], [33, 31], {}))
QUANT = {"i8": [{"scale": 0.05, "zero_point": 4}, {"scale": 0.03, "zero_point": -9}, {"scale": 0.9, "zero_point": 5}],
         "i16": [{"scale": 0.001, "zero_point": 0}, {"scale": 0.002, "zero_point": 0}, {"scale": 0.05, "zero_point": 0}],
         "f32": [{}, {}, {}]}


def cases():
    for type, (qx, qy, qo) in QUANT.items():
        for name, x, y, options in SHAPES:
            case("batch_matmul", f"{type}_{name}", "BATCH_MATMUL", options, [tensor(x, type, **qx), tensor(y, type, **qy)],
                 [tensor(None, type, **qo)], tolerance={"abs": 1e-5, "rel": 1e-5})
        for name in ("plain", "batch", "adj_y"):
            x, y, options = next(s[1:] for s in SHAPES if s[0] == name)
            if type == "i16":
                continue
            case("batch_matmul", f"{type}_{name}_constant", "BATCH_MATMUL", options,
                 [tensor(x, type, **qx), tensor(y, type, const=True, **qy)], [tensor(None, type, **qo)],
                 tolerance={"abs": 1e-5, "rel": 1e-5})
    hybrid()
    extremes()


def quantized_product(x, y, scale, asymmetric):
    """x's rows quantized as TFLite does it, times y; both with rows and columns in their plain places."""
    least, most = np.minimum(x.min(-1, keepdims=True), 0).astype(np.float64), np.maximum(x.max(-1, keepdims=True), 0).astype(np.float64)
    if asymmetric:
        step = (most - least) / 255
        from_least = -128 - least / step
        zero = np.round(np.where(128 + np.abs(least / step) < 127 + np.abs(most / step), from_least, 127 - most / step))
        step = step.astype(np.float32)
    else:
        step, zero = (np.maximum(-least, most) / 127).astype(np.float32), 0
    scaled = (x * (1 / step)).astype(np.float32) + np.float32(zero)
    q = np.clip(np.trunc(scaled + np.copysign(0.5, scaled)), -128, 127) - zero
    return ((q @ y.astype(np.float64)) * step * np.float32(scale)).astype(np.float32)


def hybrid():
    """Floats with an int8 y: rows of x are quantized in run. LiteRT takes scales of other rows than it should where batches
    are broadcast."""
    tight = {"abs": 1e-5, "rel": 1e-5}
    rng = np.random.default_rng(3)
    for name, x, y, options in SHAPES:
        if len(x) > 3 or len(y) > 3:
            for asymmetric in (False, True):
                a = rng.uniform(-2, 2, x).astype(np.float32)
                b = rng.integers(-127, 128, y)
                want = quantized_product(np.swapaxes(a, -1, -2) if options.get("adjX") else a,
                                         np.swapaxes(b, -1, -2) if options.get("adjY") else b, 0.02, asymmetric)
                for const in (False, True):
                    case("batch_matmul", f"hybrid{'_asymmetric' if asymmetric else ''}_{name}{'_constant' if const else ''}",
                         "BATCH_MATMUL", {**options, "asymmetricQuantizeInputs": asymmetric},
                         [tensor(None, data=a), tensor(None, "i8", data=b, scale=0.02, const=const)], [tensor(None)],
                         expected=[want], resolver=None, tolerance=tight)
    for asymmetric in (False, True):
        s = "hybrid_asymmetric" if asymmetric else "hybrid"
        for name, x, y, options in SHAPES:
            for const in (False, True) if len(x) <= 3 and len(y) <= 3 else ():
                case("batch_matmul", f"{s}_{name}{'_constant' if const else ''}", "BATCH_MATMUL",
                     {**options, "asymmetricQuantizeInputs": asymmetric},
                     [tensor(x), tensor(y, "i8", scale=0.02, const=const, low=-127)], [tensor(None)], tolerance=tight)
        for name, x, y, options, axis in (("columns", [4, 7], [7, 5], {}, 1), ("columns_adj_y", [2, 4, 7], [2, 5, 7], {"adjY": True}, 1)):
            case("batch_matmul", f"{s}_{name}", "BATCH_MATMUL", {**options, "asymmetricQuantizeInputs": asymmetric},
                 [tensor(x), tensor(y, "i8", per_axis=(axis, [0.01, 0.02, 0.03, 0.04, 0.05], None), const=True, low=-127)],
                 [tensor(None)], tolerance=tight)
        case("batch_matmul", f"{s}_zeros", "BATCH_MATMUL", {"asymmetricQuantizeInputs": asymmetric},
             [tensor(None, data=np.zeros([2, 7])), tensor([7, 5], "i8", scale=0.02)], [tensor(None)], tolerance=tight)
        case("batch_matmul", f"{s}_positive", "BATCH_MATMUL", {"asymmetricQuantizeInputs": asymmetric},
             [tensor([2, 37], low=0.5, high=3), tensor([37, 21], "i8", scale=0.02, low=-127)], [tensor(None)], tolerance=tight)


def extremes():
    for zx, zy in ((-128, 127), (127, -128)):
        case("batch_matmul", f"i8_zeros_{zx}_{zy}", "BATCH_MATMUL", {},
             [tensor([3, 9], "i8", scale=0.05, zero_point=zx), tensor([9, 5], "i8", scale=0.03, zero_point=zy)],
             [tensor(None, "i8", scale=1.5, zero_point=zy)])
    case("batch_matmul", "i8_saturated", "BATCH_MATMUL", {},
         [tensor([2, 40], "i8", scale=1.0, data=np.where(np.arange(80).reshape(2, 40) % 5 < 3, 127, -128)),
          tensor([40, 3], "i8", scale=1.0, data=np.where(np.arange(120).reshape(40, 3) % 3 < 2, 127, -128))],
         [tensor(None, "i8", scale=2.0)])
    for name, x, y, want in (("empty_batch", [0, 2, 3], [0, 3, 4], [0, 2, 4]), ("no_depth", [2, 0], [0, 3], [2, 3])):
        for type in ("f32", "i8"):
            q = {} if type == "f32" else {"scale": 1.0, "zero_point": -4}
            out = np.full(want, 0 if type == "f32" else -4)
            case("batch_matmul", f"{name}_{type}", "BATCH_MATMUL", {}, [tensor(x, type, **q), tensor(y, type, **q)],
                 [tensor(want, type, **q)], expected=[out.astype("float32" if type == "f32" else "int8")], resolver=None)
    six()


def six():
    """LiteRT broadcasts to five dimensions; numpy to any number."""
    rng = np.random.default_rng(6)
    x = rng.uniform(-1, 1, (2, 1, 2, 1, 3, 4)).astype(np.float32)
    y = rng.uniform(-1, 1, (3, 1, 2, 5, 4)).astype(np.float32)
    case("batch_matmul", "f32_rank_6", "BATCH_MATMUL", {"adjY": True}, [tensor(None, data=x), tensor(None, data=y)],
         [tensor(None)], expected=[x @ np.swapaxes(y, -1, -2)], resolver=None, tolerance={"abs": 1e-5, "rel": 1e-5})
