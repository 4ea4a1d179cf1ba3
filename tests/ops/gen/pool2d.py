"""AVERAGE_POOL_2D and MAX_POOL_2D."""
from lib import case, tensor


def cases():
    shapes = {
        "2x2": ([1, 8, 6, 5], 2, 2, 2, 2, "VALID", 0),
        "3x3_same": ([2, 7, 9, 18], 3, 3, 2, 2, "SAME", 0),
        "3x2_stride1": ([1, 5, 6, 40], 3, 2, 1, 1, "SAME", 3),
        "global": ([1, 7, 7, 66], 7, 7, 1, 1, "VALID", 0),
        "tall": ([1, 25, 5, 16], 25, 5, 25, 5, "VALID", 1),
        "sparse": ([1, 9, 10, 3], 2, 2, 4, 3, "SAME", 0),
        "1x1": ([1, 4, 4, 7], 1, 1, 2, 2, "VALID", 0),
        "large": ([1, 30, 31, 2], 30, 31, 1, 1, "VALID", 0),
    }
    for op, stem in (("AVERAGE_POOL_2D", "average"), ("MAX_POOL_2D", "max")):
        for name, (shape, kh, kw, sh, sw, padding, activation) in shapes.items():
            for type in ("f32", "i8", "u8", "i16"):
                if name in ("large", "1x1") and type in ("i16",):
                    continue
                quantized = {} if type == "f32" else {
                    "scale": 0.04 if type != "i16" else 0.0004, "zero_point": {"i8": -20, "u8": 100, "i16": 0}[type]}
                case("pool2d", f"{stem}_{name}_{type}", op,
                     {"padding": 0 if padding == "SAME" else 1, "strideW": sw, "strideH": sh, "filterWidth": kw,
                      "filterHeight": kh, "fusedActivationFunction": activation},
                     [tensor(shape, type, **quantized)], [tensor(None, type, **quantized)])
    edges()


def edges():
    zeros = {"f32": [{}], "i8": [{"scale": 0.02, "zero_point": -128}, {"scale": 0.02, "zero_point": 127}],
             "u8": [{"scale": 0.02, "zero_point": 0}, {"scale": 0.02, "zero_point": 255}], "i16": [{"scale": 0.0002}]}
    for op, stem in (("AVERAGE_POOL_2D", "average"), ("MAX_POOL_2D", "max")):
        def pool(name, type, shape, kernel, stride, padding, q, activation="NONE", **more):
            case("pool2d", f"{stem}_{name}_{type}", op,
                 {"padding": padding, "strideH": stride[0], "strideW": stride[1], "filterHeight": kernel[0],
                  "filterWidth": kernel[1], "fusedActivationFunction": activation},
                 [tensor(shape, type, **q, **more)], [tensor(None, type, **q)])
        for type, points in zeros.items():
            for activation in ("RELU", "RELU6", "RELU_N1_TO_1"):
                for n, q in enumerate(points):
                    pool(f"{activation.lower()}{n}", type, [1, 5, 6, 3], (2, 2), (1, 1), "SAME", q, activation)
            pool("line", type, [2, 1, 17, 4], (1, 3), (1, 2), "SAME", points[0])
            pool("beyond", type, [1, 2, 3, 5], (7, 7), (1, 1), "SAME", points[0])
            pool("far", type, [1, 9, 9, 5], (2, 2), (5, 4), "VALID", points[0])
            for channels in (1, 15, 16, 17, 31, 32, 33, 65):
                if channels in (16, 33) or type in ("i8", "f32"):
                    pool(f"channels{channels}", type, [1, 4, 5, channels], (3, 3), (2, 2), "SAME", points[0])
            low, high = {"f32": (-9, 9), "i8": (-128, -128), "u8": (255, 255), "i16": (-32768, -32768)}[type]
            pool("constant", type, [1, 6, 6, 3], (4, 4), (1, 1), "SAME", points[0], low=low, high=high)
            pool("batch", type, [3, 4, 4, 2], (2, 3), (2, 1), "VALID", points[-1])
    for type in ("f32", "i8"):
        q = {} if type == "f32" else {"scale": 0.1}
        case("pool2d", f"no_window_fits_{type}", "MAX_POOL_2D",
             {"padding": "VALID", "strideH": 2, "strideW": 2, "filterHeight": 4, "filterWidth": 2},
             [tensor([1, 2, 5, 3], type, **q)], [tensor(None, type, **q)])
