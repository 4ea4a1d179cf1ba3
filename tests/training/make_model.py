"""Writes the models of on-device training that tests/training trains, and what TensorFlow makes of the same steps:
python make_model.py. Each model has the signatures of TensorFlow Lite's tutorial: train, infer, save and restore; the
converter turns gradients and optimizers into operators of its own and Select-TF ones.

NAME.txt holds a line "loss VALUE" for each step, then "logit VALUE" lines: what infer gives after the last step.
"""
import os
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"], os.environ["CUDA_VISIBLE_DEVICES"] = "3", ""
import numpy as np
import tensorflow as tf

HERE = os.path.dirname(os.path.abspath(__file__))
STEPS, BATCH = 20, 6


def batch():
    """The same numbers as training_test.c and training.py make."""
    i = np.arange(BATCH * 64)
    x = ((i * 37 + 11) % 101).astype(np.float32) / np.float32(50) - np.float32(1)
    return x.reshape(BATCH, 8, 8), np.eye(10, dtype=np.float32)[np.arange(BATCH) * 3 % 10]


class Trained(tf.Module):
    def __init__(self, shapes, optimizer):
        random = np.random.default_rng(7)
        self.weights = [tf.Variable(random.normal(0, 0.3, s).astype(np.float32)) for s in shapes]
        self.names = ["w%d" % i for i in range(len(shapes))]
        self.optimizer = optimizer
        zeros = lambda: [tf.Variable(tf.zeros_like(w)) for w in self.weights]
        self.m, self.v = ([], []) if optimizer == "sgd" else (zeros(), zeros())
        self.step = tf.Variable(0, dtype=tf.int64)

    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8]), tf.TensorSpec([None, 10])])
    def train(self, x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(y, self.logits(x)))
        self.step.assign_add(1)
        for i, (w, gradient) in enumerate(zip(self.weights, tape.gradient(loss, self.weights))):
            if self.optimizer == "sgd":
                tf.raw_ops.ResourceApplyGradientDescent(var=w.handle, alpha=0.1, delta=gradient)
                continue
            if isinstance(gradient, tf.IndexedSlices):
                tf.raw_ops.ResourceSparseApplyAdagradV2(var=w.handle, accum=self.v[i].handle, lr=0.1, epsilon=1e-3, grad=gradient.values,
                                                        indices=gradient.indices)
                continue
            if self.optimizer == "adadelta":
                tf.raw_ops.ResourceApplyAdadelta(var=w.handle, accum=self.m[i].handle, accum_update=self.v[i].handle, lr=1.0, rho=0.9,
                                                 epsilon=1e-4, grad=gradient)
                continue
            step = tf.cast(self.step, tf.float32)
            tf.raw_ops.ResourceApplyAdam(
                var=w.handle, m=self.m[i].handle, v=self.v[i].handle, beta1_power=tf.pow(0.9, step),
                beta2_power=tf.pow(0.999, step), lr=0.01, beta1=0.9, beta2=0.999, epsilon=1e-7, grad=gradient)
        return {"loss": loss}

    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8])])
    def infer(self, x):
        logits = self.logits(x)
        return {"output": tf.nn.softmax(logits), "logits": logits}

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def save(self, checkpoint_path):
        tf.raw_ops.Save(filename=checkpoint_path, tensor_names=self.names, data=[w.read_value() for w in self.weights])
        return {"checkpoint_path": checkpoint_path}

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def restore(self, checkpoint_path):
        restored = {}
        for name, w in zip(self.names, self.weights):
            restored[name] = tf.raw_ops.Restore(file_pattern=checkpoint_path, tensor_name=name, dt=w.dtype)
            w.assign(restored[name])
        return restored


class Dense(Trained):
    def __init__(self):
        super().__init__([(64, 16), (16,), (16, 10), (10,)], "sgd")

    def logits(self, x):
        w = self.weights
        return tf.nn.relu(tf.reshape(x, [-1, 64]) @ w[0] + w[1]) @ w[2] + w[3]


