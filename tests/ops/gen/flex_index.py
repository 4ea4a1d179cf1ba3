"""Select-TF operators that pick, stitch, scatter and count by index, on diagonals and along axes."""
from lib import flex_case, tensor, tensorflow

F = "flex_index"
NUMBERS = ("f32", "f64", "i32")


def const(values, type="i32", held=True):
    return tensor(None, type, data=values, const=held)


def stitching():
    for type in ("f32", "i64", "c64"):
        for held in (False, True):
            late = "" if held else "_late"
            for op in ("DynamicStitch", "ParallelDynamicStitch"):
                flex_case(F, f"{op.lower()}_{type}{late}", op, {"indices": [const([4, 0], held=held), const([[1, 3], [2, 0]], held=held)],
                                                                "data": [tensor([2, 3], type), tensor([2, 2, 3], type)]},
                          unknown=() if held else (0,))
            flex_case(F, f"dynamicpartition_{type}{late}", "DynamicPartition",
                      {"data": tensor([5, 2], type), "partitions": const([2, 0, 2, 0, 0], held=held)}, {"num_partitions": 3},
                      unknown=() if held else (0, 1, 2))
    for type in ("i32", "i64"):
        flex_case(F, f"invertpermutation_{type}", "InvertPermutation", {"x": tensor(None, type, data=[3, 0, 2, 1])})
    for op in ("Add", "Sub", "Max", "Min", "Update"):
        for type in NUMBERS + (("f16",) if op in ("Add",) else ()):
            flex_case(F, f"tensorscatter{op.lower()}_{type}", "TensorScatter" + op,
                      {"tensor": tensor([4, 3], type), "indices": tensor(None, "i32", data=[[2], [0], [2]] if op != "Update" else [[2], [0], [3]]),
                       "updates": tensor([3, 3], type)})
    flex_case(F, "tensorscatterupdate_points", "TensorScatterUpdate",
              {"tensor": tensor([4, 3], "f32"), "indices": tensor(None, "i64", data=[[2, 1], [0, 0]]), "updates": tensor([2], "f32")})
    flex_case(F, "scatterndnonaliasingadd", "ScatterNdNonAliasingAdd",
              {"input": tensor([4, 3], "f32"), "indices": tensor(None, "i32", data=[[2], [0], [2]]), "updates": tensor([3, 3], "f32")})


def moving():
    for type in ("f32", "i32", "bool", "c64"):
        x = tensor([3, 4, 2], type)
        flex_case(F, f"roll_{type}", "Roll", {"input": x, "shift": const([1, -5]), "axis": const([0, 1])})
        flex_case(F, f"roll_{type}_last", "Roll", {"input": x, "shift": const([1, 2, 2]), "axis": const([-1, 1, 1])})
        flex_case(F, f"gather_{type}", "Gather", {"params": x, "indices": tensor(None, "i32", data=[[2, 0]])})
        for axis in (0, 1, -1):
            flex_case(F, f"gatherv2_{type}_{axis + 1}", "GatherV2", {"params": x, "indices": tensor(None, "i32", data=[1, 0]), "axis": const(axis)})
        parts = [tensor([2, 3], type), tensor([2, 1], type), tensor([2, 4], type)]
        flex_case(F, f"concatv2_{type}", "ConcatV2", {"values": parts, "axis": const(1)})
        flex_case(F, f"concat_{type}", "Concat", {"values": parts, "concat_dim": const(1)})
    flex_case(F, "gatherv2_batch", "GatherV2", {"params": tensor([2, 3, 4], "f32"), "indices": tensor(None, "i32", data=[[1, 0], [2, 2]]),
                                                "axis": const(1)}, {"batch_dims": 1})
    flex_case(F, "identityn", "IdentityN", {"input": [tensor([2, 3], "f32"), tensor([4], "i64")]})
    flex_case(F, "ensureshape", "EnsureShape", {"input": tensor([2, 3], "f32")}, {"shape": [2, None]})
    for type in ("f32", "f64"):
        flex_case(F, f"checknumerics_{type}", "CheckNumerics", {"tensor": tensor([2, 3], type)}, {"message": "odd"})
    for type in ("f32", "f64", "i32", "i64"):
        flex_case(F, f"clipbyvalue_{type}", "ClipByValue", {"t": tensor([2, 9], type, low=-9, high=9), "clip_value_min": tensor([], type, data=-3),
                                                            "clip_value_max": tensor([], type, data=4)})
    tf = tensorflow()
    for out in ("int32", "int64"):
        flex_case(F, f"shapen_{out}", "ShapeN", {"input": [tensor([2, 3], "f32"), tensor([], "f32")]}, {"out_type": tf.as_dtype(out)})
        flex_case(F, f"size_{out}", "Size", {"input": tensor([2, 3], "f32")}, {"out_type": tf.as_dtype(out)})


