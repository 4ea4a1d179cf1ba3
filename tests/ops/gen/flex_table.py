"""Select-TF operators on lookup tables: filled once, changed, read, and what each refuses."""
import os
import tempfile

import numpy as np

from lib import FlexModel, tensor, tensorflow

F = "flex_table"
KEYS = {"i32": [3, -1, 7], "i64": [2**40, -5, 0], "str": [b"one", b"", b"a longer key"]}
OTHER = {"i32": [7, 8, 3, 3], "i64": [5, 2**40, -5, -5], "str": [b"other", b"one", b"", b""]}
VALUES = {"f32": [1.5, -2, 0.25], "f64": [1.5, -2, 0.25], "i32": [4, -5, 6], "i64": [2**41, -1, 6], "str": [b"x", b"", b"yz"], "bool": [True, False, True]}
DEFAULT = {"f32": -1, "f64": -1, "i32": -1, "i64": -1, "str": b"none", "bool": False}
FIXED = {"i32": ("f64", "f32", "i32", "str"), "i64": ("f64", "f32", "i32", "i64", "str"), "str": ("bool", "f64", "f32", "i32", "i64", "str")}
MUTABLE = {"i32": ("f64", "f32", "i32"), "i64": ("f64", "f32", "i32", "i64", "str"), "str": ("bool", "f64", "f32", "i32", "i64")}


def table(m, op, key, value, inputs=None, **attrs):
    types = {} if inputs else {"key_dtype": dtype(m, key)}
    return m.op(op, inputs, value_dtype=dtype(m, value), **types, **attrs)


def dtype(m, type):
    return m.tf.as_dtype(tensor([], type).type)


def find(m, handle, key, value, keys=None, default=None):
    keys = m.feed(None, key, data=OTHER[key] if keys is None else keys)
    return m.op("LookupTableFindV2", {"table_handle": handle, "keys": keys, "default_value": m.const(DEFAULT[value] if default is None else default, value)}, True)


def size(m, handle):
    return m.op("LookupTableSizeV2", {"table_handle": handle})


def export(m, handle, key, value):
    return m.op("LookupTableExportV2", {"table_handle": handle}, True, Tkeys=dtype(m, key), Tvalues=dtype(m, value))


def filled_once():
    for key, values in FIXED.items():
        for value in values:
            m = FlexModel(F, f"fixed_{key}_{value}")
            handle = table(m, "HashTableV2", key, value, shared_name=f"t_{key}_{value}")
            fill = "InitializeTableV2" if value != "f32" else "LookupTableImportV2"
            m.op(fill, {"table_handle": handle, "keys": m.const(KEYS[key], key), "values": m.const(VALUES[value], value)})
            m.case([find(m, handle, key, value), find(m, handle, key, value, [[KEYS[key][1]]]), size(m, handle)], invocations=2)
            m = FlexModel(F, f"anonymous_{key}_{value}")
            handle = table(m, "AnonymousHashTable", key, value)
            m.op("InitializeTableV2", {"table_handle": handle, "keys": m.feed(None, key, data=KEYS[key][:1]), "values": m.feed(None, value, data=VALUES[value][:1])})
            m.case([find(m, handle, key, value), size(m, handle)] + export(m, handle, key, value), invocations=2)


def changed():
    for key, values in MUTABLE.items():
        for value in values:
            shapes = {"MutableHashTableV2": (), "AnonymousMutableHashTable": (), "MutableHashTableOfTensorsV2": (2,), "AnonymousMutableHashTableOfTensors": (2,)}
            for op, shape in shapes.items():
                m = FlexModel(F, f"{op.lower()}_{key}_{value}")
                attrs = {} if op.startswith("Anonymous") else {"shared_name": f"{op}_{key}_{value}"}
                handle = table(m, op, key, value, **attrs, **({"value_shape": shape} if shape else {}))
                rows = [np.array(VALUES[value], object).reshape(3, *[1 for _ in shape]).repeat(2 if shape else 1, -1 if shape else 0)[i] for i in range(3)]
                changes(m, handle, key, value, np.array(rows, object), shape)
        for value in ("f64", "f32", "i32", "i64", "bool"):
            if key == "i32" and value in ("i64", "bool"):
                continue
            for op in ("MutableDenseHashTableV2", "AnonymousMutableDenseHashTable"):
                m = FlexModel(F, f"{op.lower()}_{key}_{value}")
                attrs = {} if op.startswith("Anonymous") else {"shared_name": f"{op}_{key}_{value}"}
                barred = {"empty_key": m.const(b"empty" if key == "str" else -100, key), "deleted_key": m.const(b"gone" if key == "str" else -101, key)}
                handle = table(m, op, key, value, barred, **attrs)
                changes(m, handle, key, value, np.array(VALUES[value], object), ())


