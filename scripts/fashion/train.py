#!/usr/bin/env python3
"""Makes models/fashion_mnist.tflite: a small convolutional classifier of Fashion-MNIST pictures, integers throughout.

usage: train.py [--data DIR] [--epochs N] [--out FILE] [--samples DIR]
needs: tensorflow (training and conversion, a development tool only), numpy, pillow; the data set as Debian's package
dataset-fashion-mnist installs it (MIT licence, Zalando SE). A few minutes on two cores.

The file takes 28 x 28 grey pictures as int8 (value - 128, which is what scale 1/255 and zero point -128 say of a picture
divided by 255) and gives ten int8 scores. Its labels and the normalization stand in the metadata that TFLite's own tools
write: a ModelMetadata flatbuffer, and labels.txt in a zip archive appended to the file. --samples writes a few pictures
of the test set, each the first of its class, for the demo.
"""
import argparse
import gzip
import io
import os
import zipfile

import numpy as np

LABELS = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
SEED = 5


def read_idx(path):
    """An array in the idx format of the MNIST family: two zero bytes, type 8, rank, big-endian dimensions, bytes."""
    data = gzip.open(path).read()
    rank = data[3]
    shape = np.frombuffer(data, ">u4", rank, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def load(folder, part):
    return (read_idx(os.path.join(folder, part + "-images-idx3-ubyte.gz")),
            read_idx(os.path.join(folder, part + "-labels-idx1-ubyte.gz")).astype(np.int64))


# ---- the network ----

def build(keras, batch=None):
    layers = keras.layers

    def conv(x, filters, stride=1):
        x = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(x)
        return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))

    picture = keras.Input((28, 28, 1), batch_size=batch, name="picture")
    x = conv(picture, 16)
    x = conv(x, 32, 2)
    x = conv(x, 48)
    x = conv(x, 64, 2)
    x = layers.Dropout(0.1)(conv(x, 72))
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(picture, layers.Dense(10, activation="softmax", name="probability")(x))


def batches(tf, pictures, labels, batch):
    """Shuffled training batches, half of the pictures mirrored."""
    data = tf.data.Dataset.from_tensor_slices((pictures, labels)).shuffle(len(labels), seed=SEED)
    data = data.batch(batch, drop_remainder=True)
    return data.map(lambda x, y: (tf.image.random_flip_left_right(x, seed=SEED), y)).prefetch(2)


