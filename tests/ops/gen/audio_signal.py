"""The audio front end of TFLite Micro. LiteRT has no kernels for it: what to expect is computed here, in Python's integers,
after the definitions (KissFFT's fixed point for the transform)."""
from lib import case, flexbuffer, tensor

import math

import numpy as np

FAMILY = "audio_signal"
M32, M64 = 2**32 - 1, 2**64 - 1


def signal_case(name, op, options, inputs, expected, types, invocations=1, tolerance=None):
    case(FAMILY, name, op, custom=flexbuffer(options), inputs=inputs, outputs=[tensor(None, t) for t in types],
         expected=expected, resolver=None, invocations=invocations, tolerance=tolerance)


def given(data, type):
    return tensor(data=np.asarray(data), shape=None, type=type)


def constant(data, type):
    return tensor(data=np.asarray(data), shape=None, type=type, const=True)


# ---- the transform ----

def wrapped(x, bits):
    x &= 2**bits - 1
    return x - 2**bits if x >> (bits - 1) else x


class Fixed:
    """Complex numbers as pairs of `bits`-bit fractions."""

    def __init__(self, bits):
        self.bits, self.top = bits, 2**(bits - 1) - 1

    def rounded(self, product):
        return wrapped((wrapped(product, 2 * self.bits) + 2**(self.bits - 2)) >> (self.bits - 1), self.bits)

    def add(self, a, b):
        return wrapped(a[0] + b[0], self.bits), wrapped(a[1] + b[1], self.bits)

    def sub(self, a, b):
        return wrapped(a[0] - b[0], self.bits), wrapped(a[1] - b[1], self.bits)

    def mul(self, a, b):
        return self.rounded(a[0] * b[0] - a[1] * b[1]), self.rounded(a[0] * b[1] + a[1] * b[0])

    def divide(self, a, k):
        return self.rounded(a[0] * (self.top // k)), self.rounded(a[1] * (self.top // k))

    def unit(self, phase):
        return math.floor(0.5 + self.top * math.cos(phase)), math.floor(0.5 + self.top * math.sin(phase))

    def fft(self, values, whole=None):
        n = len(values)
        whole = whole or n
        if n == 1:
            return values
        radix = 4 if n % 4 == 0 else 2
        m = n // radix
        parts = [self.fft(values[i::radix], whole) for i in range(radix)]
        out = [None] * n
        for k in range(m):
            a = [self.divide(p[k], radix) for p in parts]
            # A factor of 1 is stored as the largest fraction below it, and multiplied by all the same.
            a = [a[0]] + [self.mul(a[i], self.unit(-2 * math.pi * (i * k * (whole // n)) / whole)) for i in range(1, radix)]
            if radix == 2:
                out[k], out[k + m] = self.add(a[0], a[1]), self.sub(a[0], a[1])
                continue
            even, odd = self.add(a[0], a[2]), self.sub(a[0], a[2])
            total, difference = self.add(a[1], a[3]), self.sub(a[1], a[3])
            turned = (difference[1], wrapped(-difference[0], self.bits))  # times -i
            out[k], out[k + 2 * m] = self.add(even, total), self.sub(even, total)
            out[k + m], out[k + 3 * m] = self.add(odd, turned), self.sub(odd, turned)
        return out

    def rfft(self, samples):
        half = len(samples) // 2
        mixed = self.fft([(samples[2 * i], samples[2 * i + 1]) for i in range(half)])
        out = [None] * (half + 1)
        first = self.divide(mixed[0], 2)
        out[0], out[half] = (wrapped(first[0] + first[1], self.bits), 0), (wrapped(first[0] - first[1], self.bits), 0)
        for k in range(1, half // 2 + 1):
            a = self.divide(mixed[k], 2)
            b = self.divide((mixed[half - k][0], wrapped(-mixed[half - k][1], self.bits)), 2)
            total = self.add(a, b)
            turned = self.mul(self.sub(a, b), self.unit(-math.pi * (k / half + 0.5)))
            halves = [wrapped(x, 33) >> 1 for x in (total[0] + turned[0], total[1] + turned[1], total[0] - turned[0],
                                                    turned[1] - total[1])]
            out[k], out[half - k] = (halves[0], halves[1]), (halves[2], halves[3])
        return [x for pair in out for x in pair]


def rfft_cases():
    rng = np.random.default_rng(1)
    for name, type, length, shape in (("i16_16", "int16", 16, [16]), ("i16_64_padded", "int16", 64, [50]),
                                      ("i16_128", "int16", 128, [128]), ("i16_rows", "int16", 32, [3, 30]),
                                      ("i32_32", "int32", 32, [32]), ("i32_64", "int32", 64, [2, 60])):
        bits = 16 if type == "int16" else 32
        # Within what cannot overflow: sums of two halves of full-scale values can.
        data = rng.integers(-2**(bits - 2), 2**(bits - 2), shape)
        rows = data.reshape(-1, shape[-1])
        padded = np.concatenate([rows, np.zeros([len(rows), length - shape[-1]], np.int64)], 1)
        want = np.array([Fixed(bits).rfft([int(x) for x in row]) for row in padded]).reshape(shape[:-1] + [length + 2])
        signal_case(f"rfft_{name}", "SignalRfft", {"T": 7, "fft_length": length}, [given(data, type)],
                    [want.astype(type)], [type])
    data = rng.uniform(-1, 1, [2, 40]).astype(np.float32)
    want = np.fft.rfft(data.astype(np.float64), 64)
    want = np.stack([want.real, want.imag], 2).reshape(2, 66).astype(np.float32)
    signal_case("rfft_f32", "SignalRfft", {"T": 0, "fft_length": 64}, [given(data, "float32")], [want], ["float32"],
                tolerance={"abs": 1e-6, "rel": 1e-6})


# ---- before and after it ----

def window_cases():
    rng = np.random.default_rng(2)
    for name, shape, shift in (("", [2, 40], 12), ("saturating", [33], 3)):
        data, window = rng.integers(-32768, 32768, shape), rng.integers(0, 4097, shape[-1])
        want = np.clip((data * window) >> shift, -32768, 32767).astype(np.int16)
        signal_case("window" + ("_" + name if name else ""), "SignalWindow", {"shift": shift},
                    [given(data, "int16"), constant(window, "int16")], [want], ["int16"])


def auto_scale_cases():
    rng = np.random.default_rng(3)
    for name, low, high in (("quiet", -5, 5), ("middle", -1000, 900), ("loud", -32767, 32767), ("silent", 0, 0)):
        data = rng.integers(low, high + 1, [37])
        shift = 15 - int(np.abs(data).max()).bit_length()
        signal_case(f"auto_scale_{name}", "SignalFftAutoScale", {}, [given(data, "int16")],
                    [(data << shift).astype(np.int16), np.array(shift, np.int32)], ["int16", "int32"])


def energy_cases():
    rng = np.random.default_rng(4)
    for name, first, last in (("all", 0, 17), ("part", 3, 11)):
        data = rng.integers(-32768, 32768, [34])
        want = data[0::2]**2 + data[1::2]**2
        want[:first], want[last:] = 0, 0
        signal_case(f"energy_{name}", "SignalEnergy", {"start_index": first, "end_index": last}, [given(data, "int16")],
                    [want.astype(np.uint32)], ["uint32"])


def filter_bank_case():
    rng = np.random.default_rng(5)
    channels, bins = 4, 40
    widths, starts, weight_starts = [3, 5, 0, 8, 12], [2, 5, 10, 10, 18], [0, 4, 12, 12, 20]
    weights, unweights = rng.integers(0, 4097, 32), rng.integers(0, 4097, 32)
    data = rng.integers(0, 2**32, bins)
    want, carried = [], 0
    for c in range(channels + 1):
        bins_of = [int(x) for x in data[starts[c]:starts[c] + widths[c]]]
        span = slice(weight_starts[c], weight_starts[c] + widths[c])
        want.append(carried + sum(int(w) * x for w, x in zip(weights[span], bins_of)))
        carried = sum(int(w) * x for w, x in zip(unweights[span], bins_of))
    signal_case("filter_bank", "SignalFilterBank", {"num_channels": channels},
                [given(data, "uint32")] + [constant(v, "int16") for v in (weights, unweights, starts, weight_starts, widths)],
                [np.array(want[1:], np.uint64)], ["uint64"])


def square_root_cases():
    values = [0, 1, 2, 3, 5, 6, 7, 12, 13, 0xFFFF**2, 2**32 - 1, 2**32, 2**32 + 2**16, 2**40 + 12345, 2**63, 2**64 - 1]
    for shift in (0, 3):
        want = []
        for v in values:
            root = math.isqrt(v)
            cap = 0xFFFF if v < 2**32 else 0xFFFFFFFF
            want.append((root + (1 if v - root * root > root and root != cap else 0)) >> shift)
        signal_case(f"square_root_{shift}", "SignalFilterBankSquareRoot", {},
                    [given(np.array(values, np.uint64), "uint64"), given(np.array(shift), "int32")],
                    [np.array(want, np.uint32)], ["uint32"])


def subtraction_cases():
    rng = np.random.default_rng(6)
    config = {"smoothing": 409, "one_minus_smoothing": 15975, "alternate_smoothing": 983,
              "alternate_one_minus_smoothing": 15401, "smoothing_bits": 10, "spectral_subtraction_bits": 14,
              "min_signal_remaining": 819, "num_channels": 20}
    for clamping in (False, True):
        data = [int(x) for x in rng.integers(0, 2**18, 20)]
        noise, invocations = [0] * 20, 3
        for _ in range(invocations):
            out = []
            for i, x in enumerate(data):
                prefix = "alternate_" if i % 2 else ""
                signal = (x << 10) & M32
                noise[i] = ((signal * config[prefix + "smoothing"] + noise[i] * config[prefix + "one_minus_smoothing"]) >> 14) & M32
                estimate = min(noise[i], signal)
                if clamping:
                    noise[i] = estimate
                out.append(max((signal - estimate) >> 10, (x * 819) >> 14))
        signal_case("subtraction" + ("_clamping" if clamping else ""), "SignalFilterBankSpectralSubtraction",
                    config | {"clamping": clamping}, [given(data, "uint32")],
                    [np.array(out, np.uint32), np.array(noise, np.uint32)], ["uint32", "uint32"], invocations)


def pcan_case():
    rng = np.random.default_rng(7)
    table = np.concatenate([[32636, 32633, 32630], np.sort(rng.integers(0, 32637, 122))[::-1]]).astype(np.int64)
    table[5::4], table[4::4] = rng.integers(-20, 20, len(table[5::4])), rng.integers(-400, 0, len(table[4::4]))
    noise = [0, 1, 2, 3, 4, 7, 100, 1023, 1024, 5000, 2**20 + 17, 2**31, M32]
    data = [int(x) for x in rng.integers(0, 2**20, len(noise))]
    want = []
    for x, n in zip(data, noise):
        gain = int(table[n]) if n <= 2 else None
        if gain is None:
            bits = n.bit_length()
            at = 4 * bits - 6
            place = (n << (11 - bits) if bits < 11 else n >> (bits - 11)) & 0x3FF
            value = ((int(table[at + 2]) * place) >> 5) + (int(table[at + 1]) << 5)
            gain = wrapped(((value * place + (1 << 14)) >> 15) + int(table[at]), 16)
        snr = (((x * (gain & M32)) & M64) >> 6) & M32
        want.append(((snr * snr) & M32) >> 20 if snr < 8192 else ((snr >> 6) - 64) & M32)
    signal_case("pcan", "SignalPCAN", {"snr_shift": 6},
                [given(data, "uint32"), given(noise, "uint32"), constant(table, "int16")], [np.array(want, np.uint32)],
                ["uint32"])


def log_case():
    table = [round(65536 * (math.log2(1 + i / 128) - i / 128)) for i in range(129)]
    values = [0, 1, 2, 3, 10, 127, 1000, 65535, 65536, 100000, 2**24 + 99, 2**28, 2**29 - 1]
    want = []
    for v in values:
        x = (v << 3) & M32
        if x <= 1:
            want.append(0)
            continue
        exponent = x.bit_length() - 1
        fraction = (x - (1 << exponent)) << 16 >> exponent
        segment, place = fraction >> 9, fraction & 511
        log2 = (exponent << 16) + fraction + table[segment] + (((table[segment + 1] - table[segment]) * place) >> 16)
        want.append(min((64 * ((45426 * log2 + 32768) >> 16) + 32768) >> 16, 32767))
    signal_case("log", "SignalFilterBankLog", {"output_scale": 64, "input_correction_bits": 3}, [given(values, "uint32")],
                [np.array(want, np.int16)], ["int16"])


def cases():
    rfft_cases()
    window_cases()
    auto_scale_cases()
    energy_cases()
    filter_bank_case()
    square_root_cases()
    subtraction_cases()
    pcan_case()
    log_case()
