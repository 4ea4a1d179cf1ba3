"""Writes the test cases of operators: small .tflite models that carry their inputs and the outputs to expect.

Needs numpy, flatbuffers and ai-edge-litert (development only; the files are committed). A family's file looks like

    from lib import case, tensor

    def cases():
        case("unary", "abs_f32", "ABS", inputs=[tensor([2, 3], "float32")], outputs=[tensor(None, "float32")])

and `python3 tests/ops/gen/all.py unary` writes tests/ops/cases/unary/abs_f32.tflite. Where a tensor without data is
an input of the graph it gets seeded random values; the outputs come from LiteRT's reference kernels (resolver "ref"),
its optimized ones ("opt"), or from `expected` (resolver None). In the file they are metadata of the model:
    case.in.N           bytes of the graph's N-th input, as ln_session_set_input takes them
    case.in.N.shape     int32 dimensions, for an input that is resized before the run
    case.out.N          bytes of the N-th output after the last invocation
    case.out.N.shape    int32 dimensions
    case.info           lines of key=value: abs, rel (float tolerance: abs + rel * max|want|), a type's name (both, for
                        outputs of that type), invocations, oracle, seed; refused=TEXT for a case that must fail with a
                        message that holds the text; its name begins with "refused"
Generating twice gives the same bytes.
"""
import os
import re
import sys
import zlib

import flatbuffers
import ml_dtypes
import numpy as np
from ai_edge_litert import schema_py_generated as S
from ai_edge_litert.interpreter import Interpreter, OpResolverType

CASES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cases")
RESOLVERS = {"ref": OpResolverType.BUILTIN_REF, "opt": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES}

DTYPES = {
    "float32": np.float32, "float16": np.float16, "float64": np.float64, "bfloat16": ml_dtypes.bfloat16,
    "int8": np.int8, "uint8": np.uint8, "int16": np.int16, "uint16": np.uint16, "int32": np.int32,
    "uint32": np.uint32, "int64": np.int64, "uint64": np.uint64, "bool": np.bool_, "complex64": np.complex64,
    "complex128": np.complex128, "int4": np.int8, "int2": np.int8, "uint4": np.uint8, "string": object,
    "resource": np.uint8, "variant": np.uint8, "float8_e4m3fn": ml_dtypes.float8_e4m3fn,
    "float8_e5m2": ml_dtypes.float8_e5m2,
}
BITS = {"int4": 4, "int2": 2, "uint4": 4}
SHORT = {"f32": "float32", "f16": "float16", "f64": "float64", "bf16": "bfloat16", "i8": "int8", "u8": "uint8",
         "i16": "int16", "u16": "uint16", "i32": "int32", "u32": "uint32", "i64": "int64", "u64": "uint64",
         "i4": "int4", "i2": "int2", "u4": "uint4", "str": "string", "c64": "complex64", "c128": "complex128",
         "f8e4m3": "float8_e4m3fn", "f8e5m2": "float8_e5m2"}

# Operators whose options table is not named after them.
OPTION_TABLES = {
    "AVERAGE_POOL_2D": "Pool2DOptions", "MAX_POOL_2D": "Pool2DOptions", "L2_POOL_2D": "Pool2DOptions",
    "L2_NORMALIZATION": "L2NormOptions", "MAXIMUM": "MaximumMinimumOptions", "MINIMUM": "MaximumMinimumOptions",
    "SUM": "ReducerOptions", "MEAN": "ReducerOptions", "REDUCE_MAX": "ReducerOptions", "REDUCE_MIN": "ReducerOptions",
    "REDUCE_PROD": "ReducerOptions", "REDUCE_ANY": "ReducerOptions", "REDUCE_ALL": "ReducerOptions",
    "UNIDIRECTIONAL_SEQUENCE_RNN": "SequenceRNNOptions", "RANDOM_UNIFORM": "RandomOptions",
    "RANDOM_STANDARD_NORMAL": "RandomOptions", "MULTINOMIAL": "RandomOptions",
}


class Tensor:
    def __init__(self, **fields):
        self.__dict__.update(fields)


