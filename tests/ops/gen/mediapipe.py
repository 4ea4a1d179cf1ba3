"""Cases of MediaPipe's custom operators. LiteRT's interpreter has none of them: what to expect is computed here from the
definitions, in float64."""
from lib import case, flexbuffer, tensor

import math
import struct

import numpy as np

FAMILY = "mediapipe"
SAME, VALID = 1, 2  # TfLitePadding's numbers
NONE, RELU, RELU_N1_TO_1, RELU6 = 0, 1, 2, 3


def given(data):
    return tensor(None, "float32", data=np.asarray(data, np.float32))


def float_case(name, op, custom, inputs, expected, version=None, tolerance=None):
    expected = [np.asarray(e, np.float32) for e in expected]
    case(FAMILY, name, op, custom=custom, inputs=inputs, outputs=[tensor(None, "float32") for _ in expected],
         expected=expected, resolver=None, version=version, tolerance=tolerance)


# ---- pooling with places and back ----

def pool_options(padding, stride, window, activation=NONE):
    return struct.pack("<6i", padding, stride[1], stride[0], window[1], window[0], activation)


def extent(size, window, stride, padding):
    """Outputs along an axis and the padding before."""
    if padding == VALID:
        return (size - window) // stride + 1, 0
    out = -(-size // stride)
    return out, max((out - 1) * stride + window - size, 0) // 2


def pool(data, padding, stride, window, low=-np.inf, high=np.inf):
    n, h, w, c = data.shape
    (rows, top), (columns, left) = (extent(s, k, t, padding) for s, k, t in zip((h, w), window, stride))
    values, places = np.zeros([2, n, rows, columns, c])
    for y in range(rows):
        for x in range(columns):
            cells = [(ky * window[1] + kx, y * stride[0] - top + ky, x * stride[1] - left + kx)
                     for ky in range(window[0]) for kx in range(window[1])]
            cells = [cell for cell in cells if 0 <= cell[1] < h and 0 <= cell[2] < w]
            under = np.stack([data[:, i, j] for _, i, j in cells])
            values[:, y, x] = np.clip(under.max(0), low, high)
            places[:, y, x] = np.array([cell[0] for cell in cells])[under.argmax(0)] + 0.1
    return values, places


def pool_cases():
    rng = np.random.default_rng(1)
    for name, shape, padding, stride, window, activation in (
            ("2x2", [1, 4, 6, 3], VALID, (2, 2), (2, 2), NONE), ("same_odd", [1, 5, 7, 2], SAME, (2, 2), (2, 2), NONE),
            ("overlap", [2, 6, 5, 2], SAME, (1, 2), (3, 3), NONE), ("valid_3x2", [1, 7, 8, 1], VALID, (2, 3), (3, 2), NONE),
            ("relu", [1, 4, 4, 2], SAME, (2, 2), (2, 2), RELU), ("relu6", [1, 4, 4, 2], SAME, (2, 2), (2, 2), RELU6),
            ("n1_to_1", [1, 4, 4, 2], VALID, (2, 2), (2, 2), RELU_N1_TO_1),
            ("whole", [1, 3, 4, 5], VALID, (1, 1), (3, 4), NONE), ("rows", [2, 9, 10, 3], SAME, (1, 1), (2, 2), NONE)):
        # Halves, so that some are equal: the first of them counts.
        data = rng.integers(-20, 20, shape) / 2
        low, high = {NONE: (-np.inf, np.inf), RELU: (0, np.inf), RELU6: (0, 6), RELU_N1_TO_1: (-1, 1)}[activation]
        float_case(f"pool_{name}", "MaxPoolingWithArgmax2D", pool_options(padding, stride, window, activation),
                   [given(data)], pool(data, padding, stride, window, low, high))


def unpool(values, places, stride, window):
    n, h, w, c = values.shape
    size = (h * window[0], w * window[1])
    before = [max((inner - 1) * s + k - outer, 0) // 2 for inner, s, k, outer in zip((h, w), stride, window, size)]
    out = np.zeros([n, *size, c])
    for b, y, x, d in np.ndindex(*values.shape):
        place = int(places[b, y, x, d])
        to_y = y * stride[0] - before[0] + place // window[1]
        to_x = x * stride[1] - before[1] + place % window[1]
        if 0 <= to_y < size[0] and 0 <= to_x < size[1]:
            out[b, to_y, to_x, d] = values[b, y, x, d]
    return out


def unpool_cases():
    rng = np.random.default_rng(2)
    for name, shape, stride, window, most in (
            ("2x2", [1, 3, 4, 3], (2, 2), (2, 2), 4), ("batches", [2, 2, 3, 2], (2, 2), (2, 2), 4),
            ("3x2", [1, 2, 3, 2], (3, 2), (3, 2), 6), ("wide_strides", [1, 3, 3, 1], (3, 3), (2, 2), 4),
            ("overlap", [1, 4, 4, 1], (1, 1), (2, 2), 4), ("places_outside", [1, 2, 2, 4], (2, 2), (2, 2), 12)):
        values = rng.uniform(-2, 2, shape).astype(np.float32)
        places = rng.integers(0, most, shape) + 0.1
        float_case(f"unpool_{name}", "MaxUnpooling2D", pool_options(SAME, stride, window), [given(values), given(places)],
                   [unpool(values, places, stride, window)])


# ---- pictures and landmarks through a matrix ----

def matrix(rows):
    out = np.eye(4)
    out[0, [0, 1, 3]], out[1, [0, 1, 3]] = rows
    out[:2, 2] = 9  # meets a coordinate that is 0
    return out[None]


def warp(picture, rows, size, centres):
    (a, b, c), (d, e, f) = rows
    if centres:
        c, f = c + (a + b - 1) / 2, f + (d + e - 1) / 2
    h, w, depth = picture.shape[1:]
    out = np.zeros([1, *size, depth])
    for y, x in np.ndindex(*size):
        u, v = a * x + b * y + c, d * x + e * y + f
        if 0 <= u <= w - 1 and 0 <= v <= h - 1:
            i, j = math.floor(v), math.floor(u)
            i2, j2 = min(i + 1, h - 1), min(j + 1, w - 1)
            corner = picture[0].astype(np.float64)
            upper = (1 - (u - j)) * corner[i, j] + (u - j) * corner[i, j2]
            lower = (1 - (u - j)) * corner[i2, j] + (u - j) * corner[i2, j2]
            out[0, y, x] = (1 - (v - i)) * upper + (v - i) * lower
    return out


def warp_cases():
    rng = np.random.default_rng(3)
    # Coefficients are short fractions: where a point falls on an edge, float arithmetic agrees on which side.
    maps = {"identity": [(1, 0, 0), (0, 1, 0)], "shift": [(1, 0, 1.25), (0, 1, -0.5)],
            "turn": [(0, -1, 5), (1, 0, 0)], "shear": [(0.75, 0.25, 0.5), (-0.125, 0.5, 1.5)],
            "outside": [(1, 0, 100), (0, 1, 0)]}
    for name, rows in maps.items():
        picture = rng.uniform(-1, 1, [1, 6, 7, 3]).astype(np.float32)
        inputs = lambda: [given(picture), given(matrix(rows))]
        float_case(f"warp_{name}_v1", "TransformTensorBilinear", flexbuffer({"mode": "bilinear", "output_size": [5, 8]}),
                   inputs(), [warp(picture, rows, (5, 8), False)], 1)
        float_case(f"warp_{name}_v2", "TransformTensorBilinear", flexbuffer({"output_height": 6, "output_width": 4}),
                   inputs(), [warp(picture, rows, (6, 4), True)], 2)
    picture, rows = rng.uniform(-1, 1, [1, 9, 4, 1]).astype(np.float32), maps["shear"]
    float_case("warp_old_name", "TransformTensor", flexbuffer({"mode": "bilinear", "output_size": [3, 3]}),
               [given(picture), given(matrix(rows))], [warp(picture, rows, (3, 3), False)])


def landmark_cases():
    rng = np.random.default_rng(4)
    rows = [(0.75, -0.25, 3.5), (0.5, 1.25, -2)]
    for name, shape, dims, scale, version in (
            ("v1_3", [1, 1, 1, 12], 3, 2.5, 1), ("v1_2", [1, 1, 2, 8], 2, 1.0, 1), ("v2_3", [1, 7, 3], 3, None, 2),
            ("v2_2", [1, 5, 2], 2, None, 2)):
        points = rng.uniform(-10, 10, shape).astype(np.float32)
        flat = points.reshape(-1, dims).astype(np.float64)
        out = flat.copy()
        for i, (a, b, c) in enumerate(rows):
            out[:, i] = a * flat[:, 0] + b * flat[:, 1] + c * (scale or 1)
        options = {} if version == 2 else {"dimensions": dims, "scale": scale}
        float_case(f"landmarks_{name}", "TransformLandmarks", flexbuffer(options), [given(points), given(matrix(rows))],
                   [out.reshape(shape)], version)


def turn(angle, shift=(0, 0)):
    return np.array([[math.cos(angle), -math.sin(angle), shift[0]], [math.sin(angle), math.cos(angle), shift[1]],
                     [0, 0, 1]])


def stretch(x, y, shift=(0, 0)):
    return np.array([[x, 0, shift[0]], [0, y, shift[1]], [0, 0, 1]])


def bounds(points, subset, angle):
    """Size of the box around the points turned by `angle`, and its middle turned back."""
    turned = points[subset, :2] @ turn(angle)[:2, :2].T
    low, high = turned.min(0), turned.max(0)
    return high - low, turn(-angle)[:2, :2] @ ((low + high) / 2)


def four_by_four(m):
    out = np.eye(4)
    out[:2, :2], out[:2, 3] = m[:2, :2], m[:2, 2]
    return out[None]


def matrix_cases():
    rng = np.random.default_rng(5)
    for name, subset, left, right in (("eyes", [0, 3, 2, 5], 0, 5), ("odd", [1, 4, 6], 7, 2), ("one", [3], 1, 4),
                                      ("mirrored", list(range(8)), 5, 0)):
        points = rng.uniform(20, 170, [8, 3]).astype(np.float32)
        points[left, 0], points[right, 0] = (150, 40) if name == "mirrored" else (40, 150)
        wide = points.astype(np.float64)
        (dx, dy), pairs = (wide[right] - wide[left])[:2], {"left_rotation_idx": left, "right_rotation_idx": right}

        angle = -math.atan(dy / dx)
        size, middle = bounds(wide, subset, angle)
        size, range_ = size * 1.5, 192
        m = stretch(95.5, 63.5, (95.5, 63.5)) @ turn(-angle, middle / range_ * 2 - 1) @ \
            stretch(*(size / range_)) @ stretch(2 / 47, 2 / 31, (-1, -1))
        float_case(f"matrix_{name}_v1", "Landmarks2TransformMatrix",
                   flexbuffer(pairs | {"dimensions": 3, "landmarks_range": range_, "bbox_size_multiplier": 1.5,
                                       "input_hw": [128, 192], "output_hw": [32, 48], "subset": subset}),
                   [given(points.reshape(1, 1, 1, 24))], [four_by_four(m)], 1, {"abs": 1e-4, "rel": 1e-5})

        angle = 0.25 - math.atan2(dy, dx)
        size, middle = bounds(wide, subset, angle)
        m = stretch(1, 1, middle) @ turn(-angle) @ stretch(1.5 * size[0] / 64, 2 * size[1] / 48) @ \
            stretch(1, 1, (-32, -24))
        float_case(f"matrix_{name}_v2", "Landmarks2TransformMatrix",
                   flexbuffer(pairs | {"subset_idxs": subset, "target_rotation_radians": 0.25, "output_height": 48,
                                       "output_width": 64, "scale_x": 1.5, "scale_y": 2.0}),
                   [given(points.reshape(1, 8, 3))], [four_by_four(m)], 2, {"abs": 1e-4, "rel": 1e-5})


def cases():
    pool_cases()
    unpool_cases()
    warp_cases()
    landmark_cases()
    matrix_cases()
