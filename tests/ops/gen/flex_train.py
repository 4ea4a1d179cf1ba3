"""Select-TF operators that training brings: biases, batch normalization, losses, and gradients of what moves elements."""
import numpy as np

from lib import flex_case, random_data, tensor, tensorflow

F = "flex_train"
TOLERANCE = {"f32": {"abs": 2e-6, "rel": 1e-5}, "f64": {"abs": 1e-12, "rel": 1e-12}, "f16": {"abs": 4e-3, "rel": 4e-3},
             "bf16": {"abs": 3e-2, "rel": 3e-2}}


def const(values, type="i32", held=True):
    return tensor(None, type, data=values, const=held)


def biases():
    for type in ("f32", "f64", "f16", "bf16"):
        for op in ("BiasAdd", "BiasAddV1"):
            if op == "BiasAdd" or type == "f32":
                flex_case(F, f"{op.lower()}_{type}", op, {"value": tensor([2, 3, 4], type), "bias": tensor([4], type)})
        flex_case(F, f"biasaddgrad_{type}", "BiasAddGrad", {"out_backprop": tensor([2, 3, 4], type)}, tolerance=TOLERANCE[type])


def normalization():
    for version in ("", "V2", "V3"):
        for type in ("f32", "f16", "bf16") if version else ("f32",):
            for training in (False, True):
                for factor in (1.0, 0.25) if version == "V3" else (1.0,):
                    if factor != 1.0 and not training:
                        continue
                    inputs = {"x": tensor([2, 3, 2, 4], type)}
                    inputs |= {k: tensor([4], "f32", low=0.2) for k in ("scale", "offset", "mean", "variance")}
                    attrs = {"is_training": training, "epsilon": 0.01, "exponential_avg_factor": factor}
                    want = None if training else inference(version, inputs, attrs)
                    flex_case(F, f"fusedbatchnorm{version.lower()}_{type}_{training:d}_{factor:g}", "FusedBatchNorm" + version, inputs, attrs,
                              tolerance=TOLERANCE[type], expected=want, outputs=want and [type] + ["f32"] * (len(want) - 1))
                if type == "bf16":
                    continue
                inputs = {"y_backprop": tensor([2, 3, 2, 4], type), "x": tensor([2, 3, 2, 4], type), "scale": tensor([4], "f32"),
                          "reserve_space_1": tensor([4], "f32"), "reserve_space_2": tensor([4], "f32", low=0.2)}
                if version == "V3":
                    inputs["reserve_space_3"] = tensor([0], "f32")
                flex_case(F, f"fusedbatchnormgrad{version.lower()}_{type}_{training:d}", "FusedBatchNormGrad" + version, inputs,
                          {"is_training": training, "epsilon": 0.01}, tolerance=TOLERANCE[type])


def inference(version, inputs, attrs):
    """What TensorFlow gives, but for the outputs that it leaves as memory was: the statistics that were used."""
    rng = np.random.default_rng(len(version))
    for t in inputs.values():
        t.data = random_data(t, rng)
    got = [t.numpy() for t in getattr(tensorflow().raw_ops, "FusedBatchNorm" + version)(**{k: t.data for k, t in inputs.items()}, **attrs)]
    return got[:3] + [inputs["mean"].data, inputs["variance"].data] + [np.zeros([], np.float32) for _ in got[5:]]


def losses():
    for type in ("f32", "f64", "f16"):
        flex_case(F, f"softmaxcrossentropywithlogits_{type}", "SoftmaxCrossEntropyWithLogits",
                  {"features": tensor([3, 5], type), "labels": tensor([3, 5], type, low=0, high=1)}, tolerance=TOLERANCE[type])
        for labels in ("i32", "i64"):
            flex_case(F, f"sparsesoftmaxcrossentropywithlogits_{type}_{labels}", "SparseSoftmaxCrossEntropyWithLogits",
                      {"features": tensor([3, 5], type), "labels": tensor(None, labels, data=[4, 0, 2])}, tolerance=TOLERANCE[type])
    flex_case(F, "softmaxcrossentropywithlogits_broadcast", "SoftmaxCrossEntropyWithLogits",
              {"features": tensor([3, 5], "f32"), "labels": tensor([1, 5], "f32", low=0, high=1)})


def images():
    for name, attrs in (("plain", {}), ("corners", {"align_corners": True}), ("centers", {"half_pixel_centers": True})):
        for size in ([3, 4], [7, 2]):
            for type in ("f32", "f64"):
                flex_case(F, f"resizebilineargrad_{name}_{size[0]}_{type}", "ResizeBilinearGrad",
                          {"grads": tensor([2, 5, 3, 2], "f32"), "original_image": tensor([2] + size + [2], type)}, attrs)
            for held in (False, True):
                flex_case(F, f"resizenearestgrad_{name}_{size[0]}{'' if held else '_late'}", "ResizeNearestNeighborGrad",
                          {"grads": tensor([2, 5, 3, 2], "f32"), "size": const(size, held=held)}, attrs, unknown=() if held else (0,))
    for mode in ("REFLECT", "SYMMETRIC"):
        for type in ("f32", "f64"):
            flex_case(F, f"mirrorpadgrad_{mode.lower()}_{type}", "MirrorPadGrad",
                      {"input": tensor([6, 7], type), "paddings": const([[1, 2], [2, 1]])}, {"mode": mode})


def slices():
    masks = {"begin_mask": 0, "end_mask": 0, "ellipsis_mask": 0, "new_axis_mask": 0, "shrink_axis_mask": 0}
    for name, begin, end, strides, shape, more in (
            ("plain", [0, 1], [2, 4], [1, 2], [2, 2], {}), ("back", [3, 4], [0, 0], [-1, -3], [3, 2], {}),
            ("shrink", [1, 0], [0, 5], [1, 1], [5], {"shrink_axis_mask": 1}),
            ("ellipsis", [0, 1], [0, 3], [1, 1], [4, 2], {"ellipsis_mask": 1}), ("new", [0, 1], [1, 4], [1, 1], [1, 3, 5], {"new_axis_mask": 1})):
        for held in (False, True):
            for type in ("f32", "i32"):
                flex_case(F, f"stridedslicegrad_{name}_{type}{'' if held else '_late'}", "StridedSliceGrad",
                          {"shape": const([4, 5], held=held), "begin": const(begin), "end": const(end), "strides": const(strides),
                           "dy": tensor(shape, type)}, masks | more, unknown=() if held else (0,))


def arguments():
    for i, (a, b) in enumerate((([2, 3], [2, 3]), ([2, 1], [3]), ([4, 1, 3], [5, 1]), ([], [2, 2]), ([1, 1], [1]), ([1], [1]))):
        for type in ("i32", "i64"):
            for held in (False, True):
                flex_case(F, f"broadcastgradientargs_{i}_{type}{'' if held else '_late'}", "BroadcastGradientArgs",
                          {"s0": const(a, type, held), "s1": const(b, type, held)}, unknown=() if held else (0, 1))


def cases():
    tensorflow()
    biases()
    normalization()
    losses()
    images()
    slices()
    arguments()
