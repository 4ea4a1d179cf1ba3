"""Select-TF operators on images, fake quantization, and float types that go by way of double."""
import numpy as np

from lib import flex_case, tensor, tensorflow

F = "flex_image"
TOLERANCE = {"f32": {"abs": 4e-6, "rel": 1e-5}, "f64": {"abs": 1e-11, "rel": 1e-11}, "f16": {"abs": 4e-3, "rel": 4e-3},
             "bf16": {"abs": 3e-2, "rel": 3e-2}}


def const(values, type="i32"):
    return tensor(None, type, data=values, const=True)


def images():
    boxes = tensor(None, "f32", data=[[0, 0, 1, 1], [0.2, 0.7, 0.9, 0.1], [-0.5, 0.5, 0.5, 1.5]])
    for method in ("bilinear", "nearest"):
        for type in ("f32", "u8", "f64"):
            flex_case(F, f"cropandresize_{method}_{type}", "CropAndResize",
                      {"image": tensor([2, 5, 4, 2], type), "boxes": boxes, "box_ind": tensor(None, "i32", data=[0, 1, 0]), "crop_size": const([3, 4])},
                      {"method": method, "extrapolation_value": 0.5}, TOLERANCE["f32"])
    flex_case(F, "cropandresize_point", "CropAndResize", {"image": tensor([2, 5, 4, 2], "f32"), "boxes": boxes,
                                                          "box_ind": tensor(None, "i32", data=[0, 1, 0]), "crop_size": const([1, 1])})
    for padding in ("SAME", "VALID"):
        for type in ("f32", "i32"):
            flex_case(F, f"extractimagepatches_{padding.lower()}_{type}", "ExtractImagePatches", {"images": tensor([2, 5, 6, 2], type)},
                      {"ksizes": [1, 2, 3, 1], "strides": [1, 2, 1, 1], "rates": [1, 2, 1, 1], "padding": padding})
    for type in ("f32", "f64"):
        for op in ("RGBToHSV", "HSVToRGB"):
            flex_case(F, f"{op.lower()}_{type}", op, {"images": tensor([4, 3, 3], type, low=0, high=1)}, tolerance=TOLERANCE[type])
    flex_case(F, "adjustcontrastv2_f32", "AdjustContrastv2", {"images": tensor([2, 3, 4, 3], "f32"), "contrast_factor": tensor([], "f32", data=1.5)},
              tolerance=TOLERANCE["f32"])
    attrs = {"depth_radius": 2, "bias": 1.5, "alpha": 0.5, "beta": 0.75}
    x = tensor(None, "f32", data=np.random.default_rng(3).uniform(-2, 2, [1, 2, 2, 7]))
    y = tensor(None, "f32", data=tensorflow().raw_ops.LRN(input=x.data, **attrs).numpy())
    flex_case(F, "lrngrad_f32", "LRNGrad", {"input_grads": tensor([1, 2, 2, 7], "f32"), "input_image": x, "output_image": y}, attrs, TOLERANCE["f32"])


def fake_quantization():
    x, g = tensor([5, 4], "f32", low=-9, high=9), tensor([5, 4], "f32")
    for bits, narrow in ((8, False), (4, True)):
        attrs, name = {"num_bits": bits, "narrow_range": narrow}, f"{bits}{'_narrow' if narrow else ''}"
        ends = {"min": -3.1, "max": 5.7}
        flex_case(F, f"fakequantwithminmaxargs_{name}", "FakeQuantWithMinMaxArgs", {"inputs": x}, attrs | ends)
        flex_case(F, f"fakequantwithminmaxargsgradient_{name}", "FakeQuantWithMinMaxArgsGradient", {"gradients": g, "inputs": x}, attrs | ends)
        for kind, low, high in (("Vars", -3.1, 5.7), ("VarsPerChannel", [-3, -0.5, -7.25, -1], [4, 6, 1, 1.5])):
            ends = {"min": tensor(None, "f32", data=low), "max": tensor(None, "f32", data=high)}
            flex_case(F, f"fakequantwithminmax{kind.lower()}_{name}", "FakeQuantWithMinMax" + kind, {"inputs": x} | ends, attrs)
            flex_case(F, f"fakequantwithminmax{kind.lower()}gradient_{name}", f"FakeQuantWithMinMax{kind}Gradient",
                      {"gradients": g, "inputs": x} | ends, attrs, TOLERANCE["f32"])
    nothing = tensor([], "f32", data=0)
    flex_case(F, "fakequantwithminmaxvars_nothing", "FakeQuantWithMinMaxVars", {"inputs": x, "min": nothing, "max": nothing})


