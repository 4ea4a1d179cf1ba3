"""Select-TF operators that move, pick, count and sum elements, most of them builtin operators under TensorFlow's name."""
from lib import flex_case, tensor, tensorflow

F = "flex_array"
MOVED = ("f32", "f64", "i32", "bool", "c64")


def const(values, type="i32"):
    return tensor(None, type, data=values, const=True)


def reductions():
    for op in ("Sum", "Mean", "Max", "Min", "Prod"):
        for type in ("f32", "i32", "i64"):
            for axes in ([1], [0, 2], [], [-1, 0, 1]):
                if len(axes) != 1 and type != "f32":
                    continue
                keep = len(axes) == 2
                flex_case(F, f"{op.lower()}_{type}_{'_'.join(map(str, axes)).replace('-', 'm') or 'none'}", op,
                          {"input": tensor([2, 3, 4], type, low=-3, high=3), "axis": const(axes)}, {"keep_dims": keep})
    for op in ("All", "Any"):
        flex_case(F, op.lower(), op, {"input": tensor([3, 4], "bool"), "axis": const([1])}, {"keep_dims": False})
    for op in ("ArgMax", "ArgMin"):
        for out in ("int32", "int64"):
            flex_case(F, f"{op.lower()}_{out}", op, {"input": tensor([3, 4], "f32"), "dimension": const(1)},
                      {"output_type": tensorflow().as_dtype(out)})
    for exclusive in (False, True):
        for reverse in (False, True):
            flex_case(F, f"cumsum_{exclusive:d}{reverse:d}", "Cumsum", {"x": tensor([2, 5], "f32"), "axis": const(1)},
                      {"exclusive": exclusive, "reverse": reverse})
    flex_case(F, "addn", "AddN", {"inputs": [tensor([2, 3], "f32"), tensor([2, 3], "f32"), tensor([2, 3], "f32")]})
    for type in ("f32", "i32"):
        flex_case(F, f"segmentsum_{type}", "SegmentSum", {"data": tensor([4, 2], type), "segment_ids": const([0, 0, 1, 3])})
        for op in ("Sum", "Prod", "Max", "Min"):
            flex_case(F, f"unsortedsegment{op.lower()}_{type}", f"UnsortedSegment{op}",
                      {"data": tensor([4, 2], type, low=-9, high=9), "segment_ids": tensor(None, "i32", data=[2, 0, 2, -1]),
                       "num_segments": const(3)})


def moves():
    for type in MOVED:
        x = tensor([2, 3, 4], type)
        flex_case(F, f"transpose_{type}", "Transpose", {"x": x, "perm": const([2, 0, 1])})
        flex_case(F, f"reshape_{type}", "Reshape", {"tensor": x, "shape": const([4, -1])})
        flex_case(F, f"expanddims_{type}", "ExpandDims", {"input": x, "axis": const(-1)})
        flex_case(F, f"squeeze_{type}", "Squeeze", {"input": tensor([1, 3, 1], type)}, {"axis": [2]})
        flex_case(F, f"slice_{type}", "Slice", {"input": x, "begin": const([0, 1, 1]), "size": const([2, -1, 2])})
        flex_case(F, f"stridedslice_{type}", "StridedSlice", {"input": x, "begin": const([0, 1]), "end": const([0, 3]), "strides": const([1, 2])},
                  {"begin_mask": 0, "end_mask": 1, "ellipsis_mask": 0, "new_axis_mask": 0, "shrink_axis_mask": 2})
        flex_case(F, f"tile_{type}", "Tile", {"input": tensor([2, 3], type), "multiples": const([2, 1])})
        flex_case(F, f"pack_{type}", "Pack", {"values": [tensor([2, 3], type), tensor([2, 3], type)]}, {"axis": 1})
        flex_case(F, f"unpack_{type}", "Unpack", {"value": tensor([2, 3], type)}, {"num": 3, "axis": 1})
        flex_case(F, f"split_{type}", "Split", {"axis": const(1), "value": tensor([2, 6], type)}, {"num_split": 3})
        flex_case(F, f"splitv_{type}", "SplitV", {"value": tensor([2, 6], type), "size_splits": const([1, 3, 2]), "axis": const(1)},
                  {"num_split": 3})
        flex_case(F, f"gathernd_{type}", "GatherNd", {"params": x, "indices": tensor(None, "i32", data=[[0, 2], [1, 1]])})
        flex_case(F, f"reversev2_{type}", "ReverseV2", {"tensor": x, "axis": const([0, 2])})
        flex_case(F, f"fill_{type}", "Fill", {"dims": const([2, 3]), "value": tensor([], type)})
        flex_case(F, f"broadcastto_{type}", "BroadcastTo", {"input": tensor([3, 1], type), "shape": const([2, 3, 2])})
        for op in ("Identity", "StopGradient", "PreventGradient", "Snapshot"):
            if type in ("f32", "c64"):
                flex_case(F, f"{op.lower()}_{type}", op, {"input": tensor([2, 3], type)})
        if type == "bool":
            continue
        flex_case(F, f"pad_{type}", "Pad", {"input": tensor([2, 3], type), "paddings": const([[1, 0], [0, 2]])})
        flex_case(F, f"padv2_{type}", "PadV2", {"input": tensor([2, 3], type), "paddings": const([[1, 0], [0, 2]]), "constant_values": tensor([], type)})
        for mode in ("REFLECT", "SYMMETRIC"):
            flex_case(F, f"mirrorpad_{type}_{mode.lower()}", "MirrorPad", {"input": tensor([2, 3], type), "paddings": const([[1, 0], [1, 2]])},
                      {"mode": mode})
        flex_case(F, f"zeroslike_{type}", "ZerosLike", {"x": tensor([2, 3], type)})
        flex_case(F, f"onehot_{type}", "OneHot", {"indices": tensor(None, "i32", data=[0, 2, -1, 5]), "depth": const(3),
                                                  "on_value": tensor([], type), "off_value": tensor([], type)}, {"axis": 0})
        flex_case(F, f"matrixdiag_{type}", "MatrixDiag", {"diagonal": tensor([2, 3], type)})
        flex_case(F, f"matrixsetdiag_{type}", "MatrixSetDiag", {"input": tensor([2, 3, 4], type), "diagonal": tensor([2, 3], type)})
        flex_case(F, f"reversesequence_{type}", "ReverseSequence", {"input": tensor([2, 5], type), "seq_lengths": tensor(None, "i32", data=[3, 5])},
                  {"seq_dim": 1, "batch_dim": 0})
    for type in ("f32", "i32", "bool"):
        condition = tensor([2, 3], "bool")
        flex_case(F, f"select_{type}", "Select", {"condition": condition, "x": tensor([2, 3], type), "y": tensor([2, 3], type)})
        flex_case(F, f"selectv2_{type}", "SelectV2", {"condition": tensor([3], "bool"), "t": tensor([2, 1], type), "e": tensor([2, 3], type)})
    for type in ("f32", "i32", "i8"):
        image = tensor([1, 4, 4, 4], type)
        flex_case(F, f"depthtospace_{type}", "DepthToSpace", {"input": image}, {"block_size": 2})
        flex_case(F, f"spacetodepth_{type}", "SpaceToDepth", {"input": image}, {"block_size": 2})
        flex_case(F, f"spacetobatchnd_{type}", "SpaceToBatchND", {"input": image, "block_shape": const([2, 2]), "paddings": const([[0, 0], [1, 1]])})
        flex_case(F, f"batchtospacend_{type}", "BatchToSpaceND", {"input": tensor([4, 2, 2, 1], type), "block_shape": const([2, 2]),
                                                                  "crops": const([[0, 1], [1, 0]])})


