"""Select-TF operators on lists of tensors, alone, in loops and branches, and LiteRT's custom operators of the same names."""
import numpy as np

from lib import FlexModel, flex_node, flex_options, graph, model_case, node, tensor, tensorflow

F = "flex_list"
TYPES = ("f32", "f64", "f16", "bf16", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "bool", "c64", "c128", "str")


def dtype(m, type):
    return m.tf.as_dtype(tensor([], type).type)


def stacked(m, handle, type, shape=-1, unknown=True):
    return m.op("TensorListStack", {"input_handle": handle, "element_shape": m.const(shape)}, unknown, element_dtype=dtype(m, type))


def item(m, handle, index, type, shape=-1, unknown=False):
    return m.op("TensorListGetItem", {"input_handle": handle, "index": m.const(index), "element_shape": m.const(shape)}, unknown,
                element_dtype=dtype(m, type))


def every_type():
    for type in TYPES:
        m = FlexModel(F, f"set_get_{type}")
        handle = m.op("TensorListReserve", {"element_shape": m.const([-1, 3] if type == "f32" else -1, "i64" if type == "i8" else "i32"), "num_elements": m.const(3)},
                      element_dtype=dtype(m, type))
        for index in (2, 0):
            handle = m.op("TensorListSetItem", {"input_handle": handle, "index": m.const(index), "item": m.feed([2, 3], type)})
        m.case([item(m, handle, 0, type), item(m, handle, 2, type, unknown=True), item(m, handle, 1, type, [2, 3]), stacked(m, handle, type, [2, 3], False),
                m.op("TensorListLength", {"input_handle": handle})])
        m = FlexModel(F, f"push_pop_{type}")
        handle = m.op("EmptyTensorList", {"element_shape": m.const(-1), "max_num_elements": m.const(-1)}, element_dtype=dtype(m, type))
        for shape in ([2], [3], [0]):
            handle = m.op("TensorListPushBack", {"input_handle": handle, "tensor": m.feed(shape, type)})
        outputs = []
        for _ in range(2):
            handle, value = m.op("TensorListPopBack", {"input_handle": handle, "element_shape": m.const(-1)}, True, element_dtype=dtype(m, type))
            outputs.append(value)
        m.case(outputs + [m.op("TensorListLength", {"input_handle": handle})])
        m = FlexModel(F, f"gather_concat_{type}")
        handle = m.op("TensorListFromTensor", {"tensor": m.feed([4, 2, 3], type), "element_shape": m.const([2, -1])})
        gathered = m.op("TensorListGather", {"input_handle": handle, "indices": m.feed(None, "i32", data=[3, 0, 3]), "element_shape": m.const(-1)}, True,
                        element_dtype=dtype(m, type))
        joined = m.op("TensorListConcat", {"input_handle": handle}, True, element_dtype=dtype(m, type))
        again = m.op("TensorListConcatV2", {"input_handle": handle, "element_shape": m.const(-1), "leading_dims": m.const(np.zeros(0), "i64")}, True,
                     element_dtype=dtype(m, type))
        m.case([gathered] + joined + again)
        m = FlexModel(F, f"split_scatter_{type}")
        split = m.op("TensorListSplit", {"tensor": m.feed([5, 2], type), "element_shape": m.const([-1, 2]), "lengths": m.const([2, 0, 3], "i64")})
        rows, indices = m.feed([2, 3], type), m.feed(None, "i32", data=[2, 0])
        scattered = m.op("TensorListScatter", {"tensor": rows, "indices": indices, "element_shape": m.const([3])})
        wider = m.op("TensorListScatterV2", {"tensor": rows, "indices": indices, "element_shape": m.const([3]), "num_elements": m.const(4)})
        into = m.op("TensorListScatterIntoExistingList", {"input_handle": wider, "tensor": rows, "indices": m.const([1, 4])})
        m.case([item(m, split, i, type) for i in range(3)] + [stacked(m, h, type) for h in (scattered, wider, into)])


