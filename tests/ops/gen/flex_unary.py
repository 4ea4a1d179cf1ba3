"""Select-TF operators that are functions of one tensor element by element, and L2Loss."""
import numpy as np

from lib import DTYPES, SHORT, flex_case, tensor

F = "flex_unary"

# The range that a function is real on; None: everywhere.
REAL = {
    "Acos": (-1, 1), "Acosh": (1, 9), "Asin": (-1, 1), "Asinh": None, "Atan": None, "Atanh": (-0.99, 0.99),
    "BesselI0e": (-50, 50), "BesselI1e": (-50, 50), "Ceil": None, "Cos": None, "Cosh": None, "Digamma": (-4.9, 12),
    "Elu": None, "Erf": None, "Erfc": None, "Erfinv": (-0.999, 0.999), "Exp": None, "Expm1": None, "Floor": None,
    "Inv": (0.1, 4), "LeakyRelu": None, "Lgamma": (-3.9, 9), "Log": (0.1, 9), "Log1p": (-0.9, 9), "Ndtri": (0.001, 0.999),
    "Reciprocal": (-4, -0.1), "Rint": (-4, 4), "Rsqrt": (0.1, 9), "Selu": None, "Sigmoid": (-9, 9), "Sin": None,
    "Sinh": None, "Softplus": (-30, 30), "Softsign": None, "Sqrt": (0, 9), "Tan": None, "Tanh": None,
}
BOTH = ("Abs", "Neg", "OnesLike", "Relu", "Relu6", "Round", "Sign", "Square")
COMPLEX = ("Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Conj", "Cos", "Cosh", "Exp", "Expm1", "Inv", "Log", "Log1p",
           "Neg", "OnesLike", "Reciprocal", "Rsqrt", "Sigmoid", "Sign", "Sin", "Sinh", "Sqrt", "Square", "Tan", "Tanh")
TOLERANCE = {"f32": {"abs": 2e-6, "rel": 4e-6}, "f64": {"abs": 1e-12, "rel": 1e-12}, "f16": {"abs": 2e-3, "rel": 2e-3},
             "bf16": {"abs": 1.6e-2, "rel": 1.6e-2}, "c64": {"abs": 1e-5, "rel": 1e-5}, "c128": {"abs": 1e-12, "rel": 1e-12}}
HALVES = ("Elu", "Erf", "Exp", "Inv", "LeakyRelu", "Log1p", "Rsqrt", "Sigmoid", "Softplus", "Tanh")
FEW = ("Exp", "Conj", "Square")


def argument(op):
    return "features" if op in ("Elu", "LeakyRelu", "Relu", "Relu6", "Selu", "Softplus", "Softsign") else \
        "input" if op in ("Conj",) else "x"


def cases():
    for op, span in REAL.items():
        low, high = span or (-4, 4)
        for type in ("f32", "f64") + (("f16", "bf16") if op in HALVES else ()):
            tolerance = TOLERANCE[type]
            if type == "f64" and op in ("Digamma", "Lgamma", "Erfinv", "Ndtri", "BesselI0e", "BesselI1e"):
                tolerance = {"abs": 1e-9, "rel": 1e-9}
            flex_case(F, f"{op.lower()}_{type}", op, {argument(op): tensor([2, 9], type, low=low, high=high)},
                      tolerance=tolerance)
    for op in BOTH:
        for type in ("f32", "f64", "i32", "i64"):
            if op in ("OnesLike",) and type == "i64":
                continue
            # TensorFlow 2.21 rounds every integer to 0.
            whole = np.arange(-7, 8).reshape(3, 5) if op == "Round" and type[0] == "i" else None
            flex_case(F, f"{op.lower()}_{type}", op, {argument(op): tensor([3, 5], type, data=whole, low=-9, high=9)},
                      expected=None if whole is None else [whole.astype(DTYPES[SHORT[type]])])
    for op in COMPLEX:
        for type in ("c64",) + (("c128",) if op in FEW else ()):
            flex_case(F, f"{op.lower()}_{type}", op, {argument(op): tensor([7], type)}, tolerance=TOLERANCE[type])
    for type in ("i8", "u8", "i16", "u16", "i32", "i64"):
        flex_case(F, f"invert_{type}", "Invert", {"x": tensor([9], type)})
    odd = [0.0, -0.0, 1.0, np.inf, -np.inf, np.nan]
    for op in ("IsNan", "IsInf", "IsFinite"):
        for type in ("f32", "f64", "f16"):
            flex_case(F, f"{op.lower()}_{type}", op, {"x": tensor(None, type, data=odd)})
    for op in ("Relu", "Sign", "Sqrt", "Softplus", "Erf", "Log1p", "Rint"):
        flex_case(F, f"{op.lower()}_odd", op, {argument(op): tensor(None, "f32", data=odd)}, tolerance=TOLERANCE["f32"])
    flex_case(F, "leakyrelu_alpha", "LeakyRelu", {"features": tensor([9], "f32")}, {"alpha": 0.375})
    flex_case(F, "logicalnot", "LogicalNot", {"x": tensor([9], "bool")})
    for op in ("Exp", "Erf"):
        flex_case(F, f"{op.lower()}_scalar", op, {"x": tensor([], "f32")})
        flex_case(F, f"{op.lower()}_empty", op, {"x": tensor([0, 3], "f32")})
    flex_case(F, "erf_long", "Erf", {"x": tensor([1030], "f32")})
    for type in ("f32", "f64"):
        flex_case(F, f"l2loss_{type}", "L2Loss", {"t": tensor([3, 101], type)})
