"""STABLEHLO_DOT_GENERAL: NumPy, after the StableHLO specification."""
import numpy as np

from lib import DTYPES, SHORT, case, tensor

F = "stablehlo_dot"
RNG = np.random.default_rng(197)
FORMS = {
    "matrix": ([5, 7], [7, 4], [], [], [1], [0]), "transposed": ([5, 7], [4, 7], [], [], [1], [1]), "both": ([7, 5], [4, 7], [], [], [0], [1]),
    "batch": ([3, 5, 7], [3, 7, 4], [0], [0], [2], [1]), "late_batch": ([5, 3, 7], [7, 4, 3], [1], [2], [2], [0]),
    "two_batches": ([2, 3, 4, 5], [3, 2, 5, 6], [0, 1], [1, 0], [3], [2]), "two_contracted": ([4, 3, 5], [5, 3, 6], [], [], [1, 2], [1, 0]),
    "outer": ([3], [4], [], [], [], []), "inner": ([9], [9], [], [], [0], [0]), "scalars": ([], [], [], [], [], []),
    "vector": ([6, 9], [9], [], [], [1], [0]), "wide": ([2, 3, 8], [8, 2, 5], [], [], [2], [0]), "mixed": ([4, 2, 3, 5], [5, 6, 2, 4], [1], [2], [0, 3], [3, 0]),
    "large": ([40, 65], [65, 50], [], [], [1], [0]), "empty": ([3, 0], [0, 4], [], [], [1], [0]), "nothing": ([0, 3], [3, 4], [], [], [1], [0]),
    "ones": ([1, 3, 1, 4], [4, 1, 5, 1], [0], [3], [3], [0]), "elementwise": ([6, 4], [6, 4], [0, 1], [0, 1], [], []),
}


def dtype(type):
    return np.dtype(DTYPES[SHORT.get(type, type)])


def values(shape, type):
    if type == "c64":
        return (RNG.uniform(-2, 2, shape) + 1j * RNG.uniform(-2, 2, shape)).astype("c8")
    if type in ("f32", "f16", "bf16", "f64"):
        return RNG.uniform(-2, 2, shape).astype(dtype(type))
    return RNG.integers(0 if type[0] == "u" else -9, 9, shape, endpoint=True).astype(dtype(type))


def dot(a, b, ab, bb, ac, bc, out):
    wide = {"c": np.complex128, "i": np.int64, "u": np.int64}.get(np.dtype(out).kind, np.float64)
    letters = "abcdefghijklmnop"
    la, lb = list(letters[:a.ndim]), list(letters[8:8 + b.ndim])
    for i, j in list(zip(ab, bb)) + list(zip(ac, bc)):
        lb[j] = la[i]
    result = [la[i] for i in ab] + [l for i, l in enumerate(la) if i not in ab + ac] + [l for j, l in enumerate(lb) if j not in bb + bc]
    with np.errstate(over="ignore"):
        return np.einsum(f"{''.join(la)},{''.join(lb)}->{''.join(result)}", a.astype(wide), b.astype(wide)).astype(out)


def cases():
    for name, (sa, sb, ab, bb, ac, bc) in FORMS.items():
        types = [(t, t, t) for t in ("f32", "f16", "bf16", "f64", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "c64")]
        types += [("i8", "i8", "i32"), ("bf16", "bf16", "f32"), ("f16", "f32", "f32"), ("u8", "i8", "i32"), ("f32", "f32", "f64")]
        for a, b, out in types if name in ("matrix", "late_batch", "mixed") else types[:1] + [("i32", "i32", "i32"), ("bf16", "bf16", "f32")]:
            for const in (False, True) if out == "f32" else (False,):
                x, y = values(sa, a), values(sb, b)
                label = a if a == b == out else f"{a}_{b}_{out}"
                rel = {"f16": 2e-3, "bf16": 2e-2}.get(out, 1e-5)
                options = {k: np.asarray(v, np.int64) for k, v in zip(("lhsBatchingDimensions", "rhsBatchingDimensions",
                                                                         "lhsContractingDimensions", "rhsContractingDimensions"), (ab, bb, ac, bc))}
                case(F, f"dot_{name}_{label}{'_const' if const else ''}", "STABLEHLO_DOT_GENERAL", options,
                     [tensor(sa, a, data=x), tensor(sb, b, data=y, const=const)], [tensor(None, out)],
                     expected=[dot(x, y, ab, bb, ac, bc, dtype(out))], resolver=None, tolerance={"rel": rel})
    for name in ("matrix", "transposed", "late_batch", "mixed", "large"):  # constants in other than floats of 32 bits
        sa, sb, ab, bb, ac, bc = FORMS[name]
        for a, b, out in (("i8", "i8", "i32"), ("u8", "i8", "i16"), ("bf16", "bf16", "bf16")):
            x, y = values(sa, a), values(sb, b)
            options = {k: np.asarray(v, np.int64) for k, v in zip(("lhsBatchingDimensions", "rhsBatchingDimensions", "lhsContractingDimensions",
                                                                     "rhsContractingDimensions"), (ab, bb, ac, bc))}
            case(F, f"dot_{name}_{a}_{b}_{out}_const", "STABLEHLO_DOT_GENERAL", options, [tensor(sa, a, data=x), tensor(sb, b, data=y, const=True)],
                 [tensor(None, out)], expected=[dot(x, y, ab, bb, ac, bc, dtype(out))], resolver=None, tolerance={"rel": 2e-2} if out == "bf16" else None)
