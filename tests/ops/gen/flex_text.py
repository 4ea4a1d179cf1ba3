"""Select-TF operators on strings and code points."""
import zlib

import numpy as np

from lib import flex_case, tensor, tensorflow

F = "flex_text"
TEXTS = [b"", b"Hello World", b" \t\n\v\f\r both ends \r\n", "\u00c0\u03a3\u0391\u03a3 \u0391\u03a3. \u0130\u1e9e\ufb01 \u01c5".encode(), b"a\xffb\xc3", b"\xed\xa0\x80Z\xf4\x90\x80\x80",
         b"nul\x00AFTER", "\u00e9\u4e2d\u6587 \U0001f600!\x01\t\x7f\u0085".encode(), b"\xf0\x9f\x98", b"\xe0\x80\x80\xc0\xaf"]
ALL_NUMBERS = ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64", "f16", "bf16", "bool", "c64", "c128")


def strings(values, **more):
    return tensor(None, "str", data=np.array(values, object), **more)


def ints(values, type="i32", **more):
    return tensor(None, type, data=values, **more)


def each_string():
    texts = strings(TEXTS)
    for op in ("StringLower", "StringUpper"):
        for encoding in ("", "utf-8"):
            flex_case(F, f"{op.lower()}_{encoding or 'ascii'}", op, {"input": texts}, {"encoding": encoding})
        flex_case(F, f"{op.lower()}_empty", op, {"input": strings(np.zeros([0, 2], object))}, {"encoding": ""})
    letters = [chr(c) for c in range(0x80, 0x2FF0) if c not in (0x2C2F, 0x2C5F) and (chr(c).lower() != chr(c) or chr(c).upper() != chr(c))]  # newer than its tables
    every = ["".join(letters[i::16]).encode() for i in range(16)]
    flex_case(F, "stringlower_every", "StringLower", {"input": strings(every)}, {"encoding": "utf-8"})
    flex_case(F, "stringupper_every", "StringUpper", {"input": strings(every)}, {"encoding": "utf-8"})
    sigmas = [f"{a}\u03a3{b}".encode() for a in ("", "A", "A.", ".", "\u0301", "1", "A\u0301") for b in ("", "B", ".", ".B", "\u0301 ", "1", "\u02b0")]
    flex_case(F, "stringlower_sigma", "StringLower", {"input": strings(sigmas)}, {"encoding": "utf-8"})
    flex_case(F, "stringstrip", "StringStrip", {"input": strings(TEXTS + [b"   ", b"\xc2\xa0a"])})
    for unit in ("BYTE", "UTF8_CHAR"):
        flex_case(F, f"stringlength_{unit.lower()}", "StringLength", {"input": strings([TEXTS, TEXTS[::-1]])}, {"unit": unit})
    raw = [bytes(range(i, i + n)) for i, n in enumerate((0, 1, 2, 3, 4, 60, 200))]
    for pad in (False, True):
        flex_case(F, f"encodebase64_{pad:d}", "EncodeBase64", {"input": strings(raw + TEXTS)}, {"pad": pad})
    codes = [b"", b"YQ==", b"YQ", b"YWI=", b"YWI", b"YWJj", b"_-7_", b"YWJjYQ==", b"YR==", b"YWJjZGVm"]
    flex_case(F, "decodebase64", "DecodeBase64", {"input": strings(codes)})
    hashed = strings([b"x" * i for i in range(0, 70, 3)] + TEXTS)
    flex_case(F, "hash_fast", "StringToHashBucketFast", {"input": hashed}, {"num_buckets": 2**62})
    flex_case(F, "hash_fast_few", "StringToHashBucketFast", {"input": hashed}, {"num_buckets": 7})
    flex_case(F, "hash_strong", "StringToHashBucketStrong", {"input": hashed}, {"num_buckets": 2**63 - 1, "key": [123456789, -2]})
    flex_case(F, "hash_legacy", "StringToHashBucket", {"string_tensor": hashed}, {"num_buckets": 2**62})


