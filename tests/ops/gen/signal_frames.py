"""Cases of TFLite Micro's framing operators and the inverse transform. LiteRT has none of them: what to expect is
computed here from the definitions, the transform in Python's integers (KissFFT's fixed point)."""
from lib import case, flexbuffer, tensor

import cmath
import math

import numpy as np

FAMILY = "signal_frames"
INT16, INT32, FLOAT = 7, 2, 0  # the option T


def signal_case(name, op, options, data, type, expected, types, invocations=1, tolerance=None):
    case(FAMILY, name, op, custom=flexbuffer(options), inputs=[tensor(None, type, data=data)],
         outputs=[tensor(None, t) for t in types], expected=expected, resolver=None, invocations=invocations,
         tolerance=tolerance)


# ---- frames: the same input is fed each time, so the stream of a row is that row, over and over ----

def framer_cases():
    rng = np.random.default_rng(1)
    for name, shape, size, step, prefill, invocations in (
            ("prefill", [160], 40, 20, True, 1), ("empty", [60], 40, 20, False, 1), ("filled", [60], 40, 20, False, 2),
            ("rows", [2, 3, 24], 10, 8, True, 2), ("uneven", [30], 25, 10, False, 3), ("equal", [16], 8, 8, False, 1),
            ("gaps", [2, 20], 3, 5, False, 2), ("long", [4], 18, 4, True, 4)):
        data = rng.integers(-32768, 32768, shape)
        frames = shape[-1] // step
        want, whole = np.zeros([int(np.prod(shape[:-1])), frames, size], np.int16), True
        for r, row in enumerate(data.reshape(-1, shape[-1])):
            stream = np.concatenate([np.zeros(max(size - step, 0) if prefill else 0, np.int64)] + [row] * invocations)
            lead = len(stream) - invocations * shape[-1]
            taken = 0
            for index in range(invocations * frames):
                come = lead + (index + 1) * step
                there = come - taken >= size
                if there:
                    frame = stream[taken:taken + size]
                    taken += step
                if index >= (invocations - 1) * frames:
                    whole = whole and there
                    want[r, index % frames] = frame if there else 0
        signal_case(f"framer_{name}", "SignalFramer", {"frame_size": size, "frame_step": step, "prefill": prefill},
                    data, "int16", [want.reshape(shape[:-1] + [frames, size]), np.array(whole)], ["int16", "bool"],
                    invocations)


def stacker_cases():
    rng = np.random.default_rng(2)
    for name, channels, left, right, step, invocations in (
            ("first", 5, 1, 1, 1, 1), ("second", 5, 1, 1, 1, 2), ("left", 3, 3, 0, 2, 1), ("right", 3, 0, 3, 1, 4),
            ("waiting", 4, 2, 1, 3, 3), ("alone", 6, 0, 0, 1, 2)):
        data = rng.integers(-32768, 32768, [channels])
        held, whole = left, False  # frames in the queue, all the same
        for _ in range(invocations):
            held += 1
            whole = held >= left + right + 1
            held -= step if whole else 0
        want = np.tile(data, left + right + 1) * whole
        signal_case(f"stacker_{name}", "SignalStacker",
                    {"num_channels": channels, "stacker_left_context": left, "stacker_right_context": right,
                     "stacker_step": step}, data, "int16", [want.astype(np.int16), np.array(whole)], ["int16", "bool"],
                    invocations)


def delay_cases():
    rng = np.random.default_rng(3)
    for name, shape, delay, invocations in (("short", [20], 7, 1), ("again", [20], 7, 2), ("rows", [2, 3, 5], 5, 2),
                                            ("long", [6], 15, 4), ("none", [9], 0, 1), ("one", [3, 1], 2, 3)):
        data = rng.integers(-32768, 32768, shape)
        rows = data.reshape(-1, shape[-1])
        stream = np.concatenate([np.zeros([len(rows), delay], np.int64)] + [rows] * invocations, 1)
        want = stream[:, (invocations - 1) * shape[-1]:invocations * shape[-1]]
        signal_case(f"delay_{name}", "SignalDelay", {"delay_length": delay}, data, "int16",
                    [want.reshape(shape).astype(np.int16)], ["int16"], invocations)


def overlap_add_cases():
    rng = np.random.default_rng(4)
    for name, type, shape, step, invocations, size in (
            ("i16", "int16", [4, 10], 4, 1, 3000), ("i16_again", "int16", [4, 10], 4, 2, 3000),
            ("i16_saturating", "int16", [3, 5, 8], 2, 2, 32768), ("i16_apart", "int16", [2, 6], 6, 2, 32768),
            ("f32", "float32", [2, 3, 9], 5, 2, 1), ("f32_one", "float32", [6, 4], 1, 1, 1)):
        data = rng.uniform(-size, size, shape)
        data = data.astype(np.float32) if type == "float32" else data.astype(np.int16)
        frames, length = shape[-2:]
        wide = np.float32 if type == "float32" else np.int64
        out = []
        for row in data.reshape([-1, frames, length]).astype(wide):
            total, samples = np.zeros(length, wide), []
            for _ in range(invocations):
                for frame in row:
                    total = total + frame
                    total = np.clip(total, -32768, 32767) if wide is np.int64 else total
                    samples += list(total[:step])
                    total = np.concatenate([total[step:], np.zeros(step, wide)])
            out.append(samples[-frames * step:])
        want = np.array(out).reshape(shape[:-2] + [frames * step]).astype(data.dtype)
        signal_case(f"overlap_add_{name}", "SignalOverlapAdd",
                    {"T": FLOAT if type == "float32" else INT16, "frame_step": step}, data, type, [want], [type],
                    invocations)