def suppression():
    rng = np.random.default_rng(11)
    corners = rng.uniform(0, 0.7, [2, 9, 1, 2])
    boxes = np.concatenate([corners, corners + rng.uniform(0.2, 0.5, [2, 9, 1, 2])], -1)
    scores = rng.permutation(2 * 9 * 3).reshape(2, 9, 3) / 54.0
    for op, more in (("NonMaxSuppression", {}), ("NonMaxSuppressionV2", {"iou_threshold": const(0.3, "f32")}),
                     ("NonMaxSuppressionV3", {"iou_threshold": const(0.3, "f32"), "score_threshold": const(0.4, "f32")})):
        for most in (2, 9):
            flex_case(F, f"{op.lower()}_{most}", op, {"boxes": tensor(None, "f32", data=boxes[0, :, 0]), "scores": tensor(None, "f32", data=scores[0, :, 0]),
                                                      "max_output_size": const(most)} | more, unknown=(0,))
    for name, own, attrs in (("shared", 1, {}), ("own", 3, {"clip_boxes": False}), ("padded", 1, {"pad_per_class": True})):
        flex_case(F, f"combinednonmaxsuppression_{name}", "CombinedNonMaxSuppression",
                  {"boxes": tensor(None, "f32", data=np.repeat(boxes, own, 2) + rng.uniform(0, 0.1, [2, 9, own, 4])), "scores": tensor(None, "f32", data=scores),
                   "max_output_size_per_class": const(3), "max_total_size": const(12), "iou_threshold": const(0.3, "f32"), "score_threshold": const(0.2, "f32")}, attrs)


def other_types():
    tf = tensorflow()
    for type in ("f64", "f16", "bf16"):
        for op in ("Softmax", "LogSoftmax"):
            flex_case(F, f"{op.lower()}_{type}", op, {"logits": tensor([3, 5], type)}, tolerance=TOLERANCE[type])
        flex_case(F, f"addn_{type}", "AddN", {"inputs": [tensor([2, 3], type) for _ in range(3)]}, tolerance=TOLERANCE[type])
    for type, index in (("f64", "i32"), ("f64", "i64"), ("f16", "i32"), ("f32", "i64")):
        flex_case(F, f"cumsum_{type}_{index}", "Cumsum", {"x": tensor([2, 5], type), "axis": const(1, index)}, {"exclusive": True, "reverse": True},
                  TOLERANCE[type])
    for type in ("f64", "f16", "bf16"):
        for op in ("Sum", "Prod", "Max", "Min"):
            for index in ("i32", "i64"):
                flex_case(F, f"unsortedsegment{op.lower()}_{type}_{index}", f"UnsortedSegment{op}",
                          {"data": tensor([2, 2, 3], type), "segment_ids": tensor(None, index, data=[[3, 0], [3, -1]]), "num_segments": const(4)},
                          tolerance=TOLERANCE[type])
        for op in ("ArgMax", "ArgMin"):
            flex_case(F, f"{op.lower()}_{type}", op, {"input": tensor([3, 4, 2], type), "dimension": const(1)}, {"output_type": tf.int64})
    for type in ("f32", "i64"):
        flex_case(F, f"sparsetodense_{type}", "SparseToDense", {"sparse_indices": tensor(None, "i32", data=[[0, 1], [2, 0]]), "output_shape": const([3, 2]),
                                                                "sparse_values": tensor([2], type), "default_value": tensor([], type)})
    for type in ("f64", "bf16", "u16", "c64"):
        flex_case(F, f"select_{type}", "Select", {"condition": tensor([2, 3], "bool"), "x": tensor([2, 3], type), "y": tensor([2, 3], type)})
        flex_case(F, f"selectv2_{type}", "SelectV2", {"condition": tensor([3], "bool"), "t": tensor([2, 1], type), "e": tensor([2, 3], type)})
    for type in ("f32", "i64"):
        for out in (tf.int32, tf.int64):
            x = tensor(None, type, data=[3, 1, 3, 7, 1, 9])
            flex_case(F, f"uniquewithcounts_{type}_{out.name}", "UniqueWithCounts", {"x": x}, {"out_idx": out}, unknown=(0, 2))
            flex_case(F, f"uniquev2_{type}_{out.name}", "UniqueV2", {"x": x, "axis": const([], "i32")}, {"out_idx": out}, unknown=(0,))
    for type in ("f32", "f64"):
        flex_case(F, f"betainc_{type}", "Betainc", {"a": tensor([3, 4], type, low=0.2, high=5), "b": tensor([3, 4], type, low=0.2, high=5),
                                                    "x": tensor([3, 4], type, low=0, high=1)}, tolerance={"abs": 1e-5 if type == "f32" else 1e-10, "rel": 1e-6})


def cases():
    images()
    fake_quantization()
    suppression()
    other_types()
