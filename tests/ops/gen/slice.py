"""SLICE and STRIDED_SLICE."""
from lib import case, tensor


def ints(values, type="i32"):
    return tensor(None, type, data=values, const=True)


def strided(name, shape, begin, end, strides, type="f32", **masks):
    case("slice", f"strided_{name}", "STRIDED_SLICE", masks,
         [tensor(shape, type), ints(begin), ints(end), ints(strides)], [tensor(None, type)])


def cases():
    f = "slice"
    for type in ("f32", "i8", "u8", "i16", "i32", "i64", "bool"):
        case(f, f"slice_{type}", "SLICE", None, [tensor([4, 5, 3], type), ints([1, 0, 2]), ints([2, 5, 1])],
             [tensor(None, type)])
        strided(type, [4, 6], [1, 0], [4, 6], [2, 3], type)
    case(f, "slice_rest", "SLICE", None, [tensor([4, 5]), ints([1, 2]), ints([-1, 2])], [tensor(None)])
    case(f, "slice_i64_box", "SLICE", None, [tensor([4, 5]), ints([3, 0], "i64"), ints([1, -1], "i64")], [tensor(None)])
    case(f, "slice_late", "SLICE", None,
         [tensor([4, 5]), tensor([2], "i32", data=[1, 1]), tensor([2], "i32", data=[2, 3])], [tensor([2, 3])])
    case(f, "slice_5d", "SLICE", None, [tensor([2, 3, 2, 3, 2]), ints([0, 1, 0, 1, 0]), ints([2, 2, 1, 2, 2])],
         [tensor(None)])
    strided("negative", [8], [6], [1], [-2])
    strided("reverse", [5, 3], [0, 0], [0, 0], [-1, -1], beginMask=3, endMask=3)
    strided("negative_index", [6, 4], [-4, -3], [-1, -1], [1, 1])
    strided("beyond", [6], [-20], [30], [4])
    strided("begin_mask", [6, 4], [2, 2], [5, 4], [1, 1], beginMask=1)
    strided("end_mask", [6, 4], [2, 1], [3, 2], [1, 1], endMask=2)
    strided("shrink", [3, 4, 5], [1, 0, 2], [2, 4, 3], [1, 1, 1], shrinkAxisMask=5)
    strided("shrink_negative", [3, 4], [-1, 0], [0, 4], [1, 1], shrinkAxisMask=1)
    strided("shrink_all", [4], [2], [3], [1], shrinkAxisMask=1)
    strided("ellipsis", [2, 3, 4, 5], [0, 0, 1], [1, 0, 3], [1, 1, 1], ellipsisMask=2)
    strided("ellipsis_last", [2, 3, 4], [1, 0], [2, 0], [1, 1], ellipsisMask=2)
    strided("new_axis", [3, 4], [0, 0, 1], [3, 0, 4], [1, 1, 2], newAxisMask=2)
    strided("new_axis_ellipsis", [3, 4, 2], [0, 0, 0], [0, 0, 1], [1, 1, 1], newAxisMask=1, ellipsisMask=2)
    strided("fewer", [3, 4, 2], [1], [3], [1])
    strided("empty", [6], [4], [2], [1])
    strided("offset", [8], [2], [3], [1], offset=True)
