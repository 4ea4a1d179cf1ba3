"""TF Text's operators, as its converter writes them and as Select-TF operators; TensorFlow Text is the oracle."""
import unicodedata

import numpy as np

from lib import (FlexModel, NoTensorFlow, case, flex_options, flexbuffer, graph, model_case, node, random_data, sentencepiece_model, tensor,
                 tensorflow)

F = "tftext"
TEXTS = [b"", b"hello", b" leading and  double spaces ", "wide\u3000space\u00a0nbsp\u2003em".encode(), b"bad\xff\xc3 bytes\xe2\x82",
         "caf\u00e9 \u4e2d\u6587 \U0001f600!".encode(), b"\t\n\v", b"one,two;three"]


def load():
    tf = tensorflow()
    try:
        import tensorflow_text
    except ImportError as e:
        raise NoTensorFlow(str(e)) from e
    return tf, tensorflow_text


def text_case(name, op, fn, inputs, attrs=None, flex=False, scalar_attrs=None, alias=None):
    """One operator: `fn` is TF Text's generated function, called with the inputs and attributes."""
    tf, _ = load()
    attrs = attrs or {}

    def each(inputs, make):
        return [[make(t) for t in i] if isinstance(i, list) else make(i) for i in inputs]

    rng = np.random.default_rng(len(name))
    for t in [t for i in inputs for t in (i if isinstance(i, list) else [i]) if t.data is None]:
        t.data = random_data(t, rng)
    got = fn(*each(inputs, lambda t: tf.constant(t.data, tf.as_dtype(t.type))), **attrs)
    flat = [t for i in inputs for t in (i if isinstance(i, list) else [i])]
    outputs = []
    for o in (got if isinstance(got, (list, tuple)) else [got]):
        outputs += o if isinstance(o, (list, tuple)) else [o]
    results = [tensor([1] * len(o.shape), o.dtype.name, signature=[-1] * len(o.shape)) for o in outputs]
    expected = [o.numpy() for o in outputs]
    if flex:
        with tf.Graph().as_default() as g:
            fn(*each(inputs, lambda t: tf.constant(t.data, tf.as_dtype(t.type))), **attrs)
            definition = [n for n in g.as_graph_def().node if n.op == op][-1]
        del definition.input[:]
        options, op = flex_options(definition), "Flex" + op
    else:
        options = flexbuffer(scalar_attrs if scalar_attrs is not None else attrs)
    case(F, name, alias or op, None, flat, results, custom=options, expected=expected, resolver=None)


def strings(values, **more):
    return tensor(None, "str", data=np.array(values, object), **more)


def splits(values, type="i64"):
    return tensor(None, type, data=values)


