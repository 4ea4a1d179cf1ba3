from lib import case, graph, model_case, node, tensor

import numpy as np

FAMILY = "fft"


def rfft2d(name, shape, lengths):
    case(FAMILY, name, "RFFT2D", inputs=[tensor(shape), tensor(data=lengths, shape=None, type="int32", const=True)],
         outputs=[tensor(None, "complex64")], tolerance={"abs": 1e-5, "rel": 1e-6})


def any_length(name, shape, lengths):
    """Lengths that are no powers of two, which LiteRT refuses; NumPy crops and pads in the same way."""
    data = np.random.default_rng(len(name)).uniform(-2, 2, shape).astype(np.float32)
    case(FAMILY, name, "RFFT2D", inputs=[tensor(shape, data=data), tensor(data=lengths, shape=None, type="int32", const=True)],
         outputs=[tensor(None, "complex64")], tolerance={"abs": 1e-5, "rel": 1e-6}, resolver=None,
         expected=[np.fft.rfft2(data, lengths).astype(np.complex64)])


def parts(name, shape, lengths):
    """What models make of a spectrum, seen under another shape first."""
    x, sizes = tensor(shape), tensor(data=lengths, shape=None, type="int32", const=True)
    bins = shape[:-2] + [lengths[0], lengths[1] // 2 + 1]
    z, flat = tensor(bins, "complex64"), tensor([int(np.prod(bins))], "complex64")
    out = [tensor([int(np.prod(bins))]) for _ in range(3)]
    shape_of = tensor(None, "int32", data=flat.shape, const=True)
    ops = [node("RFFT2D", [x, sizes], [z]), node("RESHAPE", [z, shape_of], [flat])]
    ops += [node(op, [flat], [y]) for op, y in zip(("COMPLEX_ABS", "REAL", "IMAG"), out, strict=True)]
    model_case(FAMILY, name, [graph(ops, [x], out)], tolerance={"abs": 1e-5, "rel": 1e-6})


def cases():
    parts("parts_rows_8", [2, 1, 8], [1, 8])
    parts("parts_rows_padded", [2, 1, 5], [1, 8])
    parts("parts_plane_8x4", [2, 8, 4], [8, 4])
    parts("parts_cropped", [2, 9, 7], [4, 4])
    any_length("any_3x5", [2, 3, 5], [3, 5])
    any_length("any_1x6", [2, 1, 6], [1, 6])
    any_length("any_6x10_padded", [5, 7], [6, 10])
    any_length("any_4x3_cropped", [5, 7], [4, 3])
    rfft2d("rows_512", [3, 1, 512], [1, 512])
    rfft2d("rows_64", [2, 1, 64], [1, 64])
    rfft2d("plane_8x16", [2, 8, 16], [8, 16])
    rfft2d("plane_4x2", [4, 2], [4, 2])
    rfft2d("plane_32x8", [32, 8], [32, 8])
    rfft2d("padded", [2, 3, 5], [4, 8])
    rfft2d("cropped", [2, 9, 20], [8, 16])
    for type, out in (("complex64", "float32"), ("complex128", "float64")):
        for op in ("COMPLEX_ABS", "REAL", "IMAG"):
            case(FAMILY, f"{op.lower()}_{out}", op, inputs=[tensor([2, 3, 7], type)], outputs=[tensor(None, out)])
    big = np.array([3e30 + 4e30j, 1e-30 - 1e-30j, 0, -5 + 12j], np.complex64)
    case(FAMILY, "complex_abs_extremes", "COMPLEX_ABS", inputs=[tensor([4], "complex64", data=big)],
         outputs=[tensor(None, "float32")])