# ---- the inverse transform ----

def wrapped(x, bits):
    x &= 2**bits - 1
    return x - 2**bits if x >> (bits - 1) else x


class FixedInverse:
    """Pairs of `bits`-bit fractions; each stage of radix p multiplies by (largest / p) first and rounds."""

    def __init__(self, bits):
        self.bits, self.top = bits, 2**(bits - 1) - 1

    def pair(self, re, im):
        return wrapped(re, self.bits), wrapped(im, self.bits)

    def rounded(self, product):
        return wrapped((wrapped(product, 2 * self.bits) + 2**(self.bits - 2)) >> (self.bits - 1), self.bits)

    def times(self, a, b):
        return self.rounded(a[0] * b[0] - a[1] * b[1]), self.rounded(a[0] * b[1] + a[1] * b[0])

    def divided(self, a, radix):
        return self.rounded(a[0] * (self.top // radix)), self.rounded(a[1] * (self.top // radix))

    def unit(self, phase):
        value = cmath.exp(1j * phase)
        return math.floor(0.5 + self.top * value.real), math.floor(0.5 + self.top * value.imag)

    def transform(self, values, whole):
        n = len(values)
        if n == 1:
            return values
        radix = 4 if n % 4 == 0 else 2
        m, out = n // radix, [None] * n
        parts = [self.transform(values[i::radix], whole) for i in range(radix)]
        for k in range(m):
            a = [self.divided(p[k], radix) for p in parts]
            a = [a[0]] + [self.times(a[i], self.unit(2 * math.pi * (i * k * (whole // n)) / whole))
                          for i in range(1, radix)]
            if radix == 2:
                out[k] = self.pair(a[0][0] + a[1][0], a[0][1] + a[1][1])
                out[k + m] = self.pair(a[0][0] - a[1][0], a[0][1] - a[1][1])
                continue
            for turn in range(4):  # times i to the power of turn * part; sums wrap, so their order is free
                re = a[0][0] + [a[1][0], -a[1][1], -a[1][0], a[1][1]][turn] + [a[2][0], -a[2][0]][turn % 2] + \
                    [a[3][0], a[3][1], -a[3][0], -a[3][1]][turn]
                im = a[0][1] + [a[1][1], a[1][0], -a[1][1], -a[1][0]][turn] + [a[2][1], -a[2][1]][turn % 2] + \
                    [a[3][1], -a[3][0], -a[3][1], a[3][0]][turn]
                out[k + turn * m] = self.pair(re, im)
        return out

    def irfft(self, values):
        spectrum = [(values[i], values[i + 1]) for i in range(0, len(values), 2)]
        half = len(spectrum) - 1
        mixed = [None] * half
        mixed[0] = self.divided(self.pair(spectrum[0][0] + spectrum[half][0], spectrum[0][0] - spectrum[half][0]), 2)
        for k in range(1, half // 2 + 1):
            a = self.divided(spectrum[k], 2)
            b = self.divided(self.pair(spectrum[half - k][0], -spectrum[half - k][1]), 2)
            even = self.pair(a[0] + b[0], a[1] + b[1])
            odd = self.times(self.pair(a[0] - b[0], a[1] - b[1]), self.unit(math.pi * (k / half + 0.5)))
            mixed[k] = self.pair(even[0] + odd[0], even[1] + odd[1])
            mixed[half - k] = self.pair(even[0] - odd[0], -(even[1] - odd[1]))
        return [x for pair in self.transform(mixed, half) for x in pair]


def irfft_cases():
    rng = np.random.default_rng(5)
    for name, type, length, rows in (("i16_2", "int16", 2, []), ("i16_4", "int16", 4, []), ("i16_16", "int16", 16, []),
                                     ("i16_64", "int16", 64, [2]), ("i16_128", "int16", 128, []),
                                     ("i32_8", "int32", 8, []), ("i32_64", "int32", 64, [2])):
        bits = 16 if type == "int16" else 32
        data = rng.integers(-2**(bits - 1), 2**(bits - 1), rows + [length + 2])
        want = [FixedInverse(bits).irfft([int(x) for x in row]) for row in data.reshape(-1, length + 2)]
        signal_case(f"irfft_{name}", "SignalIrfft", {"T": INT16 if bits == 16 else INT32, "fft_length": length}, data,
                    type, [np.array(want).reshape(rows + [length]).astype(type)], [type])
    for length, rows in ((2, [3]), (16, []), (64, [2, 2])):
        want = rng.uniform(-1, 1, rows + [length]).astype(np.float32)
        data = np.fft.rfft(want.astype(np.float64))
        data = np.stack([data.real, data.imag], -1).reshape(rows + [length + 2]).astype(np.float32)
        signal_case(f"irfft_f32_{length}", "SignalIrfft", {"T": FLOAT, "fft_length": length}, data, "float32", [want],
                    ["float32"], tolerance={"abs": 1e-6, "rel": 1e-6})


def cases():
    framer_cases()
    stacker_cases()
    delay_cases()
    overlap_add_cases()
    irfft_cases()