def splitting(tft):
    from tensorflow_text.core.pybinds import pywrap_whitespace_tokenizer_config_builder as builder
    from tensorflow_text.python.ops import byte_splitter, ngrams_op, utf8_binarize_op, whitespace_tokenizer
    config = tensor([], "str", data=np.array(builder.build_whitespace_tokenizer_config(), object), const=True)
    run = whitespace_tokenizer.gen_whitespace_tokenizer_v2.tf_text_whitespace_tokenize_with_offsets_v2
    for flex in (False, True):
        end = "_flex" if flex else ""
        text_case("whitespace" + end, "TFText>WhitespaceTokenizeWithOffsetsV2", run, [strings(TEXTS), config], flex=flex)
        text_case("byte_split" + end, "TFText>ByteSplitWithOffsets",
                  byte_splitter.gen_byte_splitter.tf_text_byte_split_with_offsets, [strings(TEXTS)], flex=flex)
        text_case("byte_split_by_offsets" + end, "TFText>ByteSplitByOffsets",
                  byte_splitter.gen_byte_splitter.tf_text_byte_split_by_offsets,
                  [strings(TEXTS[:4]), tensor(None, "i32", data=[0, 1, 0, 4, 9]), tensor(None, "i32", data=[2, 1, 5, 12, 10]),
                   splits([0, 0, 2, 4, 5])], flex=flex)
        text_case("utf8_binarize" + end, "TFText>Utf8Binarize", utf8_binarize_op.gen_utf8_binarize_op.tf_text_utf8_binarize,
                  [strings(TEXTS[3:6])], {"word_length": 7, "bits_per_char": 17, "replacement_char": 65533}, flex=flex)
        ngrams = ngrams_op.gen_ngrams_op.tf_text_ngrams_string_join
        more = {"axis": -1, "string_separator": " | "}
        words = [[b"a", b"b", b"c"], [b"", b"long word", b"z"]]
        for width in (1, 2, 3):
            # A width of more than there is to join overruns TF Text's output: not asked.
            text_case(f"ngrams_dense_{width}{end}", "TFText>NgramsStringJoin", ngrams, [strings(words), []],
                      more | {"width": width}, flex)
        flat = [b"w%d" % i for i in range(9)]
        text_case("ngrams_ragged" + end, "TFText>NgramsStringJoin", ngrams, [strings(flat), [splits([0, 0, 3, 4, 9])]],
                  more | {"width": 2}, flex)
        text_case("ngrams_ragged_twice" + end, "TFText>NgramsStringJoin", ngrams,
                  [strings(flat), [splits([0, 1, 4]), splits([0, 0, 3, 4, 9])]], more | {"width": 4}, flex)
    case(F, "whitespace_tftext", "tftext:WhitespaceTokenizer", None, [strings([b"one  two", b"", b" three "])],
         [tensor([1], "str", signature=[-1]), tensor([1], "i64", signature=[-1])], custom=b"", resolver=None,
         expected=[np.array([b"one", b"two", b"three"], object), np.array([0, 2, 2, 3])])
    case(F, "whitespace_tftext_padded", "tftext:WhitespaceTokenizer", None, [strings([b"one  two", b"", b" three "])],
         [tensor([1, 1], "str", signature=[-1, -1])], custom=b"", resolver=None,
         expected=[np.array([[b"one", b"two"], [b"", b""], [b"three", b""]], object)])
    case(F, "ngrams_tftext", "tftext:Ngrams", None, [strings([b"this", b"is", b"a", b"test"])],
         [tensor([1], "str", signature=[-1])],
         custom=flexbuffer({"width": 2, "string_separator": " ", "axis": -1, "reduction_type": "STRING_JOIN"}), resolver=None,
         expected=[np.array([b"this is", b"is a", b"a test"], object)])
    case(F, "ngrams_wider", "TFText>NgramsStringJoin", None, [strings([[b"a", b"b"], [b"c", b"d"]])],
         [tensor([1, 1], "str", signature=[-1, -1])], custom=flexbuffer({"width": 5, "string_separator": " ", "axis": -1}),
         resolver=None, expected=[np.zeros([2, 0], object)])


def trimming():
    from tensorflow_text.python.ops import trimmer_ops
    gen = trimmer_ops.gen_trimmer_ops if hasattr(trimmer_ops, "gen_trimmer_ops") else trimmer_ops.gen_round_robin_trimmer
    rows = [[0, 5, 5, 9, 12], [0, 1, 8, 8, 10], [0, 3, 4, 9, 9]]
    for type in ("i32", "f32", "str", "i64"):
        values = [tensor([r[-1]], type, data=np.array([b"v%d" % i for i in range(r[-1])], object) if type == "str" else
                         np.arange(r[-1]) + 100 * k) for k, r in enumerate(rows)]
        for length in (0, 1, 6, 7, 100):
            if length not in (0, 7) and type != "i32":
                continue
            limit = tensor([], "i32", data=length, const=True)
            for flex in (False, True) if length == 7 else (False,):
                end = f"{type}_{length}" + ("_flex" if flex else "")
                text_case("round_robin_trim_" + end, "TFText>RoundRobinTrim", gen.tf_text_round_robin_trim,
                          [limit, values, [splits(r) for r in rows]], {}, flex, {"N": 3, "T": 2, "Tsplits": 4})
                text_case("round_robin_masks_" + end, "TFText>RoundRobinGenerateMasks",
                          gen.tf_text_round_robin_generate_masks, [limit, values, [splits(r) for r in rows]], {}, flex,
                          {"N": 3, "T": 2, "Tsplits": 4})