def tensor(shape, type="float32", scale=None, zero_point=0, data=None, const=False, per_axis=None, variable=False,
           low=None, high=None, name=None, signature=None, sparsity=None, blockwise=None, resize=None, raw=None):
    """A tensor of a case. The same object stands for the same tensor of the graph.

    shape      list of dimensions; None for an output: as the oracle has it
    per_axis   (axis, scales, zero points or None)
    low, high  range of random values, both ends included for integers
    signature  shape_signature, -1 for unknown dimensions
    sparsity   S.SparsityParametersT; `raw` then holds the stored bytes
    blockwise  (tensor of scales, block size)
    resize     the shape this graph input is given before the run; data has this shape then
    const      `data` (or random values) stands in the model
    """
    type = SHORT.get(type, type)
    if data is not None and type != "string":
        data = np.asarray(data, DTYPES[type])
    if data is not None and type == "string":
        data = np.asarray(data, object)
    if shape is None and data is not None:
        shape = list(data.shape)
    return Tensor(shape=None if shape is None else [int(d) for d in shape], type=type, scale=scale,
                  zero_point=zero_point, data=data, const=const, per_axis=per_axis, variable=variable, low=low,
                  high=high, name=name, signature=signature, sparsity=sparsity, blockwise=blockwise, resize=resize,
                  raw=raw)


def node(op, inputs, outputs, options=None, custom=None, intermediates=(), options_table=None, version=None):
    """An operator: a builtin's name, or a custom operator's name with `custom` its options (bytes)."""
    return Tensor(op=op, inputs=inputs, outputs=outputs, options=options or {}, custom=custom,
                  intermediates=list(intermediates), options_table=options_table, version=version)


def graph(nodes, inputs, outputs, name="main"):
    return Tensor(nodes=nodes, inputs=inputs, outputs=outputs, name=name)


def random_data(t, rng):
    shape, dtype = t.resize if t.resize is not None else t.shape, DTYPES[t.type]
    if t.type == "string":
        return np.array([b"s%d" % i for i in range(int(np.prod(shape)))], object).reshape(shape)
    if t.type == "bool":
        return rng.integers(0, 2, shape).astype(np.bool_)
    if t.type in ("complex64", "complex128"):
        return (rng.uniform(-2, 2, shape) + 1j * rng.uniform(-2, 2, shape)).astype(dtype)
    if t.type in ("float32", "float16", "float64", "bfloat16"):
        low, high = -2.0 if t.low is None else t.low, 2.0 if t.high is None else t.high
        return rng.uniform(low, high, shape).astype(dtype)
    if t.type in BITS:
        bits = BITS[t.type]
        low, high = (0, 2**bits - 1) if t.type[0] == "u" else (-2**(bits - 1), 2**(bits - 1) - 1)
    elif np.dtype(dtype).itemsize <= 2:
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    else:
        low, high = (0 if t.type[0] == "u" else -1000), 1000
    low, high = low if t.low is None else t.low, high if t.high is None else t.high
    return rng.integers(low, high, shape, dtype=np.int64, endpoint=True).astype(dtype)


def stored_bytes(data, type):
    """The bytes of a tensor as a .tflite file or a session holds them."""
    if type == "string":
        texts = [s.encode() if isinstance(s, str) else bytes(s) for s in np.ravel(data)]
        ends = np.cumsum([0] + [len(s) for s in texts]) + 4 * (len(texts) + 2)
        return np.array([len(texts)] + list(ends), "<i4").tobytes() + b"".join(texts)
    if type in BITS:
        bits, per = BITS[type], 8 // BITS[type]
        flat = np.ravel(data).astype(np.int64) & (2**bits - 1)
        flat = np.concatenate([flat, np.zeros(-len(flat) % per, np.int64)]).reshape(-1, per)
        return sum(flat[:, i] << (bits * i) for i in range(per)).astype(np.uint8).tobytes()
    data = np.ascontiguousarray(data)
    return data.astype(data.dtype.newbyteorder("<")).tobytes() if data.dtype.kind != "V" else data.tobytes()


def sparse_indices(values, kind):
    table = getattr(S, kind + "VectorT")()
    table.values = list(values)
    return getattr(S.SparseIndexVector, kind + "Vector"), table


def encode_sparse(dense, order, block_map, blocks, formats, kind):
    """A dense array in TFLite's sparse encoding: (parameters, stored values).

    order    the traversal
    formats  "d" or "s" for each level
    """
    rank = dense.ndim
    shape = list(dense.shape)
    for b, dim in enumerate(block_map):
        shape[dim] //= blocks[b]
    extents = [shape[d] if d < rank else blocks[d - rank] for d in order]

    def place(index):
        at = [0] * rank
        for level, d in enumerate(order):
            if d < rank:
                at[d] += index[level] * (blocks[block_map.index(d)] if d in block_map else 1)
            else:
                at[block_map[d - rank]] += index[level]
        return tuple(at)

    def nonzero(prefix):
        tail = extents[len(prefix):]
        return any(dense[place(list(prefix) + list(rest))] != 0 for rest in np.ndindex(*tail))

    params, metadata, prefixes = S.SparsityParametersT(), [], [()]
    for level, extent in enumerate(extents):
        m = S.DimensionMetadataT()
        m.format = S.DimensionType.DENSE if formats[level] == "d" else S.DimensionType.SPARSE_CSR
        segments, indices, below = [0], [], []
        for prefix in prefixes:
            kept = [i for i in range(extent) if formats[level] == "d" or nonzero(prefix + (i,))]
            indices += kept
            segments.append(len(indices))
            below += [prefix + (i,) for i in kept]
        if formats[level] == "d":
            m.denseSize = extent
        else:
            m.arraySegmentsType, m.arraySegments = sparse_indices(segments, kind)
            m.arrayIndicesType, m.arrayIndices = sparse_indices(indices, kind)
        metadata.append(m)
        prefixes = below
    params.traversalOrder, params.blockMap, params.dimMetadata = list(order), list(block_map), metadata
    return params, np.array([dense[place(p)] for p in prefixes], dense.dtype)


