import numpy as np

from lib import DTYPES, SHORT, case, tensor

F = "bitcast"


def cases():
    for source, target in (("f32", "i32"), ("i32", "f32"), ("i32", "u32"), ("u8", "i8"), ("i16", "u16"), ("i64", "f64")):
        case(F, f"{source}_{target}", "BITCAST", None, [tensor([2, 3], source)], [tensor(None, target)])
    for source, target in (("f32", "u8"), ("i32", "i16"), ("i16", "i8"), ("u32", "u16"), ("i64", "i32")):
        case(F, f"{source}_{target}", "BITCAST", None, [tensor([2, 3], source)], [tensor(None, target)])
    for source, target, ratio in (("u8", "i32", 4), ("i16", "i32", 2), ("i8", "i16", 2), ("u16", "u32", 2)):
        case(F, f"{source}_{target}", "BITCAST", None, [tensor([3, ratio], source)], [tensor(None, target)])
    # The bits of a quarter of float16's range and so on: what NumPy sees in the same bytes.
    for source, target in (("f16", "i16"), ("bf16", "u16"), ("i16", "bf16"), ("f64", "u64"), ("c64", "i64"), ("u64", "f64"), ("c128", "f64"),
                           ("f64", "c64"), ("bool", "u8"), ("u8", "bool"), ("u16", "f16")):
        x = tensor([2, 4], source, data=np.arange(8).reshape(2, 4) % 2 if "bool" in (source, target) else np.arange(1, 9).reshape(2, 4))
        to = np.dtype(DTYPES[SHORT.get(target, target)])
        want = np.frombuffer(x.data.tobytes(), to).reshape([2, 4] + ([x.data.itemsize // to.itemsize] if x.data.itemsize > to.itemsize else []))
        case(F, f"{source}_{target}", "BITCAST", None, [x], [tensor(None, target)], expected=[want], resolver=None)
    for source, target in (("i4", "u4"), ("u4", "i4"), ("i4", "i4"), ("u4", "u4")):
        case(F, f"{source}_{target}", "BITCAST", None, [tensor([3, 5], source)], [tensor(None, target)])
    x = tensor(None, "i2", data=[[-2, -1, 0, 1, 1]])
    case(F, "i2_i2", "BITCAST", None, [x], [tensor(None, "i2")], expected=[x.data], resolver=None)