VOCABULARY = ["[UNK]", "[CLS]", "the", "a", "##a", "##b", "ab", "##cd", "##efz", "abcdefg", "un", "##want", "##ed", "runn",
              "##ing", "##", "low", "##est", "\u00e9", "##\u4e2d", "don", "##ab", "#"]
WORDS = [b"the", b"unwanted", b"abcdefz", b"abcdefg", b"abcdefgh", b"running", b"", b"##", b"##a", b"a##", b"lowest", b"lowestx",
         "\u00e9\u4e2d".encode(), b"aab", b"ababab", b"x" * 101, b"#", b"###", b"bad\xff", b"the dog"]


def u8(data):
    return tensor(None, "u8", data=np.frombuffer(data, np.uint8), const=True)


def wordpiece():
    from tensorflow_text.core.pybinds import pywrap_fast_wordpiece_tokenizer_model_builder as builder
    from tensorflow_text.python.ops import fast_wordpiece_tokenizer as py
    gen = py.gen_fast_wordpiece_tokenizer
    model = builder.build_fast_wordpiece_model(VOCABULARY, 100, "##", "[UNK]", True, True)
    for flex in (False, True):
        end = "_flex" if flex else ""
        text_case("wordpiece" + end, "FastWordpieceTokenizeWithOffsets", gen.fast_wordpiece_tokenize_with_offsets,
                  [strings(WORDS), u8(model)], flex=flex)
        text_case("wordpiece_detokenize" + end, "TFText>FastWordpieceDetokenize", gen.tf_text_fast_wordpiece_detokenize,
                  [tensor(None, "i32", data=[2, 10, 11, 12, 4, 5, 0, 15, 3, 6, 7]), splits([0, 4, 4, 6, 11]), u8(model)], flex=flex)
    plain = builder.build_fast_wordpiece_model(["[UNK]", "a", "bb"], 4, "", "[UNK]", True, False)
    text_case("wordpiece_no_mark", "FastWordpieceTokenizeWithOffsets", gen.fast_wordpiece_tokenize_with_offsets,
              [strings([b"abb", b"aa", b"abba", b"abbaa", b"b"]), u8(plain)])
    whole = builder.build_fast_wordpiece_model(VOCABULARY + [",", "!", "\u4e2d"], 20, "##", "[UNK]", False, False)
    texts = [b"the unwanted, running dog!", "low\u3000lowest\u4e2d\u6587a".encode(), b"", b"  a  ", b"##", b"## ##a a##,,,", b"x" * 30 + b" the",
             "a\u2014b\u00a1the".encode(), b"don\xff t", "\u00e9\u00e9 \u00e9".encode(), b"unwantedunwantedunwanted a", b"\x01the\x02"]
    text_case("wordpiece_text", "FastWordpieceTokenizeWithOffsets", gen.fast_wordpiece_tokenize_with_offsets,
              [strings(texts), u8(whole)])


def bert(tft):
    from tensorflow_text.core.pybinds import pywrap_fast_bert_normalizer_model_builder as builder
    from tensorflow_text.python.ops import fast_bert_normalizer as py
    run = py.gen_fast_bert_normalizer.fast_bert_normalize
    texts = TEXTS + ["\u00c9COLE \u0130stanbul \ufb01 \u1e9b\u0323".encode(), b"nul\0inside", "A\u0300\u200b\ufeffB\u4e2d".encode()]
    for lower in (False, True):
        model = u8(builder.build_fast_bert_normalizer_model(lower))
        for offsets in (False, True) if not lower else (True,):
            for flex in (False, True) if not lower else (False,):
                text_case(f"bert_normalize{'_lower' if lower else ''}{'_offsets' if offsets else ''}{'_flex' if flex else ''}",
                          "FastBertNormalize", run, [strings(texts), model], {"get_offsets": offsets}, flex)


