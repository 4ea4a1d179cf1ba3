"""Networks of keras.applications, with weights by chance, converted from .keras files and SavedModels: the same outputs.

usage: keras_networks.py LINNET [--only REGEX] [--saved-model]
Skipped (77) where Keras is not installed. Networks are made at their least size where they have one.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
NETWORKS = {  # and the side of the picture
    "Xception": 96, "VGG16": 48, "ResNet50": 64, "ResNet50V2": 64, "InceptionV3": 96, "InceptionResNetV2": 96, "MobileNet": 64,
    "MobileNetV2": 64, "MobileNetV3Small": 64, "MobileNetV3Large": 64, "DenseNet121": 64, "NASNetMobile": 224,
    "EfficientNetB0": 64, "EfficientNetV2B0": 64, "ConvNeXtTiny": 64,
}


def shaken(model, numpy):
    """Batch normalizations that do something."""
    random = numpy.random.RandomState(0)
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            layer.set_weights([w + 0.1 * random.rand(*w.shape).astype(w.dtype) for w in layer.get_weights()])


def run(linnet, source, folder, array, numpy):
    model, given = os.path.join(folder, "out.tflite"), os.path.join(folder, "x.npy")
    numpy.save(given, array)
    for words in ([linnet, "convert", source, "-o", model],
                  [linnet, "run", model, "--input", given, "--output-dir", folder]):
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip()[:300])
    with open(os.path.join(folder, "outputs.json")) as file:
        return numpy.load(os.path.join(folder, json.load(file)[0]["file"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("linnet")
    parser.add_argument("--only", default="")
    parser.add_argument("--saved-model", action="store_true", help="by way of SavedModels, too (Keras over TensorFlow)")
    a = parser.parse_args()
    try:
        import keras
        import numpy
    except Exception as error:
        print("skipped: Keras is not there (%s)" % type(error).__name__)
        sys.exit(77)
    right = wrong = 0
    for name, side in NETWORKS.items():
        if not re.search(a.only, name):
            continue
        keras.backend.clear_session()
        keras.utils.set_random_seed(1)
        top = {} if name == "NASNetMobile" else {"include_top": True}
        model = getattr(keras.applications, name)(weights=None, input_shape=(side, side, 3), **top)
        shaken(model, numpy)
        array = numpy.random.RandomState(1).uniform(0, 1, (1, side, side, 3)).astype(numpy.float32)
        want = model.predict(array, verbose=0)
        with tempfile.TemporaryDirectory() as folder:
            sources = [os.path.join(folder, "model.keras")]
            model.save(sources[0])
            if a.saved_model:
                sources.append(os.path.join(folder, "saved"))
                model.export(sources[1], verbose=False)
            for source in sources:
                try:
                    got = run(a.linnet, source, folder, array, numpy)
                    apart, most = float(abs(got - want).max()), float(abs(want).max())
                    good = apart <= 1e-4 * most
                    what = "%.1e of %.1e apart" % (apart, most)
                except RuntimeError as error:
                    good, what = False, str(error)
                right, wrong = right + good, wrong + (not good)
                print("%-18s %-12s %s: %s" % (name, os.path.basename(source), "right" if good else "WRONG", what), flush=True)
    print("%d right, %d wrong" % (right, wrong))
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