def parts():
    for type in ("i32", "i64"):
        for unit in ("BYTE", "UTF8_CHAR"):
            end = f"{type}_{unit.lower()}"
            text = "a\u00e9b\u4e2d\u6587c".encode()
            places = [0, 1, 2, 3, 5, 6, -1, -3, -6, 0, 1, 0]
            sizes = [2, 1, 0, 9, 1, 1, 1, 2, 9, -1, -1, 0]
            flex_case(F, f"substr_{end}", "Substr", {"input": strings([text] * 12), "pos": ints(places, type), "len": ints(sizes, type)}, {"unit": unit})
            flex_case(F, f"substr_scalar_{end}", "Substr", {"input": strings([[text, b"abc"], [b"\x80\x80a\x80", b"\xff\xffx"]]), "pos": ints(1, type), "len": ints(2, type)},
                      {"unit": unit})
            flex_case(F, f"substr_broadcast_{end}", "Substr",
                      {"input": strings([[text], [b"thirteen"]]), "pos": ints([[0, 1, 2]], type), "len": ints([[1, 2, 3]], type)}, {"unit": unit})
            flex_case(F, f"substr_one_{end}", "Substr", {"input": strings(b"thirteen"), "pos": ints([0, 1, -2], type), "len": ints([1, 2, 3], type)}, {"unit": unit})
    flex_case(F, "substr_empty", "Substr", {"input": strings(np.zeros([0], object)), "pos": ints(1), "len": ints(2)}, {"unit": "BYTE"})
    values = strings([[b"a", b"", b"ccc"], [b"d", b"e\xff", b"f"]])
    flex_case(F, "stringjoin", "StringJoin", {"inputs": [values, strings(b"|"), strings([[b"1", b"2", b"3"], [b"4", b"5", b"6"]])]}, {"separator": ""})
    flex_case(F, "stringjoin_separator", "StringJoin", {"inputs": [values, values]}, {"separator": ", "})
    flex_case(F, "stringjoin_scalars", "StringJoin", {"inputs": [strings(b"x"), strings(b"")]}, {"separator": "-"})
    flex_case(F, "stringjoin_one", "StringJoin", {"inputs": [values]}, {"separator": "-"})
    flex_case(F, "stringjoin_empty", "StringJoin", {"inputs": [strings(np.zeros([0, 3], object)), strings(b"a")]}, {"separator": "-"})


NUMBERS = [b"1", b"+1", b"-1", b" 1 ", b"\t1\n", b"0", b"00012", b"1\v"]
REALS = [b"1.5", b"0x10", b"0x1p3", b"-0x1.8p1", b"0x.8", b"0X1P-2", b"inf", b"-INF", b"+inf", b"infinity", b"Infinity", b"nan", b"NaN", b"nan(1)", b"1e400", b"-1e400",
         b"1e-400", b".5", b"5.", b"1E5", b"-0", b"1e40", b"1e-46", b"1e5000000000000", b"0e99999999999999999999", b"0.1", b"3.4028235677973366e38", b"3.4028235677973365e38",
         b"2.2250738585072011e-308", b"4.9e-324", b"2.4703282292062327208e-324", b"2.47032822920623272e-324", b"9007199254740993", b"9007199254740993." + b"0" * 900 + b"1",
         b"16777217", b"16777217." + b"0" * 900 + b"1", b"0." + b"0" * 400 + b"123e400", b"1" + b"0" * 400 + b"e-400", b"123456789012345678901234567890", b"0.3333333333333333333333"]


def to_numbers():
    tf = tensorflow()
    limits = {"f32": REALS, "f64": REALS, "i32": [b"2147483647", b"-2147483648"], "i64": [b"9223372036854775807", b"-9223372036854775808"],
              "u32": [b"4294967295"], "u64": [b"18446744073709551615"]}
    for type, more in limits.items():
        plain = [n for n in NUMBERS if type[0] != "u" or b"-" not in n]
        name = {"f": "float", "i": "int", "u": "uint"}[type[0]] + type[1:]
        flex_case(F, f"stringtonumber_{type}", "StringToNumber", {"string_tensor": strings(plain + more)}, {"out_type": tf.as_dtype(name)}, tolerance={"abs": 0, "rel": 0})
    rng = np.random.default_rng(1)
    texts = ["%.*e" % (int(rng.integers(0, 20)), x) for x in rng.standard_normal(300) * 10.0**rng.integers(-44, 38, 300)]
    for type in ("float32", "float64"):
        flex_case(F, f"stringtonumber_{type}_random", "StringToNumber", {"string_tensor": strings([t.encode() for t in texts])}, {"out_type": tf.as_dtype(type)},
                  tolerance={"abs": 0, "rel": 0})