class AlignedBuffer(S.BufferT):
    """The generated class packs bytes without the schema's force_align of 16."""

    def Pack(self, builder):
        vector = None
        if self.data is not None:
            builder.StartVector(1, len(self.data), 16)
            builder.head -= len(self.data)
            builder.Bytes[builder.head:builder.head + len(self.data)] = self.data
            vector = builder.EndVector()
        S.BufferStart(builder)
        if vector is not None:
            S.BufferAddData(builder, vector)
        return S.BufferEnd(builder)


def option_value(table, key, value):
    if not isinstance(value, str):
        return value
    if key == "padding":
        return getattr(S.Padding, value)
    if key == "fusedActivationFunction":
        return getattr(S.ActivationFunctionType, value)
    if key == "mode":
        return getattr(S.MirrorPadMode, value)
    if key == "weightsFormat":
        return getattr(S.FullyConnectedOptionsWeightsFormat, value)
    if key == "kernelType":
        return getattr(S.LSTMKernelType, value)
    if key == "combiner":
        return getattr(S.CombinerType, value)
    type = SHORT.get(value, value).upper()
    if hasattr(S.TensorType, type):
        return getattr(S.TensorType, type)
    return value.encode()


def builtin_options(n):
    """(slot, tag, object): slot 1 or 2 for builtin_options or builtin_options_2; tag 0 for none."""
    wanted = n.options_table or OPTION_TABLES.get(n.op) or n.op.replace("_", "") + "OPTIONS"
    for slot, union in ((1, S.BuiltinOptions), (2, S.BuiltinOptions2)):
        for name, tag in vars(union).items():
            if not name.startswith("_") and name.lower() == wanted.lower() and name != "NONE":
                table = getattr(S, name + "T")()
                for key, value in n.options.items():
                    if key not in vars(table):
                        raise KeyError(f"{name} has no field {key}; it has {sorted(vars(table))}")
                    setattr(table, key, option_value(name, key, value))
                return slot, tag, table
    if n.options:
        raise KeyError(f"no options table {wanted}")
    return 1, 0, None


def quantization(t, index_of):
    q = S.QuantizationParametersT()
    if t.blockwise:
        q.detailsType = S.QuantizationDetails.BlockwiseQuantization
        q.details = S.BlockwiseQuantizationT()
        q.details.scales, q.details.blockSize = index_of(t.blockwise[0]), t.blockwise[1]
        q.details.zeroPoints = -1
    elif t.per_axis:
        axis, scales, zeros = t.per_axis
        q.scale = [float(s) for s in scales]
        q.zeroPoint = [int(z) for z in (zeros if zeros is not None else [0] * len(scales))]
        q.quantizedDimension = axis
    elif t.scale is not None:
        q.scale, q.zeroPoint = [float(t.scale)], [int(t.zero_point)]
    else:
        return None
    return q