def diagonals():
    for type in ("f32", "i32", "c64"):
        x = tensor([2, 4, 5], type)
        for low, high in ((0, 0), (1, -1), (-1, 2), (2, 0)):
            flex_case(F, f"matrixbandpart_{type}_{low + 1}{high + 1}", "MatrixBandPart", {"input": x, "num_lower": const(low, "i64"), "num_upper": const(high, "i64")})
        flex_case(F, f"matrixdiagpart_{type}", "MatrixDiagPart", {"input": x})
        for align in ("LEFT_RIGHT", "RIGHT_LEFT", "LEFT_LEFT", "RIGHT_RIGHT"):
            for k in (0, 2, -2, [-1, 2], [-3, -1]):
                if type != "f32" and align != "RIGHT_LEFT":
                    continue
                name = f"{type}_{align.lower()}_{str(k).replace('-', 'm').replace(', ', '_').strip('[]')}"
                attrs, kk, fill = {"align": align}, const(k), tensor([], type)
                part = tensorflow().raw_ops.MatrixDiagPartV3(input=tensorflow().zeros([2, 4, 5]), k=k, padding_value=0.0, align=align).shape
                lines = tensor(part, type)
                flex_case(F, f"matrixdiagpartv3_{name}", "MatrixDiagPartV3", {"input": x, "k": kk, "padding_value": fill}, attrs)
                flex_case(F, f"matrixdiagv3_{name}", "MatrixDiagV3", {"diagonal": lines, "k": kk, "num_rows": const(4), "num_cols": const(5), "padding_value": fill},
                          attrs)
                flex_case(F, f"matrixsetdiagv3_{name}", "MatrixSetDiagV3", {"input": x, "diagonal": lines, "k": kk}, attrs)
        fill = tensor([], type)
        flex_case(F, f"matrixdiagpartv2_{type}", "MatrixDiagPartV2", {"input": x, "k": const([-1, 1]), "padding_value": fill})
        flex_case(F, f"matrixdiagv2_{type}", "MatrixDiagV2", {"diagonal": tensor([3, 3], type), "k": const(1), "num_rows": const(-1), "num_cols": const(-1),
                                                              "padding_value": fill})
        flex_case(F, f"matrixsetdiagv2_{type}", "MatrixSetDiagV2", {"input": x, "diagonal": tensor([2, 4], type), "k": const(1)})