def to_strings():
    reals = [1.0, -2.5, 1e10, 1e-10, np.inf, -np.inf, np.nan, 0.1, 123456789.0, -0.0, 0.0]
    for type in ALL_NUMBERS:
        if type == "bool":
            x = tensor(None, type, data=[True, False])
        elif type in ("c64", "c128"):
            x = tensor(None, type, data=[1 + 2j, -0.5j, 1e10 - 3j])
        elif "f" in type:
            x = tensor(None, type, data=reals[:2] + reals[4:8] if type == "f16" else reals)
        else:
            top = 2**(int(type[1:]) - (type[0] == "i"))
            x = tensor(None, type, data=np.array([0, 7, top - 1] + ([-1, -top] if type[0] == "i" else []), object).astype(np.uint64 if type == "u64" else np.int64))
        for fill in ("", " ", "+", "-", "0", "#"):
            if fill == "#" and type in ("i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64"):
                continue
            flex_case(F, f"asstring_{type}_fill{' +-0#'.find(fill or '?') + 1}", "AsString", {"input": x}, {"width": 12, "fill": fill})
        flex_case(F, f"asstring_{type}", "AsString", {"input": x})
        if type[0] not in "iu" and type != "bool":
            for name, attrs in {"precision": {"precision": 3}, "zero": {"precision": 0, "fill": "#"}, "scientific": {"scientific": True, "width": 15},
                                "shortest": {"shortest": True}, "short3": {"shortest": True, "precision": 3, "fill": "+"}, "none": {"precision": 0}}.items():
                flex_case(F, f"asstring_{type}_{name}", "AsString", {"input": x}, attrs)
    text = strings([b"ab", b"\xff", b"a\x00b", b"long enough for all"])
    for name, attrs in {"plain": {}, "width": {"width": 6}, "left": {"width": 6, "fill": "-"}, "zero": {"width": 6, "fill": "0"}, "cut": {"width": 6, "precision": 1},
                        "precision": {"precision": 1}, "zero_width": {"width": 0, "precision": 2}}.items():
        flex_case(F, f"asstring_str_{name}", "AsString", {"input": text}, attrs)
    flex_case(F, "asstring_f64_long", "AsString", {"input": tensor(None, "f64", data=[[1e308, -1e308]])}, {"precision": 50, "width": 400, "fill": "0"})
    for type in ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64", "f16", "bf16", "bool", "str"):
        x = tensor([3, 5], type, low=0 if type[0] == "u" else None) if type != "str" else strings([[b"a\n\"q\\", b"\xff\x00\x7f", b"x'y\t\r"]])
        for summarize in (3, 1, -1):
            flex_case(F, f"stringformat_{type}_{summarize + 1}", "StringFormat", {"inputs": [x]}, {"template": "<{}>", "placeholder": "{}", "summarize": summarize})
    many = [ints(np.arange(60).reshape(3, 4, 5)), ints(5, "i64"), tensor(None, "f32", data=[0.1, 1 / 3, 1e20, np.inf, np.nan, -0.0, 123456789]),
            tensor(None, "f64", data=[0.1, 1 / 3, 1e22]), tensor([0, 3], "i32"), tensor([2, 0], "i32"), strings(b"s"), tensor([0], "bool")]
    for summarize in (3, 1, 0, -1, 2):
        flex_case(F, f"stringformat_many_{summarize + 1}", "StringFormat", {"inputs": many},
                  {"template": "%s-%s-%s|%s %s%s%%s%%s", "placeholder": "%s", "summarize": summarize})
    flex_case(F, "stringformat_none", "StringFormat", {"inputs": []}, {"template": "all of it", "placeholder": "%s", "summarize": 3})


