#!/usr/bin/env python3
"""Make the models and pictures of the command line's and of io's tests (committed; run again only to change them).

usage: gen.py     needs: numpy, flatbuffers, ai-edge-litert, pillow
"""
import io, os, struct, zipfile
import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as S
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS, DATA = os.path.join(HERE, "models"), os.path.join(HERE, "..", "io", "data")


def tensor(name, shape, kind=S.TensorType.FLOAT32, buffer=0, signature=None):
    t = S.TensorT()
    t.name, t.shape, t.type, t.buffer, t.shapeSignature = name, shape, kind, buffer, signature
    t.quantization = S.QuantizationParametersT()
    return t


def operator(code, inputs, outputs, options=None, options_type=0):
    o = S.OperatorT()
    o.opcodeIndex, o.inputs, o.outputs = code, inputs, outputs
    o.builtinOptions, o.builtinOptionsType = options, options_type
    return o


def square(source, target):
    return operator(0, [source, source], [target], S.MulOptionsT(), S.BuiltinOptions.MulOptions)


def model(codes, tensors, operators, inputs, outputs, buffers=(), signatures=(), metadata=None):
    m = S.ModelT()
    m.version, m.description, m.operatorCodes = 3, "made for a test", []
    for code in codes:
        c = S.OperatorCodeT()
        if isinstance(code, str):
            c.builtinCode, c.deprecatedBuiltinCode, c.customCode = S.BuiltinOperator.CUSTOM, 32, code
        else:
            c.builtinCode, c.deprecatedBuiltinCode = code, min(code, 127)
        c.version = 1
        m.operatorCodes.append(c)
    g = S.SubGraphT()
    g.name, g.tensors, g.operators, g.inputs, g.outputs = "main", tensors, operators, inputs, outputs
    m.subgraphs, m.buffers = [g], []
    for data in [b"", *buffers, *([metadata] if metadata else [])]:
        b = S.BufferT()
        b.data = np.frombuffer(data, np.uint8) if data else None
        m.buffers.append(b)
    if metadata:
        entry = S.MetadataT()
        entry.name, entry.buffer = "TFLITE_METADATA", len(m.buffers) - 1
        m.metadata = [entry]
    m.signatureDefs = []
    for key, ins, outs in signatures:
        s = S.SignatureDefT()
        s.signatureKey, s.subgraphIndex, s.inputs, s.outputs = key, 0, [], []
        for maps, names in ((s.inputs, ins), (s.outputs, outs)):
            for name, index in names:
                t = S.TensorMapT()
                t.name, t.tensorIndex = name, index
                maps.append(t)
        m.signatureDefs.append(s)
    b = flatbuffers.Builder(1024)
    b.Finish(m.Pack(b), b"TFL3")
    return bytes(b.Output())


def table(b, *slots):
    """A table from (slot, kind, value); kinds as the builder's Prepend...Slot names."""
    b.StartObject(1 + max(s for s, _, _ in slots))
    for slot, kind, value in slots:
        if kind == "table":
            b.PrependUOffsetTRelativeSlot(slot, value, 0)
        else:
            getattr(b, f"Prepend{kind}Slot")(slot, value, 0)
    return b.EndObject()


def tables(b, items):
    b.StartVector(4, len(items), 4)
    for item in reversed(items):
        b.PrependUOffsetTRelative(item)
    return b.EndVector()


def floats(b, values):
    b.StartVector(4, len(values), 4)
    for v in reversed(values):
        b.PrependFloat32(v)
    return b.EndVector()


