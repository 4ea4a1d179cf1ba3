"""SOFTMAX and LOG_SOFTMAX."""
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
