"""Select-TF Fourier transforms of one to three dimensions and of any length."""
from lib import flex_case, tensor, tensorflow

F = "flex_fft"
TOLERANCE = {"c64": {"abs": 2e-6, "rel": 2e-6}, "c128": {"abs": 1e-12, "rel": 1e-12}}
SHAPES = {1: ([8], [3, 7], [2, 12], [1]), 2: ([4, 8], [2, 3, 5], [6, 1]), 3: ([2, 4, 8], [3, 5, 2])}
LENGTHS = {1: ([8], [5], [9], [1]), 2: ([4, 8], [3, 5], [6, 2]), 3: ([2, 4, 8], [3, 4, 5])}


def cases():
    tf = tensorflow()
    for dims in (1, 2, 3):
        suffix = "" if dims == 1 else f"{dims}D"
        for i, shape in enumerate(SHAPES[dims]):
            for type in ("c64", "c128"):
                for op in ("FFT", "IFFT"):
                    flex_case(F, f"{op.lower()}{suffix.lower()}_{type}_{i}", op + suffix, {"input": tensor(shape, type)}, tolerance=TOLERANCE[type])
        for i, lengths in enumerate(LENGTHS[dims]):
            for real, type in (("f32", "c64"), ("f64", "c128")):
                held = tensor(None, "i32", data=lengths, const=i != 1)
                # What is longer than the transform is cropped.
                flex_case(F, f"rfft{suffix.lower()}_{type}_{i}", "RFFT" + suffix, {"input": tensor([2] + [n + i % 2 for n in lengths], real), "fft_length": held},
                          {"Tcomplex": tf.complex64 if type == "c64" else tf.complex128}, TOLERANCE[type], unknown=() if i != 1 else (0,))
                shape = [2] + [n + 1 for n in lengths[:-1]] + [lengths[-1] // 2 + 1 + i % 2]
                flex_case(F, f"irfft{suffix.lower()}_{type}_{i}", "IRFFT" + suffix, {"input": tensor(shape, type), "fft_length": held},
                          {"Treal": tf.float32 if real == "f32" else tf.float64}, TOLERANCE[type], unknown=() if i != 1 else (0,))
