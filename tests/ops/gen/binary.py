"""Element-wise operators of two inputs: arithmetic with fused activations, extremes, comparisons, logic, PRELU."""
import numpy as np

from lib import case, multiply_quantized, tensor

# Broadcasts of every kind: none, a scalar, channels, rows, both sides at once, and ranks beyond four.
SHAPES = {
    "same": ([2, 3, 7], [2, 3, 7]),
    "scalar": ([3, 19], []),
    "scalar_first": ([], [3, 19]),
    "channels": ([2, 4, 5], [5]),
    "per_image": ([2, 3, 4, 17], [2, 1, 1, 17]),
    "rows": ([2, 9, 1], [2, 9, 6]),
    "crossed": ([4, 1, 3], [2, 1, 5, 1]),
    "rank6": ([2, 1, 3, 1, 2, 3], [2, 2, 1, 2, 1, 3]),
    "empty": ([0, 4], [1, 4]),
}
QUANT = {
    "i8": ((0.037, -11), (0.051, 23), (0.043, 5)),
    "u8": ((0.037, 117), (0.051, 151), (0.043, 133)),
}


def quantized(type, which, shape=None, **more):
    scale, zero = QUANT[type][which]
    return tensor(shape, type, scale=scale, zero_point=zero, **more)


def arithmetic():
    for op in ("ADD", "SUB", "MUL", "DIV"):
        stem = op.lower()
        for name, (a, b) in SHAPES.items():
            if name in ("empty",) and op != "ADD":
                continue
            for type in ("f32", "i32"):
                if type == "i32" and name not in ("same", "scalar", "crossed"):
                    continue
                divisor = {"low": 1, "high": 90} if op == "DIV" and type == "i32" else {}
                if op == "DIV" and type == "f32":
                    divisor = {"low": 0.3, "high": 2.0}
                case("binary", f"{stem}_{name}_{type}", op, inputs=[tensor(a, type), tensor(b, type, **divisor)],
                     outputs=[tensor(None, type)])
            if op == "DIV" or name == "empty":
                continue
            for type in ("i8", "u8"):
                if name == "rank6" and op != "ADD":
                    continue
                case("binary", f"{stem}_{name}_{type}", op, inputs=[quantized(type, 0, a), quantized(type, 1, b)],
                     outputs=[quantized(type, 2)])
        for activation in ("RELU", "RELU6", "RELU_N1_TO_1"):
            options = {"fusedActivationFunction": activation}
            b = {"low": 0.3, "high": 2.0} if op == "DIV" else {}
            case("binary", f"{stem}_{activation.lower()}_f32", op, options, [tensor([2, 30], low=-9, high=9), tensor([30], **b)],
                 [tensor(None)])
            if op != "DIV":
                case("binary", f"{stem}_{activation.lower()}_i8", op, options,
                     [quantized("i8", 0, [2, 40]), quantized("i8", 1, [2, 40])], [quantized("i8", 2)])
        if op == "DIV":
            # Small quotients need a shift of more than 31 bits, which the reference leaves undefined.
            case("binary", "div_u8", op, inputs=[quantized("u8", 0, [3, 40], low=150),
                                                 tensor([3, 40], "u8", scale=0.05, zero_point=3, low=4, high=30)],
                 outputs=[tensor(None, "u8", scale=0.2, zero_point=100)])
            case("binary", "div_channels_u8", op, inputs=[quantized("u8", 0, [3, 40], high=80),
                                                          tensor([40], "u8", scale=0.05, zero_point=100, low=101, high=120)],
                 outputs=[tensor(None, "u8", scale=0.2, zero_point=100)])
        else:
            case("binary", f"{stem}_same_i64", op, inputs=[tensor([11], "i64"), tensor([11], "i64")], outputs=[tensor(None, "i64")])


def scales():
    """Scales far apart, equal and tiny; all pairs of stored values."""
    import numpy as np
    rng = np.random.default_rng(5)
    for op in ("ADD", "SUB", "MUL"):
        for i in range(4):
            s = np.exp(rng.uniform(-7, 1, 3))
            z = rng.integers(-128, 127, 3, endpoint=True)
            grid = np.arange(-128, 128, 5)
            case("binary", f"{op.lower()}_scales{i}_i8", op,
                 inputs=[tensor([52, 1], "i8", data=grid.reshape(52, 1), scale=s[0], zero_point=z[0]),
                         tensor([1, 52], "i8", data=grid.reshape(1, 52), scale=s[1], zero_point=z[1])],
                 outputs=[tensor(None, "i8", scale=s[2], zero_point=z[2])])


def int16():
    for op in ("ADD", "SUB"):
        case("binary", f"{op.lower()}_pot_i16", op, {"potScaleInt16": True},
             [tensor([2, 60], "i16", scale=2**-12), tensor([2, 60], "i16", scale=2**-14)], [tensor(None, "i16", scale=2**-12)])
        case("binary", f"{op.lower()}_pot_second_i16", op, {"potScaleInt16": True},
             [tensor([2, 60], "i16", scale=2**-15), tensor([2, 60], "i16", scale=2**-13)], [tensor(None, "i16", scale=2**-13)])
        case("binary", f"{op.lower()}_general_i16", op, {"potScaleInt16": False},
             [tensor([2, 60], "i16", scale=0.0003), tensor([60], "i16", scale=0.0007)], [tensor(None, "i16", scale=0.0006)])
    case("binary", "mul_i16", "MUL", inputs=[tensor([2, 60], "i16", scale=0.0003), tensor([60], "i16", scale=0.0007)],
         outputs=[tensor(None, "i16", scale=0.004)])