def axes():
    for op in ("Sum", "Mean", "Max", "Min", "Prod", "EuclideanNorm"):
        for type in ("f64", "f16", "bf16") + (("f32",) if op[0] == "E" else ()):
            if op == "EuclideanNorm" and type == "f16":
                continue
            loose = {"f16": 2e-3, "bf16": 2e-2}.get(type, 1e-6 if type == "f32" else 1e-12)
            for axis in ([0, 2], []):
                flex_case(F, f"{op.lower()}_{type}_{len(axis)}", op, {"input": tensor([2, 3, 4], type), "axis": const(axis)},
                          {"keep_dims": len(axis) == 0}, tolerance={"abs": loose, "rel": loose})
    for op in ("Cumprod", "CumulativeLogsumexp"):
        for type in ("f32", "f64"):
            for exclusive in (False, True):
                for reverse in (False, True):
                    flex_case(F, f"{op.lower()}_{type}_{exclusive:d}{reverse:d}", op, {"x": tensor([2, 5, 2], type), "axis": const(1)},
                              {"exclusive": exclusive, "reverse": reverse})
    for type in ("f32", "f64", "i32"):
        for op in ("Max", "Mean", "Min", "Prod"):
            for held in (False, True):
                if op == "Mean" and type == "i32":
                    continue
                flex_case(F, f"segment{op.lower()}_{type}{'' if held else '_late'}", "Segment" + op,
                          {"data": tensor([5, 2], type, low=-9, high=9), "segment_ids": const([0, 0, 2, 2, 2], held=held)}, unknown=() if held else (0,))
    for type in ("f32", "f64"):
        for op in ("Mean", "SqrtN", "Sum"):
            for held in (False, True):
                flex_case(F, f"sparsesegment{op.lower()}_{type}{'' if held else '_late'}", "SparseSegment" + op,
                          {"data": tensor([5, 2], type), "indices": const([4, 1, 1, 0]), "segment_ids": const([0, 0, 2, 2], held=held)},
                          unknown=() if held else (0,))


def counting():
    for type in ("f32", "i32", "i64", "f64"):
        values = tensor(None, "i32", data=[1, 3, 3, 0, 9])
        for name, weights in (("ones", tensor([0], type)), ("weights", tensor([5], type))):
            flex_case(F, f"bincount_{type}_{name}", "Bincount", {"arr": values, "size": const(5), "weights": weights})
            for binary in (False, True):
                flex_case(F, f"densebincount_{type}_{name}_{binary:d}", "DenseBincount", {"input": values, "size": const(5), "weights": weights},
                          {"binary_output": binary})
    flex_case(F, "densebincount_matrix", "DenseBincount", {"input": tensor(None, "i64", data=[[1, 3, 3], [0, 9, 2]]), "size": const(4, "i64"),
                                                           "weights": tensor([0], "f32")})
    for type in ("i32", "i64"):
        scores, targets = tensor([4, 6], "f32"), tensor(None, type, data=[0, 3, 5, 9])
        flex_case(F, f"intopk_{type}", "InTopK", {"predictions": scores, "targets": targets}, {"k": 2})
        flex_case(F, f"intopkv2_{type}", "InTopKV2", {"predictions": scores, "targets": targets, "k": const(3, type)})
    for op in ("LowerBound", "UpperBound"):
        for type in ("f32", "f64", "i32"):
            flex_case(F, f"{op.lower()}_{type}", op, {"sorted_inputs": tensor(None, type, data=[[1, 3, 3, 7], [0, 0, 2, 9]]),
                                                      "values": tensor(None, type, data=[[3, 0, 8], [0, 9, 1]])}, {"out_type": tensorflow().int32})
    for type in ("f32", "f64"):
        flex_case(F, f"linspace_{type}", "LinSpace", {"start": tensor([], type), "stop": tensor([], type), "num": const(7)})
        flex_case(F, f"linspace_{type}_one", "LinSpace", {"start": tensor([], type), "stop": tensor([], type), "num": const(1)})
    for type in NUMBERS:
        flex_case(F, f"cross_{type}", "Cross", {"a": tensor([2, 3], type, low=-9, high=9), "b": tensor([2, 3], type, low=-9, high=9)})
    tf = tensorflow()
    for type, out in (("f32", tf.complex64), ("f64", tf.complex128)):
        flex_case(F, f"complex_{type}", "Complex", {"real": tensor([2, 3], type), "imag": tensor([3], type)}, {"Tout": out})
        flex_case(F, f"angle_{type}", "Angle", {"input": tensor([9], "c64" if type == "f32" else "c128")}, {"Tout": tf.as_dtype(tensor([], type).type)})


def cases():
    stitching()
    moving()
    diagonals()
    axes()
    counting()
