#!/usr/bin/env python3
"""Prune the 1x1 convolutions of a model by magnitude: prune.py IN.tflite OUT.tflite PERCENT [ROWSxDEPTH]

That many percent of each filter's elements (or of its blocks: 1x4, 1x16, 4x4) become zeros, stored as any other value; the
model's answers are of no use then. needs: numpy, ai-edge-litert. To compare dense with sparse execution.
"""
import sys

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as S

TYPES = {S.TensorType.FLOAT32: np.float32, S.TensorType.INT8: np.int8}


def prune(values, percent, rows, depth):
    """values [n, k]"""
    n, k = values.shape
    if n % rows or k % depth:
        return values
    blocks = np.abs(values.astype(np.float64)).reshape(n // rows, rows, k // depth, depth).sum(axis=(1, 3))
    kept = blocks > np.percentile(blocks, percent)
    return np.where(np.repeat(np.repeat(kept, rows, 0), depth, 1), values, 0).astype(values.dtype)


def main():
    source, target, percent = sys.argv[1], sys.argv[2], float(sys.argv[3])
    rows, depth = (int(n) for n in (sys.argv[4] if len(sys.argv) > 4 else "1x1").split("x"))
    with open(source, "rb") as f:
        model = S.ModelT.InitFromPackedBuf(f.read(), 0)
    for graph in model.subgraphs:
        for op in graph.operators:
            code = model.operatorCodes[op.opcodeIndex]
            if max(code.builtinCode, code.deprecatedBuiltinCode) != S.BuiltinOperator.CONV_2D:
                continue
            filter = graph.tensors[op.inputs[1]]
            if filter.type not in TYPES or list(filter.shape[1:3]) != [1, 1] or filter.shape[0] < 8:
                continue
            buffer = model.buffers[filter.buffer]
            values = np.frombuffer(bytes(buffer.data), TYPES[filter.type]).reshape(filter.shape[0], -1)
            buffer.data = np.frombuffer(prune(values, percent, rows, depth).tobytes(), np.uint8)
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    with open(target, "wb") as f:
        f.write(builder.Output())


if __name__ == "__main__":
    main()