def fast_sentencepiece():
    from tensorflow_text.core.pybinds import pywrap_model_converter as converter
    from tensorflow_text.python.ops import fast_sentencepiece_tokenizer as py
    gen = py.gen_fast_sentencepiece_tokenizer
    texts = [b"hello world", b"", b"  two   spaces ", b"unknown \xe4\xb8\xad\xe6\x96\x87 z", b"fi\xef\xac\x81 AbC", b"\t\n"]
    for name, more in (("", {}), ("_plain", {"dummy_prefix": False, "remove_spaces": False}), ("_no_escape", {"escape": False})):
        proto = sentencepiece_model(charsmap={"\ufb01": "fi", "A": "a", "C": "c"}, special=False, **more)
        encoder = converter.convert_sentencepiece_model(proto)
        decoder = converter.convert_sentencepiece_model_for_decoder(proto)
        off, on = tensor([], "bool", data=False, const=True), tensor([], "bool", data=True, const=True)
        nbest, alpha = tensor([], "i32", data=0, const=True), tensor([], "f32", data=1.0, const=True)
        for flags in ((off, off, off), (on, on, off), (on, on, on), (off, on, on)):
            end = name + "".join("_" + f for f, v in zip(("bos", "eos", "reverse"), flags) if v is on)
            text_case("fast_sentencepiece" + end, "TFText>FastSentencepieceTokenize", gen.tf_text_fast_sentencepiece_tokenize,
                      [u8(encoder), strings(texts), nbest, alpha, *flags])
        for end, flex, alias in (("_flex", True, None), ("_old_name", False, "TFSentencepiece")):
            text_case("fast_sentencepiece" + name + end, "TFText>FastSentencepieceTokenize",
                      gen.tf_text_fast_sentencepiece_tokenize, [u8(encoder), strings(texts), nbest, alpha, on, off, off],
                      flex=flex, alias=alias and alias + "TokenizeOp")
            text_case("fast_sentencepiece_detokenize" + name + end, "TFText>FastSentencepieceDetokenize",
                      gen.tf_text_fast_sentencepiece_detokenize,
                      [u8(decoder), tensor(None, "i32", data=[3, 9, 4, 4]), splits([0, 1, 4], "i32")],
                      flex=flex, alias=alias and alias + "DetokenizeOp")
        text_case("fast_sentencepiece_detokenize" + name, "TFText>FastSentencepieceDetokenize",
                  gen.tf_text_fast_sentencepiece_detokenize,
                  [u8(decoder), tensor(None, "i32", data=[3, 4, 5, 0, 9, 10, 3, 3]), splits([0, 3, 3, 8], "i32")])


