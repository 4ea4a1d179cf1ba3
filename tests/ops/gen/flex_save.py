"""Select-TF operators that write and read checkpoints. What TensorFlow itself writes and reads is in checkpoint_test.c."""
import numpy as np

from lib import flex_case, flex_node, flex_options, graph, model_case, node, tensor, tensorflow

F = "flex_save"
VALUES = {
    "f32": np.float32([[1, 2, 3], [4, 5, 6]]), "f64": np.float64([1.5, -2]), "i32": np.int32([-1, 7, 70000]),
    "i64": np.int64(-5), "bool": np.array([True, False]), "str": np.array([b"ab", b"", b"xyz"], object),
    "f16": np.float16([1, -2]), "u8": np.uint8([1, 255]), "c64": np.complex64([1 + 2j]), "i8": np.int8([-3]),
    "i16": np.int16([-300]), "u16": np.uint16([65535]),
}
LATER = {"u32": np.uint32([4000000000]), "u64": np.uint64([2**63])}
PATH = "linnet_case"


def text(value, const=True):
    value = np.array(value, object)
    return tensor(list(value.shape), "str", data=value, const=const)


def flex(op, inputs, outputs, **attrs):
    """A node of the operator; `inputs` by TensorFlow's argument names."""
    tf = tensorflow()

    def spec(t):
        return [spec(i) for i in t] if isinstance(t, list) else (tf.as_dtype(t.type), t.shape)

    n, order = flex_node(op, attrs, {k: spec(t) for k, t in inputs.items()})
    flat = [inputs[k][i] if isinstance(inputs[k], list) else inputs[k] for k, i in order]
    return node("Flex" + op, flat, outputs, custom=flex_options(n))


def restored(values):
    """Tensors for what a file holds: the graph does not say of which shape."""
    return [tensor([1] * v.ndim, t, signature=[-1] * v.ndim if v.ndim else None) for t, v in values.items()]


def dtype(type):
    tf = tensorflow()
    return {"f32": tf.float32, "f64": tf.float64, "str": tf.string, "bool": tf.bool, "f16": tf.float16, "c64": tf.complex64,
            "i8": tf.int8, "u8": tf.uint8, "i16": tf.int16, "u16": tf.uint16, "i32": tf.int32, "i64": tf.int64,
            "u32": tf.uint32, "u64": tf.uint64}[type]


def v1(name, save, restore):
    path = text(PATH + ".v1", const=False)
    data, out = [tensor(list(v.shape), t, data=v) for t, v in VALUES.items()], restored(VALUES)
    slices = {"shapes_and_slices": text([""] * len(VALUES))} if save == "SaveSlices" else {}
    nodes = [flex(save, {"filename": path, "tensor_names": text(list(VALUES)), **slices, "data": data}, [])]
    for type, o in zip(VALUES, out):
        spec = {"shape_and_slice": text("")} if restore == "RestoreSlice" else {}
        nodes.append(flex(restore, {"file_pattern": path, "tensor_name": text(type), **spec}, [o], dt=dtype(type)))
    model_case(F, name, [graph(nodes, [path] + data, out)], expected=list(VALUES.values()), resolver=None, invocations=2)


def v2(name, merge=False):
    values = dict(VALUES, **LATER)
    path, types = text(PATH, const=False), list(values)
    data, out = [tensor(list(v.shape), t, data=v) for t, v in values.items()], restored(values)
    nodes, inputs, parts = [], [path] + data, [(path, types)]
    if merge:
        basename = text(PATH + ".part", const=False)
        prefixes = text([PATH + ".part-%05d-of-00002" % i for i in (0, 1)], const=False)
        numbers = [tensor(None, "i32", data=i, const=True) for i in (0, 1, 2)]
        names = [tensor([], "str"), tensor([], "str")]
        parts = [(names[0], types[:5]), (names[1], types[5:])]
        nodes = [flex("ShardedFilename", {"basename": basename, "shard": numbers[i], "num_shards": numbers[2]}, [names[i]])
                 for i in (0, 1)]
        inputs = [path, basename, prefixes] + data
    for prefix, held in parts:
        nodes.append(flex("SaveV2", {"prefix": prefix, "tensor_names": text(held), "shape_and_slices": text([""] * len(held)),
                                     "tensors": [data[types.index(t)] for t in held]}, []))
    if merge:
        nodes.append(flex("MergeV2Checkpoints", {"checkpoint_prefixes": prefixes, "destination_prefix": path}, [],
                          delete_old_dirs=False))
    nodes.append(flex("RestoreV2", {"prefix": path, "tensor_names": text(types), "shape_and_slices": text([""] * len(types))},
                      out, dtypes=[dtype(t) for t in types]))
    model_case(F, name, [graph(nodes, inputs, out)], expected=list(values.values()), resolver=None, invocations=2)


