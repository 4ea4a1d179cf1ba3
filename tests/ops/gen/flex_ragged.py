"""Select-TF operators on ragged tensors, and between the bytes of strings and tensors."""
import numpy as np

from flex_text import ints, strings
from lib import flex_case, tensor, tensorflow

F = "flex_ragged"
ALL = ("f32", "f64", "f16", "bf16", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "bool", "c64", "c128", "str")
FULL = {"f32": "float32", "f64": "float64", "f16": "float16", "bf16": "bfloat16", "i8": "int8", "i16": "int16", "i32": "int32", "i64": "int64", "u8": "uint8", "u16": "uint16",
        "u32": "uint32", "u64": "uint64", "bool": "bool", "c64": "complex64", "c128": "complex128", "str": "string"}


def dtype(type):
    return tensorflow().as_dtype(FULL[type])


def raw():
    rng = np.random.default_rng(7)
    for type in ("f16", "f32", "f64", "i32", "u16", "u8", "i16", "i8", "i64", "c64", "c128", "bool", "bf16"):
        rows = [bytes(rng.integers(0, 2 if type == "bool" else 256, 16).astype(np.uint8).tolist()) for _ in range(2)]
        if type in ("f16", "f32", "f64", "bf16", "c64", "c128"):
            rows = [bytes(16), b"\x00\x3f\x3f\x00" * 4]  # numbers, in either order
        for little in (True, False):
            flex_case(F, f"decoderaw_{type}_{little:d}", "DecodeRaw", {"bytes": strings(rows)}, {"out_type": dtype(type), "little_endian": little}, unknown=(0,))
            if type not in ("f16", "c64", "c128", "bool"):  # TensorFlow has no kernels of those
                flex_case(F, f"decodepaddedraw_{type}_{little:d}", "DecodePaddedRaw", {"input_bytes": strings([rows[1][:8], rows[1], b""]), "fixed_length": ints(16)},
                          {"out_type": dtype(type), "little_endian": little}, unknown=(0,))
    flex_case(F, "decoderaw_scalar", "DecodeRaw", {"bytes": strings(b"abcd")}, {"out_type": dtype("u16")}, unknown=(0,))
    flex_case(F, "decoderaw_empty", "DecodeRaw", {"bytes": strings([b"", b""])}, {"out_type": dtype("i32")}, unknown=(0,))
    flex_case(F, "decoderaw_none", "DecodeRaw", {"bytes": strings(np.zeros([0], object))}, {"out_type": dtype("i32")}, unknown=(0,))
    flex_case(F, "decodepaddedraw_cut", "DecodePaddedRaw", {"input_bytes": strings([[b"abc"], [b"abcdefg"]]), "fixed_length": ints(4)}, {"out_type": dtype("u16")}, unknown=(0,))
    tf = tensorflow()
    for type in ALL:
        x = tensor([2, 3], type) if type != "str" else strings([[b"ab", b"", b"\xff"], [b"x", b"yy", b"z" * 200]])
        flex_case(F, f"serializetensor_{type}", "SerializeTensor", {"tensor": x})
        value = tf.constant(x.data, dtype(type)) if type != "str" else tf.constant(x.data.tolist())
        flex_case(F, f"parsetensor_{type}", "ParseTensor", {"serialized": strings(tf.raw_ops.SerializeTensor(tensor=value).numpy())}, {"out_type": dtype(type)}, unknown=(0,))
        flex_case(F, f"fingerprint_{type}", "Fingerprint", {"data": x, "method": strings(b"farmhash64")})
    for name, proto in {"scalar": tf.make_tensor_proto(2.5), "filled": tf.make_tensor_proto(7, tf.int32, [2, 3]), "list": tf.make_tensor_proto([1, 2, 2], tf.int64), "none": tf.make_tensor_proto(np.zeros([0, 2], np.float32)),
                        "texts": tf.make_tensor_proto(b"same", tf.string, [2, 2])}.items():
        flex_case(F, f"parsetensor_{name}", "ParseTensor", {"serialized": strings(proto.SerializeToString(deterministic=True))}, {"out_type": tf.as_dtype(proto.dtype)}, unknown=(0,))
    flex_case(F, "serializetensor_scalar", "SerializeTensor", {"tensor": tensor([], "f32")})
    flex_case(F, "serializetensor_none", "SerializeTensor", {"tensor": tensor([0, 3], "f32")})
    flex_case(F, "fingerprint_texts", "Fingerprint", {"data": strings([b"ab", b"", b"longer than the others are"]), "method": strings(b"farmhash64")})
    flex_case(F, "fingerprint_none", "Fingerprint", {"data": tensor([0, 3], "f32"), "method": strings(b"farmhash64")})


