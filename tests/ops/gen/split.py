"""SPLIT and SPLIT_V."""
from lib import case, tensor


def ints(values, type="i32"):
    return tensor(None, type, data=values, const=True)


def cases():
    f = "split"
    for type in ("f32", "i8", "u8", "i16", "i32"):
        case(f, f"split_{type}", "SPLIT", {"numSplits": 2}, [ints(1), tensor([2, 6], type)],
             [tensor(None, type), tensor(None, type)])
        case(f, f"split_v_{type}", "SPLIT_V", {"numSplits": 3}, [tensor([2, 6], type), ints([1, 3, 2]), ints(1)],
             [tensor(None, type) for _ in range(3)])
    case(f, "split_negative", "SPLIT", {"numSplits": 3}, [ints([-2]), tensor([2, 6, 2])], [tensor(None) for _ in range(3)])
    case(f, "split_outer", "SPLIT", {"numSplits": 2}, [ints(0), tensor([4, 3])], [tensor(None) for _ in range(2)])
    case(f, "split_v_open", "SPLIT_V", {"numSplits": 2}, [tensor([5, 2]), ints([2, -1]), ints(0)],
         [tensor(None) for _ in range(2)])
    case(f, "split_v_i64", "SPLIT_V", {"numSplits": 2}, [tensor([2, 5]), ints([4, 1], "i64"), ints(-1)],
         [tensor(None) for _ in range(2)])