def changes(m, handle, key, value, rows, shape):
    outputs = [size(m, handle)]
    default = np.full(shape, DEFAULT[value], object)

    def insert(keys, values, op="LookupTableInsertV2"):
        m.op(op, {"table_handle": handle, "keys": m.feed(None, key, data=keys), "values": m.feed(None, value, data=values)})

    insert(KEYS[key], rows)
    insert([KEYS[key][1], OTHER[key][1]], rows[[2, 0]])
    outputs += [size(m, handle), find(m, handle, key, value, default=default)]
    if "Dense" not in m.steps[0][0]:  # a default for each key: TensorFlow's dense tables stop the program
        outputs.append(find(m, handle, key, value, default=rows[[0, 1, 0, 1]]))
    m.op("LookupTableRemoveV2", {"table_handle": handle, "keys": m.feed(None, key, data=[KEYS[key][0], OTHER[key][0]])})
    outputs += [size(m, handle), find(m, handle, key, value, default=default)]
    if "Dense" in m.steps[0][0]:  # what it imports and exports is how TensorFlow lays it out
        return m.case(outputs, invocations=1)
    insert(KEYS[key][2:], rows[2:], "LookupTableImportV2")
    outputs += [size(m, handle), find(m, handle, key, value, default=default)] + export(m, handle, key, value)
    insert(KEYS[key], rows)  # TensorFlow does not say in which order several are given
    keys, values = export(m, handle, key, value)
    outputs.append(find(m, handle, key, value, default=default) if key == "str" else m.op("Sum", {"input": keys, "axis": m.const(0)}))
    if value in ("f32", "f64", "i32"):
        outputs.append(m.op("Sum", {"input": values, "axis": m.const(0)}, True))
    m.case(outputs, invocations=1)


def refusals():
    def fixed(name, fill=True):
        m = FlexModel(F, "refused_" + name)
        handle = table(m, "HashTableV2", "i64", "f32", shared_name="refused_" + name)
        if fill:
            m.op("InitializeTableV2", {"table_handle": handle, "keys": m.const(KEYS["i64"], "i64"), "values": m.const(VALUES["f32"], "f32")})
        return m, handle

    def look(m, handle, key, value, default=None):
        return "LookupTableFindV2", {"table_handle": handle, "keys": m.feed(None, key, data=KEYS[key]),
                                     "default_value": m.const(DEFAULT[value] if default is None else default, value)}, [value]

    m, handle = fixed("unfilled", False)
    m.refused("the table was not filled", *look(m, handle, "i64", "f32"))
    m, handle = fixed("key_type")
    m.refused("has keys of int64, not of string", *look(m, handle, "str", "f32"))
    m, handle = fixed("value_type")
    m.refused("has values of float32, not of int32", *look(m, handle, "i64", "i32"))
    m, handle = fixed("default")
    m.refused("the default is no value", *look(m, handle, "i64", "f32", [1.0, 2.0]))
    entries = lambda m, keys, values: {"keys": m.const(keys, "i64"), "values": m.const(values, "f32")}
    m, handle = fixed("filled_otherwise")
    m.refused("was filled already, with other entries", "InitializeTableV2", {"table_handle": handle, **entries(m, [1], [2])})
    m, handle = fixed("twice", False)
    m.refused("key 1 stands twice", "InitializeTableV2", {"table_handle": handle, **entries(m, [1, 1], [2, 3])})
    m, handle = fixed("number", False)
    m.refused("do not fit together", "InitializeTableV2", {"table_handle": handle, **entries(m, [1, 2], [2])})
    m, handle = fixed("insert")
    m.refused("is filled once", "LookupTableInsertV2", {"table_handle": handle, **entries(m, [1], [2])})
    m, handle = fixed("remove")
    m.refused("is filled once", "LookupTableRemoveV2", {"table_handle": handle, "keys": m.const([1], "i64")})
    m = FlexModel(F, "refused_initialize_mutable")
    handle = table(m, "MutableHashTableV2", "i64", "f32", shared_name="refused_initialize_mutable")
    m.refused("is not one that is filled once", "InitializeTableV2", {"table_handle": handle, **entries(m, [1], [2])})
    for name, key in (("empty", -100), ("deleted", -101)):
        m = FlexModel(F, "refused_key_" + name)
        handle = table(m, "MutableDenseHashTableV2", "i64", "f32", {"empty_key": m.const(-100, "i64"), "deleted_key": m.const(-101, "i64")},
                       shared_name="refused_key_" + name)
        m.refused("key 1 is the one that stands for", "LookupTableInsertV2", {"table_handle": handle, **entries(m, [1, key], [2, 3])})
    m = FlexModel(F, "refused_variable")
    handle = m.op("VarHandleOp", shared_name="refused_variable", dtype=m.tf.float32, shape=[])
    m.refused("is the handle of no hash table", *look(m, handle, "i64", "f32"), asked=False)
    m = FlexModel(F, "refused_other_types")
    table(m, "HashTableV2", "i64", "f32", shared_name="refused_other_types")
    m.refused("says other things of the same table", "HashTableV2", {}, ["resource"], asked=False, key_dtype=m.tf.int64, value_dtype=m.tf.string,
              shared_name="refused_other_types")