def parted():
    texts = strings([b"a b  c", b"", b" x ", b"a,b;;c", b"\ta\nb", b"no", b"aaaa", b"  "])
    three = (0, 1, 2)
    for name, delimiter in {"none": b"", "space": b" ", "two": b",;", "many": b" ,\t"}.items():
        for skip in (False, True):
            flex_case(F, f"stringsplit_{name}_{skip:d}", "StringSplit", {"input": texts, "delimiter": strings(delimiter)}, {"skip_empty": skip}, unknown=three)
    for name, separator in {"none": b"", "space": b" ", "two": b";;", "comma": b",", "aa": b"aa"}.items():
        for most in (-1, 0, 1, 2):
            flex_case(F, f"stringsplitv2_{name}_{most + 1}", "StringSplitV2", {"input": texts, "sep": strings(separator)}, {"maxsplit": most}, unknown=three)
    flex_case(F, "stringsplitv2_empty", "StringSplitV2", {"input": strings(np.zeros([0], object)), "sep": strings(b",")}, {"maxsplit": -1}, unknown=three)
    words = strings([b"aa", b"bb", b"cc", b"dd", b"ee"])
    for type in ("i32", "i64"):
        for i, widths in enumerate(([1], [3], [1, 2], [7])):
            for pad in (-1, 0, 1, 5):
                for keep in (False, True):
                    if type == "i32" and pad != 1:
                        continue
                    flex_case(F, f"stringngrams_{type}_{i}_{pad + 1}_{keep:d}", "StringNGrams", {"data": words, "data_splits": ints([0, 0, 1, 3, 5], type)},
                              {"separator": "|", "ngram_widths": widths, "left_pad": "L", "right_pad": "RR", "pad_width": pad, "preserve_short_sequences": keep}, unknown=(0, 1))
    flex_case(F, "stringngrams_plain", "StringNGrams", {"data": words, "data_splits": ints([0, 5], "i64")},
              {"separator": "", "ngram_widths": [2, 3], "left_pad": "", "right_pad": "", "pad_width": 1, "preserve_short_sequences": False}, unknown=(0, 1))
    values = strings([[[b"a", b"b", b"c"], [b"d", b"e", b"f"]], [[b"g", b"", b"i"], [b"j", b"k", b"l"]]])
    for i, axes in enumerate(([0], [1], [0, 1], [1, 0], [-1], [], [2, 0, 1], [-2, 2])):
        for keep in (False, True):
            flex_case(F, f"reducejoin_{i}_{keep:d}", "ReduceJoin", {"inputs": values, "reduction_indices": ints(np.int32(axes), const=True)}, {"keep_dims": keep, "separator": "-"})
    flex_case(F, "reducejoin_late", "ReduceJoin", {"inputs": values, "reduction_indices": ints([1])}, {"separator": ""}, unknown=(0,))
    flex_case(F, "reducejoin_empty", "ReduceJoin", {"inputs": strings(np.zeros([0, 3], object)), "reduction_indices": ints(0, const=True)}, {"separator": "-"})
    flex_case(F, "reducejoin_empty_kept", "ReduceJoin", {"inputs": strings(np.zeros([0, 3], object)), "reduction_indices": ints(1, const=True)}, {"separator": "-"})
    for type in ("i32", "i64"):
        for held in (False, True):
            late = "" if held else "_late"
            flex_case(F, f"unsortedsegmentjoin_{type}{late}", "UnsortedSegmentJoin",
                      {"inputs": values, "segment_ids": ints([2, 0], type), "num_segments": ints(4, type, const=held)}, {"separator": "+"}, unknown=() if held else (0,))
        flex_case(F, f"unsortedsegmentjoin_{type}_deep", "UnsortedSegmentJoin",
                  {"inputs": values, "segment_ids": ints([[1, 0], [1, 1]], type), "num_segments": ints(2, "i32", const=True)}, {"separator": ""})
    flex_case(F, "unsortedsegmentjoin_empty", "UnsortedSegmentJoin",
              {"inputs": strings(np.zeros([0, 2], object)), "segment_ids": tensor([0], "i32"), "num_segments": ints(2, const=True)}, {"separator": "+"})


