"""RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR."""
from lib import case, tensor

SIZES = {"up": ([1, 3, 5, 7], [8, 9]), "down": ([2, 9, 8, 3], [4, 5]), "twice": ([1, 4, 4, 18], [8, 8]),
         "one": ([1, 1, 1, 33], [3, 2]), "to_one": ([1, 6, 5, 4], [1, 1]), "same": ([1, 5, 4, 2], [5, 4])}
MODES = {"": {}, "_corners": {"alignCorners": True}, "_centers": {"halfPixelCenters": True}}


def cases():
    for op, stem, types in (("RESIZE_BILINEAR", "bilinear", ("f32", "i8", "u8", "i16")),
                            ("RESIZE_NEAREST_NEIGHBOR", "nearest", ("f32", "i8", "u8", "i16"))):
        for name, (shape, size) in SIZES.items():
            for mode, options in MODES.items():
                for type in types:
                    if name in ("same", "one", "to_one") and (type == "i16" or mode == "_corners"):
                        continue
                    quantized = {} if type == "f32" else {"scale": 0.1}
                    case("resize", f"{stem}_{name}{mode}_{type}", op, options,
                         [tensor(shape, type, **quantized), tensor([2], "i32", data=size, const=True)],
                         [tensor(None, type, **quantized)], tolerance={"abs": 1e-5, "rel": 1e-5} if type == "f32" else None)
        case("resize", f"{stem}_late_size_f32", op, {},
             [tensor([1, 2, 3, 2], "f32"), tensor([2], "i32", data=[5, 4])], [tensor(None, "f32")],
             tolerance={"abs": 1e-5, "rel": 1e-5})
    for type in ("f16", "bf16", "u16", "i32", "u32", "bool"):
        for mode, options in MODES.items():
            case("resize", f"nearest_two{mode}_{type}", "RESIZE_NEAREST_NEIGHBOR", options,
                 [tensor([2, 3, 2, 3], type), tensor([2], "i32", data=[5, 3], const=True)], [tensor(None, type)])
    edges()


def edges():
    sizes = {"thirds": ([2, 3, 3, 2], [9, 10]), "shrink": ([1, 10, 9, 17], [3, 4]), "line": ([1, 1, 13, 3], [1, 29]),
             "column": ([3, 11, 1, 1], [5, 1]), "wide": ([1, 2, 2, 65], [3, 5]), "large": ([1, 2, 3, 1], [37, 41])}
    for op, stem in (("RESIZE_BILINEAR", "bilinear"), ("RESIZE_NEAREST_NEIGHBOR", "nearest")):
        for name, (shape, size) in sizes.items():
            for mode, options in MODES.items():
                for type in ("f32", "i8", "u8", "i16"):
                    if name in ("line", "column", "wide") and mode == "":
                        continue
                    quantized = {} if type == "f32" else {"scale": 0.1, "zero_point": {"i8": -7, "u8": 200, "i16": 0}[type]}
                    case("resize", f"{stem}_{name}{mode}_{type}", op, options,
                         [tensor(shape, type, **quantized), tensor([2], "i32", data=size, const=True)],
                         [tensor(None, type, **quantized)], tolerance={"abs": 1e-5, "rel": 1e-5} if type == "f32" else None)