def others():
    for op in ("MINIMUM", "MAXIMUM"):
        for name in ("same", "scalar", "crossed"):
            a, b = SHAPES[name]
            for type in ("f32", "i32", "i64", "i8", "u8", "i16"):
                if name == "crossed" and type not in ("f32", "i8"):
                    continue
                q = {} if type not in ("i8", "u8", "i16") else {"scale": 0.1, "zero_point": 0 if type == "i16" else 3}
                case("binary", f"{op.lower()}_{name}_{type}", op, inputs=[tensor(a, type, **q), tensor(b, type, **q)],
                     outputs=[tensor(None, type, **q)])
    for op in ("FLOOR_DIV", "FLOOR_MOD"):
        for type in ("f32", "i32", "i64", "i16", "i8"):
            if op == "FLOOR_DIV" and type == "i64":
                continue
            for side, (low, high) in (("plus", (1, 9)), ("minus", (-9, -1))):
                case("binary", f"{op.lower()}_{side}_{type}", op, inputs=[tensor([3, 8], type), tensor([8], type, low=low, high=high)],
                     outputs=[tensor(None, type)])
    case("binary", "squared_difference_f32", "SQUARED_DIFFERENCE", inputs=[tensor([2, 7, 3]), tensor([7, 1])], outputs=[tensor(None)])
    case("binary", "squared_difference_i32", "SQUARED_DIFFERENCE", inputs=[tensor([9], "i32"), tensor([9], "i32")],
         outputs=[tensor(None, "i32")])
    case("binary", "squared_difference_i8", "SQUARED_DIFFERENCE", inputs=[quantized("i8", 0, [4, 50]), quantized("i8", 1, [50])],
         outputs=[tensor(None, "i8", scale=0.4, zero_point=-128)])
    case("binary", "pow_f32", "POW", inputs=[tensor([3, 9], low=0.1, high=3), tensor([9])], outputs=[tensor(None)])
    case("binary", "pow_i32", "POW", inputs=[tensor([3, 5], "i32", low=-5, high=5), tensor([5], "i32", low=0, high=6)],
         outputs=[tensor(None, "i32")])


def comparisons():
    for op in ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"):
        for type in ("f32", "i32", "i64"):
            few = {"low": -3, "high": 3} if type != "f32" else {}
            case("binary", f"{op.lower()}_{type}", op, inputs=[tensor([2, 1, 9], type, **few), tensor([3, 9], type, **few)],
                 outputs=[tensor(None, "bool")])
        for type in ("i8", "u8"):
            case("binary", f"{op.lower()}_{type}", op, inputs=[quantized(type, 0, [3, 30]), quantized(type, 1, [30])],
                 outputs=[tensor(None, "bool")])
    for op in ("EQUAL", "NOT_EQUAL"):
        case("binary", f"{op.lower()}_bool", op, inputs=[tensor([20], "bool"), tensor([20], "bool")], outputs=[tensor(None, "bool")])
    for op in ("LOGICAL_AND", "LOGICAL_OR"):
        case("binary", op.lower(), op, inputs=[tensor([4, 9], "bool"), tensor([9], "bool")], outputs=[tensor(None, "bool")])


def prelu():
    case("binary", "prelu_f32", "PRELU", inputs=[tensor([1, 3, 4, 5]), tensor([1, 1, 5])], outputs=[tensor(None)])
    case("binary", "prelu_i8", "PRELU", inputs=[quantized("i8", 0, [1, 3, 8, 10]), quantized("i8", 1, [1, 1, 10])],
         outputs=[quantized("i8", 2)])
    case("binary", "prelu_u8", "PRELU", inputs=[quantized("u8", 0, [1, 3, 8, 10]), quantized("u8", 1, [1, 1, 10])],
         outputs=[quantized("u8", 2)])
    # LiteRT reads every alpha as int8 where the input is int16.
    x, alpha = tensor([3, 8], "i16", 2**-12, data=np.arange(-12, 12).reshape(3, 8) * 2600), tensor([8], "i16", 2**-14, data=np.arange(8) * 4000 - 9000)
    real = [[multiply_quantized(int(v), 0.8) if v >= 0 else multiply_quantized(int(v) * int(a), 0.8 * 2**-14) for v, a in zip(row, alpha.data)]
            for row in x.data]
    case("binary", "prelu_i16", "PRELU", inputs=[x, alpha], outputs=[tensor(None, "i16", 2**-12 / 0.8)],
         expected=[np.clip(real, -32768, 32767).astype(np.int16)], resolver=None)


    # What LiteRT means by an alpha of int16 input: int8.
    for shape in ([1, 3, 8, 10], [1, 1, 1, 10]):
        case("binary", f"prelu_i16_i8_{shape[1]}", "PRELU", inputs=[tensor([1, 3, 8, 10], "i16", 2**-12), tensor(shape, "i8", 2**-7)],
             outputs=[tensor(None, "i16", 1.3 * 2**-12)])


def cases():
    arithmetic()
    scales()
    int16()
    others()
    comparisons()
    prelu()
