from lib import case, tensor

F = "add_n"


def cases():
    for type in ("f32", "i32"):
        for count in (2, 3, 7):
            case(F, f"{type}_{count}", "ADD_N", None, [tensor([2, 5, 3], type) for _ in range(count)], [tensor(None, type)])
        case(F, f"{type}_scalars", "ADD_N", None, [tensor([], type) for _ in range(3)], [tensor(None, type)])
    same = tensor([4])
    case(F, "f32_the_same_twice", "ADD_N", None, [same, same], [tensor(None)])
