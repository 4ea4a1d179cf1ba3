from lib import case, tensor

F = "bitcast"


def cases():
    for source, target in (("f32", "i32"), ("i32", "f32"), ("i32", "u32"), ("u8", "i8"), ("i16", "u16"), ("i64", "f64")):
        case(F, f"{source}_{target}", "BITCAST", None, [tensor([2, 3], source)], [tensor(None, target)])
    for source, target in (("f32", "u8"), ("i32", "i16"), ("i16", "i8"), ("u32", "u16"), ("i64", "i32")):
        case(F, f"{source}_{target}", "BITCAST", None, [tensor([2, 3], source)], [tensor(None, target)])
    for source, target, ratio in (("u8", "i32", 4), ("i16", "i32", 2), ("i8", "i16", 2), ("u16", "u32", 2)):
        case(F, f"{source}_{target}", "BITCAST", None, [tensor([3, ratio], source)], [tensor(None, target)])