def sentencepiece():
    """Select-TF's: a model operator, and one that asks it."""
    tf, tft = load()
    from tensorflow_text.python.ops import sentencepiece_tokenizer as py
    gen = py.gen_sentencepiece_tokenizer
    texts = [b"hello world", b"", b"  two   spaces ", b"un \xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad z", b"fi\xef\xac\x81 AbC", b"\t\n", b"<user>hello<user2>",
             b"bad\xff\xc3", "\u2581mark".encode(), b"hellohello<s>", b"lol" * 20]

    def sp_case(name, proto, op, fn, inputs, attrs, count, link_type="resource"):
        handle = gen.sentencepiece_op(model=proto)
        got = fn(handle, *[tf.constant(t.data, tf.as_dtype(t.type)) for t in inputs], **attrs)
        outputs = list(got) if isinstance(got, (list, tuple)) else [got]
        with tf.Graph().as_default() as g:
            h = gen.sentencepiece_op(model=proto)
            fn(h, *[tf.raw_ops.Placeholder(dtype=tf.as_dtype(t.type), shape=t.data.shape) for t in inputs], **attrs)
            nodes = {n.op: n for n in g.as_graph_def().node}
        for n in nodes.values():
            del n.input[:]
        link = tensor([], link_type)
        results = [tensor([1] * len(o.shape), o.dtype.name, signature=[-1] * len(o.shape)) for o in outputs]
        model_case(F, name, [graph([node("FlexSentencepieceOp", [], [link], custom=flex_options(nodes["SentencepieceOp"])),
                                    node("Flex" + op, [link] + inputs, results, custom=flex_options(nodes[op]))],
                                   [t for t in inputs if not t.const], results)],
                   expected=[o.numpy() for o in outputs], resolver=None)

    off, on = tensor([], "bool", data=False, const=True), tensor([], "bool", data=True, const=True)
    more = [tensor([], "i32", data=0, const=True), tensor([], "f32", data=1.0, const=True)]
    chars = {"\ufb01": "fi", "A": "a", "C": "c", "\t": " ", "\n": " "}
    models = {f"{kind}{end}": sentencepiece_model(kind=kind, charsmap=chars, **options)
              for kind in ("unigram", "bpe", "word", "char")
              for end, options in (("", {}), ("_bytes", {"bytes": True}), ("_raw", {"dummy_prefix": False, "remove_spaces": False}),
                                   ("_suffix", {"suffix": True}), ("_no_escape", {"escape": False}))
              if kind in ("unigram", "bpe") or end in ("", "_suffix")}
    for name, proto in models.items():
        for out, dtype in (("ids", tf.int32), ("pieces", tf.string)):
            flags = [off, off, off] if out == "ids" else [on, on, off]
            sp_case(f"sentencepiece_{name}_{out}", proto, "SentencepieceTokenizeOp", gen.sentencepiece_tokenize_op,
                    [strings(texts), *more, *flags], {"out_type": dtype, "Tsplits": tf.int64 if out == "ids" else tf.int32}, 2)
        sp_case(f"sentencepiece_{name}_offsets", proto, "SentencepieceTokenizeWithOffsetsOp",
                gen.sentencepiece_tokenize_with_offsets_op, [strings(texts), *more, on, on, on if "raw" in name else off],
                {"out_type": tf.string, "Tsplits": tf.int64}, 4)
        ids = [3, 4, 5, 0, 9, 3, 3, 1, 7, 2, 12] + ([40, 60, 61, 20] if "bytes" in name else [])
        rows = [0, 3, 3, 6, len(ids)]
        for reverse in (off, on):
            sp_case(f"sentencepiece_{name}_detokenize{'_reverse' if reverse is on else ''}", proto, "SentencepieceDetokenizeOp",
                    gen.sentencepiece_detokenize_op, [tensor(None, "i32", data=ids), splits(rows), off, off, reverse], {}, 1)
    proto = models["unigram"]
    sp_case("sentencepiece_detokenize_pieces", proto, "SentencepieceDetokenizeOp", gen.sentencepiece_detokenize_op,
            [strings(["\u2581hello", "\u2581w", "x", "<s>", "o"]), splits([0, 2, 5], "i32"), on, on, off], {}, 1)
    sp_case("sentencepiece_vocab_size", proto, "SentencepieceVocabSizeOp", gen.sentencepiece_vocab_size_op, [], {}, 1)
    sp_case("sentencepiece_id_to_string", proto, "SentencepieceIdToStringOp", gen.sentencepiece_id_to_string_op,
            [tensor(None, "i32", data=[0, 1, 5, 7, 2, 3])], {}, 1)
    sp_case("sentencepiece_string_to_id", proto, "SentencepieceStringToIdOp", gen.sentencepiece_string_to_id_op,
            [strings([b"hello", b"nope", b"<s>", "\u2581hello".encode()])], {}, 1)
    # A converter may write the link as an integer.
    for op, fn, inputs, attrs in (
            ("TokenizeOp", gen.sentencepiece_tokenize_op, [strings(texts[:3]), *more, off, off, off], {"out_type": tf.int32, "Tsplits": tf.int64}),
            ("TokenizeWithOffsetsOp", gen.sentencepiece_tokenize_with_offsets_op, [strings(texts[:3]), *more, off, off, off],
             {"out_type": tf.int32, "Tsplits": tf.int64}),
            ("DetokenizeOp", gen.sentencepiece_detokenize_op, [tensor(None, "i32", data=[5, 9, 3]), splits([0, 3]), off, off, off], {}),
            ("VocabSizeOp", gen.sentencepiece_vocab_size_op, [], {}),
            ("IdToStringOp", gen.sentencepiece_id_to_string_op, [tensor(None, "i32", data=[5])], {}),
            ("StringToIdOp", gen.sentencepiece_string_to_id_op, [strings([b"hello"])], {})):
        sp_case(f"sentencepiece_{op.lower()}_int_link", proto, "Sentencepiece" + op, fn, inputs, attrs, 0, "i32")


