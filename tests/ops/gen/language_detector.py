"""Cases of the custom operators of MediaPipe's language detector: what to expect is computed here."""
import numpy as np

from lib import case, flexbuffer, tensor

FAMILY = "language_detector"
M64, MUL = (1 << 64) - 1, 0xc6a4a7935bd1e995


def murmur(text, seed):
    mix = lambda x: x ^ x >> 47
    value = seed ^ len(text) * MUL & M64
    for at in range(0, len(text), 8):
        chunk = int.from_bytes(text[at:at + 8], "little")
        value = (value ^ (mix(chunk * MUL & M64) * MUL & M64 if at + 8 <= len(text) else chunk)) * MUL & M64
    value = mix(value) * MUL & M64
    return mix(value)


def grams(text, lengths, sizes, seed=0, tokens=128, lower=True):
    size = len(text.encode())
    if lower:
        lowered = "".join(c.lower()[0] if c.isalpha() else c for c in text)
        text = (lowered + "\0" * (len(lowered.encode()) < size)).encode()[:size].decode()
    parts = ["^"] + [c if c.isalpha() else " " for c in text][:max(tokens - 2, 0)] + ["$"]
    return np.array([[[murmur("".join(parts[i:i + n]).encode(), seed) % size + 1 for i in range(len(parts))] for n, size in zip(lengths, sizes)]], np.int32)


def hashed(name, text, lengths, sizes, **options):
    keys = {"seed": "seed", "tokens": "max_splits", "lower": "lowercase_input"}
    wanted = grams(text, lengths, sizes, **options)
    case(FAMILY, name, "NGramHash", inputs=[tensor([1], "str", data=[text])], outputs=[tensor([1, 1, 1], "i32", signature=[1, -1, -1])], expected=[wanted], resolver=None,
         custom=flexbuffer({"ngram_lengths": lengths, "vocab_sizes": sizes} | {keys[k]: v for k, v in options.items()}))


def refused_hash(name, message, texts=("hi",), **options):
    case(FAMILY, "refused_" + name, "NGramHash", inputs=[tensor([len(texts)], "str", data=list(texts))], outputs=[tensor([1, 1, 1], "i32", signature=[1, -1, -1])],
         resolver=None, custom=flexbuffer({"ngram_lengths": [1], "vocab_sizes": [10]} | options), refused=message)


def lookup():
    rng = np.random.default_rng(2)
    codes, book = rng.integers(0, 9, [20, 4]), rng.uniform(-1, 1, [9, 3]).astype(np.float32)
    for name, tokens in (("some", [3, 7, 19, 0, 5]), ("all", [1, 2, 3]), ("none", [0, 4])):
        used = tokens[:tokens.index(0)] if 0 in tokens else tokens
        wanted = sum((book[codes[t]].reshape(1, -1).astype(np.float64) for t in used), np.zeros([1, 12])) / max(len(used), 1)
        case(FAMILY, f"kmeans_{name}", "KmeansEmbeddingLookup", outputs=[tensor(None)], expected=[wanted.astype(np.float32)], resolver=None, custom=b"",
             inputs=[tensor(None, "i32", data=[tokens]), tensor(None, "u8", data=codes, const=True), tensor(None, data=book, const=True)])
    for name, message, token, rows, batch in (("token", "token 20 of 20", 20, 9, 1), ("negative", "token -1 of 20", -1, 9, 1), ("code", "of 1", 3, 1, 1),
                                              ("batch", "needs tokens [1, n]", 3, 9, 2)):
        case(FAMILY, f"refused_kmeans_{name}", "KmeansEmbeddingLookup", outputs=[tensor([1, 12])], resolver=None, custom=b"", refused=message,
             inputs=[tensor(None, "i32", data=[[token]] * batch), tensor(None, "u8", data=np.maximum(codes, 1)), tensor(None, data=book[:rows])])


def cases():
    hashed("words", "Hello, World", [1, 2], [100, 200], seed=123)
    hashed("as_it_is", "Hello, World", [1, 2, 5], [100, 200, 7], seed=123, lower=False)
    hashed("short", "wow", [1, 2], [100, 200], tokens=3)
    hashed("marks_only", "wow", [1, 3], [100, 200], tokens=2)
    hashed("none", "", [2], [50])
    hashed("accents", "Größe ÇA Ωμέγα 日本語 123 ПРИВЕТ", [1, 2, 3, 4], [4096, 4096, 9, 10007], seed=7)
    hashed("shorter", "aİb", [1, 2], [1000, 1000])
    hashed("longer", "ȺȺȺ", [1, 2], [1000, 1000])
    hashed("long", "The quick brown fox jumps over the lazy dog, again and again, until " * 3, [1, 9, 20], [5000, 5000, 2**31 - 2], seed=2**40)
    refused_hash("splits", "the option max_splits is 0", max_splits=0)
    refused_hash("lengths", "as many of each", ngram_lengths=[1, 2])
    refused_hash("sizes", "in a vocabulary of 0", vocab_sizes=[0])
    refused_hash("empty", "there is no text", texts=())
    lookup()
