"""Cases of Smart Reply's custom operators: what to expect is computed here, with Python's regular expressions and a
FarmHash of its own."""
import re
import struct

import numpy as np

from lib import case, tensor

FAMILY = "smart_reply"
M64 = (1 << 64) - 1
SPACE = r"[\t\n\f\r ]"


# ---- Normalize, by the rules that the model's authors state as regular expressions ----

RULES = [(r"""[.*()"]""", ""), (SPACE + r"('t|'nt|n't|'d|'ll|'s|'m|'ve|'re)([\t\n\f\r ,;:/])", r"\1\2"),
         (SPACE + r"('t|'nt|n't|'d|'ll|'s|'m|'ve|'re)\Z", r"\1"), (r"([^\t\n\f\r ]+)'ll", r"\1 will"), (r"([^\t\n\f\r ]+)'nt", r"\1 not"),
         (r"([^\t\n\f\r ]+)'re", r"\1 are"), (r"([^\t\n\f\r ]+)'ve", r"\1 have"), (r"([^\t\n\f\r ]+)n't", r"\1 not"), (r"i'm", "i am"),
         (r"([?])+", r"\1"), (r"([!])+", r"\1"), (r"([^?!]+)([?!])", r"\1 \2 "), (r"([?!])([?!])", r"\1 \2"),
         (r"""[\t\n\f\r ,:;\-&'"]+\Z""", ""), (r"""\A[\t\n\f\r ,:;\-&'"]+""", "")]


def normalized(sentence):
    lowered = bytes(c + 32 if 65 <= c <= 90 else c for c in sentence.encode()).strip(b" \t\n\v\f\r")
    for rule, by in RULES:
        lowered = re.sub(rule.encode(), by.encode(), lowered)
    lowered = lowered.strip(b" \t\n\v\f\r")
    return b"<S> " + (lowered + b" <E>" if len(lowered) <= 300 else lowered[:300])


def normalize():
    sentences = {"plain": "  Hello World.  ", "apart": "We 'll see, it 's (fine) *really* do n't: they 're / i 'm", "joined": "I'm sure they'll've won't can'nt you'reyou're",
                 "marks": "What??!!? Really!!! no?yes!", "edges": " -- 'quoted', & more; - ", "endings": "it 's 's 's, 'll 've", "empty": "", "marks_only": "?!?!??",
                 "long": "word " * 80, "quote": "don't 'll'll x'll'll 'll", "accents": "Ça va? Él NO VA, ¡ÑANDÚ!", "tabs": "a\tb\v\n c 're\f"}
    for name, sentence in sentences.items():
        case(FAMILY, f"normalize_{name}", "Normalize", inputs=[tensor([1], "str", data=[sentence])], outputs=[tensor(None, "str")], custom=b"",
             expected=[np.array([normalized(sentence)], object)], resolver=None)
    case(FAMILY, "refused_normalize", "Normalize", inputs=[tensor([0], "str", data=[])], outputs=[tensor([1], "str")], custom=b"", resolver=None,
         refused="there is no sentence")


# ---- ExtractFeatures: FarmHash's Fingerprint64 of texts up to 64 bytes ----

K0, K1, K2 = 0xc3a5c85c97cb3127, 0xb492b66fbe98f273, 0x9ae16a3b2f90404f


def turn(x, n):
    return (x >> n | x << (64 - n)) & M64


def mix16(u, v, mul):
    a = (u ^ v) * mul & M64
    a ^= a >> 47
    b = (v ^ a) * mul & M64
    return (b ^ b >> 47) * mul & M64