def ragged():
    tf = tensorflow()

    def to_tensor(name, shape, values, default, types, parts, shape_type="i64", flex=False, part_type="i64"):
        inputs = [tensor(None, shape_type, data=shape), values, default, [tensor(None, part_type, data=p) for p in parts]]

        def run(s, v, d, p, row_partition_types):
            return tf.raw_ops.RaggedTensorToTensor(shape=s, values=v, default_value=d, row_partition_tensors=p,
                                                   row_partition_types=row_partition_types)
        text_case(name, "RaggedTensorToTensor", run, inputs, {"row_partition_types": types}, flex)

    S, V, N = "ROW_SPLITS", "VALUE_ROWIDS", "FIRST_DIM_SIZE"
    for type in ("f32", "i32", "i64", "str", "bool", "u8", "i8", "i16", "f64"):
        fill = b"-" if type == "str" else 1
        values = tensor([6], type, low=2, high=100)
        values.data = None if type != "str" else np.array([b"v%d" % i for i in range(6)], object)
        if values.data is None:
            values.data = (np.arange(6) % 2 == 1) if type == "bool" else np.arange(2, 8).astype(type.replace("f", "float").replace("i", "int").replace("uint", "uint").replace("u8", "uint8"))
        default = tensor([], type, data=fill)
        for flex in (False, True):
            to_tensor(f"ragged_{type}{'_flex' if flex else ''}", -1, values, default, [S], [[0, 2, 2, 6]], flex=flex)
    for type in ("f16", "bf16", "u16", "u32", "u64", "c64", "c128"):
        for flex in (False, True):
            to_tensor(f"ragged_{type}{'_flex' if flex else ''}", -1, tensor([4], type, low=1, high=9), tensor([], type, low=1, high=9), [S], [[0, 1, 1, 4]],
                      flex=flex)
    v8 = tensor(None, "f32", data=np.arange(1, 9))
    zero = tensor([], "f32", data=-1)
    for flex in (False, True):
        end = "_flex" if flex else ""
        for index in ("i32", "i64"):
            to_tensor(f"ragged_ids_{index}{end}", [-1, -1], v8, zero, [N, V], [5, [0, 0, 2, 2, 2, 3, 4, 4]], index, flex, index)
        to_tensor("ragged_cut" + end, [2, 3], v8, zero, [S], [[0, 4, 5, 8]], flex=flex)
        to_tensor("ragged_grown" + end, [5, 6], v8, zero, [S], [[0, 4, 5, 8]], flex=flex)
        to_tensor("ragged_twice" + end, [-1, -1, -1], v8, zero, [S, S], [[0, 2, 2, 4], [0, 1, 4, 4, 8]], flex=flex)
        to_tensor("ragged_twice_ids" + end, [-1, 2, -1], v8, zero, [N, V, V], [3, [0, 0, 0, 2], [0, 1, 1, 1, 2, 2, 3, 3]], flex=flex)
        to_tensor("ragged_mixed" + end, -1, v8, zero, [S, V], [[0, 3, 3, 4], [0, 1, 1, 1, 2, 2, 3, 3]], flex=flex)
        inner = tensor(None, "f32", data=np.arange(12).reshape(4, 3))
        to_tensor("ragged_inner" + end, -1, inner, zero, [S], [[0, 1, 1, 4]], flex=flex)
        to_tensor("ragged_inner_default" + end, [-1, 2, 3], inner, tensor(None, "f32", data=[7, 8, 9]), [S], [[0, 1, 1, 4]], flex=flex)
        cube = tensor(None, "i32", data=np.arange(24).reshape(4, 3, 2))
        to_tensor("ragged_cube_default" + end, -1, cube, tensor(None, "i32", data=[[7], [8], [9]]), [S], [[0, 1, 1, 4]], flex=flex)
        to_tensor("ragged_no_values" + end, [-1, -1], tensor([0], "f32", data=np.zeros(0)), zero, [S], [[0, 0, 0]], flex=flex)


