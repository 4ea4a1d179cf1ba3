"""Cases of the custom operators that LiteRT's language models add, and of its perception ones. LiteRT's interpreter has
none of them: what to expect is computed here, in float64."""
import numpy as np

from lib import case, flexbuffer, graph, model_case, node, tensor

FAMILY = "attention"


def attend(q, k, v, mask, scale):
    k, v = (np.repeat(x, q.shape[2] // x.shape[2], 2) for x in (k, v))
    scores = np.einsum("bsnh,btnh->bnst", q * scale, k) + mask
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    return np.einsum("bnst,btnh->bsnh", scores / scores.sum(-1, keepdims=True), v)


def attention(name, q, k, width=None, mask=(1, 1, 1, 1), scale=None):
    rng = np.random.default_rng(len(name))
    v = k[:3] + [width or k[3]]
    data = [rng.uniform(-1, 1, s).astype(np.float32) for s in (q, k, v)] + [np.where(rng.uniform(size=mask) < 0.3, -30, 0).astype(np.float32)]
    wanted = attend(*[d.astype(np.float64) for d in data], scale or q[3]**-0.5)
    case(FAMILY, name, "odml.scaled_dot_product_attention", inputs=[tensor(None, data=d) for d in data], outputs=[tensor(None)], expected=[wanted.astype(np.float32)],
         resolver=None, custom=flexbuffer({} if scale is None else {"scale": scale}), tolerance={"abs": 1e-5, "rel": 1e-5})


def external_cache():
    rng = np.random.default_rng(1)
    for name, places in (("plain", [2, 3, 4]), ("early_end", [5, 6, 0]), ("again", [1, 1, 7])):
        caches, slices = rng.uniform(-1, 1, [2, 1, 8, 2, 3]).astype(np.float32), rng.uniform(-1, 1, [2, 1, 3, 2, 3]).astype(np.float32)
        wanted = caches.copy()
        for i, place in enumerate(places):
            if i and place < places[i - 1]:
                break
            wanted[:, 0, place] = slices[:, 0, i]
        inputs = [tensor(None, data=caches[0]), tensor(None, data=caches[1]), tensor(None, "i32", data=places), tensor(None, data=slices[0]), tensor(None, data=slices[1])]
        case(FAMILY, f"external_cache_{name}", "odml.update_external_kv_cache", inputs=inputs, outputs=[tensor(None), tensor(None)], expected=list(wanted), resolver=None,
             custom=b"")
    for name, text, places, shape in (("place", "place 8 of 8", [8], [1, 1, 2, 3]), ("negative", "place -1 of 8", [-1], [1, 1, 2, 3]),
                                      ("shapes", "do not fit together", [0], [1, 1, 3, 3])):
        inputs = [tensor([1, 8, 2, 3]), tensor([1, 8, 2, 3]), tensor(None, "i32", data=places), tensor(shape), tensor(shape)]
        case(FAMILY, f"refused_external_cache_{name}", "odml.update_external_kv_cache", inputs=inputs, outputs=[tensor([1, 8, 2, 3]), tensor([1, 8, 2, 3])], resolver=None,
             custom=b"", refused=text)


def cache(name, steps, entries=4, refused=None):
    """Each step is (first place, entries added, layer); the outputs are the last step's."""
    rng = np.random.default_rng(len(name))
    inputs, nodes, layers = [], [], {}
    for first, count, layer in steps:
        added = rng.uniform(-1, 1, [2, count, 2, 3]).astype(np.float32)
        kept, start = layers.get(layer, (np.zeros([2, entries, 2, 3], np.float32), 0))
        shift = max(0, first + count - start - entries)
        kept = np.concatenate([kept[:, shift:], kept[:, entries - shift:]], 1) if shift else kept.copy()
        start += shift
        if refused is None:
            kept[:, first - start:first - start + count] = added
        layers[layer] = kept, start
        fed = [tensor(None, "i64", data=np.arange(first, first + count)), tensor(None, data=added[:1]), tensor(None, data=added[1:])]
        outputs = [tensor([1, entries, 2, 3]), tensor([1, entries, 2, 3])]
        nodes.append(node("odml.update_kv_cache", fed, outputs, custom=flexbuffer({"kv_cache_max": entries, "num_layers": 2, "layer_index": layer})))
        inputs += fed
    model_case(FAMILY, name, [graph(nodes, inputs, nodes[-1].outputs)], [kept[:1], kept[1:]], resolver=None, refused=refused)


def warp():
    for shape in ([1, 4, 5, 3], [2, 2, 2, 1]):
        rng = np.random.default_rng(shape[1])
        x, flow = rng.uniform(-1, 1, shape).astype(np.float32), rng.uniform(-3, 3, shape[:3] + [2]).astype(np.float32)
        wanted = np.zeros(shape)
        for b, y, c in np.ndindex(*shape[:3]):
            place = np.array([y, c]) - flow[b, y, c].astype(np.float64)
            low = np.clip(np.floor(place), 0, [shape[1] - 2, shape[2] - 2]).astype(int)
            dy, dx = np.clip(place - low, 0, 1)
            cell = x[b, low[0]:low[0] + 2, low[1]:low[1] + 2].astype(np.float64)
            rows = cell[:, 0] + dx * (cell[:, 1] - cell[:, 0])
            wanted[b, y, c] = rows[0] + dy * (rows[1] - rows[0])
        case(FAMILY, f"warp_{shape[1]}", "DenseImageWarp", inputs=[tensor(None, data=x), tensor(None, data=flow)], outputs=[tensor(None)],
             expected=[wanted.astype(np.float32)], resolver=None, custom=b"")
    case(FAMILY, "refused_warp", "DenseImageWarp", inputs=[tensor([1, 1, 5, 3]), tensor([1, 1, 5, 2])], outputs=[tensor([1, 1, 5, 3])], resolver=None, custom=b"",
         refused="2 by 2 pixels or more")


def table():
    for type, size, dtype in (("i8", 256, np.int8), ("i16", 513, np.int16)):
        rng = np.random.default_rng(size)
        info = np.iinfo(dtype)
        listed = rng.integers(info.min, info.max, size, endpoint=True).astype(dtype)
        x = np.concatenate([[info.min, info.max, 0, -1], rng.integers(info.min, info.max, 60, endpoint=True)])
        if type == "i8":
            wanted = listed[x + 128]
        else:
            low = listed[256 + (x >> 7)].astype(np.int64)
            wanted = low + (((listed[257 + (x >> 7)].astype(np.int64) - low) * (x & 127) + 64) >> 7)
        case(FAMILY, f"table_{type}", "Table", inputs=[tensor(None, type, data=x), tensor(None, type, data=listed, const=True)], outputs=[tensor(None, type)],
             expected=[wanted.astype(dtype)], resolver=None, custom=b"")
    case(FAMILY, "refused_table", "Table", inputs=[tensor([3], "i8"), tensor([255], "i8")], outputs=[tensor([3], "i8")], resolver=None, custom=b"",
         refused="the table must be a list of 256")


def programs():
    for name, text in (("edgetpu-custom-op", "before edgetpu_compiler"), ("ethos-u", "before vela")):
        case(FAMILY, f"refused_{name.replace('-', '_')}", name, inputs=[tensor([2], "u8")], outputs=[tensor([2], "u8")], resolver=None, custom=b"program", refused=text)


def cases():
    attention("heads", [2, 3, 4, 5], [2, 6, 4, 5], mask=(2, 1, 3, 6))
    attention("shared", [1, 3, 6, 4], [1, 5, 2, 4], mask=(1, 1, 3, 5))
    attention("one_key_head", [1, 3, 4, 4], [1, 5, 1, 4], mask=(1, 4, 1, 5))
    attention("scaled", [1, 2, 2, 4], [1, 3, 2, 4], width=7, scale=0.25)
    shapes = [tensor([1, 3, 4, 4]), tensor([1, 5, 3, 4]), tensor([1, 5, 3, 4]), tensor([1, 1, 1, 1])]
    case(FAMILY, "refused_heads", "odml.scaled_dot_product_attention", inputs=shapes, outputs=[tensor([1, 3, 4, 4])], resolver=None, custom=flexbuffer({}),
         refused="do not fit together")
    external_cache()
    cache("cache_first", [(0, 2, 0)])
    cache("cache_next", [(0, 2, 0), (2, 1, 0)])
    cache("cache_full", [(0, 3, 1), (3, 3, 1)])
    cache("cache_layers", [(0, 2, 0), (0, 3, 1), (2, 2, 0)])
    cache("cache_turned", [(0, 4, 0), (4, 4, 0)])
    cache("refused_cache_before", [(0, 4, 0), (4, 2, 0), (1, 1, 0)], refused="place 1 of a cache from 2 on")
    warp()
    table()
    programs()
