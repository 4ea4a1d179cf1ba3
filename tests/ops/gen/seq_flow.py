"""Cases of seq_flow_lite's custom operators: what to expect is computed here, in float32 as their library does."""
import numpy as np

from lib import case, tensor

FAMILY = "seq_flow"
f32 = np.float32


def quantized(shape, rng, scale, zero, type="u8"):
    low, high = (0, 255) if type == "u8" else (-128, 127)
    return tensor(None, type, data=rng.integers(low, high, shape, endpoint=True), scale=scale, zero_point=zero)


def real(t):
    return (t.data.astype(np.int32) - t.zero_point).astype(f32) * f32(t.scale)


def store(x, scale, zero, type="u8"):
    """Rounds half away from zero before the zero point is added."""
    steps = x * (f32(1) / f32(scale))
    stored = np.trunc(steps + np.where(steps >= 0, f32(0.5), f32(-0.5))).astype(np.int64) + zero
    return np.clip(stored, *((0, 255) if type == "u8" else (-128, 127)))


def out(values, type="u8", scale=None, zero=0):
    return tensor(list(values.shape), type, scale=scale, zero_point=zero), values.astype(np.uint8 if type == "u8" else np.int8)


def run(name, op, inputs, outputs):
    case(FAMILY, name, op, inputs=inputs, outputs=[o[0] for o in outputs], expected=[o[1] for o in outputs], resolver=None, custom=b"")


def expected_value():
    for time, channels in ((1, 3), (7, 5), (40, 2)):
        rng = np.random.default_rng(time)
        logits, values = quantized([1, time, channels], rng, 0.05, 100), quantized([1, time, channels], rng, 0.02, 120)
        shifted = logits.data.astype(np.int32).max(1, keepdims=True) - logits.data
        weights = np.exp(-np.arange(256, dtype=f32) * f32(0.05), dtype=f32)[shifted]
        total = np.zeros([1, channels], f32)
        norm = np.zeros([1, channels], f32)
        for t in range(time):
            norm += weights[:, t]
            total += weights[:, t] * real(values)[:, t]
        run(f"expected_value_{time}", "ExpectedValueOp", [logits, values], [out(store(total / norm, 0.03, 110), scale=0.03, zero=110)])


def pooling():
    for direction in (255, 0):
        for last in (False, True):
            rng = np.random.default_rng(direction + last)
            factors, terms = quantized([1, 9, 4], rng, 1 / 256, 0), quantized([1, 9, 4], rng, 0.01, 128)
            state, states = np.zeros(4, f32), np.zeros([1, 9, 4], f32)
            for t in range(9) if direction == 255 else reversed(range(9)):
                state = state * real(factors)[0, t] + real(terms)[0, t]
                states[0, t] = state
            outputs = [out(store(states, 0.02, 130), scale=0.02, zero=130)]
            if last:
                outputs.append(out(store(state[None], 0.03, 120), scale=0.03, zero=120))
            run(f"pooling_{'forward' if direction else 'back'}{'_last' if last else ''}", "PoolingOp", [factors, terms, tensor(None, "u8", data=[direction])], outputs)


def layer_norm():
    for type, zero in (("u8", 120), ("i8", -7)):
        for name, axes in (("last", [-1]), ("last_two", [-1, 1]), ("middle", [1]), ("by_number", [2])):
            rng = np.random.default_rng(len(name))
            x = quantized([2, 3, 5], rng, 0.04, zero, type)
            by, offset = (tensor(None, type, data=[v], scale=s, zero_point=0) for v, s in ((90, 0.02), (30, 0.01)))
            if len(axes) == 1 and axes[0] in (-1, 2):
                q = x.data.astype(np.int64)
                inverse = f32(1) / f32(5)
                mean = q.sum(-1, keepdims=True).astype(f32) * inverse
                variance = (q * q).sum(-1, keepdims=True).astype(f32) * inverse - mean * mean
                factor = (1.0 / np.sqrt(variance.astype(np.float64) + 1e-6)).astype(f32) * (real(by)[0] * (f32(1) / f32(0.05)))
                value = q.astype(f32) * factor + (f32(zero + 3) + real(offset)[0] * (f32(1) / f32(0.05)) - mean * factor)
                stored = np.trunc(value + np.where(value >= 0, f32(0.5), f32(-0.5)))
                stored = np.clip(stored, *((0, 255) if type == "u8" else (-128, 127)))
            else:
                values, along = real(x), tuple(axes)
                count = f32(np.prod([x.data.shape[a] for a in axes]))
                total, squares = (np.zeros_like(values.sum(along, keepdims=True)) for _ in range(2))
                for at in np.ndindex(values.shape):
                    to = tuple(0 if i in [a % 3 for a in axes] else k for i, k in enumerate(at))
                    total[to] += values[at]
                    squares[to] += values[at] * values[at]
                mean = total / count
                deviation = (1.0 / np.sqrt((squares / count - mean * mean).astype(np.float64) + 1e-6)).astype(f32)
                value = values * (deviation * real(by)[0]) + (real(offset)[0] - mean * deviation * real(by)[0])
                stored = store(value, 0.05, zero + 3, type)
            run(f"layer_norm_{type}_{name}", "LayerNorm", [x, by, offset, tensor(None, "i32", data=axes, const=True)], [out(stored, type, 0.05, zero + 3)])


def refused():
    x = tensor([1, 3, 2], "u8", scale=0.1)
    for name, text, op, inputs, outputs in (
            ("expected_value", "both alike", "ExpectedValueOp", [x, tensor([1, 2, 2], "u8", scale=0.1)], [tensor([1, 2], "u8", scale=0.1)]),
            ("scale", "has no usable scale", "ExpectedValueOp", [x, tensor([1, 3, 2], "u8")], [tensor([1, 2], "u8", scale=0.1)]),
            ("pooling", "both alike", "PoolingOp", [x, tensor([2, 3, 2], "u8", scale=0.1), tensor([1], "u8")], [tensor([1, 3, 2], "u8", scale=0.1)]),
            ("axis", "axis 3 of 3 dimensions", "LayerNorm", [x, tensor([1], "u8", scale=0.1), tensor([1], "u8", scale=0.1), tensor(None, "i32", data=[3], const=True)],
             [tensor([1, 3, 2], "u8", scale=0.1)])):
        case(FAMILY, f"refused_{name}", op, inputs=inputs, outputs=outputs, resolver=None, custom=b"", refused=text)


def cases():
    expected_value()
    pooling()
    layer_norm()
    refused()