class Builder:
    """Turns graphs into the bytes of a model."""

    def __init__(self, metadata):
        self.model = S.ModelT()
        self.model.version = 3
        self.model.operatorCodes, self.model.subgraphs, self.model.metadata = [], [], []
        self.model.buffers = [AlignedBuffer()]
        self.codes = {}
        for name in metadata:
            m = S.MetadataT()
            m.name, m.buffer = name, self.buffer(metadata[name])
            self.model.metadata.append(m)

    def buffer(self, data):
        b = AlignedBuffer()
        b.data = data
        self.model.buffers.append(b)
        return len(self.model.buffers) - 1

    def code(self, n, version):
        custom = n.custom is not None
        key = (n.op, version)
        if key not in self.codes:
            c = S.OperatorCodeT()
            value = S.BuiltinOperator.CUSTOM if custom else getattr(S.BuiltinOperator, n.op)
            c.builtinCode, c.deprecatedBuiltinCode = value, min(value, 127)
            c.customCode, c.version = n.op if custom else None, version
            self.codes[key] = len(self.model.operatorCodes)
            self.model.operatorCodes.append(c)
        return self.codes[key]

    def add(self, g, version):
        sub, tensors = S.SubGraphT(), []
        sub.name, sub.tensors, sub.operators = g.name, [], []

        def index_of(t):
            if t is None:
                return -1
            for i, known in enumerate(tensors):
                if known is t:
                    return i
            out = S.TensorT()
            tensors.append(t)
            sub.tensors.append(out)
            index = len(tensors) - 1
            out.name = t.name or f"t{index}"
            out.shape = t.shape if t.shape is not None else []
            out.shapeSignature = t.signature
            out.type = getattr(S.TensorType, t.type.upper())
            out.isVariable, out.hasRank, out.sparsity = t.variable, bool(out.shape), t.sparsity
            out.buffer = self.buffer(t.raw if t.raw is not None else stored_bytes(t.data, t.type)) if t.const else 0
            out.quantization = quantization(t, index_of)
            return index

        sub.inputs = [index_of(t) for t in g.inputs]
        for n in g.nodes:
            o = S.OperatorT()
            o.opcodeIndex = self.code(n, n.version or version)
            o.inputs, o.outputs = [index_of(t) for t in n.inputs], [index_of(t) for t in n.outputs]
            if n.intermediates:
                o.intermediates = [index_of(t) for t in n.intermediates]
            if n.custom is not None:
                o.customOptions = list(n.custom)
            else:
                slot, tag, table = builtin_options(n)
                if slot == 1:
                    o.builtinOptionsType, o.builtinOptions = tag, table
                else:
                    o.builtinOptions2Type, o.builtinOptions2 = tag, table
            sub.operators.append(o)
        sub.outputs = [index_of(t) for t in g.outputs]
        self.model.subgraphs.append(sub)

    def bytes(self):
        b = flatbuffers.Builder(1024)
        b.Finish(self.model.Pack(b), b"TFL3")
        return bytes(b.Output())


def build(graphs, metadata, version):
    builder = Builder(metadata)
    for g in graphs:
        builder.add(g, version)
    return builder.bytes()


def run_oracle(content, main, resolver, invocations):
    """[(array, shape)...] of the outputs; raises when LiteRT refuses the model."""
    it = Interpreter(model_content=content, experimental_op_resolver_type=RESOLVERS[resolver], num_threads=1)
    details = it.get_input_details()
    for d, t in zip(details, main.inputs):
        if t.resize is not None:
            it.resize_tensor_input(d["index"], t.resize, strict=False)
    it.allocate_tensors()
    for _ in range(invocations):
        for d, t in zip(details, main.inputs):
            it.set_tensor(d["index"], t.data)
        it.invoke()
    return [it.get_tensor(d["index"]) for d in it.get_output_details()]


def oracle_outputs(graphs, resolver, invocations):
    """Tries operator versions upward until LiteRT takes one; returns it with the outputs."""
    error = None
    for version in range(1, 16):
        content = build(graphs, {}, version)
        try:
            return version, run_oracle(content, graphs[0], resolver, invocations)
        except (ValueError, RuntimeError) as e:
            if error is None or "find op for builtin" not in str(e):
                error = e
            if not re.search("find op for builtin|version", str(e)):
                break
    raise RuntimeError(f"LiteRT refuses: {error}")


def info_text(tolerance, invocations, oracle, seed, refused=None):
    """`tolerance` holds abs, rel, and types by name: a number that is both for outputs of that type."""
    tolerance = {"abs": 1e-6, "rel": 1e-5} | (tolerance or {})
    more = [("invocations", invocations), ("oracle", oracle), ("seed", seed)] + ([("refused", refused)] if refused else [])
    return "".join([f"{k}={v:g}\n" for k, v in tolerance.items()] + [f"{k}={v}\n" for k, v in more])


written = []  # paths of this run, in order: all.py reports and prunes by them


