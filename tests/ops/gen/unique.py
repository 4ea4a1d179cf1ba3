import numpy as np

from lib import case, tensor

F = "unique"


def unique(name, type, data, index="i32"):
    values = len(np.unique(data)) if len(data) else 0
    case(F, name, "UNIQUE", {"idxOutType": index}, [tensor([len(data)], type, data=data)],
         [tensor([values], type, signature=[-1]), tensor([len(data)], index)], resolver="opt")


def cases():
    for type in ("f32", "i8", "u8", "i16", "i32", "i64"):
        for index in ("i32", "i64"):
            unique(f"{type}_{index}", type, [5, 3, 5, 0, 3, 7, 7, 5, 1, 0], index)
        unique(f"{type}_one", type, [4])
        unique(f"{type}_all", type, list(range(20, 0, -1)))
        unique(f"{type}_same", type, [9] * 12)
    unique("f32_signs", "f32", [-1.5, 1.5, -1.5, 0.0, 3e30, 1.5])
    case(F, "then_add", "UNIQUE", {"idxOutType": "i32"}, [tensor([40], "i32", low=0, high=9)],
         [tensor(None, "i32", signature=[-1]), tensor(None, "i32")], resolver="opt")
