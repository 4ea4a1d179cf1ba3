"""Cases of seq_flow_lite's string projections: what to expect is computed here, from what their library documents."""

import numpy as np

from lib import case, flexbuffer, tensor

FAMILY = "string_projection"
M64 = (1 << 64) - 1
MUL, MUL2 = 0xc6a4a7935bd1e995, 0x9e3779b97f4a7835


def mix(x):
    return (x ^ x >> 47) & M64


def load(chunk):
    """Little-endian, with bytes of 128 and more as negative ones that reach over all bits above them."""
    value = 0
    for byte in reversed(chunk):
        value = (value << 8 | (byte - 256 if byte > 127 else byte)) & M64
    return value


def hash_codes(word, features):
    word = word or b"<null>"
    low, high, codes = len(word) * MUL & M64, 0, []
    for at in range(0, len(word) // 8 * 8, 8):
        low = (low ^ mix(load(word[at:at + 8]) * MUL & M64) * MUL) * MUL & M64
        high ^= low
    if len(word) % 8:
        low = (low ^ load(word[len(word) // 8 * 8:])) * MUL & M64
        high ^= low
    low = mix(low) * MUL & M64
    high ^= low
    low, high = mix(low), mix(high * MUL2 & M64) * MUL2 & M64
    for at in range(0, features, 64):
        if at:
            mixed = mix(low) * MUL & M64
            low, high = mix((high ^ mixed) * MUL2 & M64) * MUL2 & M64, mix(mixed)
        codes += [low, high]
    return codes


def contract(text, size):
    if len(text.encode()) < 3 * size:
        return text
    out, i = "", 0
    while i < len(text):
        pattern, again = text[i:i + size], 0
        if len(pattern) == size and " " not in pattern and not pattern[0] in "0123456789":
            while text[i + (again + 1) * size:i + (again + 2) * size] == pattern:
                again += 1
        if again >= 2:
            out, i = out + pattern * 2, i + (again + 1) * size
        else:
            out, i = out + text[i], i + 1
    return out


def normalized(text, repetition, separators):
    for size in (1, 2, 3) if repetition else ():
        text = contract(text, size)
    out = ""
    for i, c in enumerate(text):
        apart = c in separators and c != " "
        if apart and i and text[i - 1] != " " and not out.endswith(" "):
            out += " "
        out += c
        if apart and text[i + 1:i + 2] not in ("", " ") and c != "'":
            out += " "
    return out


def project(texts, features, v2=False, vocabulary="", max_splits=-1, split_on_space=True, word_novelty_bits=0, doc_size_levels=0, add_bos_tag=False,
            add_eos_tag=None, exclude_nonalphaspace_unicodes=False, token_separators="", normalize_repetition=False):
    eos = not v2 if add_eos_tag is None else add_eos_tag
    if v2:
        tokens = list(texts)
    else:
        text = normalized(texts[0], normalize_repetition, token_separators)
        if split_on_space and max_splits > 0:  # the last one is what follows up to the next space, be it nothing
            tokens, parts = [], text.lstrip(" ").split(" ")
            while parts and len(tokens) < max_splits - 1:
                tokens += [part for part in [parts.pop(0)] if part]
            tokens += [part for part in parts[:1] if part]
        else:
            tokens = [t for t in text.split(" ") if t] if split_on_space else list(text)[:None if max_splits < 0 else max_splits]
    allowed = {c for c in vocabulary if c == c.lower()}
    words = ["<BOS>"] if add_bos_tag else []
    for token in tokens:
        kept = [c for c in (c.lower()[0] for c in token) if (not exclude_nonalphaspace_unicodes or c.isalpha() or c == " ") and (not allowed or c in allowed)]
        words.append(normalized("".join(kept), normalize_repetition, "") if v2 else "".join(kept))
    words += ["<EOS>"] if eos else []
    out, seen = np.zeros([1, len(words), features], np.float32), {}
    for row, word in enumerate(words):
        codes = hash_codes(word.encode(), features)
        out[0, row] = [(0, 1, -1, 0)[codes[k // 32] >> 2 * (k % 32) & 3] for k in range(features)]
        if word_novelty_bits:
            out[0, row, -1] = min(seen.get(codes[0], 0) * 2 / 2**word_novelty_bits - 1, 1)
            seen[codes[0]] = seen.get(codes[0], 0) + 1
        if doc_size_levels:
            out[0, row, -2] = min(np.log2(len(tokens)) / doc_size_levels, 1) * 2 - 1
    return out


def projection(name, texts, features, v2=False, types=("f32", "u8"), op=None, **options):
    wanted = project(texts, features, v2, **options)
    for type in types:
        stored = wanted
        if type == "u8":
            stored = np.array([127, 255, 0])[np.round(wanted).astype(int)].astype(np.uint8)
            for option, column in (("word_novelty_bits", -1), ("doc_size_levels", -2)):
                if options.get(option):
                    steps = wanted[..., column] * np.float32(127)
                    stored[..., column] = np.clip(np.trunc(steps + np.where(steps >= 0, 0.5, -0.5)) + 127, 0, 255)
        case(FAMILY, f"{name}_{type}", op or "SEQUENCE_STRING_PROJECTION" + ("_V2" if v2 else ""), resolver=None, expected=[stored],
             inputs=[tensor([1, len(texts)] if v2 else [len(texts)], "str", data=[texts] if v2 else texts)],
             outputs=[tensor([1, 1, features], type, signature=[1, -1, features])], custom=flexbuffer({"feature_size": features} | options))


def cases():
    text = "Hello  world, this IS a test of wooooords hahahaha and  Größe ÇA Ω 12222 "
    plain = {"vocabulary": "", "max_splits": -1, "split_on_space": True}
    projection("words", [text], 40, **plain)
    projection("many_features", [text], 300, types=("f32",), **plain)
    projection("characters", ["ÄbcΩ日本 x"], 20, **plain | {"split_on_space": False})
    for count in (1, 2, 4):
        projection(f"few_{count}", [text], 16, **plain | {"max_splits": count})
    projection("few_characters", [text], 16, types=("f32",), **plain | {"max_splits": 5, "split_on_space": False})
    projection("vocabulary", [text], 24, **plain | {"vocabulary": "abcdefghilrstuvwxyzöç"})
    projection("letters", ["a1b2 c-d 345 ñ!"], 24, types=("f32",), exclude_nonalphaspace_unicodes=True, **plain)
    projection("tags", [text], 24, types=("f32",), add_bos_tag=True, add_eos_tag=False, **plain)
    projection("novelty", ["the cat the dog The end the"], 24, word_novelty_bits=2, **plain)
    projection("size", ["one two three four five"], 24, doc_size_levels=4, **plain)
    projection("repetition", [text + "abcabcabcabc xhahahaha 111 日日日日"], 24, types=("f32",), normalize_repetition=True, **plain)
    projection("separators", ["a,b. 'c'd ,e!f,"], 24, types=("f32",), token_separators=",.!'", **plain)
    projection("long_word", ["x" * 50 + " " + "longerthansixteenbytes"], 64, types=("f32",), op="SequenceStringProjection", **plain)
    projection("v2", ["Hello", "wooorld", "", "Größe"], 40, v2=True, op="SequenceStringProjectionV2")
    projection("v2_tags", ["Hello", "wooorld", "hahahaha"], 40, v2=True, vocabulary="ehlorwdа", add_bos_tag=True, add_eos_tag=True, normalize_repetition=True)
    for name, message, shape, op, options in (("features", "the option feature_size is 0", [1], "SEQUENCE_STRING_PROJECTION", {"feature_size": 0}),
                                              ("empty", "there is no text", [0], "SEQUENCE_STRING_PROJECTION", {"feature_size": 4}),
                                              ("words", "the words must be [1, n]", [2, 1], "SEQUENCE_STRING_PROJECTION_V2", {"feature_size": 4}),
                                              ("splits", "max_splits is 0", [1], "SEQUENCE_STRING_PROJECTION", {"feature_size": 4, "max_splits": 0})):
        case(FAMILY, f"refused_{name}", op, resolver=None, inputs=[tensor(shape, "str")], outputs=[tensor([1, 1, 4], "f32", signature=[1, -1, 4])],
             custom=flexbuffer(options), refused=message)
    case(FAMILY, "refused_blank", "SEQUENCE_STRING_PROJECTION", resolver=None, inputs=[tensor([1], "str", data=["  "])], refused="the text has no words",
         outputs=[tensor([1, 1, 4], "f32", signature=[1, -1, 4])], custom=flexbuffer({"feature_size": 4, "add_eos_tag": False, "split_on_space": True}))