def model_case(family, name, graphs, expected=None, tolerance=None, resolver="ref", seed=None, invocations=1, refused=None):
    """A case of any graph: graphs[0] is run, the others are what IF, WHILE, CALL and so on refer to."""
    if (refused is not None) != name.startswith("refused"):
        raise ValueError(f"{family}/{name}: cases that are refused are named so")
    seed = zlib.crc32(f"{family}/{name}".encode()) if seed is None else seed
    rng = np.random.default_rng(seed)
    for g in graphs:
        for t in list(g.inputs) + [t for n in g.nodes for t in n.inputs]:
            needed = t is not None and (t.const or t in graphs[0].inputs)
            if needed and t.data is None and t.raw is None:
                t.data = random_data(t, rng)
    main, version = graphs[0], 1
    if resolver is not None:
        version, expected = oracle_outputs(graphs, resolver, invocations)
    expected = [np.asarray(e) for e in expected or []]
    metadata = {"case.info": info_text(tolerance, invocations, resolver or "given", seed, refused).encode()}
    for i, t in enumerate(main.inputs):
        metadata[f"case.in.{i}"] = stored_bytes(t.data, t.type)
        if t.resize is not None:
            metadata[f"case.in.{i}.shape"] = np.array(t.resize, "<i4").tobytes()
    for i, (t, e) in enumerate(zip(main.outputs, [] if refused else expected, strict=not refused)):
        if t.shape is None:
            t.shape = list(e.shape)
        metadata[f"case.out.{i}"] = stored_bytes(e, t.type)
        metadata[f"case.out.{i}.shape"] = np.array(e.shape, "<i4").tobytes()
    path = os.path.normpath(os.path.join(CASES, family, name + ".tflite"))
    if path in written:
        raise ValueError(f"two cases are named {family}/{name}")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(build(graphs, metadata, version))
    written.append(path)


def case(family, name, op, options=None, inputs=(), outputs=(), custom=None, intermediates=(), expected=None,
         tolerance=None, resolver="ref", seed=None, invocations=1, options_table=None, version=None, refused=None):
    """A case of one operator. inputs may hold None (an absent optional input); constants and variables among them
    are no inputs of the graph."""
    n = node(op, list(inputs), list(outputs), options, custom, intermediates, options_table, version)
    fed = []
    for t in inputs:
        if t is not None and not t.const and not t.variable and t not in fed:
            fed.append(t)
    try:
        model_case(family, name, [graph([n], fed, list(outputs))], expected, tolerance, resolver, seed, invocations, refused)
    except Exception as e:
        raise RuntimeError(f"{family}/{name}: {e}") from e


def multiply_quantized(x, real):
    """x * real as TFLite rounds it in integers."""
    mantissa, shift = np.frexp(real)
    multiplier = int(np.round(mantissa * 2**31))
    if multiplier == 2**31:
        multiplier, shift = multiplier // 2, shift + 1
    left, right = max(int(shift), 0), max(-int(shift), 0)
    product = (x << left) * multiplier
    high = np.where(product >= 0, (product + 2**30) // 2**31, -((-product + 2**30 - 1) // 2**31))
    low = high & ((1 << right) - 1)
    return (high >> right) + (low > ((1 << right) - 1 >> 1) + (high < 0))


def flexbuffer(values):
    """A FlexBuffers map, as custom operators' options are written: bools, ints, floats, strings, lists of ints."""
    from flatbuffers import flexbuffers
    b = flexbuffers.Builder()
    with b.Map():
        for key, value in values.items():
            if isinstance(value, bool):
                b.Bool(key, value)
            elif isinstance(value, int):
                b.Int(key, value)
            elif isinstance(value, float):
                b.Float(key, value)
            elif isinstance(value, str):
                b.String(key, value)
            elif value and isinstance(value[0], str):
                with b.Vector(key):
                    for item in value:
                        b.String(item)
            else:
                with b.TypedVector(key):
                    for item in value:
                        b.Int(int(item))
    return bytes(b.Finish())


def double_array(keys):
    """The units of a double-array trie as Darts-clone lays them out; keys are {bytes: value}."""
    units, used = [0], {0}

    def unit(at):
        while len(units) <= at:
            units.append(0)

    def build(node, items):
        labels = sorted({k[0] if k else 0 for k, _ in items})
        ends = any(not k for k, _ in items)
        base = 1
        while (node ^ base) in (0,) or any((node ^ base ^ c) in used for c in labels) or (node ^ base) < 0 or base >= 1 << 21:
            base += 1
        first = node ^ base
        for c in labels:
            used.add(first ^ c)
            unit(first ^ c)
        units[node] |= base << 10 | ends << 8
        for c in labels:
            rest = [(k[1:], v) for k, v in items if k and k[0] == c]
            if c == 0 and ends:
                units[first] = 1 << 31 | [v for k, v in items if not k][0]
            else:
                units[first ^ c] |= c
                build(first ^ c, rest)

    build(0, sorted(keys.items()))
    return np.array(units + [0] * (-len(units) % 256), "<u4").tobytes()


def proto_field(number, value):
    """A field of a protobuf message: an integer, a float, or bytes."""
    def varint(n):
        out = b""
        while n > 127:
            out, n = out + bytes([n & 127 | 128]), n >> 7
        return out + bytes([n])
    if isinstance(value, float):
        return varint(number << 3 | 5) + np.float32(value).tobytes()
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def sentencepiece_model(kind="unigram", charsmap=None, dummy_prefix=True, remove_spaces=True, escape=True, suffix=False,
                        bytes=False, special=True):
    """A small SentencePiece ModelProto: syllables; `special`: user-defined and unused pieces too."""
    mark = "\u2581" if escape else " "
    words = [mark + "hello", mark + "world", mark + "w", "orld", mark, "h", "e", "l", "o", "w", "r", "d", "he", "ll", "hell",
             "lo", mark + "h", mark + "hell", "s", "p", "a", "c", "sp", "ace", "ac", "fi", "i", "f", "b", "t", "tw", "un", "u", "n",
             mark + "un", "hello", "world", "lol", "lolo", "two", mark + "two", "hello" + mark, "k", "m"]
    pieces = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3)]
    pieces += [(w, -1.5 - 0.25 * (i % 13) - 0.01 * i, 1) for i, w in enumerate(words)]
    if special:
        pieces += [("<user>", 0.0, 4), ("<user2>", 0.0, 4), ("lololo", -2.0, 5), ("hel", -1.75, 5)]
    if bytes:
        pieces += [(f"<0x{i:02X}>", 0.0, 6) for i in range(256)]
    out = b"".join(proto_field(1, proto_field(1, p.encode()) + proto_field(2, s) + proto_field(3, t)) for p, s, t in pieces)
    trainer = proto_field(3, {"unigram": 1, "bpe": 2, "word": 3, "char": 4}[kind]) + proto_field(24, int(suffix))
    out += proto_field(2, trainer + proto_field(35, int(bytes)))
    normalizer = proto_field(1, b"custom")
    if charsmap:
        pool, places = b"", {}
        for k, v in charsmap.items():
            places[k.encode()] = len(pool)
            pool += v.encode() + b"\0"
        trie = double_array(places)
        normalizer += proto_field(2, np.array(len(trie), "<u4").tobytes() + trie + pool)
    normalizer += proto_field(3, int(dummy_prefix)) + proto_field(4, int(remove_spaces)) + proto_field(5, int(escape))
    return out + proto_field(3, normalizer)


