"""TensorFlow reads the checkpoints that checkpoint_test.c writes: tensorflow_reads.py CHECKPOINT_TEST [--record]

tf.train.load_checkpoint gives the values of make.py, whatever the format: of every element type, empty tensors, tensors in
parts, parts merged from two bundles, and an index of several blocks. --record then keeps the small ones in ours/, so that
checkpoint_test.c can tell without TensorFlow that it writes bytes which TensorFlow has read. Exit status 77 without it.
"""
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
try:
    import numpy as np
    import make
    import tensorflow as tf
except ImportError as problem:
    print("skipped: %s" % problem)
    sys.exit(77)

PARTS = {"parts": make.PARTS, "words": make.V1["text"]}
MANY = {"model/layer_with_a_name_as_long_as_those_of_keras/%d/.ATTRIBUTES/VARIABLE_VALUE" % i: np.float32(i)
        for i in range(4000)}
EXPECTED = {"v1": make.V1, "v2": make.V2, "v1_parts": PARTS, "v2_parts": {"parts": make.PARTS},
            "merged": {"parts": make.PARTS}, "many": MANY}
RECORDED = ("v1", "v2", "v1_parts", "v2_parts")


def read(reader, path, name, type):
    """The checkpoint reader itself takes few types from V1: the operator Restore takes them all."""
    try:
        return reader.get_tensor(name)
    except tf.errors.UnimplementedError:
        return tf.raw_ops.Restore(file_pattern=path, tensor_name=name, dt=type).numpy()


def check(path, expected):
    reader = tf.train.load_checkpoint(path)
    shapes, types = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    if set(shapes) != set(expected):
        sys.exit("%s holds %s, not %s" % (path, sorted(shapes), sorted(expected)))
    for name, want in expected.items():
        want_type = tf.string if want.dtype == object else tf.as_dtype(want.dtype)
        got = read(reader, path, name, want_type)
        same = np.array_equal(np.asarray(got, want.dtype), want)
        if types[name] != want_type or tuple(shapes[name]) != want.shape or np.shape(got) != want.shape or not same:
            sys.exit("%s: %s is %s %r, not %r" % (path, name, types[name], got, want))
    return len(expected)


def restore_parts(path):
    """RestoreV2 of a slice that lies across parts, and MergeV2Checkpoints over what was written here."""
    rows = tf.raw_ops.RestoreV2(prefix=path, tensor_names=["parts"], shape_and_slices=["300 2 98,4:-"], dtypes=[tf.float32])[0]
    np.testing.assert_array_equal(rows.numpy(), make.PARTS[98:102])


with tempfile.TemporaryDirectory() as folder:
    subprocess.run([sys.argv[1], "--write", folder], check=True)
    for name, values in EXPECTED.items():
        print("%-8s %d tensors read by TensorFlow %s" % (name, check(os.path.join(folder, name), values), tf.__version__))
    restore_parts(os.path.join(folder, "v2_parts"))
    restore_parts(os.path.join(folder, "merged"))
    if sys.argv[2:] == ["--record"]:
        ours = os.path.join(HERE, "ours")
        os.makedirs(ours, exist_ok=True)
        for file in sorted(os.listdir(folder)):
            if file.split(".")[0] in RECORDED:
                shutil.copy(os.path.join(folder, file), ours)