def code_points():
    rng = np.random.default_rng(zlib.crc32(b"unicode"))
    junk = [bytes(rng.choice(np.frombuffer("a\u00e9\u4e2d\U0001f600".encode() + b"\xed\xa0\xff\xc0\xf4\x90", np.uint8), 40)) for _ in range(12)]
    sources = {"UTF-8": TEXTS + junk, "US-ASCII": TEXTS, "ISO-8859-1": TEXTS, "utf_8": TEXTS[:3],
               "UTF-16-BE": ["a\u00e9\u4e2d\U0001f600".encode("utf-16-be"), b"\xd8\x00\x00a", b"\xdc\x00\x00a", b"\x00a\x00", b"\xd8\x3d", b"\xfe\xff\x00a", b"", b"\xd8\x3d\xd8\x3d\xde\x00",
                             b"\x00a\xd8\x3d\x00"],
               "UTF-16-LE": ["a\u00e9\u4e2d\U0001f600".encode("utf-16-le"), b"\x00\xd8a\x00", b"\xff\xfea\x00"],
               # One text each: TensorFlow takes the order that the first one's mark says for all.
               "UTF-16": ["\ufeffa\U0001f600b".encode("utf-16-be")], "UTF16": ["\ufeffa\U0001f600b".encode("utf-16-le")], "utf-16": [b"\x00a"],
               "UTF-32-BE": ["a\U0001f600".encode("utf-32-be"), b"\x00\x11\x00\x00\x00\x00\x00a", b"\x00\x00\xd8\x00\x00\x00\x00a", b"\x00\x00\x00", b"\xff\xff\xff\xff", b"\x00\x00\x00a\x00"],
               "UTF-32-LE": ["a\U0001f600".encode("utf-32-le"), b"\x00\x00\x11\x00a\x00\x00\x00"],
               "UTF-32": ["\ufeffa\U0001f600".encode("utf-32-be")], "UTF32": ["\ufeffa\U0001f600".encode("utf-32-le")], "utf_32": [b"\x00\x00\x00a"]}
    tf = tensorflow()
    for encoding, texts in sources.items():
        for errors in ("replace", "ignore"):
            for control in (False, True):
                end = f"{encoding}_{errors}_{control:d}"
                attrs = {"input_encoding": encoding, "errors": errors, "replacement_char": 0x1F602, "replace_control_characters": control}
                flex_case(F, f"unicodedecodewithoffsets_{end}", "UnicodeDecodeWithOffsets", {"input": strings(texts)}, attrs, unknown=(0, 1, 2))
                for output in ("UTF-8", "UTF-16-BE", "UTF-32-BE"):
                    if output == "UTF-8" or encoding == "UTF-8":
                        flex_case(F, f"unicodetranscode_{end}_{output.lower()}", "UnicodeTranscode", {"input": strings(texts)}, attrs | {"output_encoding": output})
    good = strings([b"", TEXTS[3], TEXTS[7]])
    flex_case(F, "unicodedecode_strict", "UnicodeDecode", {"input": good}, {"input_encoding": "UTF-8", "errors": "strict", "replace_control_characters": True}, unknown=(0, 1))
    flex_case(F, "unicodedecode_i32", "UnicodeDecode", {"input": good}, {"input_encoding": "UTF-8", "Tsplits": tf.int32}, unknown=(0, 1))
    # TensorFlow ends the process when it is to give offsets beside int32 splits.
    wide = [t.numpy() for t in tf.raw_ops.UnicodeDecodeWithOffsets(input=good.data, input_encoding="UTF-8")]
    flex_case(F, "unicodedecodewithoffsets_i32", "UnicodeDecodeWithOffsets", {"input": good}, {"input_encoding": "UTF-8", "Tsplits": tf.int32}, unknown=(0, 1, 2),
              expected=[wide[0].astype(np.int32)] + wide[1:])
    flex_case(F, "unicodedecode_scalar", "UnicodeDecode", {"input": strings(TEXTS[7])}, {"input_encoding": "UTF-8"}, unknown=(0, 1))
    flex_case(F, "unicodetranscode_strict", "UnicodeTranscode", {"input": good}, {"input_encoding": "UTF-8", "output_encoding": "UTF-16-BE", "errors": "strict"})
    codes = ints([97, 0xE9, 0x1F600, 0xD800, 0x110000, -1, 0xDFFF, 0, 0xFFFE, 0xFDD0, 0x10FFFF])
    for output in ("UTF-8", "UTF-16-BE", "UTF-32-BE"):
        for errors in ("replace", "ignore"):
            for type in ("i32", "i64"):
                flex_case(F, f"unicodeencode_{output.lower()}_{errors}_{type}", "UnicodeEncode", {"input_values": codes, "input_splits": ints([0, 2, 2, 7, 11], type)},
                          {"output_encoding": output, "errors": errors, "replacement_char": 0x2A}, unknown=(0,))
        flex_case(F, f"unicodeencode_{output.lower()}_strict", "UnicodeEncode", {"input_values": ints([97, 0xE9, 0x1F600]), "input_splits": ints([0, 3], "i64")},
                  {"output_encoding": output, "errors": "strict"}, unknown=(0,))
    some = list(range(0, 0x3400, 3)) + list(range(0x3400, 0x110000, 997)) + [-1, 0x110000, 2**31 - 1, 0xD800]
    flex_case(F, "unicodescript", "UnicodeScript", {"input": ints(some)})


