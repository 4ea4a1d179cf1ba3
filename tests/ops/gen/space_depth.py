"""DEPTH_TO_SPACE, SPACE_TO_DEPTH, SPACE_TO_BATCH_ND, BATCH_TO_SPACE_ND."""
from lib import case, tensor


def ints(values, type="i32"):
    return tensor(None, type, data=values, const=True)


def cases():
    f = "space_depth"
    for type in ("f32", "i8", "u8", "i32", "i64"):
        case(f, f"depth_to_space_{type}", "DEPTH_TO_SPACE", {"blockSize": 2}, [tensor([2, 3, 2, 8], type)],
             [tensor(None, type)])
        case(f, f"space_to_depth_{type}", "SPACE_TO_DEPTH", {"blockSize": 2}, [tensor([2, 4, 6, 3], type)],
             [tensor(None, type)])
        q = {"scale": 0.5, "zero_point": 7} if type in ("i8", "u8") else {}
        case(f, f"space_to_batch_{type}", "SPACE_TO_BATCH_ND", None,
             [tensor([1, 3, 5, 2], type, **q), ints([2, 3]), ints([[1, 0], [0, 1]])], [tensor(None, type, **q)])
        case(f, f"batch_to_space_{type}", "BATCH_TO_SPACE_ND", None,
             [tensor([12, 2, 2, 1], type), ints([2, 3]), ints([[1, 0], [0, 2]])], [tensor(None, type)])
    case(f, "depth_to_space_3", "DEPTH_TO_SPACE", {"blockSize": 3}, [tensor([1, 2, 3, 9])], [tensor(None)])
    case(f, "depth_to_space_1", "DEPTH_TO_SPACE", {"blockSize": 1}, [tensor([1, 2, 3, 4])], [tensor(None)])
    case(f, "space_to_batch_3d", "SPACE_TO_BATCH_ND", None, [tensor([2, 4, 3]), ints([2]), ints([[0, 2]])],
         [tensor(None)])
    case(f, "batch_to_space_3d", "BATCH_TO_SPACE_ND", None, [tensor([4, 4, 3]), ints([2]), ints([[2, 1]])],
         [tensor(None)])
    case(f, "space_to_batch_deep_pad", "SPACE_TO_BATCH_ND", None,
         [tensor([1, 2, 2, 1]), ints([3, 2]), ints([[4, 3], [3, 1]])], [tensor(None)])
    case(f, "batch_to_space_deep_crop", "BATCH_TO_SPACE_ND", None,
         [tensor([4, 3, 4, 2]), ints([2, 2]), ints([[3, 1], [1, 4]])], [tensor(None)])
