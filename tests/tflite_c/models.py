"""Writes the models that the tests of the TfLite C API run (tests/tflite_c/models): python models.py"""
import os

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as S
from flatbuffers import flexbuffers


def tensor(name, shape, signature=None, type_=S.TensorType.FLOAT32):
    t = S.TensorT()
    t.name, t.shape, t.type, t.buffer = name, shape, type_, 0
    if signature is not None:
        t.shapeSignature = signature
    return t


def operator(code, inputs, outputs, options_type=0, options=None, custom=None):
    o = S.OperatorT()
    o.opcodeIndex, o.inputs, o.outputs = code, inputs, outputs
    o.builtinOptionsType, o.builtinOptions = options_type, options
    if custom is not None:
        o.customOptions = np.frombuffer(custom, np.uint8)
    return o


def opcode(code, custom=None):
    c = S.OperatorCodeT()
    c.builtinCode, c.deprecatedBuiltinCode, c.version, c.customCode = code, min(code, 127), 1, custom
    return c


def graph(name, tensors, operators, inputs, outputs):
    g = S.SubGraphT()
    g.name, g.tensors, g.operators, g.inputs, g.outputs = name, tensors, operators, inputs, outputs
    return g


def signature(key, index, inputs, outputs):
    s = S.SignatureDefT()
    s.signatureKey, s.subgraphIndex, s.inputs, s.outputs = key, index, [], []
    for maps, pairs in ((s.inputs, inputs), (s.outputs, outputs)):
        for name, tensor_index in pairs:
            m = S.TensorMapT()
            m.name, m.tensorIndex = name, tensor_index
            maps.append(m)
    return s


def write(name, codes, graphs, signatures=(), buffers=()):
    m = S.ModelT()
    m.version, m.operatorCodes, m.subgraphs, m.buffers = 3, codes, graphs, [S.BufferT(), *buffers]
    m.signatureDefs = list(signatures)
    builder = flatbuffers.Builder(1024)
    builder.Finish(m.Pack(builder), b"TFL3")
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "models")
    with open(os.path.join(folder, name), "wb") as f:
        f.write(builder.Output())


def two_signatures():
    """A graph that multiplies and one that adds; each input's length is open."""
    def tensors():
        return [tensor(n, [1], [-1]) for n in ("left", "right", "result")]
    multiply = graph("multiply", tensors(), [operator(0, [0, 1], [2], S.BuiltinOptions.MulOptions, S.MulOptionsT())],
                     [1, 0], [2])
    add = graph("add", tensors(), [operator(1, [0, 1], [2], S.BuiltinOptions.AddOptions, S.AddOptionsT())], [0, 1], [2])
    write("signatures.tflite", [opcode(S.BuiltinOperator.MUL), opcode(S.BuiltinOperator.ADD)], [multiply, add],
          [signature("multiply", 0, [("y", 1), ("x", 0)], [("product", 2)]),
           signature("add", 1, [("y", 1), ("x", 0)], [("sum", 2)])])


def custom():
    """y = Scale(abs(x)), by a factor in the options; z = the values of y above 3, as many as there are."""
    write("custom.tflite",
          [opcode(S.BuiltinOperator.ABS), opcode(S.BuiltinOperator.CUSTOM, "Scale"),
           opcode(S.BuiltinOperator.CUSTOM, "Above")],
          [graph("main", [tensor("x", [4]), tensor("a", [4]), tensor("y", [4]), tensor("z", [1], [-1])],
                 [operator(0, [0], [1], S.BuiltinOptions.AbsOptions, S.AbsOptionsT()),
                  operator(1, [1], [2], custom=np.float32(2.5).tobytes()), operator(2, [2], [3])], [0], [2, 3])])