class NoTensorFlow(Exception):
    """A family needs TensorFlow as its oracle and there is none: all.py leaves it as it is."""


def tensorflow():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    try:
        import tensorflow
    except ImportError as e:
        raise NoTensorFlow(str(e)) from e
    return tensorflow


def flex_node(op, attrs, inputs=None):
    """The NodeDef that TensorFlow makes of tf.raw_ops.<op>, with every attribute, and the order of the operator's inputs
    as (name, index); `inputs` are (type, shape) by name, lists of them for an input that is a list."""
    tf = tensorflow()
    with tf.Graph().as_default() as g:
        made = {}

        def placeholder(spec, key, index=0):
            if isinstance(spec, list):
                return [placeholder(one, key, i) for i, one in enumerate(spec)]
            out = tf.raw_ops.Placeholder(dtype=spec[0], shape=spec[1])
            made[out.op.name] = key, index
            return out
        getattr(tf.raw_ops, op)(**{k: placeholder(s, k) for k, s in (inputs or {}).items()}, **attrs)
        found = [n for n in g.as_graph_def().node if n.op == op]
    n = found[-1]
    order = [made[i] for i in n.input]
    del n.input[:]
    for hidden in [k for k in n.attr if k.startswith("_")]:
        del n.attr[hidden]
    return n, order


def flex_options(n):
    """A NodeDef as a Select-TF operator's custom options."""
    from flatbuffers import flexbuffers

    class Bytes(bytes):
        def encode(self, _):  # of a string that is none in UTF-8
            return bytes(self)

    b = flexbuffers.Builder()
    with b.Vector():
        b.String(n.op)
        b.String(Bytes(n.SerializeToString(deterministic=True)))
    return bytes(b.Finish())


