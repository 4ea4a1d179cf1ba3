#!/usr/bin/env python3
"""Made models/fashion_mnist_float.tflite, on which docs/optimize.md shows the optimizer: the first models/fashion_mnist.tflite,
which TensorFlow had trained, in floats, each weight the real number that its integer stands for. Labels and normalization stay. Channels between layers are then
scaled up or down, and back in the layer that reads them, which ReLU lets through: the answers stay, while the weights no longer
stand on the integers' grid, as if the model had never been quantized.

usage: float_model.py [--in FILE] [--out FILE]
needs: numpy, flatbuffers, ai-edge-litert (for its mirror of the schema)
"""
import argparse
import os

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as S

MODELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "models")
DTYPES = {S.TensorType.INT8: np.int8, S.TensorType.INT32: np.int32}


def in_floats(tensor, buffers):
    """The tensor's quantization is undone; a constant's buffer with it."""
    quant = tensor.quantization
    if quant is None or quant.scale is None or len(quant.scale) == 0:
        return
    data = buffers[tensor.buffer].data
    if data is not None and len(data) > 0:
        stored = np.frombuffer(np.asarray(data, np.uint8).tobytes(), DTYPES[tensor.type]).reshape(tensor.shape)
        along = [1] * stored.ndim
        if len(quant.scale) > 1:
            along[quant.quantizedDimension] = len(quant.scale)
        scale = np.asarray(quant.scale, np.float32).reshape(along)
        zero = np.asarray(quant.zeroPoint, np.int64).reshape(along if len(quant.zeroPoint) > 1 else [1] * stored.ndim)
        real = ((stored.astype(np.int64) - zero) * scale.astype(np.float64)).astype(np.float32)
        buffers[tensor.buffer].data = np.frombuffer(real.tobytes(), np.uint8)
    tensor.type, tensor.quantization = S.TensorType.FLOAT32, S.QuantizationParametersT()


SPREAD, SEED = 1.5, 3  # scales from 2 ** -1.5 to 2 ** 1.5


def floats_of(graph, buffers, tensor):
    """A constant's numbers, and a function that puts others in their place."""
    t = graph.tensors[tensor]
    values = np.frombuffer(np.asarray(buffers[t.buffer].data, np.uint8).tobytes(), np.float32).reshape(t.shape)

    def put(changed):
        buffers[t.buffer].data = np.frombuffer(np.ascontiguousarray(changed, np.float32).tobytes(), np.uint8)
    return values, put


def scale_channels(graph, buffers):
    """The layers stand in a chain, each with weights [out, ..., in]."""
    random = np.random.default_rng(SEED)
    layers = [op for op in graph.operators if len(op.inputs) == 3]
    for first, second in zip(layers, layers[1:]):
        weights, put_weights = floats_of(graph, buffers, first.inputs[1])
        bias, put_bias = floats_of(graph, buffers, first.inputs[2])
        after, put_after = floats_of(graph, buffers, second.inputs[1])
        scale = (2 ** random.uniform(-SPREAD, SPREAD, len(bias))).astype(np.float32)
        put_weights(weights * scale.reshape([-1] + [1] * (weights.ndim - 1)))
        put_bias(bias * scale)
        put_after(after / scale)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--in", dest="source", default=os.path.join(MODELS, "fashion_mnist.tflite"))
    p.add_argument("--out", default=os.path.join(MODELS, "fashion_mnist_float.tflite"))
    a = p.parse_args()
    with open(a.source, "rb") as file:
        data = file.read()
    model = S.ModelT.InitFromObj(S.Model.GetRootAs(data, 0))
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            in_floats(tensor, model.buffers)
        scale_channels(graph, model.buffers)
    for code in model.operatorCodes:
        code.version = 1
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    archive = data[data.index(b"PK\3\4"):]  # labels.txt
    with open(a.out, "wb") as file:
        file.write(bytes(builder.Output()) + archive)


if __name__ == "__main__":
    main()
