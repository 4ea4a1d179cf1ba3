"""Cases of Coral's PosenetDecoderOp: LiteRT's interpreter has none, so what to expect is computed here, in float64, from
the paper (arxiv.org/abs/1803.08225) and what Coral's library documents."""
import numpy as np

from lib import case, flexbuffer, tensor

FAMILY = "posenet"
TREE = [(0, 1), (1, 3), (0, 2), (2, 4), (0, 5), (5, 7), (7, 9), (5, 11), (11, 13), (13, 15), (0, 6), (6, 8), (8, 10), (6, 12),
        (12, 14), (14, 16)]
BONES = TREE + [(b, a) for a, b in TREE]


class Maps:
    """Random maps on which a few people stand: peaks of the heatmaps, with offsets that lead from one to the next."""

    def __init__(self, seed, height, width, people, stride):
        rng = np.random.default_rng(seed)
        self.stride, self.size = stride, np.array([height, width])
        self.heat = rng.uniform(-6, -3, [height, width, 17])
        self.short, self.mid = rng.uniform(-1, 1, [height, width, 34]), rng.uniform(-9, 9, [height, width, 64])
        self.long = rng.uniform(-20, 20, [height, width, 34])
        levels = iter(rng.permutation(17 * people))  # no two peaks are equal
        for _ in range(people):
            center = rng.uniform(2, self.size - 3)
            spots = np.clip(np.round(center + rng.uniform(-3, 3, [17, 2])), 0, self.size - 1).astype(int)
            for k, (y, x) in enumerate(spots):
                peak, near = -0.5 + 0.06 * next(levels), (slice(max(y - 1, 0), y + 2), slice(max(x - 1, 0), x + 2), k)
                self.heat[near] = np.maximum(self.heat[near], peak - 0.63)
                self.heat[y, x, k] = peak
            for e, (a, b) in enumerate(BONES):
                channel = e + 16 if e > 16 else e
                y, x = spots[a]
                near = (slice(max(y - 1, 0), y + 2), slice(max(x - 1, 0), x + 2))
                self.mid[near + (channel,)], self.mid[near + (channel + 16,)] = (spots[b] - spots[a]) * stride

    def quantized(self, type):
        """Tensors, and the maps as those hold them."""
        tensors = []
        for name, scale, zero in (("heat", 0.06, 120), ("short", 0.09, 128), ("mid", 0.7, 127), ("long", 0.35, 130)):
            data = getattr(self, name)[None]
            if type == "u8":
                stored = np.clip(np.round(data / scale) + zero, 0, 255)
                setattr(self, name, (stored[0] - zero) * np.float64(np.float32(scale)))
                tensors.append(tensor(None, "u8", data=stored, scale=scale, zero_point=zero))
            else:
                setattr(self, name, data[0].astype(np.float32).astype(np.float64))
                tensors.append(tensor(None, "f32", data=data))
        return tensors


def bilinear(field, at, channels):
    low = np.floor(at).astype(int)
    high = np.ceil(at).astype(int)
    wy, wx = at - low
    rows = [[field[y, x][channels] for x in (low[1], high[1])] for y in (low[0], high[0])]
    return (1 - wy) * ((1 - wx) * rows[0][0] + wx * rows[0][1]) + wy * ((1 - wx) * rows[1][0] + wx * rows[1][1])


def decode(m, most, threshold, radius):
    inside = lambda p: np.clip(p, 0, m.size - 1)
    short, mid = m.short / m.stride, m.mid / m.stride
    radius = radius / m.stride
    least = -np.log(1 / (threshold + 1e-6) - 1)
    peaks = []
    padded = np.pad(m.heat, [(1, 1), (1, 1), (0, 0)], constant_values=-np.inf)
    around = np.max([padded[dy:dy + m.size[0], dx:dx + m.size[1]] for dy in range(3) for dx in range(3)], 0)
    for y, x, k in np.argwhere((m.heat >= least) & (m.heat == around)):
        peaks.append((m.heat[y, x, k], k, inside(np.array([y, x]) + short[y, x, [k, k + 17]])))
    assert len({p[0] for p in peaks}) == len(peaks), "of equal peaks the order is not defined"
    poses = []
    for _, root, place in sorted(peaks, key=lambda p: -p[0]):
        if len(poses) == most:
            break
        if any(np.sum((p[0][root] - place)**2) <= radius**2 for p in poses):
            continue
        places, scores, open_ = {}, {}, [(bilinear(m.heat, place, root), root, place)]
        while open_:
            open_.sort(key=lambda c: c[0])
            score, k, at = open_.pop()
            if k in places:
                continue
            places[k], scores[k] = at, score
            for e, (a, b) in enumerate(BONES):
                if a == k and b not in places:
                    channel = e + 16 if e > 16 else e
                    to = inside(at + bilinear(mid, at, [channel, channel + 16]))
                    for _ in range(5):
                        to = inside(to + bilinear(short, to, [b, b + 17]))
                    open_.append((bilinear(m.heat, to, b), b, to))
        chances = 1 / (1 + np.exp(-np.array([scores[k] for k in range(17)])))
        if chances.mean() >= threshold:
            poses.append((np.array([places[k] for k in range(17)]), chances, chances.mean()))
    poses.sort(key=lambda p: -p[2])
    rescored = []
    for i, (places, chances, _) in enumerate(poses):
        seen = np.ones(17, bool)
        for other, *_ in poses[:i]:
            seen &= np.sum((places - other)**2, 1) > radius**2
        rescored.append((places, chances, (chances * seen).sum() / 17))
    rescored.sort(key=lambda p: -p[2])
    return [(p * m.stride, c, s) for p, c, s in rescored if s >= threshold]


