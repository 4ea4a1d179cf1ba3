"""Select-TF operators on variables: made, read, assigned, gathered from and scattered into, in one graph."""
import numpy as np

from lib import FlexModel, node, tensor, tensorflow

F = "flex_variable"
FLOATS = ("f32", "f64", "f16", "bf16")
INTS = ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64")
COMPLEX = ("c64", "c128")
TOLERANCE = {"f16": {"abs": 2e-3, "rel": 2e-3}, "bf16": {"abs": 2e-2, "rel": 2e-2}}


def variable(m, shape, type, name="v", **fields):
    """A handle, assigned a value that is fed."""
    tf = m.tf
    value = m.feed(shape, type, **fields)
    dtype = tf.as_dtype(value.type)
    handle = m.op("VarHandleOp", shared_name=name, dtype=dtype, shape=shape)
    m.op("AssignVariableOp", {"resource": handle, "value": value})
    return handle, lambda unknown=False: m.op("ReadVariableOp", {"resource": handle}, unknown, dtype=dtype)


def small(type):
    """Values whose products and quotients fit every type."""
    return {"low": 1, "high": 5} if type not in COMPLEX else {}


def plain():
    for type in FLOATS + INTS + COMPLEX + ("bool", "str"):
        for unknown in (False, True) if type in ("f32", "i64", "str") else (False,):
            m = FlexModel(F, f"read_{type}{'_late' if unknown else ''}")
            _, read = variable(m, [2, 3], type)
            m.case([read(unknown)])
    m = FlexModel(F, "scalar")
    handle, read = variable(m, [], "f32")
    m.op("AssignAddVariableOp", {"resource": handle, "value": m.feed([], "f32")})
    m.case([read()])
    for op in ("Add", "Sub"):
        for type in FLOATS + INTS + COMPLEX:
            m = FlexModel(F, f"assign{op.lower()}_{type}")
            handle, read = variable(m, [3, 2], type, **small(type))
            for _ in range(2):
                m.op(f"Assign{op}VariableOp", {"resource": handle, "value": m.feed([3, 2], type, **small(type))})
            m.case([read()], tolerance=TOLERANCE.get(type), invocations=2)
    for out in ("i32", "i64"):
        m = FlexModel(F, f"shape_{out}")
        handle, _ = variable(m, [2, 0, 3], "f32")
        dtype = m.tf.int32 if out == "i32" else m.tf.int64
        m.case([m.op("VariableShape", {"input": handle}, out_type=dtype), m.op("VariableShape", {"input": handle}, True, out_type=dtype)])


def life():
    """Assigned, destroyed, assigned anew with another shape."""
    m = FlexModel(F, "life")
    tf = m.tf
    handle = m.op("VarHandleOp", shared_name="life", dtype=tf.float32, shape=None)
    held = [m.op("VarIsInitializedOp", {"resource": handle})]
    for shape in ([2], [3, 1]):
        m.op("AssignVariableOp", {"resource": handle, "value": m.feed(shape, "f32")})
        held.append(m.op("VarIsInitializedOp", {"resource": handle}))
    out = m.op("ReadVariableOp", {"resource": handle}, True, dtype=tf.float32)
    m.op("DestroyResourceOp", {"resource": handle}, ignore_lookup_error=False)
    held.append(m.op("VarIsInitializedOp", {"resource": handle}))
    m.case(held + [out], invocations=2)


def slices():
    masks = {"begin_mask": 0, "end_mask": 0, "ellipsis_mask": 0, "new_axis_mask": 0, "shrink_axis_mask": 0}
    for type in FLOATS + INTS + COMPLEX + ("bool",):
        index = "i64" if type in ("f64", "i8") else "i32"
        m = FlexModel(F, f"stridedsliceassign_{type}")
        handle, read = variable(m, [4, 5], type)
        for begin, end, strides, shape, more in (([0, 1], [4, 5], [2, 3], [2, 2], {}), ([3, 4], [0, 0], [-2, -1], [2, 4], {}), ([1, 0], [0, 5], [1, 1], [5], {"shrink_axis_mask": 1})):
            m.op("ResourceStridedSliceAssign", {"ref": handle, "begin": m.const(begin, index), "end": m.const(end, index), "strides": m.const(strides, index),
                                                "value": m.feed(shape, type)}, **(masks | more))
        whole, part = m.feed([4, 5], type), m.feed([2, 2], type)
        updated = m.op("TensorStridedSliceUpdate", {"input": whole, "begin": m.const([0, 1], index), "end": m.const([4, 5], index),
                                                    "strides": m.const([2, 3], index), "value": part}, **masks)
        m.case([read(), updated])
    m = FlexModel(F, "refused_stridedsliceassign")
    handle, _ = variable(m, [4, 5], "f32")
    m.refused("the slice is [2, 2], the values are [3, 2]", "ResourceStridedSliceAssign",
              {"ref": handle, "begin": m.const([0, 1]), "end": m.const([4, 5]), "strides": m.const([2, 3]), "value": m.feed([3, 2], "f32")}, **masks)
    m = FlexModel(F, "refused_stridedsliceupdate")
    m.refused("the slice is [2, 2], the values are [3, 2]", "TensorStridedSliceUpdate",
              {"input": m.feed([4, 5], "f32"), "begin": m.const([0, 1]), "end": m.const([4, 5]), "strides": m.const([2, 3]), "value": m.feed([3, 2], "f32")},
              ["f32"], **masks)