def fingerprint(text):
    n = len(text)
    word = lambda at: int.from_bytes(text[at:at + 8], "little")
    half = lambda at: int.from_bytes(text[at:at + 4], "little")
    mul = (K2 + n * 2) & M64
    if n == 0:
        return K2
    if n <= 3:
        y, z = text[0] + (text[n >> 1] << 8), n + (text[n - 1] << 2)
        mixed = (y * K2 ^ z * K0) & M64
        return (mixed ^ mixed >> 47) * K2 & M64
    if n <= 7:
        return mix16((n + (half(0) << 3)) & M64, half(n - 4), mul)
    if n <= 16:
        a, b = (word(0) + K2) & M64, word(n - 8)
        return mix16((turn(b, 37) * mul + a) & M64, ((turn(a, 25) + b) * mul) & M64, mul)
    if n <= 32:
        a, b, c, d = word(0) * K1 & M64, word(8), word(n - 8) * mul & M64, word(n - 16) * K2 & M64
        return mix16((turn((a + b) & M64, 43) + turn(c, 30) + d) & M64, (a + turn((b + K2) & M64, 18) + c) & M64, mul)
    raise ValueError("longer than the cases are")


def features():
    grams = ["<S>", "hi", "hello", "<S> <E>", "how are you", "a", "", "<S> thank you", "see you there then", "<E>", "two  spaces ", "Grüße"]
    for name, listed in (("list", grams), ("none", [])):
        labels, weights = [], []
        for gram in listed:
            blank = gram in ("<S>", "<E>", "<S> <E>")
            labels.append(0 if blank else fingerprint(gram.encode()) % 1000000)
            weights.append(0 if blank else gram.count(" ") + 1)
        expected = [np.array(labels or [0], np.int32), np.array(weights or [0], np.float32)]
        case(FAMILY, f"features_{name}", "ExtractFeatures", inputs=[tensor([len(listed)], "str", data=listed)], outputs=[tensor(None, "i32"), tensor(None, "f32")],
             custom=b"", expected=expected, resolver=None)


# ---- Predict ----

def predict():
    rng = np.random.default_rng(3)
    keys = np.sort(rng.choice(1000, 20, replace=False))
    labels, weights = rng.integers(0, 12, [20, 3]), rng.uniform(0, 1, [20, 3]).astype(np.float32)
    for name, wanted, count, least in (("some", [keys[3], 1001, keys[7], keys[7], keys[19]], 5, 0.2), ("all", list(keys), 20, 0.0), ("none", [1001, -4], 3, 0.0),
                                       ("high", list(keys[:6]), 4, 9.0)):
        sums = {}
        for key in wanted:
            for row in np.flatnonzero(keys == key):
                for label, weight in zip(labels[row], weights[row]):
                    sums[label] = sums.get(label, 0) + weight / len(wanted)
        best = [(label, w) for label, w in sorted(sums.items(), key=lambda item: -item[1]) if w >= least][:count]
        best += [(-1, 0.0)] * (count - len(best))
        expected = [np.array([b[0] for b in best], np.int32), np.array([b[1] for b in best], np.float32)]
        case(FAMILY, f"predict_{name}", "Predict", expected=expected, resolver=None, custom=struct.pack("<if", count, least),
             inputs=[tensor(None, "i32", data=wanted), tensor(None, "i32", data=keys, const=True), tensor(None, "i32", data=labels, const=True),
                     tensor(None, "f32", data=weights, const=True)], outputs=[tensor(None, "i32"), tensor(None, "f32")])
    for name, text, custom, rows in (("options", "options of 4 bytes, must be 8", struct.pack("<i", 3), 20), ("count", "ask for 0 replies", struct.pack("<if", 0, 0.5), 20),
                                     ("shapes", "do not fit together", struct.pack("<if", 2, 0.5), 19)):
        case(FAMILY, f"refused_predict_{name}", "Predict", resolver=None, custom=custom, refused=text, outputs=[tensor([1], "i32"), tensor([1], "f32")],
             inputs=[tensor([2], "i32"), tensor(None, "i32", data=keys), tensor(None, "i32", data=labels[:rows]), tensor(None, "f32", data=weights[:rows])])


def cases():
    normalize()
    features()
    predict()
