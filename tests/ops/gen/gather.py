"""GATHER, GATHER_ND, SCATTER_ND."""
from lib import case, tensor


def cases():
    f = "gather"
    for type in ("f32", "i8", "u8", "i16", "i32", "i64", "bool"):
        case(f, f"gather_{type}", "GATHER", {"axis": 0}, [tensor([4, 3], type), tensor([3], "i32", low=0, high=3)],
             [tensor(None, type)])
    case(f, "gather_i64_indices", "GATHER", {"axis": 1}, [tensor([2, 4, 3]), tensor([2, 2], "i64", low=0, high=3)],
         [tensor(None)])
    case(f, "gather_last", "GATHER", {"axis": -1}, [tensor([2, 4, 3]), tensor([5], "i32", low=0, high=2)],
         [tensor(None)])
    case(f, "gather_scalar", "GATHER", {"axis": 0}, [tensor([4, 3]), tensor([], "i32", data=2, const=True)],
         [tensor(None)])
    case(f, "gather_batch", "GATHER", {"axis": 2, "batchDims": 1},
         [tensor([2, 3, 4, 2]), tensor([2, 3], "i32", low=0, high=3)], [tensor(None)])
    case(f, "gather_batch_axis", "GATHER", {"axis": 1, "batchDims": 1},
         [tensor([3, 4], "i8"), tensor([3, 2], "i32", low=0, high=3)], [tensor(None, "i8")])
    for type in ("f32", "i8", "u8", "i16", "i32", "i64", "bool"):
        case(f, f"gather_nd_{type}", "GATHER_ND", None, [tensor([3, 3, 2], type), tensor([4, 2], "i32", low=0, high=2)],
             [tensor(None, type)])
    case(f, "gather_nd_items", "GATHER_ND", None, [tensor([3, 4]), tensor([2, 2, 2], "i64", low=0, high=2)],
         [tensor(None)])
    case(f, "gather_nd_rows", "GATHER_ND", None, [tensor([3, 4]), tensor([2, 1], "i32", low=0, high=2)], [tensor(None)])
    for type in ("f32", "i8", "u8", "i32", "i64"):
        case(f, f"scatter_nd_{type}", "SCATTER_ND", None,
             [tensor([3, 1], "i32", data=[[4], [1], [4]]), tensor([3, 2], type, low=0, high=50),
              tensor([2], "i32", data=[5, 2], const=True)], [tensor(None, type)])
    case(f, "scatter_nd_items", "SCATTER_ND", None,
         [tensor([2, 2], "i32", data=[[0, 1], [2, 0]]), tensor([2]), tensor([2], "i32", data=[3, 2], const=True)],
         [tensor(None)])
