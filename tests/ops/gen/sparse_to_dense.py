from lib import case, tensor

F = "sparse_to_dense"


def sparse(name, indices, shape, values, type="f32", index="i32", late=False, default=7):
    case(F, name, "SPARSE_TO_DENSE", {"validateIndices": False},
         [tensor(None, index, data=indices), tensor(None, index, data=shape, const=not late),
          tensor(None, type, data=values), tensor([], type, data=default)],
         [tensor(shape, type, signature=[-1] * len(shape) if late else None)])


def cases():
    for type in ("f32", "i32", "i64", "i8", "u8"):
        for index in ("i32", "i64"):
            sparse(f"{type}_{index}", [[0, 1], [2, 3], [1, 0]], [3, 4], [1, 2, 3], type, index)
        sparse(f"{type}_list", [0, 4, 2], [6], [5, 6, 9], type)
        sparse(f"{type}_one", 3, [5], 1, type)
        sparse(f"{type}_same_value", [[0, 0], [1, 1]], [2, 2], 4, type)
    sparse("four_dimensions", [[0, 1, 0, 2], [1, 0, 1, 1]], [2, 2, 2, 3], [1, 2])
    sparse("repeated", [[1], [1], [0]], [3], [1, 2, 3])
    sparse("late", [[0, 1], [2, 2]], [3, 3], [1, 2], late=True)