def state():
    """Signatures of two graphs around one variable, which a third begins at 10: `add` gives variable + x and keeps it,
    `read` gives it."""
    handle, value = lambda: tensor("handle", [1], type_=S.TensorType.RESOURCE), lambda name: tensor(name, [2])
    call, var, read, assign, add = range(5)

    def variable(output):
        options = S.VarHandleOptionsT()
        options.sharedName = "v"
        return operator(var, [], [output], S.BuiltinOptions.VarHandleOptions, options)

    def once():
        options = S.CallOnceOptionsT()
        options.initSubgraphIndex = 2
        return operator(call, [], [], S.BuiltinOptions.CallOnceOptions, options)

    start = value("start")
    start.buffer = 1
    graphs = [
        graph("add", [handle(), value("x"), value("old"), value("new")],
              [once(), variable(0), operator(read, [0], [2]),
               operator(add, [2, 1], [3], S.BuiltinOptions.AddOptions, S.AddOptionsT()), operator(assign, [0, 3], [])],
              [1], [3]),
        graph("read", [handle(), value("now")], [once(), variable(0), operator(read, [0], [1])], [], [1]),
        graph("begin", [handle(), start], [variable(0), operator(assign, [0, 1], [])], [], []),
    ]
    ten = S.BufferT()
    ten.data = np.frombuffer(np.float32([10, 10]).tobytes(), np.uint8)
    write("state.tflite",
          [opcode(getattr(S.BuiltinOperator, n))
           for n in ("CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "ADD")], graphs,
          [signature("add", 0, [("x", 1)], [("sum", 3)]), signature("read", 1, [], [("value", 1)])], [ten])


def custom_in_branches():
    """y = Scale(x) by 2 or by 3, as a condition says: kernels in graphs that another calls."""
    options = S.IfOptionsT()
    options.thenSubgraphIndex, options.elseSubgraphIndex = 1, 2

    def scaled(name, factor):
        return graph(name, [tensor("in", [4]), tensor("out", [4])],
                     [operator(1, [0], [1], custom=np.float32(factor).tobytes())], [0], [1])
    write("branches.tflite", [opcode(S.BuiltinOperator.IF), opcode(S.BuiltinOperator.CUSTOM, "Scale")],
          [graph("main", [tensor("which", [1], type_=S.TensorType.BOOL), tensor("x", [4]), tensor("y", [4])],
                 [operator(0, [0, 1], [2], S.BuiltinOptions.IfOptions, options)], [0, 1], [2]),
           scaled("twice", 2), scaled("thrice", 3)])


def saves_where_it_likes():
    """y = abs(x), and saves it by the operator Save of TensorFlow under a name that no input gives."""
    node = b"\x0a\x04save\x12\x04Save\x2a\x09\x0a\x01T\x12\x04\x0a\x02\x32\x00"  # a NodeDef; T is told by the inputs
    options = flexbuffers.Builder()
    with options.Vector():
        options.String("Save")
        options.String(node.decode("latin-1"))

    def text(name, number, shape):
        t = tensor(name, shape, type_=S.TensorType.STRING)
        t.buffer = number
        return t

    def encoded(value):
        buffer = S.BufferT()
        buffer.data = np.frombuffer(np.int32([1, 12, 12 + len(value)]).tobytes() + value, np.uint8)
        return buffer
    write("files.tflite", [opcode(S.BuiltinOperator.ABS), opcode(S.BuiltinOperator.CUSTOM, "FlexSave")],
          [graph("main", [tensor("x", [2]), tensor("y", [2]), text("path", 1, []), text("names", 2, [1])],
                 [operator(0, [0], [1], S.BuiltinOptions.AbsOptions, S.AbsOptionsT()),
                  operator(1, [2, 3, 1], [], custom=bytes(options.Finish()))], [0], [1])],
          buffers=[encoded(b"linnet_files_test"), encoded(b"y")])


def words():
    """The custom operator Words on a text."""
    write("strings.tflite", [opcode(S.BuiltinOperator.CUSTOM, "Words")],
          [graph("main", [tensor("text", [1], type_=S.TensorType.STRING),
                          tensor("words", [1], [-1], type_=S.TensorType.STRING)], [operator(0, [0], [1])], [0], [1])])


two_signatures()
words()
saves_where_it_likes()
custom()
custom_in_branches()
state()