def whole_lists():
    for wide in (False, True):
        for shape in ([], [2, -1], -1):
            m = FlexModel(F, f"element_shape_{'i64' if wide else 'i32'}_{len(np.shape(shape)) + 2 * (shape == [])}")
            handle = m.op("EmptyTensorList", {"element_shape": m.const(np.array(shape, np.int64), "i64" if wide else "i32"), "max_num_elements": m.const(2)},
                          element_dtype=m.tf.float32)
            m.case([m.op("TensorListElementShape", {"input_handle": handle}, True, shape_type=m.tf.int64 if wide else m.tf.int32)])
    for size in (0, 2, 5):
        m = FlexModel(F, f"resize_{size}")
        handle = m.op("TensorListFromTensor", {"tensor": m.feed([3, 2], "f32"), "element_shape": m.const(-1)})
        handle = m.op("TensorListResize", {"input_handle": handle, "size": m.feed(None, "i32", data=size)})
        m.case([stacked(m, handle, "f32", [2]), m.op("TensorListLength", {"input_handle": handle})])
    m = FlexModel(F, "concat_lists")
    a = m.op("TensorListFromTensor", {"tensor": m.feed([3, 2], "f32"), "element_shape": m.const([2])})
    b = m.op("TensorListFromTensor", {"tensor": m.feed([2, 2], "f32"), "element_shape": m.const([2])})
    m.case([stacked(m, m.op("TensorListConcatLists", {"input_a": a, "input_b": b}, element_dtype=m.tf.float32), "f32")])
    m = FlexModel(F, "set_beyond")
    handle = m.op("EmptyTensorList", {"element_shape": m.const([2]), "max_num_elements": m.const(-1)}, element_dtype=m.tf.float32)
    handle = m.op("TensorListSetItem", {"input_handle": handle, "index": m.const(2), "item": m.feed([2], "f32")}, resize_if_index_out_of_bounds=True)
    m.case([stacked(m, handle, "f32")])
    m = FlexModel(F, "uneven_concat")
    handle = m.op("TensorListReserve", {"element_shape": m.const([-1, 2]), "num_elements": m.const(3)}, element_dtype=m.tf.float32)
    for index, rows in ((0, 3), (2, 1)):
        handle = m.op("TensorListSetItem", {"input_handle": handle, "index": m.const(index), "item": m.feed([rows, 2], "f32")})
    m.case(m.op("TensorListConcatV2", {"input_handle": handle, "element_shape": m.const([-1, 2]), "leading_dims": m.const([3, 2, 1], "i64")}, True,
                element_dtype=m.tf.float32))
    m = FlexModel(F, "kept")  # a list is not changed by what makes another of it
    first = m.op("TensorListFromTensor", {"tensor": m.feed([3, 2], "f32"), "element_shape": m.const(-1)})
    second = m.op("TensorListSetItem", {"input_handle": first, "index": m.const(1), "item": m.feed([2], "f32")})
    third, _ = m.op("TensorListPopBack", {"input_handle": second, "element_shape": m.const(-1)}, element_dtype=m.tf.float32)
    m.case([stacked(m, h, "f32") for h in (first, second, third)], invocations=2)
    m = FlexModel(F, "lists_of_lists")
    inner = m.op("TensorListFromTensor", {"tensor": m.feed([3, 2], "f32"), "element_shape": m.const(-1)})
    outer = m.op("TensorListReserve", {"element_shape": m.const(-1), "num_elements": m.const(2)}, element_dtype=m.tf.variant)
    outer = m.op("TensorListSetItem", {"input_handle": outer, "index": m.const(1), "item": inner})
    outer = m.op("TensorListPushBack", {"input_handle": outer, "tensor": inner})
    got = m.op("TensorListGetItem", {"input_handle": outer, "index": m.const(1), "element_shape": m.const(-1)}, element_dtype=m.tf.variant)
    _, popped = m.op("TensorListPopBack", {"input_handle": outer, "element_shape": m.const(-1)}, element_dtype=m.tf.variant)
    m.case([stacked(m, h, "f32") for h in (got, popped)])


def arithmetic(m, handle, shape, type):
    """A sum of lists, and zeros like one."""
    more = [m.op("TensorListFromTensor", {"tensor": m.feed(shape, type), "element_shape": m.const(shape[1:])}) for _ in range(2)]
    return m.op("AddN", {"inputs": [handle] + more}), m.op("ZerosLike", {"x": more[0]})


def sums():
    for type in ("f32", "f64", "f16", "bf16", "i32", "i64", "c64"):
        m = FlexModel(F, f"add_n_{type}")
        handle = m.op("TensorListReserve", {"element_shape": m.const([2]), "num_elements": m.const(3)}, element_dtype=dtype(m, type))
        handle = m.op("TensorListSetItem", {"input_handle": handle, "index": m.const(1), "item": m.feed([2], type)})
        m.case([stacked(m, h, type, [2]) for h in arithmetic(m, handle, [3, 2], type)] +
               [stacked(m, m.op("ZerosLike", {"x": handle}), type, [2]), stacked(m, m.op("Identity", {"input": handle}), type, [2])],
               tolerance={"abs": 0.02, "rel": 0.02} if type in ("f16", "bf16") else None)