def patterns():
    """What patterns do stands in regex_cases.txt; here the operators' own ways."""
    texts = strings([[b"Hello, World!", b"", b"aaa bbb"], ["\u00e9\u00c9 caf\u00e9".encode(), b"bad\xff\xc3 a", b"2024-05-01 a\nb"]])
    for i, (pattern, rewrite) in enumerate(((rb"[!\"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~']", b""), (rb"(\w)(\w*)", b"\\2\\1\\\\"), (b"", b"-"), (rb"\s+|\b", b"_"), ("(?i)\u00e9".encode(), b"e"),
                                            (rb"a*?", b"<\\0>"), (rb"(a)|b", b"\\1x"), (b"a", b"\\1"), (b"a", b"y\\q"))):
        for everywhere in (False, True):
            attrs = {"replace_global": everywhere}
            flex_case(F, f"regexreplace_{i}_{everywhere:d}", "RegexReplace", {"input": texts, "pattern": strings(pattern), "rewrite": strings(rewrite)}, attrs)
            flex_case(F, f"staticregexreplace_{i}_{everywhere:d}", "StaticRegexReplace", {"input": texts}, attrs | {"pattern": pattern, "rewrite": rewrite})
        flex_case(F, f"regexfullmatch_{i}", "RegexFullMatch", {"input": texts, "pattern": strings(pattern + rb".*")})
        flex_case(F, f"staticregexfullmatch_{i}", "StaticRegexFullMatch", {"input": texts}, {"pattern": rb"(?s).*" + pattern + rb".*"})
    none = strings(np.zeros([0, 2], object))
    flex_case(F, "regexreplace_empty", "RegexReplace", {"input": none, "pattern": strings(b"a"), "rewrite": strings(b"b")})
    flex_case(F, "regexfullmatch_empty", "RegexFullMatch", {"input": none, "pattern": strings(b"a")})