def queries():
    tf = tensorflow()
    x = tensor([2, 3, 4], "f32")
    flex_case(F, "shape_i32", "Shape", {"input": x}, {"out_type": tf.int32})
    flex_case(F, "shape_i64", "Shape", {"input": x}, {"out_type": tf.int64})
    flex_case(F, "rank", "Rank", {"input": x})
    flex_case(F, "broadcastargs", "BroadcastArgs", {"s0": tensor(None, "i32", data=[2, 1, 3]), "s1": tensor(None, "i32", data=[4, 1])})
    for type in ("f32", "i32", "i64"):
        flex_case(F, f"range_{type}", "Range", {"start": const(1, type), "limit": const(9, type), "delta": const(2, type)})
        flex_case(F, f"topkv2_{type}", "TopKV2", {"input": tensor([2, 7], type), "k": const(3)}, {"sorted": True})
        flex_case(F, f"where_{type}", "Where", {"condition": tensor([3, 4], type, data=[[0, 1, 2, 0], [0, 0, 0, 3], [0, 0, 0, 0]])}, unknown=(0,))
        for out in ("int32", "int64"):
            flex_case(F, f"unique_{type}_{out}", "Unique", {"x": tensor(None, type, data=[3, 1, 3, 7, 1, 9])},
                      {"out_idx": tf.as_dtype(out)}, unknown=(0,))
    flex_case(F, "where_bool", "Where", {"condition": tensor([3, 4], "bool")}, unknown=(0,))
    for type in ("f32", "i32", "i64", "f64"):
        flex_case(F, f"bucketize_{type}", "Bucketize", {"input": tensor([9], type, low=-9, high=9)}, {"boundaries": [-4.0, 0.0, 5.5]})
    for a, b in (("f32", "i32"), ("i64", "f32"), ("f64", "f32"), ("f32", "bool"), ("u8", "f16"), ("bool", "i32")):
        flex_case(F, f"cast_{a}_{b}", "Cast", {"x": tensor([9], a)}, {"DstT": tf.as_dtype(tensor([], b).type)})
    flex_case(F, "bitcast", "Bitcast", {"input": tensor([4], "f32")}, {"type": tf.int32})
    for type in ("c64", "c128"):
        for op in ("Real", "Imag", "ComplexAbs"):
            name = "x" if op == "ComplexAbs" else "input"
            flex_case(F, f"{op.lower()}_{type}", op, {name: tensor([7], type)}, {"Tout": tf.float32 if type == "c64" else tf.float64})
    for type in ("f32", "i32"):
        flex_case(F, f"scatternd_{type}", "ScatterNd", {"indices": tensor(None, "i32", data=[[3], [1], [3]]), "updates": tensor([3, 2], type),
                                                        "shape": const([5, 2])})


def networks():
    x = tensor([3, 5], "f32")
    flex_case(F, "softmax", "Softmax", {"logits": x})
    flex_case(F, "logsoftmax", "LogSoftmax", {"logits": x})
    flex_case(F, "lrn", "LRN", {"input": tensor([1, 2, 2, 7], "f32")}, {"depth_radius": 2, "bias": 1.5, "alpha": 0.5, "beta": 0.75})
    image = tensor([1, 3, 4, 2], "f32")
    for name, attrs in (("corners", {"align_corners": True}), ("centers", {"half_pixel_centers": True}), ("plain", {})):
        flex_case(F, f"resizebilinear_{name}", "ResizeBilinear", {"images": image, "size": const([5, 7])}, attrs)
        flex_case(F, f"resizenearest_{name}", "ResizeNearestNeighbor", {"images": image, "size": const([5, 7])}, attrs)


def cases():
    reductions()
    moves()
    queries()
    networks()
