"""DENSIFY: every form of the sparse encoding."""
import numpy as np

from lib import DTYPES, case, encode_sparse, tensor


def sparse(name, shape, order, formats, block_map=(), blocks=(), type="float32", kind="Uint8"):
    rng = np.random.default_rng(len(name))
    dense = (rng.integers(-9, 9, shape) * (rng.random(shape) < 0.3)).astype(DTYPES[type])
    params, values = encode_sparse(dense, order, list(block_map), list(blocks), formats, kind)
    given = {} if type in ("float32", "float16", "int8") else {"expected": [dense], "resolver": None}  # LiteRT's types
    case("densify", name, "DENSIFY", None, [tensor(shape, type, const=True, sparsity=params, raw=values.tobytes())],
         [tensor(None, type)], **given)


def cases():
    for type in ("float32", "float16", "int8", "int16", "uint32", "int64", "float64"):
        sparse(f"csr_{type}", [4, 6], [0, 1], "ds", type=type)
    for type in ("bfloat16", "uint8", "uint16", "int32", "uint64", "bool", "complex64", "complex128"):
        sparse(f"csr_of_{type}", [4, 6], [0, 1], "ds", type=type)
    for kind in ("Uint8", "Uint16", "Int32"):
        sparse(f"csr_{kind.lower()}", [5, 7], [0, 1], "ds", kind=kind)
    sparse("csc", [4, 6], [1, 0], "ds")
    sparse("both_sparse", [4, 6], [0, 1], "ss")
    sparse("all_dense", [3, 4], [0, 1], "dd")
    sparse("block_1x4", [4, 16], [0, 1, 2], "dsd", [1], [4])
    sparse("block_4x4", [8, 8], [0, 1, 2, 3], "dsdd", [0, 1], [4, 4])
    sparse("block_swapped", [8, 4], [0, 1, 3, 2], "dsdd", [0, 1], [4, 2])
    sparse("conv_weights", [6, 1, 1, 8], [0, 1, 2, 3], "ddds", type="float16")
    sparse("conv_weights_3x3", [2, 3, 3, 4], [0, 1, 2, 3], "ddds", type="float16")
