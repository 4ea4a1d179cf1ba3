from lib import case, tensor

F = "reverse_sequence"


def reverse(name, shape, along, batch, lengths, type="f32", length="i32"):
    case(F, name, "REVERSE_SEQUENCE", {"seqDim": along, "batchDim": batch},
         [tensor(shape, type), tensor(None, length, data=lengths)], [tensor(None, type)])


def cases():
    for type in ("f32", "u8", "i16", "i32", "i64"):
        reverse(f"{type}", [3, 5, 2], 1, 0, [5, 0, 3], type)
        reverse(f"{type}_long", [3, 5, 2], 1, 0, [2, 1, 4], type, "i64")
    reverse("batch_last", [4, 3], 0, 1, [4, 2, 1])
    reverse("batch_inside", [2, 3, 4, 2], 0, 2, [1, 2, 0, 2])
    reverse("batch_behind", [2, 5, 3, 2], 1, 3, [5, 3])
    reverse("one", [1, 1], 1, 0, [1])
