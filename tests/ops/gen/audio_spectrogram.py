"""Cases of TensorFlow Lite's custom operators that LiteRT has: AudioSpectrogram, Mfcc and NumericVerify."""
from lib import case, flexbuffer, tensor

FAMILY = "audio_spectrogram"


def spectrogram_cases():
    for name, shape, window, stride, squared in (
            ("power", [200, 1], 64, 32, True), ("magnitude", [200, 1], 64, 32, False), ("padded", [150, 1], 50, 20, True),
            ("channels", [90, 3], 30, 25, False), ("gaps", [100, 2], 10, 33, True), ("two", [9, 1], 2, 1, True),
            ("short", [20, 1], 20, 20, False)):
        case(FAMILY, f"spectrogram_{name}", "AudioSpectrogram",
             custom=flexbuffer({"window_size": window, "stride": stride, "magnitude_squared": squared}),
             inputs=[tensor(shape, "float32", low=-1, high=1)], outputs=[tensor(None, "float32")],
             tolerance={"abs": 1e-6, "rel": 1e-6})


def mfcc_cases():
    for name, shape, rate, lower, upper, bands, coefficients in (
            ("usual", [1, 3, 257], 16000, 20.0, 4000.0, 40, 13), ("channels", [2, 2, 65], 8000, 100.0, 3500.0, 12, 12),
            ("from_zero", [1, 2, 33], 4000, 0.0, 2000.0, 5, 3), ("crowded", [1, 1, 17], 16000, 20.0, 7999.0, 30, 10),
            ("fractions", [1, 1, 65], 8000, 33.7, 3000.9, 8, 4), ("one", [1, 1, 9], 8000, 50.0, 3000.0, 1, 1),
            ("too_high", [1, 2, 65], 8000, 20.0, 5000.0, 10, 5)):
        options = {"upper_frequency_limit": upper, "lower_frequency_limit": lower, "filterbank_channel_count": bands,
                   "dct_coefficient_count": coefficients}
        case(FAMILY, f"mfcc_{name}", "Mfcc", custom=flexbuffer(options),
             inputs=[tensor(shape, "float32", low=0, high=30), tensor(None, "int32", data=[rate], const=name != "usual")],
             outputs=[tensor(None, "float32")], tolerance={"abs": 1e-6, "rel": 1e-6})
    case(FAMILY, "mfcc_silence", "Mfcc",
         custom=flexbuffer({"upper_frequency_limit": 4000, "lower_frequency_limit": 20, "filterbank_channel_count": 10,
                            "dct_coefficient_count": 6}),
         inputs=[tensor([1, 1, 129], "float32", low=0, high=0), tensor(None, "int32", data=[16000])],
         outputs=[tensor(None, "float32")], tolerance={"abs": 1e-5, "rel": 1e-6})


def verify_cases():
    for name, given in (("i8", {"type": "int8", "scale": 0.1, "zero_point": -3}),
                        ("u8", {"type": "uint8", "scale": 0.05, "zero_point": 128}),
                        ("i16", {"type": "int16", "scale": 0.001}),
                        ("f16", {"type": "float16"}),
                        ("i8_per_axis", {"type": "int8", "per_axis": (1, [0.1, 0.2, 0.05], None)})):
        case(FAMILY, f"verify_{name}", "NumericVerify", custom=flexbuffer({"tolerance": 5.0, "log_if_failed": False}),
             inputs=[tensor([4, 3], **given), tensor([4, 3], "float32")], outputs=[tensor([4, 3], "float32")])
    case(FAMILY, "verify_within", "NumericVerify", custom=flexbuffer({"tolerance": 5.0, "log_if_failed": True}),
         inputs=[tensor([4], "int8", scale=0.5, zero_point=3, data=[3, 5, -3, 7]),
                 tensor(None, "float32", data=[0.1, 1, -3.2, 4.4])], outputs=[tensor([4], "float32")])


def cases():
    spectrogram_cases()
    mfcc_cases()
    verify_cases()