def generators():
    m = FlexModel(F, "rng")
    handle = m.op("VarHandleOp", shared_name="rng", dtype=m.tf.int64, shape=[3])
    m.op("AssignVariableOp", {"resource": handle, "value": m.feed(None, "i64", data=[-1, 7, 2**60])})
    outputs = [m.op("RngReadAndSkip", {"resource": handle, "alg": m.const(a), "delta": m.feed(None, "u64", data=d)}) for a, d in ((1, 3), (3, 2**62 + 5))]
    m.op("RngSkip", {"resource": handle, "algorithm": m.const(1, "i64"), "delta": m.const(9, "i64")})
    m.case(outputs + [m.op("ReadVariableOp", {"resource": handle}, dtype=m.tf.int64)])
    for name, algorithm, state, text in (("algorithm", 2, [1, 2, 3], "the algorithm 2 is not Philox"), ("state", 1, [1, 2], "is no list of 3 numbers")):
        m = FlexModel(F, f"refused_rng_{name}")
        handle = m.op("VarHandleOp", shared_name="refused_rng_" + name, dtype=m.tf.int64, shape=None)
        m.op("AssignVariableOp", {"resource": handle, "value": m.feed(None, "i64", data=state)})
        m.refused(text, "RngReadAndSkip", {"resource": handle, "alg": m.const(algorithm), "delta": m.const(1, "u64")}, ["i64"])


def refusals():
    def model(name, shape=(4, 3), type="f32"):
        m = FlexModel(F, "refused_" + name)
        return m, variable(m, list(shape), type, "refused")[0]

    m = FlexModel(F, "refused_unassigned")
    handle = m.op("VarHandleOp", shared_name="never", dtype=m.tf.float32, shape=[2])
    m.refused("before it is assigned", "ReadVariableOp", {"resource": handle}, ["f32"], dtype=m.tf.float32)
    m = FlexModel(F, "refused_unassigned_add")
    handle = m.op("VarHandleOp", shared_name="never", dtype=m.tf.float32, shape=[2])
    m.refused("before it is assigned", "AssignAddVariableOp", {"resource": handle, "value": m.feed([2], "f32")})
    m, handle = model("other_type")
    m.refused("is float32, float64 is wanted", "AssignVariableOp", {"resource": handle, "value": m.feed([4, 3], "f64")})
    m, handle = model("read_type")
    m.refused("is float32, int32 is wanted", "ReadVariableOp", {"resource": handle}, ["i32"], dtype=m.tf.int32)
    m, handle = model("other_shape")
    m.refused("is [4, 3], [3, 4] is given", "AssignSubVariableOp", {"resource": handle, "value": m.feed([3, 4], "f32")})
    m, handle = model("validated")
    m.refused("is [4, 3], [3, 4] is given", "AssignVariableOp", {"resource": handle, "value": m.feed([3, 4], "f32")}, validate_shape=True)
    for name, index in (("below", -1), ("above", 4)):
        m, handle = model("gather_" + name)
        m.refused(f"index {index} is outside 0..3", "ResourceGather", {"resource": handle, "indices": m.feed(None, "i32", data=[index])}, ["f32"],
                  dtype=m.tf.float32)
        m, handle = model("gathernd_" + name)
        m.refused(f"index {index} is outside 0..3", "ResourceGatherNd", {"resource": handle, "indices": m.feed(None, "i32", data=[[index, 0]])},
                  ["f32"], dtype=m.tf.float32)
        m, handle = model("scatter_" + name)
        m.refused(f"index {index} is outside 0..3", "ResourceScatterAdd", {"resource": handle, "indices": m.feed(None, "i32", data=[index]),
                                                                           "updates": m.feed([1, 3], "f32")})
        m, handle = model("scatternd_" + name)
        m.refused(f"index {index} is outside 0..3", "ResourceScatterNdUpdate", {"ref": handle, "indices": m.feed(None, "i64", data=[[index]]),
                                                                                "updates": m.feed([1, 3], "f32")})
    m, handle = model("scatter_shape")
    m.refused("do not fit together", "ResourceScatterUpdate", {"resource": handle, "indices": m.feed(None, "i32", data=[1, 2]),
                                                               "updates": m.feed([3, 3], "f32")})
    m, handle = model("scatternd_shape")
    m.refused("do not fit together", "ResourceScatterNdUpdate", {"ref": handle, "indices": m.feed(None, "i32", data=[[1], [2]]),
                                                                 "updates": m.feed([2, 4], "f32")})
    m, handle = model("gather_scalar", ())
    m.refused("do not fit the variable", "ResourceGather", {"resource": handle, "indices": m.feed(None, "i32", data=[0])}, ["f32"], dtype=m.tf.float32)
    m = FlexModel(F, "refused_destroy")
    handle = m.op("VarHandleOp", shared_name="gone", dtype=m.tf.float32, shape=[2])
    m.refused("nothing to destroy", "DestroyResourceOp", {"resource": handle}, ignore_lookup_error=False)


