"""Models as TensorFlow's converter writes them when it leaves variables, tables, random numbers and lists of tensors to
Select-TF operators. The expected outputs are what the function gives in TensorFlow."""
import os
import tempfile

import numpy as np

import lib
from lib import tensorflow

F = "flex_converted"


def plain(sub, name):
    """Takes from a graph what differs from one time to the next: names, and the order of attributes."""
    from flatbuffers import flexbuffers
    sub.name = name
    for t, made in enumerate(sub.tensors):
        made.name = f"t{t}"
    for o in sub.operators:
        if o.customOptions is None:
            continue
        n = tensorflow().compat.v1.NodeDef.FromString(flexbuffers.GetRoot(bytes(bytearray(o.customOptions))).AsVector[1].AsStringBytes)
        n.name = ""
        if n.attr["shared_name"].s.startswith(b"hash_table_"):
            n.attr["shared_name"].s = b"hash_table_" + n.attr["value_dtype"].SerializeToString(deterministic=True)
        elif not n.attr["shared_name"].s:
            del n.attr["shared_name"]
        o.customOptions = list(lib.flex_options(n))


def converted(name, module, inputs, invocations=1):
    """A case of the model that the converter makes of `module.run`."""
    tf = tensorflow()
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=module.run)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
        converter.experimental_enable_resource_variables = True
        converter._experimental_lower_tensor_list_ops = False
        content = converter.convert()
    model = lib.S.ModelT.InitFromPackedBuf(content, 0)
    main, names = model.subgraphs[0], model.signatureDefs[0]
    fed = [next(inputs[n.name.decode()] for n in names.inputs if n.tensorIndex == t) for t in main.inputs]
    for _ in range(invocations):
        got = module.run(**{k: tf.constant(v) for k, v in inputs.items()})
    expected = [next(got[n.name.decode()].numpy() for n in names.outputs if n.tensorIndex == t) for t in main.outputs]
    for g, sub in enumerate(model.subgraphs):
        plain(sub, f"graph{g}")
    model.signatureDefs, model.metadata, buffers = None, [], []
    for b in model.buffers:
        buffers.append(lib.AlignedBuffer())
        buffers[-1].data = None if b.data is None else bytes(bytearray(b.data))

    def hold(key, data):
        m = lib.S.MetadataT()
        m.name, m.buffer = key, len(buffers)
        model.metadata.append(m)
        buffers.append(lib.AlignedBuffer())
        buffers[-1].data = data

    def type_of(value):
        return "string" if value.dtype == object else value.dtype.name

    hold("case.info", lib.info_text(None, invocations, "given", 0).encode())
    for i, value in enumerate(fed):
        hold(f"case.in.{i}", lib.stored_bytes(value, type_of(value)))
        hold(f"case.in.{i}.shape", np.array(value.shape, "<i4").tobytes())
    for i, value in enumerate(expected):
        hold(f"case.out.{i}", lib.stored_bytes(value, type_of(value)))
        hold(f"case.out.{i}.shape", np.array(value.shape, "<i4").tobytes())
    model.buffers = buffers
    builder = lib.flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path = os.path.normpath(os.path.join(lib.CASES, F, name + ".tflite"))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(bytes(builder.Output()))
    lib.written.append(path)


def modules(tf):
    spec = tf.TensorSpec

    class Tables(tf.Module):
        def __init__(self):
            def fixed(keys, values, default):
                return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(tf.constant(*keys), tf.constant(values)), default)
            self.a, self.b = fixed(([1, 5, 9], tf.int64), [0.5, 0.25, 2.0], -1.0), fixed(([1, 5, 9],), [10, 20, 30], -7)
            self.c = tf.lookup.experimental.MutableHashTable(tf.int64, tf.float32, -1.0)

        @tf.function(input_signature=[spec([4], tf.int64, "k"), spec([4], tf.float32, "v")])
        def run(self, k, v):
            self.c.insert(k, v)
            self.c.remove(k[:1])
            return {"a": self.a.lookup(k), "b": self.b.lookup(tf.cast(k, tf.int32)), "c": self.c.lookup(k), "n": self.a.size() + self.c.size()}

    class Variables(tf.Module):
        def __init__(self):
            self.v, self.g = tf.Variable(tf.zeros([4, 3])), tf.random.Generator.from_seed(7)

        @tf.function(input_signature=[spec([2, 3], tf.float32, "x")])
        def run(self, x):
            self.v[1:3].assign(x)
            self.v.scatter_nd_add([[0], [3]], x)
            return {"v": self.v.read_value() * 1.0, "r": self.g.normal([5]), "u": self.g.uniform([3])}

    class Scan(tf.Module):
        @tf.function(input_signature=[spec([None, 3], tf.float32, "x")])
        def run(self, x):
            kept, state = tf.TensorArray(tf.float32, size=0, dynamic_size=True), tf.zeros([3])
            for i in tf.range(tf.shape(x)[0]):
                state = state * 0.5 + x[i]
                kept = kept.write(i, tf.tanh(state))
            return {"y": kept.stack()}

    class Gradient(tf.Module):
        """The loop backward pops what the loop forward pushed."""
        @tf.function(input_signature=[spec([None, 3], tf.float32, "x")])
        def run(self, x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                state = tf.zeros([3])
                for i in tf.range(tf.shape(x)[0]):
                    state = tf.tanh(state * 0.5 + x[i])
                loss = tf.reduce_sum(state * state)
            return {"g": tape.gradient(loss, x)}

    return Tables, Variables, Scan, Gradient


def cases():
    tf = tensorflow()
    tables, variables, scan, gradient = modules(tf)
    rng = np.random.default_rng(3)
    rows = rng.uniform(-1, 1, (6, 3)).astype(np.float32)
    converted("tables", tables(), {"k": np.array([5, 2, 9, 1], np.int64), "v": np.float32([1, 2, 3, 4])}, invocations=2)
    converted("variables", variables(), {"x": rows[:2]}, invocations=3)
    converted("scan", scan(), {"x": rows})
    converted("gradient_of_a_loop", gradient(), {"x": rows})