def empty(name):
    m = FlexModel(F, name)
    return m, m.op("EmptyTensorList", {"element_shape": m.const([2]), "max_num_elements": m.const(1)}, element_dtype=m.tf.float32)


def full(name, shape=(3, 2), element=-1):
    m = FlexModel(F, name)
    return m, m.op("TensorListFromTensor", {"tensor": m.feed(list(shape), "f32"), "element_shape": m.const(element)})


def refusals():
    def get(m, handle, index, type="f32", shape=-1):
        return "TensorListGetItem", {"input_handle": handle, "index": m.const(index), "element_shape": m.const(shape)}, [type]

    for name, index in (("below", -1), ("above", 3)):
        m, handle = full("refused_get_" + name)
        m.refused(f"reads element {index} of 3", *get(m, handle, index), element_dtype=m.tf.float32)
        m, handle = full("refused_set_" + name)
        m.refused(f"sets element {index} of 3", "TensorListSetItem", {"input_handle": handle, "index": m.const(index), "item": m.feed([2], "f32")}, ["variant"])
        m, handle = full("refused_gather_" + name)
        m.refused(f"gathers element {index} of 3", "TensorListGather", {"input_handle": handle, "indices": m.const([0, index]), "element_shape": m.const(-1)},
                  ["f32"], element_dtype=m.tf.float32)
    m, handle = full("refused_get_type")
    m.refused("the list is of float32, not of int32", *get(m, handle, 0, "i32"), element_dtype=m.tf.int32)
    m, handle = full("refused_set_type")
    m.refused("the list is of float32, not of int32", "TensorListSetItem", {"input_handle": handle, "index": m.const(0), "item": m.feed([2], "i32")}, ["variant"])
    m, handle = full("refused_set_shape", element=[2])
    m.refused("are not of one shape", "TensorListSetItem", {"input_handle": handle, "index": m.const(0), "item": m.feed([3], "f32")}, ["variant"])
    m, handle = empty("refused_pop")
    m.refused("takes from an empty list", "TensorListPopBack", {"input_handle": handle, "element_shape": m.const(-1)}, ["variant", "f32"],
              element_dtype=m.tf.float32)
    m, handle = empty("refused_push_full")
    handle = m.op("TensorListPushBack", {"input_handle": handle, "tensor": m.feed([2], "f32")})
    m.refused("the list is full", "TensorListPushBack", {"input_handle": handle, "tensor": m.feed([2], "f32")}, ["variant"])
    m, handle = empty("refused_push_shape")
    m.refused("are not of one shape", "TensorListPushBack", {"input_handle": handle, "tensor": m.feed([3], "f32")}, ["variant"])
    m = FlexModel(F, "refused_unset")
    handle = m.op("TensorListReserve", {"element_shape": m.const(-1), "num_elements": m.const(2)}, element_dtype=m.tf.float32)
    m.refused("was not set and has no known shape", *get(m, handle, 1), element_dtype=m.tf.float32)
    m = FlexModel(F, "refused_stack_unset")
    handle = m.op("TensorListReserve", {"element_shape": m.const([-1]), "num_elements": m.const(2)}, element_dtype=m.tf.float32)
    m.refused("of a shape that is not known", "TensorListStack", {"input_handle": handle, "element_shape": m.const(-1)}, ["f32"], element_dtype=m.tf.float32)
    m = FlexModel(F, "refused_stack_uneven")
    handle = m.op("TensorListSplit", {"tensor": m.feed([5, 2], "f32"), "element_shape": m.const([-1, 2]), "lengths": m.const([2, 3], "i64")})
    m.refused("are not of one shape", "TensorListStack", {"input_handle": handle, "element_shape": m.const(-1)}, ["f32"], element_dtype=m.tf.float32)
    m, handle = full("refused_stack_number")
    m.refused("stacks 4 elements of a list of 3", "TensorListStack", {"input_handle": handle, "element_shape": m.const(-1)}, ["f32"],
              element_dtype=m.tf.float32, num_elements=4)
    m, handle = full("refused_concat_scalars", (3,))
    m.refused("does not fit", "TensorListConcat", {"input_handle": handle}, ["f32", "i64"], element_dtype=m.tf.float32)
    m = FlexModel(F, "refused_reserve")
    m.refused("reserves -1 elements", "TensorListReserve", {"element_shape": m.const(-1), "num_elements": m.const(-1)}, ["variant"], element_dtype=m.tf.float32)
    m = FlexModel(F, "refused_from_scalar")
    m.refused("has no rows", "TensorListFromTensor", {"tensor": m.feed([], "f32"), "element_shape": m.const(-1)}, ["variant"])
    m = FlexModel(F, "refused_from_shape")
    m.refused("are not of one shape", "TensorListFromTensor", {"tensor": m.feed([2, 3], "f32"), "element_shape": m.const([2])}, ["variant"])
    m = FlexModel(F, "refused_shape")
    m.refused("is no shape of elements", "TensorListReserve", {"element_shape": m.const(3), "num_elements": m.const(1)}, ["variant"], element_dtype=m.tf.float32)
    for name, lengths, text in (("long", [2, 4], "length 1 is 4, 3 rows are left"), ("short", [2, 2], "1 rows are left")):
        m = FlexModel(F, "refused_split_" + name)
        m.refused(text, "TensorListSplit", {"tensor": m.feed([5, 2], "f32"), "element_shape": m.const([-1, 2]), "lengths": m.const(lengths, "i64")}, ["variant"])
    m = FlexModel(F, "refused_scatter_negative")
    m.refused("the index -1 is negative", "TensorListScatter", {"tensor": m.feed([2, 2], "f32"), "indices": m.const([0, -1]), "element_shape": m.const(-1)},
              ["variant"])
    m = FlexModel(F, "refused_scatter_above")
    m.refused("scatters to element 3 of 2", "TensorListScatterV2", {"tensor": m.feed([2, 2], "f32"), "indices": m.const([0, 3]), "element_shape": m.const(-1),
                                                                    "num_elements": m.const(2)}, ["variant"])
    m, handle = full("refused_resize")
    m.refused("resizes to -2 elements", "TensorListResize", {"input_handle": handle, "size": m.const(-2)}, ["variant"])
    m, handle = full("refused_concat_lists")
    other = m.op("TensorListFromTensor", {"tensor": m.feed([3, 2], "i32"), "element_shape": m.const(-1)})
    m.refused("the list is of int32, not of float32", "TensorListConcatLists", {"input_a": handle, "input_b": other}, ["variant"], element_dtype=m.tf.float32)


    m, handle = full("refused_concat_lists_shapes", element=[-1])
    other = m.op("TensorListFromTensor", {"tensor": m.feed([3, 2], "f32"), "element_shape": m.const([2])})
    m.refused("are not of one shape", "TensorListConcatLists", {"input_a": handle, "input_b": other}, ["variant"], element_dtype=m.tf.float32)


    for name, shape, type, text in (("number", [2, 2], "f32", "adds lists of 3 and 2 elements"), ("type", [3, 2], "f64", "the list is of float64, not of float32"),
                                    ("shape", [3, 3], "f32", "are not of one shape")):
        m, handle = full("refused_add_" + name)
        other = m.op("TensorListFromTensor", {"tensor": m.feed(shape, type), "element_shape": m.const(-1)})
        m.refused(text, "AddN", {"inputs": [handle, other]}, ["variant"])