def normalizing():
    from tensorflow_text.python.ops import normalize_ops
    gen = normalize_ops.gen_normalize_ops
    rng = np.random.default_rng(3)
    letters = [chr(c) for c in list(range(0xA0, 0x250)) + list(range(0x370, 0x530)) + list(range(0x1E00, 0x2000)) + list(range(0x2070, 0x2190)) + list(range(0x3040, 0x3100))
               + list(range(0xAC00, 0xD7A4, 173)) + list(range(0xFB00, 0xFB50)) + list(range(0xFF00, 0xFFF0)) + [0x2F81A, 0x1D15E, 0xFDFA, 0x1E9E, 0x345, 0xAD, 0x200B, 0x200D]
               if unicodedata.category(chr(c)) != "Cn"]
    marks = ["", "\u0301", "\u0323\u0302", "\u0302\u0323", "\u0345", "\u0308\u0301", "\u3099"]
    mixed = ["".join(letters[i] + marks[int(rng.integers(0, len(marks)))] for i in rng.permutation(len(letters))[:300]).encode() for _ in range(4)]
    texts = strings([TEXTS + mixed + ["".join(letters).encode(), "\u1100\u1161\u11a8\uac00\u11a8 e\u0301 \ufb01 \u2460 \u212b \u0344 \u0f73".encode()]])
    text_case("case_fold", "CaseFoldUTF8", gen.case_fold_utf8, [texts], flex=True)
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        text_case("normalize_" + form.lower(), "NormalizeUTF8", gen.normalize_utf8, [texts], {"normalization_form": form}, flex=True)


def dividing():
    from tensorflow_text.python.ops import regex_split_ops, split_merge_tokenizer, unicode_script_tokenizer
    gen = regex_split_ops.gen_regex_split_ops
    texts = strings([b"one,two;;  three", b"", b",a,", "caf\u00e9 \u4e2d\u6587. x".encode(), b"bad\xff, b", b"none"])
    for i, (pattern, kept) in enumerate(((rb"([,;\s])", b""), (rb"(\s+|[,;.])", rb"[,;]"), (rb"[,;]", b""), (rb"(^.)", b".*"), (rb"(\b\w)", b"o"))):
        text_case(f"regex_split_{i}", "RegexSplitWithOffsets", gen.regex_split_with_offsets,
                  [texts, strings(pattern), strings(kept)], flex=True)
    codes = [ord(c) for c in "ab  c\u00e9 \u4e2d\u6587a.,1\u03b1\u3042\u30a2\U0001f600\u3000\u00a0x \t"] + [-1, 0x110000, 0xD800, 97]
    for type in ("i32", "i64"):
        rows = splits([0, 0, 7, 9, len(codes)], type)
        for keep in (False, True):
            text_case(f"script_{type}_{keep:d}", "UnicodeScriptTokenizeWithOffsets", unicode_script_tokenizer.gen_unicode_script_tokenizer.unicode_script_tokenize_with_offsets,
                      [tensor(None, "i32", data=codes), rows], {"keep_whitespace": keep}, flex=True)
        text_case(f"whitespace_codes_{type}", "WhitespaceTokenizeWithOffsets", old_whitespace(), [tensor(None, "i32", data=codes), rows], flex=True)
    merge = split_merge_tokenizer.gen_split_merge_tokenizer.split_merge_tokenize_with_offsets
    for force in (False, True):
        for i, labels in enumerate(([0, 1, 1, 0, 1, 1, 0, 1, 1, 1], [1] * 10, [0] * 10, [1, 0, 1, 1, 1, 0, 0, 1, 1, 7])):
            text_case(f"split_merge_{force:d}_{i}", "SplitMergeTokenizeWithOffsets", merge,
                      [strings(["a\u00e9 b".encode(), b" x  y"]), tensor(None, "i32", data=labels), tensor(None, "i32", data=[0, 4, 10])], {"force_split_at_break_character": force}, flex=True)


