"""Select-TF operators that are functions of two tensors element by element."""
from lib import flex_case, tensor

F = "flex_binary"

FLOATS, INTEGERS, COMPLEX = ("f32", "f64", "f16", "bf16"), ("i8", "u8", "i16", "i32", "i64"), ("c64", "c128")
TOLERANCE = {"f32": {"abs": 2e-6, "rel": 4e-6}, "f64": {"abs": 1e-12, "rel": 1e-12}, "f16": {"abs": 2e-3, "rel": 2e-3},
             "bf16": {"abs": 1.6e-2, "rel": 1.6e-2}, "c64": {"abs": 1e-5, "rel": 1e-5}, "c128": {"abs": 1e-12, "rel": 1e-12}}
ARITHMETIC = {
    "Add": FLOATS + ("i32",) + ("c64",), "AddV2": FLOATS + INTEGERS + COMPLEX, "Sub": FLOATS + ("i32", "i64", "c64"),
    "Mul": FLOATS + INTEGERS + ("c64",), "Div": FLOATS + ("i32", "i64", "c64"), "RealDiv": FLOATS + COMPLEX,
    "FloorDiv": FLOATS + INTEGERS, "FloorMod": FLOATS + ("i32", "i64"), "Mod": ("f32", "f64", "i32", "i64"),
    "TruncateDiv": INTEGERS, "TruncateMod": ("f32", "f64", "i32", "i64"), "Maximum": FLOATS + ("i32", "i64"),
    "Minimum": FLOATS + ("i32", "i64"), "SquaredDifference": FLOATS + ("i32", "i64", "c64"),
    "Pow": ("f32", "f64", "i32", "i64", "c64"), "Atan2": ("f32", "f64"),
    "BitwiseAnd": INTEGERS, "BitwiseOr": INTEGERS, "BitwiseXor": INTEGERS, "LeftShift": INTEGERS, "RightShift": INTEGERS,
    "Equal": FLOATS + ("i32", "i64", "bool", "c64"), "NotEqual": FLOATS + ("i32", "bool", "c64"),
    "Less": FLOATS + INTEGERS, "LessEqual": ("f32", "i32"), "Greater": ("f32", "f64", "i64"), "GreaterEqual": ("f32", "i32"),
    "DivNoNan": ("f32", "f64", "c64"), "MulNoNan": ("f32", "f64", "c64"), "Xdivy": ("f32", "f64"), "Xlogy": ("f32", "f64"),
    "Xlog1py": ("f32", "f64"), "LogicalAnd": ("bool",), "LogicalOr": ("bool",),
}
SPECIAL = {"Igamma": ((0.1, 9), (0.1, 20)), "Igammac": ((0.1, 9), (0.1, 20)), "Zeta": ((1.2, 9), (0.1, 9)),
           "Polygamma": ((0, 4), (0.2, 9))}
# The arguments' names, and the range of the one that an output is.
GRADIENTS = {"EluGrad": ("gradients", "outputs", -0.99, 3), "InvGrad": ("y", "dy", 0.1, 4),
             "LeakyReluGrad": ("gradients", "features", -2, 2), "ReciprocalGrad": ("y", "dy", 0.1, 4),
             "ReluGrad": ("gradients", "features", -2, 2), "Relu6Grad": ("gradients", "features", -2, 8),
             "RsqrtGrad": ("y", "dy", 0.1, 2), "SeluGrad": ("gradients", "outputs", -1.7, 2),
             "SigmoidGrad": ("y", "dy", 0, 1), "SoftplusGrad": ("gradients", "features", -9, 9),
             "SoftsignGrad": ("gradients", "features", -4, 4), "SqrtGrad": ("y", "dy", 0.1, 4), "TanhGrad": ("y", "dy", -1, 1)}


def cases():
    for op, types in ARITHMETIC.items():
        for type in types:
            low, high = (-9, 9) if type[0] in "fbic" else (0, 9)
            y_low = 1 if type[0] in "iu" else 0.5
            if op in ("Pow", "LeftShift", "RightShift"):
                y_low, high_y = 0, 4
            else:
                high_y = 9
            if op in ("Pow",) and type[0] == "f":
                low = 0.1
            flex_case(F, f"{op.lower()}_{type}", op, {"x": tensor([2, 5], type, low=low, high=high),
                                                      "y": tensor([5], type, low=y_low, high=high_y)},
                      tolerance=TOLERANCE.get(type))
    for op in ("DivNoNan", "MulNoNan", "Xdivy", "Xlogy", "Xlog1py"):
        flex_case(F, f"{op.lower()}_zeros", op, {"x": tensor(None, "f32", data=[0, 1, 3, -1] if op[0] != "X" else [0, 0, 3, 0]),
                                                 "y": tensor(None, "f32", data=[0, 0, 2, 0])})
    for op, ((a, b), (c, d)) in SPECIAL.items():
        for type in ("f32", "f64"):
            x = tensor(None, type, data=[[0, 1, 2, 3, 4]]) if op == "Polygamma" else tensor([2, 5], type, low=a, high=b)
            flex_case(F, f"{op.lower()}_{type}", op,
                      dict(zip({"Zeta": ("x", "q"), "Polygamma": ("a", "x")}.get(op, ("a", "x")),
                               (x, tensor([2, 5], type, low=c, high=d)))), tolerance={"abs": 2e-6, "rel": 2e-5} if type == "f32" else
                      {"abs": 1e-9, "rel": 1e-9})
    for op, (first, second, low, high) in GRADIENTS.items():
        for type in FLOATS:
            ranged = tensor([3, 7], type, low=low, high=high)
            other = tensor([3, 7], type)
            pair = (ranged, other) if first == "y" else (other, ranged)
            flex_case(F, f"{op.lower()}_{type}", op, dict(zip((first, second), pair)), tolerance=TOLERANCE[type])
    flex_case(F, "leakyrelugrad_alpha", "LeakyReluGrad", {"gradients": tensor([9], "f32"), "features": tensor([9], "f32")},
              {"alpha": 0.01})
    for type in ("f32", "f64"):
        flex_case(F, f"approximateequal_{type}", "ApproximateEqual", {"x": tensor([9], type, low=0, high=3), "y": tensor([9], type, low=0, high=3)},
                  {"tolerance": 0.5})
    flex_case(F, "mul_scalar_left", "Mul", {"x": tensor([], "f64"), "y": tensor([3, 2], "f64")})
    flex_case(F, "xlogy_ranks", "Xlogy", {"x": tensor([4, 1, 3], "f32"), "y": tensor([5, 1], "f32", low=0.1)})
    flex_case(F, "addv2_c64_ranks", "AddV2", {"x": tensor([4, 1, 3], "c64"), "y": tensor([5, 1], "c64")})
    flex_case(F, "xdivy_long", "Xdivy", {"x": tensor([2, 300], "f32"), "y": tensor([300], "f32", low=1)})