class Conv(Trained):
    def __init__(self):
        super().__init__([(3, 3, 1, 4), (4,), (2, 2, 4, 6), (6,), (54, 10), (10,)], "adam")

    def logits(self, x):
        w = self.weights
        hidden = tf.nn.relu(tf.nn.conv2d(x[..., None], w[0], 1, "SAME") + w[1])
        hidden = tf.nn.max_pool2d(hidden, 2, 2, "SAME")
        hidden = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(hidden, w[2], 1, "VALID"), w[3]))
        return tf.reshape(hidden, [-1, 54]) @ w[4] + w[5]


class Embedded(Trained):
    """The converter leaves these optimizers, and so all variables, to Select-TF operators."""

    def __init__(self):
        super().__init__([(64, 16), (16,), (16, 10), (10,), (7, 16)], "adadelta")

    def logits(self, x):
        w = self.weights
        rows = tf.gather(w[4], tf.range(tf.shape(x)[0]) % 4)
        return tf.nn.relu(tf.reshape(x, [-1, 64]) @ w[0] + w[1] + rows) @ w[2] + w[3]


class Tutorial(tf.Module):
    """As TensorFlow Lite's tutorial writes it: a Keras model, whose optimizer applies what the tape gives."""

    def __init__(self):
        keras = tf.keras
        keras.utils.set_random_seed(7)
        self.model = keras.Sequential([keras.Input((8, 8)), keras.layers.Flatten(), keras.layers.Dense(16, activation="relu"),
                                       keras.layers.Dense(10)])
        self.model.compile(optimizer=keras.optimizers.Adam(0.01), loss=keras.losses.CategoricalCrossentropy(from_logits=True))
        self.model.optimizer.build(self.model.trainable_variables)
        self.kept = [v.value for v in self.model.optimizer.variables + self.model.weights]  # so that they are saved

    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8]), tf.TensorSpec([None, 10])])
    def train(self, x, y):
        with tf.GradientTape() as tape:
            loss = self.model.loss(y, self.model(x))
        gradients = tape.gradient(loss, self.model.trainable_variables)
        self.model.optimizer.apply_gradients(zip(gradients, self.model.trainable_variables))
        return {"loss": loss}

    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8])])
    def infer(self, x):
        logits = self.model(x)
        return {"output": tf.nn.softmax(logits, axis=-1), "logits": logits}

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def save(self, checkpoint_path):
        names = [weight.path for weight in self.model.weights]
        tf.raw_ops.Save(filename=checkpoint_path, tensor_names=names, data=[w.value.read_value() for w in self.model.weights])
        return {"checkpoint_path": checkpoint_path}

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def restore(self, checkpoint_path):
        restored = {}
        for weight in self.model.weights:
            restored[weight.path] = tf.raw_ops.Restore(file_pattern=checkpoint_path, tensor_name=weight.path, dt=tf.float32)
            weight.value.assign(restored[weight.path])
        return restored


def make(name, model):
    functions = {k: getattr(model, k).get_concrete_function() for k in ("train", "infer", "save", "restore")}
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(model, folder, signatures=functions)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
        converter.experimental_enable_resource_variables = True
        content = converter.convert()
    with open(os.path.join(HERE, name + ".tflite"), "wb") as f:
        f.write(content)
    x, y = batch()
    losses = [float(model.train(x, y)["loss"]) for _ in range(STEPS)]
    with open(os.path.join(HERE, name + ".txt"), "w") as f:
        f.writelines("loss %.9g\n" % loss for loss in losses)
        f.writelines("logit %.9g\n" % v for v in np.ravel(model.infer(x)["logits"]))
    model.save(tf.constant(os.path.join(HERE, name + ".checkpoint")))
    print("%s: %d bytes, loss %.4f to %.4f" % (name, len(content), losses[0], losses[-1]))


if __name__ == "__main__":
    make("dense", Dense())
    make("conv", Conv())
    make("embedded", Embedded())
    make("tutorial", Tutorial())
