"""NON_MAX_SUPPRESSION_V4 and V5."""
import numpy as np

from lib import case, tensor

F = "non_max_suppression"


def boxes_of(count, seed, flipped):
    rng = np.random.default_rng(seed)
    centre, size = rng.uniform(0, 4, [count, 2]), rng.uniform(0.3, 2, [count, 2])
    boxes = np.concatenate([centre - size / 2, centre + size / 2], 1).astype(np.float32)
    if flipped:
        boxes[::2] = boxes[::2][:, [2, 3, 0, 1]]
    # Of equal scores the lower number goes first here, as in TensorFlow; in LiteRT it depends on its C++ library.
    return boxes, rng.permutation(np.linspace(0.02, 0.98, count)).astype(np.float32)


def scalar(value, type="f32", const=True):
    return tensor([], type, data=value, const=const)


def suppress(name, count, most, overlap, least, sigma=None, flipped=False, late=False):
    boxes, scores = boxes_of(count, len(name) + count, flipped)
    inputs = [tensor(None, "f32", data=boxes), tensor(None, "f32", data=scores), scalar(most, "i32", not late),
              scalar(overlap), scalar(least)]
    lists = {"signature": [-1]} if late else {}
    if sigma is None:
        case(F, "v4_" + name, "NON_MAX_SUPPRESSION_V4", None, inputs, [tensor([most], "i32", **lists), tensor([], "i32")])
    else:
        case(F, "v5_" + name, "NON_MAX_SUPPRESSION_V5", None, inputs + [scalar(sigma)],
             [tensor([most], "i32", **lists), tensor([most], "f32", **lists), tensor([], "i32")])


def cases():
    for sigma in (None, 0.0, 0.5):
        s = "" if sigma is None else f"_sigma{sigma:g}".replace(".", "")
        suppress("plain" + s, 30, 10, 0.5, 0.0, sigma)
        suppress("tight" + s, 40, 40, 0.1, 0.2, sigma)
        suppress("loose" + s, 25, 30, 1.0, 0.4, sigma)
        suppress("flipped" + s, 20, 8, 0.3, 0.1, sigma, flipped=True)
        suppress("none" + s, 10, 5, 0.5, 2.0, sigma)
        suppress("late" + s, 15, 6, 0.5, 0.0, sigma, late=True)
        suppress("one" + s, 1, 3, 0.5, 0.0, sigma)
    suppress("soft_threshold", 40, 40, 1.0, 0.3, 0.3)
    suppress("soft_all", 40, 40, 0.9, 0.0, 0.8)