def colour_metadata():
    b = flatbuffers.Builder(1024)
    file_name, about = b.CreateString("labels.txt"), b.CreateString("a colour a line")
    label_file = table(b, (0, "table", file_name), (1, "table", about), (2, "Int8", 2))
    norm = table(b, (0, "table", floats(b, [0.0])), (1, "table", floats(b, [255.0])))
    unit = table(b, (0, "Uint8", 1), (1, "table", norm))
    image = table(b, (0, "Int8", 1))
    content = table(b, (0, "Uint8", 2), (1, "table", image))
    name, what = b.CreateString("picture"), b.CreateString("any picture")
    units = tables(b, [unit])
    source = table(b, (0, "table", name), (1, "table", what), (3, "table", content), (4, "table", units))
    name, files = b.CreateString("colours"), tables(b, [label_file])
    result = table(b, (0, "table", name), (6, "table", files))
    ins, outs = tables(b, [source]), tables(b, [result])
    graph = table(b, (2, "table", ins), (3, "table", outs))
    graphs = tables(b, [graph])
    name, text, version = b.CreateString("colours"), b.CreateString("How red, green and blue it is"), b.CreateString("v1")
    author, licence, least = b.CreateString("Linnet"), b.CreateString("Apache-2.0"), b.CreateString("1.0.0")
    root = table(b, (0, "table", name), (1, "table", text), (2, "table", version), (3, "table", graphs),
                 (4, "table", author), (5, "table", licence), (7, "table", least))
    b.Finish(root, b"M001")
    return bytes(b.Output())


def colours(path, method):
    """Means of the three colours; labels appended as a zip member."""
    options = S.ReducerOptionsT()
    data = model([S.BuiltinOperator.MEAN],
                 [tensor("picture", [1, 2, 2, 3]), tensor("axes", [2], S.TensorType.INT32, 1), tensor("colours", [1, 3])],
                 [operator(0, [0, 1], [2], options, S.BuiltinOptions.ReducerOptions)], [0], [2],
                 [np.array([1, 2], np.int32).tobytes()], metadata=colour_metadata())
    archive = io.BytesIO(data)
    with zipfile.ZipFile(archive, "a", method) as z:
        z.writestr(zipfile.ZipInfo("labels.txt", (2020, 1, 1, 0, 0, 0)), "red\ngreen\nblue\n", method)
    save(path, archive.getvalue())


def save(path, data):
    with open(os.path.join(MODELS, path), "wb") as f:
        f.write(data)


def main():
    os.makedirs(MODELS, exist_ok=True)
    os.makedirs(DATA, exist_ok=True)
    mul = S.BuiltinOperator.MUL
    save("squares.tflite", model([mul], [tensor("b_tensor", [2, 3]), tensor("a_tensor", [4]), tensor("b_out", [2, 3]),
                                         tensor("a_out", [4])], [square(0, 2), square(1, 3)], [0, 1], [2, 3],
                                 signatures=[("flat", [("a", 1)], [("a_squared", 3)]),
                                             ("both", [("b", 0), ("a", 1)], [("b_squared", 2), ("a_squared", 3)])]))
    save("open.tflite", model([mul], [tensor("x", [1, 3], signature=[-1, 3]), tensor("y", [1, 3], signature=[-1, 3])],
                              [square(0, 1)], [0], [1]))
    save("sound.tflite", model([mul], [tensor("wave", [1, 100]), tensor("power", [1, 100])], [square(0, 1)], [0], [1]))
    for name, code in (("unsupported-custom", "Mystery"), ("unsupported-select", "FlexXla")):
        save(name + ".tflite", model([mul, code], [tensor("x", [3]), tensor("y", [3]), tensor("z", [3])],
                                     [square(0, 1), operator(1, [1], [2])], [0], [2]))
    colours("colours.tflite", zipfile.ZIP_STORED)
    colours("colours-deflated.tflite", zipfile.ZIP_DEFLATED)
    ramp = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(4, 5, 3) * 4
    Image.fromarray(ramp).save(os.path.join(DATA, "good-rgb.png"))
    Image.fromarray(ramp[:, :, 0]).save(os.path.join(DATA, "good-gray.png"))
    Image.fromarray(ramp).convert("P").save(os.path.join(DATA, "good-palette.png"))
    flat = np.full((16, 24, 3), (200, 40, 90), np.uint8)
    Image.fromarray(flat).save(os.path.join(DATA, "good-flat.jpg"), quality=95)
    Image.fromarray(flat[:, :, 0]).save(os.path.join(DATA, "good-gray.jpg"), quality=95)
    np.save(os.path.join(DATA, "good-fortran.npy"), np.asfortranarray(np.arange(24, dtype=np.int16).reshape(2, 3, 4)))
    np.save(os.path.join(DATA, "good-unicode.npy"), np.array(["h\u00e9llo", "", "\U0001f426"]))


if __name__ == "__main__":
    main()