def tables():
    f, i, s, none = tensor(None, "f32", data=[0.5]), tensor(None, "i32", data=[7]), strings([b"d"]), tensor([0], "f32")
    records = strings([[b"1,2,a", b"1.5,,b", b",3,c", b" 1 , 2 , q "], [b"nan,2,a", b"1,2,", b"\n1,-2,a b", b",,"]])
    quoted = strings([b'"1",2,"a,b"', b'1,2,"a""b"', b'1,2,"a\nb"', b'1,"2"," a "', b'1,2,""', b'"",2,"\xff"'])
    columns = {"record_defaults": [f, i, s]}
    flex_case(F, "decodecsv", "DecodeCSV", {"records": records} | columns)
    flex_case(F, "decodecsv_quoted", "DecodeCSV", {"records": quoted} | columns)
    flex_case(F, "decodecsv_plain", "DecodeCSV", {"records": strings([b'1,2,a"b', b'1,2,"ab"c', b"1,2,\""])} | columns, {"use_quote_delim": False})
    flex_case(F, "decodecsv_na", "DecodeCSV", {"records": strings([b"NA,NA,NA", b'"NA",2,na', b",3,"])} | columns, {"na_value": "NA"})
    flex_case(F, "decodecsv_semicolon", "DecodeCSV", {"records": strings(b"1;2;a,b")} | columns, {"field_delim": ";"})
    flex_case(F, "decodecsv_some", "DecodeCSV", {"records": strings([b"1,2,3,4,x,\"", b",,,,", b"1,2,3,4"])} | {"record_defaults": [i, i]}, {"select_cols": [1, 3]})
    flex_case(F, "decodecsv_last", "DecodeCSV", {"records": strings([b"1,2", b"1,"])} | {"record_defaults": [i]}, {"select_cols": [1]})
    flex_case(F, "decodecsv_types", "DecodeCSV", {"records": strings([b"1,2,3.5", b"-4,9223372036854775807,1e300"]), "record_defaults": [none, tensor([0], "i64"), tensor(None, "f64", data=0.25)]})
    flex_case(F, "decodecsv_scalar_default", "DecodeCSV", {"records": strings([b",a", b"2,"]), "record_defaults": [tensor(None, "i32", data=3), strings(b"t")]})
    flex_case(F, "decodecsv_empty", "DecodeCSV", {"records": strings(np.zeros([0], object))} | columns)


def ranges():
    for type in ("f32", "f64", "i32", "i64"):
        for splits in ("i32", "i64"):
            flex_case(F, f"raggedrange_{type}_{splits}", "RaggedRange",
                      {"starts": ints([0, 5, 8, 5, 2], type), "limits": ints([3, 5, 12, 0, 9], type), "deltas": ints([1, 1, 3, -2, -1], type)}, {"Tsplits": dtype(splits)}, unknown=(0, 1))
        flex_case(F, f"raggedrange_{type}_broadcast", "RaggedRange", {"starts": ints(0, type), "limits": ints([3, 0, 5], type), "deltas": ints(2, type)}, unknown=(0, 1))
        flex_case(F, f"raggedrange_{type}_scalars", "RaggedRange", {"starts": ints(1, type), "limits": ints(4, type), "deltas": ints(1, type)}, unknown=(0, 1))
        flex_case(F, f"raggedrange_{type}_none", "RaggedRange", {"starts": tensor([0], type), "limits": tensor([0], type), "deltas": ints(1, type)}, unknown=(0, 1))
    for type in ("f32", "f64"):
        flex_case(F, f"raggedrange_{type}_steps", "RaggedRange", {"starts": ints([0, 1], type), "limits": ints([1, -1], type), "deltas": ints([0.1, -0.3], type)},
                  unknown=(0, 1), tolerance={"abs": 0, "rel": 0})


def gathering():
    def values(type, shape=(5,)):
        return strings(np.array([b"v%d" % i for i in range(int(np.prod(shape)))], object).reshape(shape)) if type == "str" else tensor(list(shape), type)

    def gather(name, splits, data, indices, type="i64", index="i32"):
        rank = len(splits) + np.ndim(indices) - 1
        flex_case(F, f"raggedgather_{name}", "RaggedGather", {"params_nested_splits": [ints(s, type) for s in splits], "params_dense_values": data,
                                                              "indices": ints(np.array(indices, np.int64), index)}, {"OUTPUT_RAGGED_RANK": rank}, unknown=range(rank + 1))

    for type in ALL:
        gather(type, [[0, 2, 2, 5]], values(type), [2, 0, 1, 2])
        flex_case(F, f"raggedtensortosparse_{type}", "RaggedTensorToSparse", {"rt_nested_splits": [ints([0, 2, 2, 5], "i64")], "rt_dense_values": values(type)}, unknown=(0, 1, 2))
        flex_case(F, f"raggedfillemptyrows_{type}", "RaggedFillEmptyRows",
                  {"value_rowids": ints([0, 3, 0, 4, 3], "i64"), "values": values(type), "nrows": ints(6, "i64"), "default_value": strings(b"none") if type == "str" else tensor([], type)}, unknown=(0, 1, 2, 3))
    for type in ("i32", "i64"):
        gather(f"deep_{type}", [[0, 2, 3], [0, 1, 3, 3]], values("f32", (3, 2)), [1, 0, 1], type, type)
        gather(f"matrix_{type}", [[0, 2, 2, 5]], values("f32"), [[2, 0], [1, 1]], type, type)
        gather(f"cube_{type}", [[0, 2, 3], [0, 1, 3, 3]], values("str", (3,)), [[[1], [0]], [[0], [0]]], type, type)
        gather(f"none_{type}", [[0, 2, 2, 5]], values("f32"), np.zeros([0]), type, type)
        for name, splits, data in (("deep", [[0, 2, 3], [0, 1, 3, 3]], values("f32", (3,))), ("inner", [[0, 0, 2]], values("f32", (2, 2, 3))), ("none", [[0]], values("f32", (0,)))):
            flex_case(F, f"raggedtensortosparse_{name}_{type}", "RaggedTensorToSparse", {"rt_nested_splits": [ints(s, type) for s in splits], "rt_dense_values": data}, unknown=(0, 1, 2))
    flex_case(F, "raggedfillemptyrows_none", "RaggedFillEmptyRows",
              {"value_rowids": tensor([0], "i64"), "values": tensor([0], "f32"), "nrows": ints(2, "i64"), "default_value": tensor([], "f32")}, unknown=(0, 1, 2, 3))


def cases():
    raw()
    tables()
    ranges()
    gathering()
