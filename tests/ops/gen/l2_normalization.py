"""L2_NORMALIZATION."""
from lib import case, tensor


def cases():
    f = "l2_normalization"
    for n, shape in enumerate(([2, 3], [1, 2, 2, 20], [5, 33])):
        case(f, f"f32_{n}", "L2_NORMALIZATION", None, [tensor(shape)], [tensor(None)])
        for type, zero in (("i8", 0), ("u8", 128)):
            for m, z in enumerate((zero, zero - 100)):
                case(f, f"{type}_{n}_{m}", "L2_NORMALIZATION", None, [tensor(shape, type, scale=0.1, zero_point=z)],
                     [tensor(None, type, scale=1 / 128, zero_point=zero)])
    case(f, "f32_zero", "L2_NORMALIZATION", None, [tensor([1, 4], data=[[0, 0, 0, 0]])], [tensor(None)])
    case(f, "i8_zero", "L2_NORMALIZATION", None, [tensor([1, 4], "i8", data=[[3, 3, 3, 3]], scale=0.1, zero_point=3)],
         [tensor(None, "i8", scale=1 / 128, zero_point=0)])
    for type, zero in (("i8", 0), ("u8", 128)):
        low, high = {"i8": (-128, 127), "u8": (0, 255)}[type]
        for z in (low, high):
            case(f, f"{type}_ends_{z}", "L2_NORMALIZATION", None,
                 [tensor(None, type, scale=0.1, zero_point=z, data=[[low, high] * 9, [high] * 18, [low] * 18, [z] * 17 + [low]])],
                 [tensor(None, type, scale=1 / 128, zero_point=zero)])
    case(f, "f32_small", "L2_NORMALIZATION", None, [tensor(None, data=[[1e-7, -1e-7, 0], [1e-20, 0, 0], [1e18, 1e18, 1]])],
         [tensor(None)])