def flex_part(op, inputs=None, attrs=None, expected=None, unknown=(), invocations=1, outputs=None, via=None, seed=None,
              plain=False):
    """One Select-TF operator of a model: (node, its inputs, its outputs, what they hold). As flex_case says; and

    via    the type that TensorFlow computes in where it has no kernel for an input's: {type: type}; the outputs are
           rounded back, and of a complex type its parts are given one after the other
    seed   of the random numbers that inputs without data get
    plain  as the converter writes the operator where it may not select any of TensorFlow's: a custom one
    """
    tf = tensorflow()
    rng, inputs, attrs = np.random.default_rng(seed), inputs or {}, attrs or {}
    for value in inputs.values():
        for t in value if isinstance(value, list) else [value]:
            if t.data is None:
                t.data = random_data(t, rng)

    def each(value, fn):
        return [fn(v) for v in value] if isinstance(value, list) else fn(value)

    def spec(t):
        return tf.as_dtype(t.type), t.data.shape

    def run(part=lambda x: x, types={}):
        def fed(t):
            wide = types.get(t.type)
            return tf.constant(part(t.data).astype(DTYPES[wide]) if wide else t.data, tf.as_dtype(wide or t.type))
        got = getattr(tf.raw_ops, op)(**{k: each(v, fed) for k, v in inputs.items()}, **attrs)
        got = [] if got is None else list(got) if isinstance(got, (list, tuple)) else [got]
        return [t for one in got for t in (one if isinstance(one, list) else [one])]

    n, order = flex_node(op, attrs, {k: each(v, spec) for k, v in inputs.items()})
    flat = [inputs[k][i] if isinstance(inputs[k], list) else inputs[k] for k, i in order]
    if expected is None and via:
        (narrow, wide), = via.items()
        if narrow[0] == "c":
            pairs = zip(run(np.real, via), run(np.imag, via), strict=True)
            expected = [(a.numpy() + 1j * b.numpy()).astype(DTYPES[narrow]) for a, b in pairs]
        else:
            expected = [t.numpy().astype(DTYPES[narrow]) if t.dtype.name == wide else t.numpy() for t in run(types=via)]
    elif expected is None:
        for _ in range(invocations):
            got = run()
        outputs = outputs or [t.dtype.name for t in got]
        expected = [t.numpy() for t in got]
    expected = [np.asarray(e, object if isinstance(e, bytes) else None) for e in expected]  # NumPy's own strings lose NULs
    outputs = outputs or [e.dtype.name for e in expected]
    results = []
    for i, (e, type) in enumerate(zip(expected, outputs, strict=True)):
        hidden = i in unknown and e.ndim > 0
        results.append(tensor([1] * e.ndim if hidden else list(e.shape), type, signature=[-1] * e.ndim if hidden else None))
    made = node(op, flat, results, custom=plain_options(n)) if plain else node("Flex" + op, flat, results, custom=flex_options(n))
    return made, flat, results, expected


def plain_options(n):
    """The attributes of a NodeDef as the converter writes them for a custom operator (flatbuffer_export.cc)."""
    tf, values = tensorflow(), {}
    for key, attr in n.attr.items():
        kind = attr.WhichOneof("value")
        if kind == "type" and hasattr(S.TensorType, tf.as_dtype(attr.type).name.upper()):
            values[key] = getattr(S.TensorType, tf.as_dtype(attr.type).name.upper())
        elif kind in ("i", "b", "f"):
            values[key] = getattr(attr, kind)
        elif kind == "s":
            values[key] = attr.s.decode()
        elif kind == "list" and (attr.list.i or attr.list.s):
            values[key] = list(attr.list.i) or [s.decode() for s in attr.list.s]
    return flexbuffer(dict(sorted(values.items())))


def flex_case(family, name, op, inputs=None, attrs=None, tolerance=None, expected=None, unknown=(), invocations=1,
              seed=None, outputs=None, plain=False):
    """A case of the operator Flex<op>; its expected outputs are what TensorFlow's tf.raw_ops.<op> gives.

    inputs     {argument: tensor or list of tensors}
    attrs      {attribute: value} as tf.raw_ops takes them; types that follow from inputs are left out
    unknown    outputs whose shapes the model does not declare (their indices)
    expected   the outputs (of the last invocation), where TensorFlow is not to be asked
    outputs    the types of the outputs, where `expected` does not tell them (bfloat16, strings)
    plain      the custom operator <op> instead, which is Flex<op> as the converter writes it when it may not select any
    """
    seed = zlib.crc32(f"{family}/{name}".encode()) if seed is None else seed
    n, flat, results, expected = flex_part(op, inputs, attrs, expected, unknown, invocations, outputs, seed=seed, plain=plain)
    case(family, name, n.op, None, flat, results, custom=n.custom, expected=expected, tolerance=tolerance, resolver=None,
         seed=seed, invocations=invocations)


def flex_cases(family, name, parts, tolerance=None):
    """A case of several operators side by side in one model: `parts` are what flex_part takes, as dictionaries."""
    seed = zlib.crc32(f"{family}/{name}".encode())
    made = []
    for i, part in enumerate(parts):
        try:
            made.append(flex_part(**part, seed=seed + i))
        except Exception as e:
            types = sorted({t.type for v in part["inputs"].values() for t in (v if isinstance(v, list) else [v])})
            raise RuntimeError(f"{family}/{name}: part {i} of {types}: {e}") from e
    fed = [t for _, flat, _, _ in made for t in flat if not t.const]
    main = graph([n for n, _, _, _ in made], fed, [t for _, _, results, _ in made for t in results])
    model_case(family, name, [main], [e for _, _, _, expected in made for e in expected], tolerance, None, seed)


