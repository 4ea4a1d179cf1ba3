"""SOFTMAX and LOG_SOFTMAX."""
import numpy as np

from lib import case, tensor


def cases():
    for name, shape, beta in (("row", [1, 10], 1.0), ("two", [5, 2], 1.0), ("long", [2, 301], 0.5), ("rank4", [1, 2, 3, 17], 1.0),
                              ("vector", [33], 2.0), ("one", [3, 1], 1.0)):
        case("softmax", f"softmax_{name}_f32", "SOFTMAX", {"beta": beta}, [tensor(shape, low=-9, high=9)], [tensor(None)])
        for type, out in (("i8", "i8"), ("u8", "u8"), ("i8", "i16"), ("u8", "i16"), ("i16", "i16")):
            if name == "vector" and type == "i16":
                continue
            zero = {"i8": -5, "u8": 120, "i16": 0}[type]
            for i, scale in enumerate([0.07, 0.6, 0.004] if type != "i16" else [0.0004, 0.003, 0.00002]):
                if i > 0 and name not in ("row", "long"):
                    continue
                case("softmax", f"softmax_{name}{i}_{type}_{out}", "SOFTMAX", {"beta": beta},
                     [tensor(shape, type, scale=scale, zero_point=zero)],
                     [tensor(None, out, scale={"i8": 1 / 256, "u8": 1 / 256, "i16": 1 / (32768 if type == "i16" else 65536)}[out],
                             zero_point={"i8": -128, "u8": 0, "i16": 0 if type == "i16" else -32768}[out])])
        case("softmax", f"log_softmax_{name}_f32", "LOG_SOFTMAX", None, [tensor(shape, low=-9, high=9)], [tensor(None)])
        if name in ("row", "long", "rank4"):
            case("softmax", f"log_softmax_{name}_i8", "LOG_SOFTMAX", None, [tensor(shape, "i8", scale=0.05, zero_point=3)],
                 [tensor(None, "i8", scale=16 / 256, zero_point=127)])
            case("softmax", f"log_softmax_{name}_u8", "LOG_SOFTMAX", None, [tensor(shape, "u8", scale=0.05, zero_point=3)],
                 [tensor(None, "u8", scale=16 / 256, zero_point=255)])
    edges()
    case("softmax", "log_softmax_scalar_f32", "LOG_SOFTMAX", None, [tensor([])], [tensor(None)])
    case("softmax", "softmax_scalar_f32", "SOFTMAX", {"beta": 1.0}, [tensor([])], [tensor([])],  # which LiteRT refuses
         expected=[np.float32(1)], resolver=None)
    x = np.array([[22148, 2837, 26028], [32767, 9000, 0], [0, 26000, 26000]])  # near the points that need doubles
    case("softmax", "softmax_points_i16", "SOFTMAX", {"beta": 1.0}, [tensor(None, "i16", data=x, scale=0.0003)],
         [tensor(None, "i16", scale=1 / 32768)])


def edges():
    outs = {"i8": ("i8", 1 / 256, -128), "u8": ("u8", 1 / 256, 0), "i16": ("i16", 1 / 32768, 0)}
    for type, (out, scale, zero) in outs.items():
        low, high = {"i8": (-128, 127), "u8": (0, 255), "i16": (-32768, 32767)}[type]
        ends = np.array([[low, high] * 8, [high] * 16, [low] * 16, [low] * 15 + [high]])
        for n, (in_scale, beta) in enumerate(((10.0, 1.0), (1e-4, 1.0), (0.1, 0.01), (0.1, 8.0))):
            case("softmax", f"softmax_ends{n}_{type}", "SOFTMAX", {"beta": beta},
                 [tensor(None, type, data=ends, scale=in_scale if type != "i16" else in_scale / 256)],
                 [tensor(None, out, scale=scale, zero_point=zero)])
    far = np.array([[-3e38, 3e38, 0, 1], [-1000, -999, -998, -997], [1e-38, 0, -1e-38, 0], [88, 89, 90, 91]], np.float32)
    for beta in (1.0, 0.1):
        case("softmax", f"softmax_far_{beta}_f32", "SOFTMAX", {"beta": beta}, [tensor(None, data=far)], [tensor(None)])
    case("softmax", "log_softmax_far_f32", "LOG_SOFTMAX", None, [tensor(None, data=far[1:])], [tensor(None)])
    for type, zero in (("i8", 127), ("u8", 255)):
        low, high = {"i8": (-128, 127), "u8": (0, 255)}[type]
        ends = np.array([[low, high] * 4, [high] * 8, [low] * 7 + [high]])
        for n, in_scale in enumerate((2.0, 0.001)):
            case("softmax", f"log_softmax_ends{n}_{type}", "LOG_SOFTMAX", None, [tensor(None, type, data=ends, scale=in_scale)],
                 [tensor(None, type, scale=16 / 256, zero_point=zero)])