def outputs(m, most, threshold, radius, masks):
    poses = decode(m, most, threshold, radius)
    keypoints, chances, scores = np.zeros([1, most, 17, 2]), np.zeros([1, most, 17]), np.zeros([1, most])
    for i, (p, c, s) in enumerate(poses):
        keypoints[0, i], chances[0, i], scores[0, i] = p, c, s
    out = [keypoints, chances, scores, np.array([len(poses)])]
    if masks:
        assert poses, "nobody to mask"
        mask = np.zeros([1, most] + list(m.size))
        for y in range(m.size[0]):
            for x in range(m.size[1]):
                reached = np.zeros([17, 2])
                for k in range(17):
                    at = np.array([y, x], float)
                    for _ in range(3):
                        at = np.clip(at + bilinear(m.long / m.stride, at, [k, k + 17]), 0, m.size - 1)
                    reached[k] = at * m.stride
                mask[0, np.argmin([np.sum((reached - p)**2) for p, *_ in poses]), y, x] = 1
        out.append(mask)
    return [o.astype(np.float32) for o in out], len(poses)


def pose_case(name, seed, height=14, width=11, people=3, stride=8, type="f32", masks=False, most=6, threshold=0.2, radius=12.0,
              found=None):
    m = Maps(seed, height, width, people, stride)
    inputs = m.quantized(type)[:4 if masks else 3]
    expected, count = outputs(m, most, threshold, radius, masks)
    assert found is None or count == found, f"{name}: {count} poses"
    case(FAMILY, name, "PosenetDecoderOp", inputs=inputs, outputs=[tensor(None) for _ in expected], expected=expected, resolver=None,
         custom=flexbuffer({"max_detections": most, "score_threshold": threshold, "stride": stride, "nms_radius": radius}),
         tolerance={"abs": 2e-4, "rel": 1e-5})


def refused(name, text, shapes=((1, 5, 5, 17), (1, 5, 5, 34), (1, 5, 5, 64)), **options):
    values = {"max_detections": 2, "score_threshold": 0.2, "stride": 8, "nms_radius": 12.0} | options
    case(FAMILY, "refused_" + name, "PosenetDecoderOp", inputs=[tensor(list(s)) for s in shapes], outputs=[tensor([1]) for _ in range(4)],
         custom=flexbuffer(values), resolver=None, refused=text)


def cases():
    pose_case("f32_1", 1)
    for seed in (1, 19):
        pose_case(f"u8_{seed}", seed, type="u8")
    for type in ("f32", "u8"):
        pose_case(f"{type}_masks", 12, type=type, masks=True, height=9, width=9)
    pose_case("few", 8, most=2, people=5, found=2, type="u8")
    pose_case("none", 6, people=0, found=0, type="u8")
    pose_case("wide", 5, height=6, width=23, people=4, stride=16, radius=30.0)
    pose_case("strict", 8, threshold=0.5, type="u8")
    refused("channels", "input 2 must be [1, height, width, 64]", shapes=((1, 5, 5, 17), (1, 5, 5, 34), (1, 5, 5, 32)))
    refused("size", "input 1 must be", shapes=((1, 5, 5, 17), (1, 5, 4, 34), (1, 5, 5, 64)))
    refused("stride", "the option stride is 0", stride=0)
    refused("most", "the option max_detections is 0", max_detections=0)