class FlexModel:
    """A case of several Select-TF operators in one graph, each run by TensorFlow as it is added, what they keep included.

        m = FlexModel("flex_variable", "read")
        handle = m.op("VarHandleOp", shared_name="v", dtype=tf.float32, shape=[2])
        m.op("AssignVariableOp", {"resource": handle, "value": m.feed([2], "f32")})
        m.case([m.op("ReadVariableOp", {"resource": handle}, dtype=tf.float32)])
    """

    def __init__(self, family, name):
        self.family, self.name, self.tf = family, name, tensorflow()
        self.rng = np.random.default_rng(zlib.crc32(f"{family}/{name}".encode()))
        self.nodes, self.fed, self.steps, self.values = [], [], [], {}

    def feed(self, shape=None, type="f32", **fields):
        """An input of the graph, or with const=True a constant."""
        t = tensor(shape, type, **fields)
        if t.data is None:
            t.data = random_data(t, self.rng)
        self.values[t] = self.tf.constant(t.data, self.tf.as_dtype(t.type), t.data.shape)
        if not t.const:
            self.fed.append(t)
        return t

    def const(self, data, type="i32"):
        return self.feed(None, type, data=data, const=True)

    def run(self, op, inputs=None, attrs=None):
        """What TensorFlow gives for an operator that the graph does not hold."""
        inputs, attrs = inputs or {}, attrs or {}
        args = {k: [self.values[i] for i in v] if isinstance(v, list) else self.values[v] for k, v in inputs.items()}
        got = getattr(self.tf.raw_ops, op)(**args, **attrs)
        if got is None or isinstance(got, self.tf.Operation):
            return []
        return list(got) if isinstance(got, (list, tuple)) else [got]

    def op(self, op, inputs=None, unknown=False, **attrs):
        """Adds an operator; returns its output, or a list of them. `unknown`: the model does not declare their shapes."""
        inputs = inputs or {}
        got, outputs = self.run(op, inputs, attrs), []
        for value in got:
            plain = value.dtype.name not in ("resource", "variant")
            shape = value.shape.as_list() if plain else []
            hidden = unknown and plain and len(shape) > 0
            outputs.append(tensor([1] * len(shape) if hidden else shape, value.dtype.name, signature=[-1] * len(shape) if hidden else None))
            self.values[outputs[-1]] = value

        self._add(op, inputs, attrs, outputs)
        self.steps.append((op, inputs, attrs, outputs))
        return outputs if len(outputs) != 1 else outputs[0]

    def _add(self, op, inputs, attrs, outputs):
        def spec(t):
            return [spec(i) for i in t] if isinstance(t, list) else (self.values[t].dtype, None)

        n, order = flex_node(op, attrs, {k: spec(v) for k, v in inputs.items()})
        flat = [inputs[k][i] if isinstance(inputs[k], list) else inputs[k] for k, i in order]
        self.nodes.append(node("Flex" + op, flat, outputs, custom=flex_options(n)))

    def refused(self, text, op, inputs=None, outputs=(), asked=True, **attrs):
        """A case whose last operator, with `outputs` of these types, TensorFlow refuses and so must we, with a message that
        holds `text`. It is not `asked` where it crashes."""
        try:
            if not asked:
                raise ValueError
            self.run(op, inputs, attrs)
        except (self.tf.errors.OpError, ValueError):
            made = [tensor([], type) for type in outputs]
            self._add(op, inputs or {}, attrs, made)
            self._forget()
            return model_case(self.family, self.name, [graph(self.nodes, self.fed, made)], None, None, None, refused=text)
        raise RuntimeError(f"{self.family}/{self.name}: TensorFlow takes {op}")

    def _forget(self):
        for op, _, _, made in self.steps:
            if op.endswith("HandleOp"):
                self.tf.raw_ops.DestroyResourceOp(resource=self.values[made[0]])

    def case(self, outputs, tolerance=None, invocations=1):
        for _ in range(invocations - 1):
            for op, inputs, attrs, made in self.steps:
                self.values.update(zip(made, self.run(op, inputs, attrs)))
        expected = [self.values[t].numpy() for t in outputs]
        self._forget()
        try:
            model_case(self.family, self.name, [graph(self.nodes, self.fed, outputs)], expected, tolerance, None, invocations=invocations)
        except Exception as e:
            raise RuntimeError(f"{self.family}/{self.name}: {e}") from e
