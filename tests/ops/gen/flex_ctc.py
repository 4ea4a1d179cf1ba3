"""Select-TF's decoders of CTC, and LiteRT's beam search, which is TensorFlow's with int32 results."""
import numpy as np

from lib import FlexModel, case, flex_case, flex_node, plain_options, tensor, tensorflow

F = "flex_ctc"
TOLERANCE = {"abs": 2e-5, "rel": 2e-5}


def decoded(name, op, type, shape, lengths, **attrs):
    inputs = {"inputs": tensor(shape, type, low=-3, high=3), "sequence_length": tensor(None, "i32", data=lengths)}
    flex_case(F, f"{name}_{type}", op, inputs, attrs, unknown=range(16), tolerance=TOLERANCE)


def litert(name, shape, lengths, **attrs):
    """The custom operator with its int32 outputs, as the converter writes it."""
    tf = tensorflow()
    logits = np.random.default_rng(len(name)).uniform(-3, 3, shape).astype(np.float32)
    paths = attrs["top_paths"]
    got = tf.raw_ops.CTCBeamSearchDecoder(inputs=logits, sequence_length=lengths, **attrs)
    flat = [t.numpy() for group in got[:3] for t in group] + [got[3].numpy()]
    flat = [x.astype(np.int32) for x in flat[:3 * paths]] + flat[3 * paths:]
    options = plain_options(flex_node("CTCBeamSearchDecoder", attrs, {"inputs": (tf.float32, shape), "sequence_length": (tf.int32, [shape[1]])})[0])
    outputs = [tensor([1] * x.ndim, "i32" if i < 3 * paths else "f32", signature=[-1] * x.ndim) for i, x in enumerate(flat)]
    case(F, name, "CTCBeamSearchDecoder", inputs=[tensor(None, data=logits), tensor(None, "i32", data=lengths)], outputs=outputs, expected=flat, resolver=None,
         custom=options, tolerance=TOLERANCE)


def refused(name, message, op, outputs, lengths=(3, 2), **attrs):
    m = FlexModel(F, "refused_" + name)
    m.refused(message, op, {"inputs": m.feed([4, 2, 3], "f32"), "sequence_length": m.feed(None, "i32", data=list(lengths))}, outputs, **attrs)


def cases():
    for type in ("f32", "f64"):
        for merge in (False, True):
            decoded(f"greedy_{merge:d}", "CTCGreedyDecoder", type, [9, 3, 4], [9, 5, 0], merge_repeated=merge)
            decoded(f"beam_{merge:d}", "CTCBeamSearchDecoder", type, [7, 3, 5], [7, 4, 3], beam_width=6, top_paths=2, merge_repeated=merge)
        decoded("greedy_blank", "CTCGreedyDecoder", type, [9, 2, 4], [9, 5], merge_repeated=True, blank_index=1)
        decoded("beam_narrow", "CTCBeamSearchDecoder", type, [8, 2, 4], [8, 6], beam_width=1, top_paths=1, merge_repeated=False)
        decoded("beam_wide", "CTCBeamSearchDecoder", type, [12, 2, 6], [12, 9], beam_width=100, top_paths=4, merge_repeated=False)
    decoded("beam_no_steps", "CTCBeamSearchDecoder", "f32", [3, 1, 4], [0], beam_width=3, top_paths=1, merge_repeated=False)
    litert("litert", [10, 2, 5], [10, 6], beam_width=8, top_paths=3, merge_repeated=False)
    refused("length", "batch 0 has 5 of 4 steps", "CTCGreedyDecoder", ["i64", "i64", "i64", "f32"], (5, 2))
    refused("paths", "paths, 4 are asked for", "CTCBeamSearchDecoder", ["i64"] * 12 + ["f32"], (0, 1), beam_width=4, top_paths=4)
