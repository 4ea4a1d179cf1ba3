"""CONCAT_EMBEDDINGS, for which LiteRT registers no kernel: src/ops/concat_embeddings.c says what it is taken to be."""
from lib import case, tensor

import numpy as np

F = "concat_embeddings"


def concat(name, batches, channels, type="f32", dims=True):
    """channels: (columns, rows, width) of each."""
    rng = np.random.default_rng(len(name) + batches)
    ids = np.concatenate([rng.integers(0, rows, [batches, columns]) for columns, rows, _ in channels], axis=1)
    tables = [rng.integers(-100, 100, [rows, width]) for _, rows, width in channels]
    places = np.cumsum([0] + [columns for columns, _, _ in channels])
    parts = [table[ids[:, a:b]].reshape(batches, -1) for table, a, b in zip(tables, places, places[1:])]
    case(F, name, "CONCAT_EMBEDDINGS",
         {"numChannels": len(channels), "numColumnsPerChannel": [c[0] for c in channels],
          "embeddingDimPerChannel": [c[2] for c in channels] if dims else []},
         [tensor(None, "i32", data=ids)] + [tensor(None, type, data=t, const=i % 2 == 0) for i, t in enumerate(tables)],
         [tensor(None, type)], expected=[tensor(None, type, data=np.concatenate(parts, axis=1)).data], resolver=None)


def cases():
    concat("one_channel", 2, [(1, 4, 3)])
    concat("channels", 3, [(2, 4, 3), (1, 6, 5), (3, 2, 1)])
    concat("without_widths", 2, [(2, 4, 3), (1, 6, 5)], dims=False)
    concat("a_channel_without_columns", 2, [(0, 4, 3), (2, 6, 5)])
    for type in ("i8", "u8", "i16", "i32", "f16", "bf16", "f64", "u16", "u32", "i64", "u64", "bool", "c64", "c128"):
        concat(f"channels_{type}", 2, [(2, 4, 3), (1, 6, 5)], type)