def train(tf, pictures, labels, epochs, batch=128):
    keras = tf.keras
    keras.utils.set_random_seed(SEED)
    model = build(keras)
    steps = len(labels) // batch * epochs
    rate = keras.optimizers.schedules.CosineDecay(0.0, steps - steps // 10, warmup_target=4e-3, warmup_steps=steps // 10)
    model.compile(keras.optimizers.AdamW(rate, weight_decay=1e-3), "sparse_categorical_crossentropy",
                  metrics=["accuracy"])
    model.fit(batches(tf, pictures, labels, batch), epochs=epochs, verbose=2)
    return model


def quantize(tf, model, pictures):
    """The .tflite bytes, int8 in and out, calibrated on `pictures`."""
    single = build(tf.keras, batch=1)
    single.set_weights(model.get_weights())
    converter = tf.lite.TFLiteConverter.from_keras_model(single)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([p[None]] for p in pictures)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


# ---- metadata: tables of TFLite's metadata schema, by field number ----

def table(b, fields):
    """A table of {field: (kind, value)}; kinds: offset, byte, and so on as flatbuffers' Prepend methods name them."""
    b.StartObject(max(fields) + 1)
    for slot, (kind, value) in fields.items():
        if kind == "offset":
            b.PrependUOffsetTRelativeSlot(slot, value, 0)
        else:
            b.PrependInt8Slot(slot, value, 0)
    return b.EndObject()


def vector(b, offsets):
    b.StartVector(4, len(offsets), 4)
    for o in reversed(offsets):
        b.PrependUOffsetTRelative(o)
    return b.EndVector()


def floats(b, values):
    return b.CreateNumpyVector(np.array(values, np.float32))


def metadata():
    import flatbuffers
    b = flatbuffers.Builder(1024)
    text = b.CreateString
    image = table(b, {0: ("byte", 2)})                                              # ImageProperties: grey
    picture_content = table(b, {0: ("byte", 2), 1: ("offset", image)})
    normalization = table(b, {0: ("offset", floats(b, [0.0])), 1: ("offset", floats(b, [255.0]))})
    unit = table(b, {0: ("byte", 1), 1: ("offset", normalization)})                 # ProcessUnit
    picture_stats = table(b, {0: ("offset", floats(b, [1.0])), 1: ("offset", floats(b, [0.0]))})
    picture = table(b, {
        0: ("offset", text("picture")), 3: ("offset", picture_content), 5: ("offset", picture_stats),
        1: ("offset", text("A 28 x 28 grey picture of one article, light on a dark ground.")),
        4: ("offset", vector(b, [unit]))})
    labels = table(b, {0: ("offset", text("labels.txt")), 1: ("offset", text("The ten classes.")), 2: ("byte", 2)})
    feature = table(b, {0: ("byte", 0)})                                            # FeatureProperties
    score_content = table(b, {0: ("byte", 1), 1: ("offset", feature)})
    score_stats = table(b, {0: ("offset", floats(b, [1.0])), 1: ("offset", floats(b, [0.0]))})
    score = table(b, {
        0: ("offset", text("probability")), 1: ("offset", text("Probability of each class.")),
        3: ("offset", score_content), 5: ("offset", score_stats), 6: ("offset", vector(b, [labels]))})
    graph = table(b, {2: ("offset", vector(b, [picture])), 3: ("offset", vector(b, [score]))})
    root = table(b, {
        0: ("offset", text("Fashion-MNIST classifier")), 2: ("offset", text("1")), 4: ("offset", text("Linnet")),
        1: ("offset", text("Names the article of clothing in a picture.")), 3: ("offset", vector(b, [graph])),
        5: ("offset", text("Apache-2.0; trained on Fashion-MNIST (MIT, Zalando SE)")), 7: ("offset", text("1.0.0"))})
    b.Finish(root, b"M001")
    return bytes(b.Output())


def with_metadata(model_bytes):
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema
    model = schema.ModelT.InitFromPackedBuf(model_bytes, 0)
    model.description = "Fashion-MNIST classifier"
    model.metadata = [m for m in model.metadata or [] if m.name != b"CONVERSION_METADATA"]
    model.signatureDefs[0].outputs[0].name = "probability"
    entry = schema.MetadataT()
    entry.name, entry.buffer = "TFLITE_METADATA", len(model.buffers)
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(metadata(), np.uint8)
    model.buffers.append(buffer)
    model.metadata.append(entry)
    b = flatbuffers.Builder(1 << 16)
    b.Finish(model.Pack(b), b"TFL3")
    out = io.BytesIO(bytes(b.Output()))
    out.seek(0, io.SEEK_END)
    with zipfile.ZipFile(out, "a") as z:
        z.writestr(zipfile.ZipInfo("labels.txt", (2020, 1, 1, 0, 0, 0)), "".join(l + "\n" for l in LABELS))
    return out.getvalue()


# ---- what it reaches, and samples ----

def accuracy(path, pictures, labels):
    from ai_edge_litert.interpreter import Interpreter, OpResolverType
    it = Interpreter(path, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    it.allocate_tensors()
    source, target = it.get_input_details()[0], it.get_output_details()[0]
    print("input", source["dtype"].__name__, source["quantization"], "output", target["quantization"])
    right = 0
    for picture, label in zip(pictures, labels):
        it.set_tensor(source["index"], (picture.astype(np.int16) - 128).astype(np.int8)[None, :, :, None])
        it.invoke()
        right += int(np.argmax(it.get_tensor(target["index"])) == label)
    return right / len(labels)


def write_samples(folder, pictures, labels):
    from PIL import Image
    os.makedirs(folder, exist_ok=True)
    for label in (9, 2, 1, 6, 5, 7, 8, 3):
        index = int(np.nonzero(labels == label)[0][0])
        name = LABELS[label].split("/")[0].lower().replace(" ", "_").replace("-", "_")
        Image.fromarray(pictures[index]).save(os.path.join(folder, name + ".bmp"))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    p.add_argument("--epochs", type=int, default=10)
    p.add_argument("--out", default=os.path.join(ROOT, "models", "fashion_mnist.tflite"))
    p.add_argument("--samples", metavar="DIR")
    a = p.parse_args()
    test_pictures, test_labels = load(a.data, "t10k")
    if a.samples:
        write_samples(a.samples, test_pictures, test_labels)
        return
    import tensorflow as tf
    pictures, labels = load(a.data, "train")
    scaled = (pictures / np.float32(255))[..., None].astype(np.float32)
    model = train(tf, scaled, labels, a.epochs)
    reached = model.evaluate((test_pictures / np.float32(255))[..., None], test_labels, verbose=0)[1]
    os.makedirs(os.path.dirname(os.path.abspath(a.out)), exist_ok=True)
    with open(a.out, "wb") as f:
        f.write(with_metadata(quantize(tf, model, scaled[:500])))
    print(f"float {reached:.4f}, int8 {accuracy(a.out, test_pictures, test_labels):.4f} on the test set; "
          f"{os.path.getsize(a.out)} bytes")


if __name__ == "__main__":
    main()