def slice_of(name, op, value, spec, expected):
    path, data = text(PATH + ".slice", const=False), tensor(list(value.shape), "f32", data=value)
    out = tensor([1] * expected.ndim, "f32", signature=[-1] * expected.ndim)
    save = flex("SaveV2", {"prefix": path, "tensor_names": text(["a"]), "shape_and_slices": text([""]), "tensors": [data]}, [])
    if op == "RestoreSlice":
        restore = flex(op, {"file_pattern": path, "tensor_name": text("a"), "shape_and_slice": text(spec)}, [out], dt=dtype("f32"))
    else:
        restore = flex(op, {"prefix": path, "tensor_names": text(["a"]), "shape_and_slices": text([spec])}, [out],
                       dtypes=[dtype("f32")])
    model_case(F, name, [graph([save, restore], [path, data], [out])], expected=[expected], resolver=None)


def parts(name, save, merge=False):
    """A tensor saved in two parts, by one operator or in two bundles that are merged; rows from both are restored."""
    value = np.arange(60, dtype=np.float32).reshape(6, 10)
    path = text(PATH + ".parts", const=False)
    held = [(value[:4], "6 10 0,4:-"), (value[4:], "6 10 4,2:0,10")]
    data = [tensor(list(v.shape), "f32", data=v) for v, _ in held]
    out, inputs = tensor([1, 1], "f32", signature=[-1, -1]), [path]
    file = "prefix" if save == "SaveV2" else "filename"
    specs = "shape_and_slices" if save == "SaveV2" else "shapes_and_slices"
    tensors = "tensors" if save == "SaveV2" else "data"
    if merge:
        prefixes = text([PATH + ".parts-a", PATH + ".parts-b"], const=False)
        ends = [text(PATH + ".parts-" + end, const=False) for end in "ab"]
        nodes = [flex(save, {file: end, "tensor_names": text(["a"]), specs: text([spec]), tensors: [d]}, [])
                 for end, d, (_, spec) in zip(ends, data, held)]
        nodes.append(flex("MergeV2Checkpoints", {"checkpoint_prefixes": prefixes, "destination_prefix": path}, [],
                          delete_old_dirs=False))
        inputs += [prefixes] + ends
    else:
        nodes = [flex(save, {file: path, "tensor_names": text(["a", "a"]), specs: text([spec for _, spec in held]),
                             tensors: data}, [])]
    if save == "SaveV2":
        nodes.append(flex("RestoreV2", {"prefix": path, "tensor_names": text(["a"]),
                                        "shape_and_slices": text(["6 10 3,3:2,5"])}, [out], dtypes=[dtype("f32")]))
    else:
        nodes.append(flex("RestoreSlice", {"file_pattern": path, "tensor_name": text("a"),
                                           "shape_and_slice": text("6 10 3,3:2,5")}, [out], dt=dtype("f32")))
    model_case(F, name, [graph(nodes, inputs + data, [out])], expected=[value[3:, 2:7]], resolver=None, invocations=2)


def cases():
    parts("save_parts", "SaveSlices")
    parts("save_v2_parts", "SaveV2")
    parts("merge_v2_parts", "SaveV2", merge=True)
    v1("save_restore", "Save", "Restore")
    v1("save_slices_restore_slice", "SaveSlices", "RestoreSlice")
    v2("save_restore_v2")
    v2("merge_v2", merge=True)
    value = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    slice_of("restore_v2_slice", "RestoreV2", value, "3 4 5 1,2:-:2,1", value[1:3, :, 2:3])
    slice_of("restore_slice", "RestoreSlice", value, "3 4 5 0,1:3,1:0,5", value[:1, 3:4])
    for type in ("const", "fed"):
        number = dict(const=type == "const")
        flex_case(F, f"sharded_filename_{type}", "ShardedFilename",
                  {"basename": tensor(None, "str", data=np.array(b"dir/name", object)),
                   "shard": tensor(None, "i32", data=3, **number), "num_shards": tensor(None, "i32", data=123456, **number)},
                  outputs=["string"])
    flex_case(F, "sharded_filespec", "ShardedFilespec",
              {"basename": tensor(None, "str", data=np.array(b"dir/name", object)), "num_shards": tensor(None, "i32", data=12)},
              outputs=["string"])
