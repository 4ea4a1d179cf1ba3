from lib import case, tensor

F = "bucketize"


def cases():
    for type in ("f32", "f64", "i32", "i64"):
        case(F, type, "BUCKETIZE", {"boundaries": [-1.0, 0.0, 1.5, 30.0]},
             [tensor(None, type, data=[[-5, -1, 0, 1], [2, 29, 30, 31]])], [tensor(None, "i32")])
        case(F, f"{type}_one", "BUCKETIZE", {"boundaries": [3.0]}, [tensor([2, 3, 2], type, low=0, high=6)],
             [tensor(None, "i32")])
        case(F, f"{type}_equal_boundaries", "BUCKETIZE", {"boundaries": [1.0, 1.0, 2.0]},
             [tensor(None, type, data=[0, 1, 2, 3])], [tensor(None, "i32")])
    case(F, "i64_beyond_floats", "BUCKETIZE", {"boundaries": [16777216.0]},
         [tensor(None, "i64", data=[16777215, 16777216, 16777217])], [tensor(None, "i32")])