def moved():
    """Operators that only move elements take strings as well."""
    x = strings([[b"a", b"", b"ccc"], [b"d", b"e\xff", b"f" * 40]])
    one, none = strings(b"fill"), tensor([0, 3], "str", data=np.zeros([0, 3], object))

    def const(values, type="i32"):
        return ints(np.array(values, {"i32": np.int32, "i64": np.int64, "bool": np.bool_}[type]), type, const=True)

    cube = strings(np.array([b"%d" % i for i in range(16)], object).reshape(1, 2, 2, 4))
    for name, op, inputs, attrs in (
            ("broadcastto", "BroadcastTo", {"input": x, "shape": const([2, 2, 3])}, {}), ("concat", "Concat", {"concat_dim": const(1), "values": [x, x]}, {}),
            ("concatv2", "ConcatV2", {"values": [x, none, x], "axis": const(0)}, {}), ("depthtospace", "DepthToSpace", {"input": cube}, {"block_size": 2}),
            ("spacetodepth", "SpaceToDepth", {"input": cube}, {"block_size": 2}),
            ("dynamicpartition", "DynamicPartition", {"data": x, "partitions": const([1, 0])}, {"num_partitions": 2}),
            ("dynamicstitch", "DynamicStitch", {"indices": [const([1, 0]), const([2])], "data": [x, strings(x.data[:1])]}, {}),
            ("paralleldynamicstitch", "ParallelDynamicStitch", {"indices": [const([1, 0]), const([2])], "data": [x, strings(x.data[:1])]}, {}),
            ("fill", "Fill", {"dims": const([2, 2]), "value": one}, {}), ("gather", "Gather", {"params": x, "indices": const([1, 0, 1])}, {}),
            ("gathernd", "GatherNd", {"params": x, "indices": const([[1, 2], [0, 0]])}, {}), ("gatherv2", "GatherV2", {"params": x, "indices": const([2, 0]), "axis": const(1)}, {}),
            ("mirrorpad", "MirrorPad", {"input": x, "paddings": const([[1, 0], [0, 2]])}, {"mode": "REFLECT"}), ("pack", "Pack", {"values": [x, x]}, {"axis": 1}),
            ("padv2", "PadV2", {"input": x, "paddings": const([[1, 0], [0, 2]]), "constant_values": one}, {}), ("pad", "Pad", {"input": x, "paddings": const([[1, 0], [0, 2]])}, {}),
            ("reversesequence", "ReverseSequence", {"input": x, "seq_lengths": const([2, 3], "i64")}, {"seq_dim": 1, "batch_dim": 0}),
            ("reversev2", "ReverseV2", {"tensor": x, "axis": const([1])}, {}), ("roll", "Roll", {"input": x, "shift": const([1]), "axis": const([1])}, {}),
            ("slice", "Slice", {"input": x, "begin": const([0, 1]), "size": const([2, 2])}, {}), ("split", "Split", {"axis": const(1), "value": x}, {"num_split": 3}),
            ("splitv", "SplitV", {"value": x, "size_splits": const([2, 1]), "axis": const(1)}, {"num_split": 2}),
            ("stridedslice", "StridedSlice", {"input": x, "begin": const([0, 2]), "end": const([2, 0]), "strides": const([1, -1])}, {}),
            ("tensorscatterupdate", "TensorScatterUpdate", {"tensor": x, "indices": const([[1]]), "updates": strings(x.data[:1])}, {}),
            ("tile", "Tile", {"input": x, "multiples": const([1, 2])}, {}), ("transpose", "Transpose", {"x": x, "perm": const([1, 0])}, {}), ("unpack", "Unpack", {"value": x}, {"num": 3, "axis": 1}),
            ("zeroslike", "ZerosLike", {"x": x}, {}), ("onehot", "OneHot", {"indices": const([1, 0, -1]), "depth": const(2), "on_value": one, "off_value": strings(b"")}, {}),
            ("sparsetodense", "SparseToDense", {"sparse_indices": const([[0, 1]]), "output_shape": const([2, 2]), "sparse_values": one, "default_value": strings(b"-")}, {}),
            ("select", "Select", {"condition": const([[True, False, True], [False, True, False]], "bool"), "x": x, "y": strings(x.data[::-1])}, {}),
            ("selectv2", "SelectV2", {"condition": const([True, False, True], "bool"), "t": x, "e": one}, {}),
            ("ensureshape", "EnsureShape", {"input": x}, {"shape": [2, None]}), ("expanddims", "ExpandDims", {"input": x, "axis": const(1)}, {}), ("identity", "Identity", {"input": x}, {}),
            ("preventgradient", "PreventGradient", {"input": x}, {}), ("reshape", "Reshape", {"tensor": x, "shape": const([3, 2])}, {}),
            ("squeeze", "Squeeze", {"input": strings(x.data[:, None])}, {"axis": [1]}), ("stopgradient", "StopGradient", {"input": x}, {}),
            ("equal", "Equal", {"x": x, "y": strings([b"a", b"e\xff", b"ccc"])}, {}), ("notequal", "NotEqual", {"x": x, "y": strings([b"a", b"e\xff", b"ccc"])}, {}),
            ("unique", "Unique", {"x": strings([b"b", b"a", b"b", b"", b"a"])}, {}), ("uniquewithcounts", "UniqueWithCounts", {"x": strings([b"b", b"a", b"b", b"", b"a"])}, {}),
            ("uniquev2", "UniqueV2", {"x": strings([b"b", b"a", b"b", b"", b"a"]), "axis": const([], "i64")}, {})):
        flex_case(F, f"moved_{name}", op, inputs, attrs, unknown=(0, 1, 2) if name.startswith("unique") else ())


def cases():
    each_string()
    parts()
    to_numbers()
    to_strings()
    parted()
    code_points()
    patterns()
    moved()
