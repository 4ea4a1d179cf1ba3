"""Operators of TensorFlow's that were converted as custom ones (allow_custom_ops): a name without "Flex", and attributes as
a FlexBuffers map. TensorFlow is the oracle, and its converter that of the options."""
from lib import case, flex_case, flex_node, flexbuffer, plain_options, tensor, tensorflow

FAMILY = "custom_tf"


def plain(op, inputs, attrs=None, name=None, **rest):
    flex_case(FAMILY, name or op.lower(), op, inputs, attrs, plain=True, **rest)


def converter_agrees(op, inputs, attrs):
    """The converter's options of an operator are those that the cases hold."""
    from ai_edge_litert import schema_py_generated as S
    tf = tensorflow()
    specs = {k: tf.TensorSpec(shape, type) for k, (type, shape) in inputs.items()}
    made = tf.function(lambda *args: getattr(tf.raw_ops, op)(**dict(zip(specs, args)), **attrs), autograph=False).get_concrete_function(*specs.values())
    converter = tf.lite.TFLiteConverter.from_concrete_functions([made])
    converter.allow_custom_ops = True
    model = S.ModelT.InitFromObj(S.Model.GetRootAsModel(converter.convert(), 0))
    custom = [o for o in model.subgraphs[0].operators if model.operatorCodes[o.opcodeIndex].customCode == op.encode()]
    ours = plain_options(flex_node(op, attrs, inputs)[0])
    if bytes(custom[0].customOptions) != ours:
        raise RuntimeError(f"the converter writes other options of {op} than {ours}")


def cases():
    tf = tensorflow()
    f32 = tf.float32
    converter_agrees("MaxPool3D", {"input": (f32, [1, 4, 4, 4, 2])}, {"ksize": [1, 2, 2, 2, 1], "strides": [1, 2, 2, 2, 1], "padding": "SAME"})
    converter_agrees("MaxPoolWithArgmax", {"input": (f32, [1, 4, 4, 2])}, {"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1], "padding": "SAME"})
    converter_agrees("Erfc", {"x": (f32, [3])}, {})
    pool = {"ksize": [1, 2, 3, 2, 1], "strides": [1, 2, 1, 2, 1]}
    for padding in ("SAME", "VALID"):
        plain("MaxPool3D", {"input": tensor([1, 4, 5, 4, 2], "f32")}, pool | {"padding": padding}, f"maxpool3d_{padding.lower()}")
        plain("AvgPool3D", {"input": tensor([1, 4, 5, 4, 2], "f32")}, pool | {"padding": padding}, f"avgpool3d_{padding.lower()}")
    plain("MaxPoolWithArgmax", {"input": tensor([1, 5, 4, 3], "f32")}, {"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1], "padding": "SAME", "Targmax": tf.int32})
    plain("Roll", {"input": tensor([3, 4, 2], "f32"), "shift": tensor(None, "i32", data=[1, -5]), "axis": tensor(None, "i32", data=[0, 1])})
    plain("Erfc", {"x": tensor([3, 4], "f32")})
    plain("Atan2", {"y": tensor([3, 4], "f32"), "x": tensor([3, 4], "f32")})
    plain("DenseBincount", {"input": tensor(None, "i32", data=[1, 3, 3, 0]), "size": tensor(None, "i32", data=5, const=True), "weights": tensor([0], "f32")},
          {"binary_output": True})
    plain("CropAndResize", {"image": tensor([2, 6, 5, 2], "f32"), "boxes": tensor([3, 4], "f32", low=0, high=1), "box_ind": tensor(None, "i32", data=[0, 1, 1]),
                            "crop_size": tensor(None, "i32", data=[3, 4], const=True)}, {"method": "nearest", "extrapolation_value": 2.5})
    plain("SparseReshape", {"input_indices": tensor(None, "i64", data=[[0, 1], [1, 2]]), "input_shape": tensor(None, "i64", data=[2, 3]),
                            "new_shape": tensor(None, "i64", data=[-1])}, unknown=(0, 1))
    plain("StringLower", {"input": tensor([3], "str", data=["ABC", "", "dE"])}, outputs=["string"])
    plain("MatMul", {"a": tensor([4, 3], "f32"), "b": tensor([5, 4], "f32")}, {"transpose_a": True, "transpose_b": True})
    plain("Einsum", {"inputs": [tensor([2, 3], "f32"), tensor([3, 4], "f32")]}, {"equation": "ab,bc->ca"})
    plain("Unpack", {"value": tensor([3, 2], "f32")}, {"num": 2, "axis": 1})
    plain("ArgMax", {"input": tensor([3, 5], "f32"), "dimension": tensor(None, "i32", data=1, const=True)}, {"output_type": tf.int64})
    plain("ConcatV2", {"values": [tensor([2, 3], "f32"), tensor([2, 1], "f32")], "axis": tensor(None, "i32", data=1, const=True)})
    case(FAMILY, "refused_attribute", "InTopK", inputs=[tensor([2, 3]), tensor([2], "i32")], outputs=[tensor([2], "bool")], resolver=None,
         custom=flexbuffer({"k": "two"}), refused="the attribute k is no integer")
    case(FAMILY, "refused_no_map", "Erfc", inputs=[tensor([2])], outputs=[tensor([2])], resolver=None, custom=b"abcd", refused="no kernel is registered under this name")