def flex(op, inputs, outputs, **attrs):
    """A node; `inputs` are the operator's arguments in TensorFlow's order."""
    tf = tensorflow()
    specs = {k: (tf.as_dtype(t.type), None if t.type == "variant" else t.shape) for k, t in inputs.items()}
    return node("Flex" + op, list(inputs.values()), outputs, custom=flex_options(flex_node(op, attrs, specs)[0]))


def loop():
    """Squares of a row are pushed in a loop, under a branch that changes every other one."""
    tf = tensorflow()
    count, shape = 5, tensor(None, "i32", data=[3], const=True)
    i, step, x = [tensor([], "i32") for _ in range(3)], tensor(None, "i32", data=1, const=True), [tensor([3], "f32") for _ in range(3)]
    handles = [tensor([], "variant") for _ in range(4)]
    # condition
    more, limit = tensor([], "bool"), tensor(None, "i32", data=count, const=True)
    condition = graph([node("LESS", [i[1], limit], [more])], [i[1], x[1], handles[1]], [more], "more")
    # body: element i is x * i, or where i is odd minus that
    number, product, two, rest, odd, after, next_i = (tensor([], "f32"), tensor([3], "f32"), tensor(None, "i32", data=2, const=True), tensor([], "i32"),
                                                      tensor([], "bool"), tensor([], "variant"), tensor([], "i32"))
    zero = tensor(None, "i32", data=0, const=True)
    body = graph([node("CAST", [i[2]], [number], {"inDataType": "INT32", "outDataType": "FLOAT32"}), node("MUL", [x[2], number], [product]),
                  node("FLOOR_MOD", [i[2], two], [rest]), node("NOT_EQUAL", [rest, zero], [odd]),
                  node("IF", [odd, handles[2], i[2], product], [after], {"thenSubgraphIndex": 3, "elseSubgraphIndex": 4}),
                  node("ADD", [i[2], step], [next_i])], [i[2], x[2], handles[2]], [next_i, x[2], after], "body")
    branches = []
    for name, ops in (("odd", True), ("even", False)):
        h, at, value, out, negative = tensor([], "variant"), tensor([], "i32"), tensor([3], "f32"), tensor([], "variant"), tensor([3], "f32")
        nodes = [node("NEG", [value], [negative])] if ops else []
        nodes.append(flex("TensorListSetItem", {"input_handle": h, "index": at, "item": negative if ops else value}, [out]))
        branches.append(graph(nodes, [h, at, value], [out], name))
    number_of, start, result, out, last_x, last_i = (tensor(None, "i32", data=count, const=True), tensor(None, "i32", data=0, const=True), tensor([5, 3], "f32"),
                                                     tensor([], "variant"), tensor([3], "f32"), tensor([], "i32"))
    x[0].data = np.float32([1, -2, 0.5])
    main = graph([flex("TensorListReserve", {"element_shape": shape, "num_elements": number_of}, [handles[0]], element_dtype=tf.float32),
                  node("WHILE", [start, x[0], handles[0]], [last_i, last_x, out], {"condSubgraphIndex": 1, "bodySubgraphIndex": 2}),
                  flex("TensorListStack", {"input_handle": out, "element_shape": shape}, [result], element_dtype=tf.float32, num_elements=count)],
                 [x[0]], [result, last_i])
    expected = np.stack([x[0].data * n * (-1 if n % 2 else 1) for n in range(count)])
    model_case(F, "in_a_loop", [main, condition, body] + branches, expected=[expected, np.int32(count)], resolver=None, invocations=2)


