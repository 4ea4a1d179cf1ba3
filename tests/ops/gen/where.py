"""WHERE."""
import numpy as np

from lib import case, tensor


def cases():
    for type in ("bool", "f32", "i32", "i64", "i8", "u8"):
        data = (np.arange(24).reshape(3, 4, 2) * 7 % 5 % 3)
        case("where", type, "WHERE", None, [tensor(None, type, data=data)],
             [tensor([np.count_nonzero(data), 3], "i64", signature=[-1, 3])])
