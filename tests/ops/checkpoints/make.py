"""Writes the checkpoints that tests/ops/checkpoint_test.c reads, with TensorFlow itself: python make.py"""
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"], os.environ["CUDA_VISIBLE_DEVICES"] = "3", ""
import numpy as np
import tensorflow as tf

HERE = os.path.dirname(os.path.abspath(__file__))
# checkpoint_test.c holds the same values.
V1 = {
    "f32": np.float32([[1, 2, 3], [4, 5, 6]]), "f64": np.float64([1.5]), "i32": np.int32([-1, 7, 70000]),
    "i64/scalar": np.int64(-5), "bool": np.array([True, False]), "text": np.array([b"ab", b"", b"xyz"], object),
    "f16": np.float16([1, -2]), "u8": np.uint8([1, 255]), "c64": np.complex64([1 + 2j]), "i8": np.int8([-3]),
    "i16": np.int16([-300]), "u16": np.uint16([65535]), "empty": np.zeros((0, 3), np.float32),
    "c128": np.complex128([3 - 4j]), "no text": np.zeros((2, 0), object),
}
V2 = dict(V1, u32=np.uint32([4000000000]), u64=np.uint64([2**63]),
          bf16=np.array([1, -2], tf.bfloat16.as_numpy_dtype))
PARTS = np.arange(300 * 2, dtype=np.float32).reshape(300, 2)


def path(name):
    return os.path.join(HERE, name)


def constant(value):
    return tf.constant(value, tf.string if value.dtype == object else None)


def make():
    tf.raw_ops.Save(filename=path("v1"), tensor_names=list(V1), data=[constant(v) for v in V1.values()])
    tf.raw_ops.SaveV2(prefix=path("v2"), tensor_names=list(V2), shape_and_slices=[""] * len(V2),
                      tensors=[constant(v) for v in V2.values()])
    # One tensor in two files, as distributed training saves it: rows 0..99 and 100..299.
    for i, rows in enumerate(((0, 100), (100, 200))):
        tf.raw_ops.SaveV2(prefix=path("part%d" % i), tensor_names=["parts"],
                          shape_and_slices=["300 2 %d,%d:-" % rows], tensors=[tf.constant(PARTS[rows[0]:sum(rows)])])
    tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=[path("part0"), path("part1")], destination_prefix=path("parts"),
                                  delete_old_dirs=False)
    tf.raw_ops.SaveSlices(filename=path("v1_slice"), tensor_names=["rows"], shapes_and_slices=["300 2 100,3:-"],
                          data=[tf.constant(PARTS[100:103])])


if __name__ == "__main__":
    make()
