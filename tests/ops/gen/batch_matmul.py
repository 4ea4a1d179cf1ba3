"""BATCH_MATMUL."""
from lib import case, tensor

SHAPES = (("plain", [4, 7], [7, 5], {}), ("batch", [3, 4, 7], [3, 7, 5], {}), ("broadcast_y", [3, 4, 7], [7, 5], {}),
          ("broadcast_x", [4, 7], [2, 7, 5], {}), ("broadcast_both", [2, 1, 4, 7], [1, 3, 7, 5], {}),
          ("adj_x", [2, 7, 4], [2, 7, 5], {"adjX": True}), ("adj_y", [2, 4, 7], [2, 5, 7], {"adjY": True}),
          ("adj_both", [2, 3, 7, 4], [3, 5, 7], {"adjX": True, "adjY": True}), ("row", [1, 33], [33, 17], {}),
          ("column", [2, 9, 33], [2, 33, 1], {}))
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
