"""DENSIFY: every form of the sparse encoding, written by a small encoder."""
import numpy as np
from ai_edge_litert import schema_py_generated as S

from lib import case, tensor


def vector(values, kind):
    table = getattr(S, kind + "VectorT")()
    table.values = list(values)
    return getattr(S.SparseIndexVector, kind + "Vector"), table


def encode(dense, order, block_map, blocks, formats, kind):
    """order: the traversal; formats: "d" or "s" for each level. Returns (parameters, stored values)."""
    rank = dense.ndim
    shape = list(dense.shape)
    for b, dim in enumerate(block_map):
        shape[dim] //= blocks[b]
    extents = [shape[d] if d < rank else blocks[d - rank] for d in order]

    def place(index):
        at = [0] * rank
        for level, d in enumerate(order):
            if d < rank:
                at[d] += index[level] * (blocks[block_map.index(d)] if d in block_map else 1)
            else:
                at[block_map[d - rank]] += index[level]
        return tuple(at)

    def nonzero(prefix):
        tail = extents[len(prefix):]
        return any(dense[place(list(prefix) + list(rest))] != 0 for rest in np.ndindex(*tail))

    params, metadata, prefixes = S.SparsityParametersT(), [], [()]
    for level, extent in enumerate(extents):
        m = S.DimensionMetadataT()
        m.format = S.DimensionType.DENSE if formats[level] == "d" else S.DimensionType.SPARSE_CSR
        segments, indices, below = [0], [], []
        for prefix in prefixes:
            kept = [i for i in range(extent) if formats[level] == "d" or nonzero(prefix + (i,))]
            indices += kept
            segments.append(len(indices))
            below += [prefix + (i,) for i in kept]
        if formats[level] == "d":
            m.denseSize = extent
        else:
            m.arraySegmentsType, m.arraySegments = vector(segments, kind)
            m.arrayIndicesType, m.arrayIndices = vector(indices, kind)
        metadata.append(m)
        prefixes = below
    params.traversalOrder, params.blockMap, params.dimMetadata = list(order), list(block_map), metadata
    return params, np.array([dense[place(p)] for p in prefixes], dense.dtype)


def sparse(name, shape, order, formats, block_map=(), blocks=(), type="float32", kind="Uint8"):
    rng = np.random.default_rng(len(name))
    dense = (rng.integers(-9, 9, shape) * (rng.random(shape) < 0.3)).astype(type)
    params, values = encode(dense, order, list(block_map), list(blocks), formats, kind)
    given = {} if type in ("float32", "float16", "int8") else {"expected": [dense], "resolver": None}  # LiteRT's types
    case("densify", name, "DENSIFY", None, [tensor(shape, type, const=True, sparsity=params, raw=values.tobytes())],
         [tensor(None, type)], **given)


def cases():
    for type in ("float32", "float16", "int8", "int16", "uint32", "int64", "float64"):
        sparse(f"csr_{type}", [4, 6], [0, 1], "ds", type=type)
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