def litert():
    """LiteRT's own kernels, whose library its package does not carry: TensorFlow gives what they are to give."""
    for type, number in (("f32", 0), ("i32", 2), ("i64", 4), ("bool", 6)):
        m = FlexModel(F, f"litert_{type}")
        d = dtype(m, type)
        handle = m.op("TensorListReserve", {"element_shape": m.const([2]), "num_elements": m.const(3)}, element_dtype=d)
        handle = m.op("TensorListSetItem", {"input_handle": handle, "index": m.const(1), "item": m.feed([2], type)})
        pushed = m.op("TensorListPushBack", {"input_handle": handle, "tensor": m.feed([2], type)})
        rest, popped = m.op("TensorListPopBack", {"input_handle": pushed, "element_shape": m.const([2])}, element_dtype=d)
        other = m.op("TensorListFromTensor", {"tensor": m.feed([2, 2], type), "element_shape": m.const([2])})
        outputs = [m.op("TensorListGetItem", {"input_handle": rest, "index": m.const(1), "element_shape": m.const([2])}, element_dtype=d), popped,
                   m.op("TensorListStack", {"input_handle": pushed, "element_shape": m.const([2])}, element_dtype=d),
                   m.op("TensorListLength", {"input_handle": pushed}), m.op("TensorListElementShape", {"input_handle": pushed}, shape_type=m.tf.int32),
                   m.op("TensorListStack", {"input_handle": other, "element_shape": m.const([2])}, element_dtype=d)]
        if type in ("f32", "i32"):
            outputs += [stacked(m, h, type, [2], False) for h in arithmetic(m, handle, [3, 2], type)]
        for n in m.nodes:
            names = {"FlexAddN": "VariantAddN", "FlexZerosLike": "VariantZerosLike"}
            n.op, n.custom = names.get(n.op, n.op[len("Flex"):]), bytes([number]) if n.op.endswith("Reserve") else b""
        m.case(outputs)


def cases():
    tensorflow()
    every_type()
    whole_lists()
    sums()
    refusals()
    loop()
    litert()
