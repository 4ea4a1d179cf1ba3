from lib import case, tensor

F = "dynamic_update_slice"


def update(name, shape, block, start, type="f32", index="i32"):
    case(F, name, "DYNAMIC_UPDATE_SLICE", None, [tensor(shape, type), tensor(block, type), tensor(None, index, data=start)],
         [tensor(None, type)])


def cases():
    for type in ("f32", "bool", "i8", "i16", "i32", "i64"):
        for index in ("i32", "i64"):
            update(f"{type}_{index}", [4, 5], [2, 3], [1, 2], type, index)
    update("moved_back", [4, 5], [2, 3], [3, 4])
    update("negative", [4, 5], [2, 3], [-2, 1])
    update("whole", [3, 2], [3, 2], [1, 1])
    update("cache", [1, 8, 2, 4], [1, 1, 2, 4], [0, 5, 0, 0])
    update("list", [6], [2], [3])