def gathers():
    for type in FLOATS + INTS + COMPLEX + ("bool",):
        index = "i64" if type in ("f64", "i8") else "i32"
        for nd in (False, True):
            m = FlexModel(F, f"gather{'nd' if nd else ''}_{type}")
            handle, _ = variable(m, [4, 3], type)
            indices = m.feed(None, index, data=[[3, 0], [1, 1]] if nd else [[3, 0], [1, 3]])
            if nd:
                indices.data[:, 1] = [2, 0]
                m.values[indices] = m.tf.constant(indices.data)
            dtype = m.tf.as_dtype(m.fed[0].type)
            op = "ResourceGatherNd" if nd else "ResourceGather"
            m.case([m.op(op, {"resource": handle, "indices": indices}, unknown, dtype=dtype) for unknown in (False, True)])
    m = FlexModel(F, "gather_batch")
    handle, _ = variable(m, [2, 4, 3], "f32")
    m.case([m.op("ResourceGather", {"resource": handle, "indices": m.feed(None, "i32", data=[[3, 0, 3], [1, 2, 2]])},
                 batch_dims=1, dtype=m.tf.float32)])
    m = FlexModel(F, "gathernd_whole")
    handle, _ = variable(m, [2, 4], "f32")
    m.case([m.op("ResourceGatherNd", {"resource": handle, "indices": m.feed([3, 0], "i32", data=np.zeros((3, 0)))}, dtype=m.tf.float32),
            m.op("ResourceGatherNd", {"resource": handle, "indices": m.feed(None, "i64", data=[1])}, dtype=m.tf.float32)])


def scatters():
    for op in ("Update", "Add", "Sub", "Mul", "Div", "Min", "Max"):
        types = FLOATS + INTS + (COMPLEX if op not in ("Min", "Max") else ()) + (("bool",) if op == "Update" else ())
        for type in types:
            index = "i64" if type in ("f64", "i8") else "i32"
            m = FlexModel(F, f"scatter{op.lower()}_{type}")
            handle, read = variable(m, [4, 3], type, **small(type))
            again = [[2], [0]] if op == "Update" else [[2], [2]]
            m.op("ResourceScatter" + op, {"resource": handle, "indices": m.feed(None, index, data=again),
                                          "updates": m.feed([2, 1, 3], type, **small(type))})
            m.op("ResourceScatter" + op, {"resource": handle, "indices": m.feed(None, index, data=[3]), "updates": m.feed([], type, **small(type))})
            m.case([read()], tolerance=TOLERANCE.get(type))
            if op in ("Mul", "Div"):
                continue
            m = FlexModel(F, f"scatternd{op.lower()}_{type}")
            handle, read = variable(m, [4, 3], type, **small(type))
            points = [[2, 1], [0, 0]] if op == "Update" else [[2, 1], [2, 1]]
            for indices, shape in ((points, [2]), ([[3]], [1, 3])):
                m.op("ResourceScatterNd" + op, {"ref": handle, "indices": m.feed(None, index, data=indices),
                                                "updates": m.feed(shape, type, **small(type))})
            m.case([read()], tolerance=TOLERANCE.get(type))


def shared_with_builtins():
    """A variable that one kind of operator assigns is the other's of that name."""
    m = FlexModel(F, "shared_with_builtins")
    handle = m.op("VarHandleOp", shared_name="both", container="c", dtype=m.tf.float32, shape=[3])
    builtin, x, z = tensor([1], "resource"), m.feed([3], "f32"), tensor([3], "f32")
    m.nodes += [node("VAR_HANDLE", [], [builtin], {"container": "c", "sharedName": "both"}), node("ASSIGN_VARIABLE", [builtin, x], [])]
    m.run("AssignVariableOp", {"resource": handle, "value": x})
    m.op("AssignSubVariableOp", {"resource": handle, "value": m.feed([3], "f32")})
    y = m.op("ReadVariableOp", {"resource": handle}, dtype=m.tf.float32)
    m.nodes.append(node("READ_VARIABLE", [builtin], [z]))
    m.values[z] = m.values[y]
    m.case([y, z])


def cases():
    tensorflow()
    plain()
    life()
    refusals()
    slices()
    generators()
    gathers()
    scatters()
    shared_with_builtins()
