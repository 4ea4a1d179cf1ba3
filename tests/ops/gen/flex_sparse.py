"""Select-TF operators on sparse tensors, sets and counts."""
import numpy as np

from lib import FlexModel, flex_case, random_data, tensor, tensorflow

F = "flex_sparse"
NUMBERS = ("f32", "f64", "f16", "bf16", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64")
COMPLEX = ("c64", "c128")
MOVED = NUMBERS + COMPLEX + ("bool", "str")
LOOSE = {"f16": {"abs": 4e-3, "rel": 4e-3}, "bf16": {"abs": 3e-2, "rel": 3e-2}}
INDICES = [[0, 0, 1], [0, 2, 0], [1, 0, 1], [1, 1, 0], [1, 2, 1]]
OTHERS = [[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 2, 0]]
SHAPE = [2, 3, 2]


def ints(values, type="i64"):
    return tensor(None, type, data=np.asarray(values, np.int64))


def values(count, type, seed=0, low=-9, high=9):
    rng = np.random.default_rng(seed + count)
    if type == "str":
        return tensor(None, type, data=[b"w%d" % i * (i % 3) for i in rng.integers(0, 50, count)])
    if type == "bool":
        return tensor(None, type, data=rng.integers(0, 2, count))
    if type in COMPLEX:
        return tensor(None, type, data=rng.uniform(-2, 2, count) + 1j * rng.uniform(-2, 2, count))
    numbers = rng.integers(0 if type[0] == "u" else low, high, count, endpoint=True)
    return tensor(None, type, data=numbers / 4 if type in ("f32", "f64", "f16", "bf16") else numbers)


def one(type, value):
    return tensor([], type, data=value)


def run(name, op, inputs, attrs=None, type=None, **rest):
    flex_case(F, name, op, inputs, attrs, tolerance=LOOSE.get(type), unknown=range(8), **rest)


def moving():
    mixed = INDICES[3:] + INDICES[:3]
    for type in MOVED:
        v = values(5, type)
        base = {"values": v, "shape": ints(SHAPE)}
        typed = {"outputs": ["int64", tensor([], type).type, "int64"]}
        run(f"reorder_{type}", "SparseReorder", {"input_indices": ints(mixed), "input_values": v, "input_shape": ints(SHAPE)},
            outputs=typed["outputs"][:2])
        run(f"slice_{type}", "SparseSlice", {"indices": ints(INDICES), "start": ints([0, 1, 0]), "size": ints([2, 9, 1])} | base, **typed)
        run(f"fillrows_{type}", "SparseFillEmptyRows", {"indices": ints([[3, 1], [0, 2], [3, 0], [0, 0], [5, 1]]), "values": v,
                                                       "dense_shape": ints([6, 3]), "default_value": one(type, b"fill" if type == "str" else 1)},
            outputs=["int64", tensor([], type).type, "bool", "int64"])
        run(f"concat_{type}", "SparseConcat", {"indices": [ints(INDICES), ints(OTHERS)], "values": [v, values(4, type, 5)],
                                               "shapes": [ints(SHAPE), ints(SHAPE)]}, {"concat_dim": 1}, **typed)
        run(f"split_{type}", "SparseSplit", {"split_dim": one("i64", 1), "indices": ints(INDICES)} | base, {"num_split": 2},
            outputs=["int64"] * 2 + typed["outputs"][1:2] * 2 + ["int64"] * 2)
    v = values(5, "f32")
    run("slice_beyond", "SparseSlice", {"indices": ints(INDICES), "values": v, "shape": ints(SHAPE), "start": ints([-1, 5, 0]), "size": ints([2, 9, 9])})
    run("concat_first", "SparseConcat", {"indices": [ints(mixed), ints(OTHERS)], "values": [v, values(4, "f32", 5)],
                                         "shapes": [ints(SHAPE), ints([4, 3, 2])]}, {"concat_dim": -3})
    run("split_last", "SparseSplit", {"split_dim": one("i64", -1), "indices": ints(INDICES), "values": v, "shape": ints(SHAPE)}, {"num_split": 2})
    run("fillrows_none", "SparseFillEmptyRows", {"indices": ints(np.zeros([0, 2])), "values": values(0, "f32"), "dense_shape": ints([3, 2]),
                                                 "default_value": one("f32", 2)})
    run("fillrows_no_rows", "SparseFillEmptyRows", {"indices": ints(np.zeros([0, 2])), "values": values(0, "f32"), "dense_shape": ints([0, 2]),
                                                    "default_value": one("f32", 2)})
    for name, shape in (("flat", [-1]), ("inner", [3, -1, 2]), ("given", [6, 2]), ("more", [1, 2, 1, 3, 2])):
        run(f"reshape_{name}", "SparseReshape", {"input_indices": ints(INDICES), "input_shape": ints(SHAPE), "new_shape": ints(shape)})
    run("reshape_empty", "SparseReshape", {"input_indices": ints(np.zeros([0, 2])), "input_shape": ints([0, 2]), "new_shape": ints([-1, 2])})
    for type in NUMBERS + COMPLEX:
        run(f"fillrowsgrad_{type}", "SparseFillEmptyRowsGrad", {"reverse_index_map": ints([3, 0, 1]), "grad_values": values(5, type)}, type=type)
        run(f"slicegrad_{type}", "SparseSliceGrad", {"backprop_val_grad": values(2, type), "input_indices": ints(INDICES), "input_start": ints([0, 1, 0]),
                                                     "output_indices": ints([[0, 1, 0], [1, 0, 0]])}, type=type)


def computing():
    a3 = {"sp_indices": ints(INDICES), "sp_shape": ints(SHAPE)}
    for type in ("f32", "f64", "bf16", "i32") + COMPLEX:
        for flip in range(4):
            for index in ("i64", "i32") if flip == 0 else ("i64",):
                b = values(12, type, flip)
                b.data, b.shape = b.data.reshape([[4, 3], [3, 4]][flip > 1] if flip % 2 == 0 else [[2, 6], [6, 2]][flip > 1]), None
                b.shape = list(b.data.shape)
                run(f"matmul_{type}_{flip}{'' if index == 'i64' else '_i32'}", "SparseTensorDenseMatMul",
                    {"a_indices": ints([[0, 1], [0, 3], [1, 0], [1, 1]], index), "a_values": values(4, type, 3), "a_shape": ints([2, 4]), "b": b},
                    {"adjoint_a": flip % 2 == 1, "adjoint_b": flip > 1}, type=type)
    for ta, tb in (("f32", "f32"), ("f32", "bf16"), ("bf16", "f32"), ("bf16", "bf16")):
        for flip in range(4):
            a = tensor([3, 4] if flip % 2 == 0 else [4, 3], ta)
            b = tensor([4, 5] if flip < 2 else [5, 4], tb)
            run(f"zerosmatmul_{ta}_{tb}_{flip}", "SparseMatMul", {"a": a, "b": b},
                {"transpose_a": flip % 2 == 1, "transpose_b": flip > 1, "a_is_sparse": True}, type="bf16" if "bf16" in (ta, tb) else ta)
    for type in NUMBERS + COMPLEX:
        for index in ("i64", "i32") if type == "f32" else ("i64",):
            dense = values(12, type, 4)
            dense.data, dense.shape = dense.data.reshape(SHAPE), SHAPE
            run(f"denseadd_{type}{'' if index == 'i64' else '_i32'}", "SparseTensorDenseAdd",
                {"a_indices": ints(INDICES, index), "a_values": values(5, type), "a_shape": ints(SHAPE, index), "b": dense}, type=type)
    for type in NUMBERS:
        v = values(5, type)
        for op in ("Add", "Mul", "Div"):
            for shape in ((3, 2), (3, 1), ()) if type == "f32" else ((3, 2),):
                dense = tensor(None, type, data=np.arange(1, 1 + int(np.prod(shape))).reshape(shape))
                run(f"cwise{op.lower()}_{type}_{len(shape)}{shape[-1] if shape else ''}", "SparseDenseCwise" + op, a3 | {"sp_values": v, "dense": dense}, type=type)
        other = {"a_indices": ints(INDICES), "a_values": v, "a_shape": ints(SHAPE), "b_indices": ints(OTHERS), "b_values": values(4, type, 7), "b_shape": ints(SHAPE)}
        for op in ("Minimum", "Maximum"):
            run(f"{op.lower()}_{type}", "SparseSparse" + op, other, type=type)
        for op in ("Sum", "Max"):
            base = {"input_indices": ints(INDICES), "input_values": v, "input_shape": ints(SHAPE)}
            for name, axes in (("inner", [-1]), ("outer", [0, 2]), ("all", [0, 1, 2]), ("none", [])) if type == "f32" else (("outer", [0, 2]),):
                for keep in (False, True):
                    attrs = {"keep_dims": keep}
                    run(f"reduce{op.lower()}_{type}_{name}_{keep:d}", f"SparseReduce{op}", base | {"reduction_axes": ints(axes, "i32")}, attrs, type=type)
                    run(f"reduce{op.lower()}sparse_{type}_{name}_{keep:d}", f"SparseReduce{op}Sparse", base | {"reduction_axes": ints(axes, "i32")}, attrs, type=type)
    for type in COMPLEX:
        base = {"input_indices": ints(INDICES[::-1]), "input_values": values(5, type), "input_shape": ints(SHAPE), "reduction_axes": ints([1], "i32")}
        run(f"reducesum_{type}", "SparseReduceSum", base)
        run(f"reducesumsparse_{type}", "SparseReduceSumSparse", base)
    for type in ("f32", "f64", "i8", "i16", "i32", "i64") + COMPLEX:
        for bound in (0, 2):
            run(f"add_{type}_{bound}", "SparseAdd", {"a_indices": ints(INDICES), "a_values": values(5, type), "a_shape": ints(SHAPE), "b_indices": ints(OTHERS),
                                                     "b_values": values(4, type, 7), "b_shape": ints(SHAPE),
                                                     "thresh": one({"c64": "f32", "c128": "f64"}.get(type, type), bound)})
        run(f"addgrad_{type}", "SparseAddGrad", {"backprop_val_grad": values(5, type), "a_indices": ints(INDICES), "b_indices": ints(OTHERS),
                                                 "sum_indices": ints([[0, 0, 1], [0, 1, 1], [0, 2, 0], [1, 0, 1], [1, 2, 0]])})
    for type in ("f32", "f64", "f16"):
        run(f"softmax_{type}", "SparseSoftmax", a3 | {"sp_values": values(5, type)}, type=type)


def segments():
    ids, rows = [0, 0, 2, 3, 3], [4, 1, 1, 0, 2]
    for type in ("f32", "f64", "f16", "bf16"):
        for op in ("Sum", "Mean", "SqrtN"):
            for index in ("i32", "i64"):
                data = {"data": tensor([5, 2], type), "indices": ints(rows, index), "segment_ids": ints(ids, index)}
                name = f"{op.lower()}_{type}_{index}"
                run(f"segment{name}_number", f"SparseSegment{op}WithNumSegments", data | {"num_segments": one(index, 6)}, type=type)
                grad = {"grad": tensor([4, 2], type), "indices": data["indices"], "segment_ids": data["segment_ids"]}
                run(f"segment{name}_grad", f"SparseSegment{op}Grad", grad | {"output_dim0": one("i32", 6)}, type=type)
                run(f"segment{name}_gradv2", f"SparseSegment{op}GradV2", grad | {"dense_output_dim0": one("i32", 6)}, type=type)


def sets():
    for type in ("i8", "i16", "i32", "i64", "u8", "u16", "str"):
        def members(numbers):
            return tensor(None, type, data=np.asarray([b"m%d" % n for n in np.ravel(numbers)], object).reshape(np.shape(numbers)) if type == "str" else numbers)
        first, second = members([[3, 1, 1], [2, 2, 5], [7, 7, 7]]), members([[1, 4], [5, 5], [9, 2]])
        sparse = {"set2_indices": ints([[0, 1], [0, 3], [2, 0], [2, 2]]), "set2_values": members([1, 9, 7, 8]), "set2_shape": ints([3, 4])}
        for op in ("a-b", "b-a", "intersection", "union"):
            if type not in ("i32", "str") and op != "union":
                continue
            attrs, kinds = {"set_operation": op}, {"outputs": ["int64", tensor([], type).type, "int64"]}
            run(f"densetodense_{type}_{op}", "DenseToDenseSetOperation", {"set1": first, "set2": second}, attrs, **kinds)
            run(f"densetosparse_{type}_{op}", "DenseToSparseSetOperation", {"set1": first} | sparse, attrs, **kinds)
            run(f"sparsetosparse_{type}_{op}", "SparseToSparseSetOperation",
                {"set1_indices": ints([[0, 0], [0, 2], [1, 1]]), "set1_values": members([9, 2, 3]), "set1_shape": ints([3, 4])} | sparse, attrs, **kinds)
        run(f"setsize_{type}", "SetSize", {"set_indices": ints([[0, 1], [2, 0], [2, 1], [2, 2]]), "set_values": members([1, 5, 6, 5]), "set_shape": ints([3, 3])})
    for type in NUMBERS + ("str",):
        def listed(numbers):
            return tensor(None, type, data=[b"m%d" % n for n in numbers] if type == "str" else numbers)
        for out in ("int32", "int64"):
            run(f"listdiff_{type}_{out}", "ListDiff", {"x": listed([1, 2, 3, 4, 5, 2, 6]), "y": listed([3, 1, 9, 5])},
                {"out_idx": tensorflow().as_dtype(out)}, outputs=[tensor([], type).type, out])


def counting():
    ragged = {"splits": ints([0, 2, 2, 5])}
    for index in ("i32", "i64"):
        for type in ("f32", "f64", "i32", "i64"):
            none, held = values(0, type), values(5, type)
            listed = ints([1, 3, 3, 0, 7], index)
            for name, weights, binary in (("ones", none, False), ("binary", none, True), ("weights", held, False)):
                end = f"{index}_{type}_{name}"
                sparse = {"indices": ints([[0, 0], [0, 2], [2, 0], [2, 1], [3, 3]]), "values": listed, "dense_shape": ints([4, 5]), "weights": weights}
                bins = {"size": one(index, 5)}
                run(f"sparsebincount_{end}", "SparseBincount", sparse | bins, {"binary_output": binary})
                run(f"raggedbincount_{end}", "RaggedBincount", ragged | {"values": listed, "weights": weights} | bins, {"binary_output": binary})
                for least, most in ((-1, -1), (9, -1), (-1, 4)):
                    if (least, most) != (-1, -1) and type != "f32":
                        continue
                    attrs = {"binary_output": binary, "minlength": least, "maxlength": most}
                    run(f"countsparse_{end}_{least + 1}{most + 1}", "SparseCountSparseOutput", sparse, attrs)
                    run(f"countragged_{end}_{least + 1}{most + 1}", "RaggedCountSparseOutput", ragged | {"values": listed, "weights": weights}, attrs)
                    run(f"countdense_{end}_{least + 1}{most + 1}", "DenseCountSparseOutput", {"values": listed, "weights": weights}, attrs)
    run("sparsebincount_list", "SparseBincount", {"indices": ints([[0], [2], [3]]), "values": ints([1, 1, 2]), "dense_shape": ints([4]), "size": one("i64", 3),
                                                  "weights": values(0, "f32")})
    run("sparsebincount_negative", "SparseBincount", {"indices": ints([[0, 0], [1, 2], [1, 3]]), "values": ints([1, -1, 2]), "dense_shape": ints([4, 4]),
                                                      "size": one("i64", 3), "weights": values(0, "f32")})
    run("countdense_matrix", "DenseCountSparseOutput", {"values": ints([[1, 1, 3], [0, 9, 3]]), "weights": tensor([2, 3], "f32")},
        {"binary_output": False, "minlength": -1, "maxlength": -1})



def failing():
    v, i64 = values(5, "f32"), "int64"
    base = {"indices": ints(INDICES), "values": v, "shape": ints(SHAPE)}
    moved = ["int64", "float32", "int64"]

    def bad(name, op, inputs, attrs, outputs, message):
        m = FlexModel(F, "refused_" + name)
        for t in [t for given in inputs.values() for t in (given if isinstance(given, list) else [given])]:
            if t not in m.fed:
                m.values[t] = m.tf.constant(random_data(t, m.rng) if t.data is None else t.data, m.tf.as_dtype(t.type))
                m.fed.append(t)
        m.refused(message, op, inputs, outputs, **attrs or {})

    bad("slice_negative", "SparseSlice", base | {"start": ints([0, 0, 0]), "size": ints([1, -1, 1])}, None, moved, "a slice of -1")
    bad("concat_shapes", "SparseConcat", {"indices": [ints(INDICES)] * 2, "values": [v, v], "shapes": [ints(SHAPE), ints([3, 3, 2])]}, {"concat_dim": 1},
        moved, "the shape of part 1 differs")
    bad("split_many", "SparseSplit", {"split_dim": one("i64", 1)} | base, {"num_split": 4}, ["int64"] * 4 + ["float32"] * 4 + ["int64"] * 4, "4 parts of a dimension of 3")
    bad("reshape_size", "SparseReshape", {"input_indices": ints(INDICES), "input_shape": ints(SHAPE), "new_shape": ints([5])}, None, [i64, i64],
        "12 elements do not fill the new shape")
    bad("reshape_twice", "SparseReshape", {"input_indices": ints(INDICES), "input_shape": ints(SHAPE), "new_shape": ints([-1, -1])}, None, [i64, i64], "dimensions below 0")
    bad("fillrows_row", "SparseFillEmptyRows", {"indices": ints([[4, 1]]), "values": values(1, "f32"), "dense_shape": ints([4, 3]), "default_value": one("f32", 1)},
        None, ["int64", "float32", "bool", "int64"], "index 0 is 4 along dimension 0 of 4")
    bad("fillrowsgrad_map", "SparseFillEmptyRowsGrad", {"reverse_index_map": ints([1, 5]), "grad_values": v}, None, ["float32"] * 2, "element 5 of 5 gradients")
    bad("matmul_index", "SparseTensorDenseMatMul", {"a_indices": ints([[0, 4]]), "a_values": values(1, "f32"), "a_shape": ints([2, 4]), "b": tensor([4, 3], "f32")},
        None, ["float32"], "index 0 is 4 along dimension 1 of 4")
    bad("matmul_shapes", "SparseTensorDenseMatMul", {"a_indices": ints([[0, 1]]), "a_values": values(1, "f32"), "a_shape": ints([2, 3]), "b": tensor([4, 3], "f32")},
        None, ["float32"], "do not fit together")
    cwise = {"sp_indices": ints(INDICES), "sp_shape": ints(SHAPE)}
    bad("cwise_rank", "SparseDenseCwiseMul", cwise | {"sp_values": v, "dense": tensor([1, 2, 3, 2], "f32")}, None, ["float32"], "does not broadcast")
    bad("cwise_zero", "SparseDenseCwiseDiv", cwise | {"sp_values": values(5, "i32"), "dense": ints([0, 1], "i32")}, None, ["int32"], "is divided by 0")
    bad("softmax_rank", "SparseSoftmax", {"sp_indices": ints([[0]]), "sp_values": values(1, "f32"), "sp_shape": ints([2])}, None, ["float32"], "1 dimensions, needs 2")
    bad("add_shapes", "SparseAdd", {"a_indices": ints(INDICES), "a_values": v, "a_shape": ints(SHAPE), "b_indices": ints(OTHERS), "b_values": values(4, "f32"),
                                    "b_shape": ints([2, 3, 3]), "thresh": one("f32", 0)}, None, moved, "shapes differ")
    bad("denseadd_shapes", "SparseTensorDenseAdd", {"a_indices": ints(INDICES), "a_values": v, "a_shape": ints(SHAPE), "b": tensor([3, 2], "f32")}, None, ["float32"],
        "shapes differ")
    bad("reduce_axis", "SparseReduceSum", {"input_indices": ints(INDICES), "input_values": v, "input_shape": ints(SHAPE), "reduction_axes": ints([3], "i32")}, None,
        ["float32"], "axis 3 of 3 dimensions")
    union = {"set_operation": "union"}
    bad("set_rank", "DenseToDenseSetOperation", {"set1": ints([1, 2]), "set2": ints([3])}, union, [i64, i64, i64], "1 dimensions, needs 2")
    bad("set_order", "DenseToSparseSetOperation", {"set1": ints([[3], [2]]), "set2_indices": ints([[1, 0], [0, 0]]), "set2_values": ints([1, 2]), "set2_shape": ints([2, 2])},
        union, [i64, i64, i64], "index 1 is out of order")
    bad("set_rows", "SparseToSparseSetOperation", {"set1_indices": ints([[0, 0]]), "set1_values": ints([1]), "set1_shape": ints([2, 2]), "set2_indices": ints([[1, 0]]),
                                                   "set2_values": ints([1]), "set2_shape": ints([3, 2])}, union, [i64, i64, i64], "other numbers of sets")
    bad("bincount_negative", "SparseBincount", {"indices": ints([[0]]), "values": ints([-2]), "dense_shape": ints([4]), "size": one("i64", 3), "weights": values(0, "f32")},
        None, ["float32"], "-2 among the values")
    bad("count_negative", "DenseCountSparseOutput", {"values": ints([1, -1]), "weights": values(0, "f32")}, {"binary_output": False}, moved, "-1 among the values")
    bad("segment_number", "SparseSegmentSumWithNumSegments", {"data": tensor([3, 2], "f32"), "indices": ints([0, 1]), "segment_ids": ints([0, 2]), "num_segments": one("i32", 2)},
        None, ["float32"], "segment 2 of row 1")
    bad("segment_grad", "SparseSegmentMeanGrad", {"grad": tensor([3, 2], "f32"), "indices": ints([0, 7]), "segment_ids": ints([0, 2]), "output_dim0": one("i32", 6)},
        None, ["float32"], "row 7 of 6")


def cases():
    moving()
    computing()
    segments()
    sets()
    counting()
    failing()
