"""Quantized forms and index types that no other family holds, as LiteRT's reference kernels give them; and forms that LiteRT has not, as NumPy gives them."""
import numpy as np

from lib import case, tensor

F = "scaled_forms"


def unary(op, type, low, high, in_scale, out_scale, in_zero=0, out_zero=0, resolver="ref", options=None):
    case(F, f"{op.lower()}_{type}_{in_zero}", op, options, [tensor([5, 50], type, in_scale, in_zero, low=low, high=high)],
         [tensor(None, type, out_scale, out_zero)], resolver=resolver)


def integers():
    unary("SQRT", "i8", 0, 127, 0.1, 0.05)
    unary("SQRT", "i8", -100, 127, 0.03, 0.02, -100, -20)
    unary("SQRT", "i16", 0, 32767, 0.01, 0.003)
    unary("RSQRT", "i16", 1, 32767, 0.01, 0.003)
    unary("NEG", "i8", -128, 127, 0.5, 0.5, 3, 3)
    unary("NEG", "i16", -32768, 32767, 0.5, 0.5)
    for type in ("u8", "i16"):
        zero = 128 if type == "u8" else 0
        unary("RELU6", type, None, None, 0.05, 0.03, zero, zero)
    for type, most in (("i16", 32767), ("i8", 127)):
        case(F, f"div_{type}_positive", "DIV", None,
             [tensor([2, 30], type, 0.01), tensor([30], type, 0.02, low=1, high=most)], [tensor(None, type, 0.015)])
        for name, axis in (("rows", [1]), ("columns", [0]), ("all", [0, 1])):
            case(F, f"reduce_prod_{type}_{name}", "REDUCE_PROD", None,
                 [tensor([3, 4], type, 1.9 / most), tensor(None, "i32", data=axis, const=True)],
                 [tensor(None, type, 1.5 / most)])
    case(F, "div_i16_negative", "DIV", None, [tensor([2, 30], "i16", 0.01), tensor([30], "i16", 0.02, low=-300, high=-1)],
         [tensor(None, "i16", 0.015)])


def index_types():
    x = np.arange(8, dtype=np.float32).reshape(2, 4)
    for type in ("i16", "i64"):
        case(F, f"split_axis_{type}", "SPLIT", {"numSplits": 2}, [tensor([], type, data=1, const=True), tensor(None, "f32", data=x)],
             [tensor(None), tensor(None)], expected=[x[:, :2], x[:, 2:]], resolver=None)
        case(F, f"transpose_{type}", "TRANSPOSE", None, [tensor(None, "f32", data=x), tensor(None, type, data=[1, 0])],
             [tensor([4, 2], signature=[-1, -1])], expected=[x.T], resolver=None)
        case(F, f"pad_{type}", "PAD", None, [tensor(None, "f32", data=x), tensor(None, type, data=[[0, 1], [1, 0]], const=True)],
             [tensor(None)], expected=[np.pad(x, ((0, 1), (1, 0)))], resolver=None)
        case(F, f"scatter_nd_{type}", "SCATTER_ND", None,
             [tensor(None, "i64" if type == "i64" else "i32", data=[[2], [0]]), tensor(None, "f32", data=x),
              tensor(None, "i64" if type == "i64" else "i32", data=[3, 4], const=True)],
             [tensor(None)], expected=[np.stack([x[1], x[0] * 0, x[0]])], resolver=None)
    case(F, "topk_i16", "TOPK_V2", None, [tensor(None, "f32", data=x), tensor([], "i16", data=2, const=True)],
         [tensor(None), tensor(None, "i16")], expected=[x[:, :1:-1], np.array([[3, 2], [3, 2]], np.int16)], resolver=None)


def shapes():
    """Broadcasting to 6 dimensions, transposes and reductions to 8, nothing at all, and strings."""
    a = np.arange(32, dtype=np.float32).reshape(2, 1, 2, 1, 4, 2)
    b = np.arange(12, dtype=np.float32).reshape(1, 3, 1, 2, 1, 2)
    for op, f in (("ADD", np.add), ("SQUARED_DIFFERENCE", lambda x, y: (x - y)**2), ("MAXIMUM", np.maximum)):
        for type in ("f32", "i32", "f16"):
            x, y = [tensor(None, type, data=v) for v in (a, b)]
            case(F, f"{op.lower()}_{type}_6d", op, None, [x, y], [tensor(None, type)],
                 expected=[f(x.data.astype(np.float64), y.data.astype(np.float64)).astype(x.data.dtype)], resolver=None)
    eight = np.arange(256, dtype=np.int32).reshape([2] * 8)
    order = [7, 0, 5, 2, 3, 6, 1, 4]
    case(F, "transpose_8d", "TRANSPOSE", None, [tensor(None, "i32", data=eight), tensor(None, "i32", data=order, const=True)],
         [tensor(None, "i32")], expected=[eight.transpose(order)], resolver=None)
    for op, f in (("SUM", np.sum), ("REDUCE_MAX", np.max)):
        case(F, f"{op.lower()}_8d", op, {"keepDims": True},
             [tensor(None, "i32", data=eight), tensor(None, "i32", data=[0, 3, -1], const=True)], [tensor(None, "i32")],
             expected=[f(eight, (0, 3, 7), keepdims=True).astype(np.int32)], resolver=None)
    for type in ("f32", "str", "i4"):
        empty = np.zeros((0, 3), object if type == "str" else np.int8 if type == "i4" else np.float32)
        case(F, f"transpose_{type}_empty", "TRANSPOSE", None, [tensor([0, 3], type, data=empty), tensor(None, "i32", data=[1, 0], const=True)],
             [tensor(None, type)], expected=[empty.T], resolver=None)
        case(F, f"concatenation_{type}_empty", "CONCATENATION", {"axis": 0}, [tensor([0, 3], type, data=empty), tensor([0, 3], type, data=empty)],
             [tensor(None, type)], expected=[empty], resolver=None)
    words = np.array([[b"one", b"", b"three"], [b"four", b"five", b"\xff"]], object)
    box = lambda values: tensor(None, "i32", data=values, const=True)
    for name, options, spans, want in (
            ("reversed", {}, ([1, 2], [-3, -4], [-1, -2]), words[::-1, ::-2]),
            ("shrunk", {"shrinkAxisMask": 1, "endMask": 2}, ([1, 1], [2, 0], [1, 1]), words[1, 1:]),
            ("new_axis", {"newAxisMask": 1, "ellipsisMask": 2}, ([0, 0], [0, 0], [1, 1]), words[None])):
        case(F, f"strided_slice_str_{name}", "STRIDED_SLICE", options, [tensor([2, 3], "str", data=words)] + [box(s) for s in spans],
             [tensor(list(want.shape), "str")], expected=[want], resolver=None)


def cases():
    integers()
    index_types()
    shapes()
