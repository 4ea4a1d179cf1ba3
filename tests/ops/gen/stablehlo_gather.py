"""STABLEHLO_GATHER and RNG_BIT_GENERATOR. Indices of types that LiteRT does not take: NumPy, after the specification."""
import numpy as np

from lib import DTYPES, SHORT, case, random_data, tensor

F = "stablehlo_gather"


def options(offset, collapsed, map, vector, sizes):
    return {"offsetDims": np.asarray(offset, np.int64), "collapsedSliceDims": np.asarray(collapsed, np.int64),
            "startIndexMap": np.asarray(map, np.int64), "indexVectorDim": vector, "sliceSizes": np.asarray(sizes, np.int64)}


# operand, indices, output, options
FORMS = {
    "rows": ([4, 3], [[0], [2], [2]], [3, 3], options([1], [0], [0], 1, [1, 3])),
    "elements": ([3, 4], [[0, 1], [2, 3], [1, 0]], [3], options([], [0, 1], [0, 1], 1, [1, 1])),
    "clamped": ([3, 4], [[-5, 1], [2, 9], [7, -1]], [3, 2, 2], options([1, 2], [], [0, 1], 1, [2, 2])),
    "windows": ([5, 6, 2], [[0, 1], [3, 4]], [2, 2, 3, 2], options([1, 2, 3], [], [0, 1], 1, [2, 3, 2])),
    "offset_first": ([4, 5], [[1], [3], [0]], [2, 3], options([0], [0], [0], 1, [1, 2])),
    "exchanged": ([4, 5], [[3, 1], [0, 2]], [2, 2], options([1], [1], [1, 0], 1, [2, 1])),
    "vector_first": ([4, 5, 2], [[0, 2, 3], [1, 4, 0]], [3, 2], options([1], [0, 1], [0, 1], 0, [1, 1, 2])),
    "batches": ([6, 3], [[[0], [5]], [[2], [2]]], [2, 2, 3], options([2], [0], [0], 2, [1, 3])),
    "between": ([6, 3, 2], [[[0], [5]], [[2], [2]]], [2, 3, 2, 2], options([1, 3], [0], [0], 2, [1, 3, 2])),
    "no_vector": ([5, 2], [4, 0, 1], [3, 2], options([1], [0], [0], 1, [1, 2])),
}


def gather(x, indices, out, o):
    d = o["indexVectorDim"]
    indices = np.asarray(indices)
    indices = indices[..., None] if d == indices.ndim else np.moveaxis(indices, d, -1)
    kept = [i for i in range(x.ndim) if i not in o["collapsedSliceDims"]]
    y = np.zeros(out, x.dtype)
    for at in np.ndindex(*out):
        batch = tuple(a for i, a in enumerate(at) if i not in o["offsetDims"])
        start = np.zeros(x.ndim, int)
        start[list(o["startIndexMap"])] = indices[batch]
        start = np.clip(start, 0, np.array(x.shape) - o["sliceSizes"])
        for k, d in zip(kept, o["offsetDims"]):
            start[k] += at[d]
        y[at] = x[tuple(start)]
    return y


def gathers():
    types = ("f32", "f16", "bf16", "f64", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "bool", "c64")
    for name, (shape, indices, out, o) in FORMS.items():
        for type in types if name in ("rows", "windows") else ("f32", "i8", "i64"):
            for index in ("i32", "i64"):
                oracle = type in ("f32", "i8", "i32", "i64", "u8", "i16", "bool")
                oracle = oracle and name != "no_vector"  # where LiteRT crashes
                x = tensor(shape, type)
                x.data = random_data(x, np.random.default_rng(201))
                given = {} if oracle else {"expected": [gather(x.data, indices, out, o)], "resolver": None}
                case(F, f"gather_{name}_{type}_{index}", "STABLEHLO_GATHER", o, [x, tensor(None, index, data=indices)], [tensor(out, type)], **given)
    for index in ("u8", "i8", "u16", "i16", "u32", "u64"):
        shape, indices, out, o = FORMS["windows"]
        x = tensor(shape, "f32")
        x.data = random_data(x, np.random.default_rng(202))
        case(F, f"gather_windows_f32_{index}", "STABLEHLO_GATHER", o, [x, tensor(None, index, data=indices)], [tensor(out, "f32")],
             expected=[gather(x.data, indices, out, o)], resolver=None)
    for name, shape, indices, out, o in (("nothing", [4, 3], np.zeros([0, 1]), [0, 3], options([1], [0], [0], 1, [1, 3])),
                                         ("empty_slices", [4, 3], [[1], [2]], [2, 0], options([1], [0], [0], 1, [1, 0])),
                                         ("no_indices", [3], np.zeros([2, 0]), [2, 3], options([1], [], [], 1, [3])),
                                         ("rank8", [2, 1, 2, 1, 2, 2], [[[[0, 1]], [[1, 0]]]], [1, 2, 1, 1, 2, 1, 2, 2],
                                          options([3, 4, 5, 6, 7], [0], [0, 2], 3, [1, 1, 2, 1, 2, 2]))):
        x = tensor(shape, "f32")
        x.data = random_data(x, np.random.default_rng(203))
        case(F, f"gather_{name}", "STABLEHLO_GATHER", o, [x, tensor(None, "i32", data=indices)], [tensor(out, "f32")],
             expected=[gather(x.data, indices, out, o)], resolver=None)


def bits():
    for algorithm, name in enumerate(("default", "philox", "threefry")):
        for state in ([0x123456789ABCDEF, 77], [5, 2**64 - 2], [9, 2**32 - 1]) + (([3, 4, 5], [1, 2**64 - 2, 8]) if algorithm < 2 else ()):
            for type in ("i32", "u32", "i64", "u64"):
                label = f"rng_{name}_{len(state)}_{state[1]:x}_{type}"
                case(F, label, "STABLEHLO_RNG_BIT_GENERATOR", {"algorithm": algorithm}, [tensor(None, "u64", data=np.array(state, np.uint64))],
                     [tensor([len(state)], "u64"), tensor([3, 3], type)])
        for shape in ([], [0], [1], [4], [2, 5000]):
            case(F, f"rng_{name}_{'x'.join(map(str, shape)) or 'scalar'}", "STABLEHLO_RNG_BIT_GENERATOR", {"algorithm": algorithm},
                 [tensor(None, "u64", data=np.array([1, 2], np.uint64))], [tensor([2], "u64"), tensor(shape, "u32")])


def cases():
    gathers()
    bits()