NAME = "linnet_case"
LINES = b"one,1,-7,2.5\ntwo,2,8,-1e3\r\n,30,9,0.125\nfive words here,5,10,7"


def text_file(name, key, value, text=LINES, refused=None, wanted=None, **attrs):
    """The text is a file because SaveV2 keeps the bytes of its tensors as they are."""
    m = FlexModel(F, name)
    m.op("SaveV2", {"prefix": m.feed(None, "str", data=np.array(NAME, object)), "tensor_names": m.const(np.array(["a"], object), "str"),
                    "shape_and_slices": m.const(np.array([""], object), "str"), "tensors": [m.feed(None, "u8", data=list(text))]})
    handle = table(m, "HashTableV2", key, value, shared_name=name)
    file = {"table_handle": handle, "filename": m.feed(None, "str", data=np.array(NAME + ".data-00000-of-00001", object))}
    if refused:
        return m.refused(refused, "InitializeTableFromTextFileV2", file, **attrs)
    m.op("InitializeTableFromTextFileV2", file, **attrs)
    m.case([find(m, handle, key, value, wanted), size(m, handle)], invocations=2)


def text_files():
    texts = [b"one", b"two", b"none", b"", b"five words here", b"one,1,-7,2.5", b"two,2,8,-1e3"]
    text_file("file_line_to_number", "str", "i64", key_index=-2, value_index=-1, wanted=texts)
    text_file("file_number_to_line", "i64", "str", key_index=-1, value_index=-2, wanted=[0, 1, 3, 4, 5])
    text_file("file_text_to_i64", "str", "i64", key_index=0, value_index=1, delimiter=",", wanted=texts)
    text_file("file_text_to_i32", "str", "i32", key_index=0, value_index=2, delimiter=",", wanted=texts)
    text_file("file_text_to_f32", "str", "f32", key_index=0, value_index=3, delimiter=",", wanted=texts)
    text_file("file_i64_to_f64", "i64", "f64", key_index=1, value_index=3, delimiter=",", wanted=[1, 2, 30, 5, 4])
    text_file("file_i32_to_str", "i32", "str", key_index=2, value_index=0, delimiter=",", wanted=[-7, 8, 9, 10, 11])
    text_file("file_two_lines", "str", "i64", key_index=-2, value_index=-1, vocab_size=2, wanted=texts)
    text_file("file_counted_from_four", "str", "i64", key_index=-2, value_index=-1, offset=4, wanted=texts)
    text_file("refused_file_column", "str", "i64", refused="line 0 has no column 4", key_index=0, value_index=4, delimiter=",")
    text_file("refused_file_number", "str", "i64", refused="in line 0 is no int64", key_index=0, value_index=3, delimiter=",")
    text_file("refused_file_short", "str", "i64", refused="the file has 4 lines, 6 are wanted", key_index=-2, value_index=-1, vocab_size=6)
    text_file("refused_file_empty_line", "str", "i64", b"a\n\r\nb", refused="line 1 is empty", key_index=-2, value_index=-1)
    text_file("refused_file_whole", "i64", "str", refused="key_index -2 gives no int64", key_index=-2, value_index=0)
    text_file("refused_file_twice", "str", "i64", b"a\t1\na\t2", refused="key 1 stands twice", key_index=0, value_index=1)


def cases():
    tensorflow()
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        try:
            text_files()
        finally:
            os.chdir(before)
    filled_once()
    changed()
    refusals()