def table_wordpiece():
    from tensorflow_text.python.ops import wordpiece_tokenizer
    tf = tensorflow()
    tf.raw_ops.WordpieceTokenizeWithOffsets = wordpiece_tokenizer.gen_wordpiece_tokenizer.wordpiece_tokenize_with_offsets  # where FlexModel looks
    vocabulary = ["the", "##want", "un", "##ed", "run", "##ning", "a", "##a", "\u00e9", "##\u4e2d", "\u4e2d", "[UNK]", "##n", "ab", "##cdef", "b"]
    words = ["unwanted", "running", "the", "xyz", "", "a", "aaaa", "\u00e9\u4e2d", "abcdef", "axa", "thex", "x" * 20, "unwantedx", "b\u00e9b", b"a\xff", b"\xff", b"\xe4\xb8"]
    for characters in (0, 2, 5):
        for use in (False, True):
            for split in (False, True):
                for rows in ("row_lengths", "row_splits"):
                    if rows == "row_splits" and characters > 0:
                        continue
                    name = f"wordpiece_table_{characters}_{use:d}{split:d}_{rows[4:]}"
                    m = FlexModel(F, name)
                    handle = m.op("HashTableV2", key_dtype=tf.string, value_dtype=tf.int64, shared_name=name)
                    m.op("InitializeTableV2", {"table_handle": handle, "keys": m.const([v.encode() for v in vocabulary], "str"), "values": m.const(list(range(len(vocabulary))), "i64")})
                    fed = m.feed(None, "str", data=np.array([w if isinstance(w, bytes) else w.encode() for w in words], object))
                    m.case(m.op("WordpieceTokenizeWithOffsets", {"input_values": fed, "vocab_lookup_table": handle}, True, suffix_indicator="##", max_bytes_per_word=15,
                                max_chars_per_token=characters, use_unknown_token=use, unknown_token="[UNK]", split_unknown_characters=split, output_row_partition_type=rows))
    m = FlexModel(F, "refused_wordpiece_table_unfilled")
    handle = m.op("HashTableV2", key_dtype=tf.string, value_dtype=tf.int64, shared_name="unfilled")
    m.refused("no table of strings that was filled", "WordpieceTokenizeWithOffsets", {"input_values": m.feed(None, "str", data=np.array([b"a"], object)), "vocab_lookup_table": handle},
              ("str", "i64", "i64", "i64"), suffix_indicator="##", max_bytes_per_word=15, use_unknown_token=True, unknown_token="[UNK]")


def old_whitespace():
    import os
    import tensorflow_text
    tf = tensorflow()
    return tf.load_op_library(os.path.join(os.path.dirname(tensorflow_text.__file__), "python", "ops", "_whitespace_tokenizer.so")).whitespace_tokenize_with_offsets

def cases():
    _, tft = load()
    splitting(tft)
    trimming()
    wordpiece()
    bert(tft)
    fast_sentencepiece()
    sentencepiece()
    ragged()
    normalizing()
    dividing()
    table_wordpiece()
