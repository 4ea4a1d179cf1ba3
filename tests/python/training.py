"""On-device training through linnet.tflite.Interpreter, as TensorFlow Lite's tutorial does it; the checkpoint is read
by TensorFlow too where there is one. usage: training.py TRAINING_DIR"""
import os
import sys
import tempfile

try:
    import numpy as np
except ImportError:
    print("skipped: NumPy is absent")
    sys.exit(77)
from linnet import tflite

folder, BATCH = sys.argv[1], 6


def batch():
    i = np.arange(BATCH * 64)
    x = ((i * 37 + 11) % 101).astype(np.float32) / np.float32(50) - np.float32(1)
    return x.reshape(BATCH, 8, 8), np.eye(10, dtype=np.float32)[np.arange(BATCH) * 3 % 10]


def check(name, scratch):
    with open(os.path.join(folder, name + ".txt")) as f:
        lines = [line.split() for line in f]
    losses = [float(v) for k, v in lines if k == "loss"]
    logits = np.float32([v for k, v in lines if k == "logit"]).reshape(BATCH, 10)
    path = os.path.join(folder, name + ".tflite")
    x, y = batch()
    interpreter = tflite.Interpreter(path)
    train, infer = interpreter.get_signature_runner("train"), interpreter.get_signature_runner("infer")
    np.testing.assert_allclose([train(x=x, y=y)["loss"] for _ in losses], losses, rtol=1e-4)
    trained = infer(x=x)["logits"]
    np.testing.assert_allclose(trained, logits, atol=1e-3)
    saved = np.array(os.path.join(scratch, name), dtype=np.bytes_)  # as the tutorial passes it
    interpreter.get_signature_runner("save")(checkpoint_path=saved)
    other = tflite.Interpreter(path)
    restored = other.get_signature_runner("restore")(checkpoint_path=saved)
    np.testing.assert_array_equal(other.get_signature_runner("infer")(x=x)["logits"], trained)
    try:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        import tensorflow as tf
    except ImportError:
        return "TensorFlow is absent"
    for key, value in restored.items():
        theirs = tf.raw_ops.Restore(file_pattern=os.path.join(scratch, name), tensor_name=key, dt=tf.float32)
        np.testing.assert_array_equal(theirs.numpy(), value)
    return "TensorFlow reads the checkpoint"


def outcome(action):
    try:
        action()
        return None
    except (RuntimeError, ValueError) as error:
        return str(error)


def run_naming(**keywords):
    """A model that names a file of its own, in the present folder."""
    interpreter = tflite.Interpreter(os.path.join(folder, os.pardir, "tflite_c", "models", "files.tflite"), **keywords)
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, np.float32([1, -2]))
    interpreter.invoke()
    os.remove("linnet_files_test")


def check_files(scratch):
    """What the policy lets a model write."""
    here = os.getcwd()
    os.chdir(scratch)
    os.environ.pop("LINNET_FILES", None)
    for environment, said, expected in ((None, None, "no input of the session gives"), (None, "any", None),
                                        ("any", None, None), ("any", "none", "the session allows none"),
                                        ("none", None, "the session allows none"), ("all", None, "LINNET_FILES is 'all'"),
                                        (None, "all", "linnet_files is 'all'")):
        if environment is not None:
            os.environ["LINNET_FILES"] = environment
        seen = outcome(lambda: run_naming(linnet_files=said))
        os.environ.pop("LINNET_FILES", None)
        if (seen is None) != (expected is None) or (expected or "") not in (seen or ""):
            sys.exit("FAIL files %s, %s: %s" % (environment, said, seen))
        if os.path.exists("linnet_files_test"):
            sys.exit("FAIL files %s, %s: it was written" % (environment, said))
    os.chdir(here)


folder = os.path.abspath(folder)
with tempfile.TemporaryDirectory() as scratch:
    for name in ("dense", "conv", "tutorial"):
        print("%s: trained, saved, restored; %s" % (name, check(name, scratch)))
    check_files(scratch)
