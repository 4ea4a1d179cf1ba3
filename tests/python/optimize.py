"""Optimizing and evaluating from Python. usage: optimize.py MODELS_DIR [without-numpy]"""
import array
import json
import os
import sys
import tempfile
import unittest

models = sys.argv[1]
if sys.argv[2:3] == ["without-numpy"]:
    sys.modules["numpy"] = None  # importing it now fails
try:
    import numpy
except ImportError:
    numpy = None
import linnet

HERE = os.path.dirname(os.path.abspath(__file__))
CLASSIFIER = os.path.join(models, "fashion_mnist.tflite")  # int8[1, 28, 28, 1], scale 1/255, zero point -128
FLOAT = os.path.join(models, "fashion_mnist_float.tflite")  # float32[1, 28, 28, 1]
COLOURS = os.path.join(HERE, os.pardir, "cli", "models", "colours.tflite")  # float32[1, 2, 2, 3] to its mean by colour
PLAIN = {"stages": [{"technique": "encode"}]}


def colour(red, green, blue):
    """A sample whose mean is greatest in one of three colours."""
    return [[[red, green, blue]] * 2] * 2


RED, GREEN, BLUE = colour(1.0, 0.25, 0.0), colour(0.0, 0.5, 0.25), colour(-1.0, 0.0, 0.125)


class Evaluate(unittest.TestCase):
    def test_lists(self):
        found = linnet.evaluate(COLOURS, [RED, GREEN, BLUE, RED], [0, 1, 2, 2])
        self.assertEqual((found.right, found.samples, found.accuracy), (3, 4, 0.75))
        self.assertEqual(linnet.evaluate(COLOURS, [RED, GREEN, BLUE, RED], [0, 1, 2, 2], top=3).right, 4)

    def test_forms_of_samples(self):
        samples = [RED, GREEN, BLUE]
        forms = [samples, [{"picture": each} for each in samples], lambda: iter(samples),
                 [array.array("f", [v for row in each for pixel in row for v in pixel]) for each in samples]]
        if numpy is not None:
            whole = numpy.array(samples, numpy.float32)
            forms += [whole, whole.astype(numpy.float64), {"any": whole}, [[each] for each in whole],
                      whole.reshape(3, 1, 2, 2, 3)]
        name = linnet.Model(COLOURS).session().inputs[0].name
        forms[1] = [{name: each} for each in samples]
        for form in forms:
            self.assertEqual(linnet.evaluate(COLOURS, form, [0, 1, 2]).accuracy, 1)

    def test_what_an_integer_input_takes(self):
        real = [[(i % 28) / 28.0 for i in range(784)] for _ in range(2)]
        stored = [array.array("b", [int((i % 28) / 28.0 * 255 + 0.5) - 128 for i in range(784)]) for _ in range(2)]
        floats = [array.array("f", each) for each in real]
        answers = []
        for form in (stored, floats):
            right = [linnet.evaluate(CLASSIFIER, form, [label] * 2).right for label in range(10)]
            self.assertEqual(sum(right), 2)
            answers.append(right)
        self.assertEqual(answers[0], answers[1])

    def test_refusals(self):
        with self.assertRaisesRegex(linnet.Error, "2 labels for 3 samples"):
            linnet.evaluate(COLOURS, [RED, GREEN, BLUE], [0, 1])
        with self.assertRaisesRegex(linnet.Error, "no samples"):
            linnet.evaluate(COLOURS, [], [])
        with self.assertRaisesRegex(linnet.Error, "sample 1: .*takes"):
            linnet.evaluate(COLOURS, [RED, [1.0, 2.0]], [0, 0])
        with self.assertRaisesRegex(linnet.Error, "label is 3"):
            linnet.evaluate(COLOURS, [RED], [3])

        class Broken:
            def __len__(self):
                return 2

            def __getitem__(self, index):
                raise KeyError("nothing here")

        with self.assertRaises(KeyError):
            linnet.evaluate(COLOURS, Broken(), [0, 0])
        if numpy is not None:
            with self.assertRaisesRegex(linnet.Error, "sample 0: .*NaN"):
                linnet.evaluate(COLOURS, numpy.full((1, 2, 2, 3), numpy.nan, numpy.float32), [0])


class Optimize(unittest.TestCase):
    def test_report(self):
        told = []
        done = linnet.optimize(COLOURS, PLAIN, data=[RED, GREEN], eval=([RED, GREEN, BLUE], [0, 1, 0]),
                               progress=lambda what, done, total: told.append((what, done, total)))
        report = done.report
        self.assertEqual([each["stage"] for each in report["stages"]], ["encode"])
        self.assertEqual(report["after"]["bytes"], len(done.bytes))
        self.assertAlmostEqual(report["after"]["accuracy"], 2 / 3)
        self.assertEqual(report["after"]["max_error"], 0)
        self.assertGreater(report["before"]["arena_bytes"], 0)
        self.assertTrue(told)
        json.dumps(report)
        self.assertEqual(linnet.evaluate(done.model, [RED, GREEN], [0, 1]).accuracy, 1)
        with tempfile.TemporaryDirectory() as work:
            path = os.path.join(work, "out.tflite")
            done.save(path)
            self.assertEqual(linnet.Model(path).session().inputs[0].shape, (1, 2, 2, 3))
            recipe = os.path.join(work, "recipe.json")
            with open(recipe, "w") as file:
                json.dump(PLAIN, file)
            self.assertEqual(linnet.optimize(COLOURS, recipe, measure=False).bytes, done.bytes)
        self.assertEqual(linnet.optimize(linnet.Model(COLOURS), PLAIN["stages"]).bytes, done.bytes)
        self.assertEqual(linnet.optimize(COLOURS, encode=True).bytes, done.bytes)

    def test_quantizes(self):
        samples = [array.array("f", [((i * (k + 3)) % 29) / 29.0 for i in range(784)]) for k in range(4)]
        done = linnet.optimize(FLOAT, quantize="int8", io="int8", data=lambda: iter(samples))
        self.assertLess(len(done.bytes), 0.3 * done.report["before"]["bytes"])
        self.assertGreater(done.report["after"]["snr_db"], 20)
        given = done.model.session().inputs[0]
        self.assertEqual((given.type, given.shape), (linnet.Type.INT8, (1, 28, 28, 1)))
        self.assertEqual({row["operator"] for row in done.report["layers"]}, {"CONV_2D", "FULLY_CONNECTED"})
        same = linnet.optimize(FLOAT, quantize={"format": "int8", "io": "int8"}, data=samples, measure=False)
        self.assertEqual(same.bytes, done.bytes)
        less = linnet.optimize(FLOAT, quantize="int8", exclude="type:FULLY_CONNECTED", data=samples, measure=False)
        self.assertEqual({row["operator"] for row in less.report["layers"] if "excluded" not in row["what"]}, {"CONV_2D"})
        with self.assertRaisesRegex(linnet.Error, "quantized already"):
            linnet.optimize(done.bytes, quantize="int8", data=samples)
        with self.assertRaisesRegex(linnet.Error, "needs calibration samples"):
            linnet.optimize(FLOAT, quantize="int8")
        with self.assertRaisesRegex(linnet.Error, r"stages\[0\].parameters.format: "):
            linnet.optimize(FLOAT, quantize="int9", data=samples)
        with self.assertRaisesRegex(linnet.Error, "method=: a parameter of quantize and factorize"):
            linnet.optimize(FLOAT, quantize="int8", factorize=0.9, method="mse", data=samples)
        with self.assertRaisesRegex(linnet.Error, "max_drop= chooses among formats"):
            linnet.optimize(FLOAT, quantize="int8", max_drop=0.01, data=samples)

    def test_techniques(self):
        known = linnet.techniques()
        self.assertIn("quantize", known)
        self.assertLess(list(known).index("prune"), list(known).index("quantize"))
        for parameters in known.values():
            for name, parameter in parameters.items():
                self.assertEqual(name, parameter.name)
                self.assertIn(parameter.kind, ("flag", "integer", "number", "choice", "text"))

    def test_mistakes_have_a_place(self):
        for recipe, place in [({"stages": []}, "stages: "), ({"stages": [{}]}, r"stages\[0\].technique: "),
                              ([{"technique": "magic"}], r"stages\[0\].technique: there is no technique"),
                              ([{"technique": "prune", "parameters": {"magic": 1}}], r"stages\[0\].parameters.magic: "),
                              ([{"technique": "prune", "key": 1}], r"stages\[0\]: no key 'key'"),
                              ([{"technique": "prune", "exclude": "("}], r"stages\[0\].exclude: "),
                              ([{"technique": "prune", "layers": [{}]}], r"stages\[0\].layers\[0\].select: ")]:
            with self.assertRaisesRegex(linnet.Error, place):
                linnet.optimize(COLOURS, recipe)
        with self.assertRaisesRegex(linnet.Error, "no operator fits"):
            linnet.optimize(COLOURS, encode=True, exclude="nothing")
        with self.assertRaisesRegex(linnet.Error, "give a recipe or keywords"):
            linnet.optimize(COLOURS)
        with self.assertRaisesRegex(linnet.Error, "encode= cannot go with it"):
            linnet.optimize(COLOURS, PLAIN, encode=True)
        with self.assertRaisesRegex(linnet.Error, "magic=: no technique"):
            linnet.optimize(COLOURS, encode=True, magic=1)

    def test_progress_ends_it(self):
        with self.assertRaises(linnet.Error) as caught:
            linnet.optimize(COLOURS, PLAIN, progress=lambda *_: False)
        self.assertEqual(caught.exception.status, linnet.Status.ERR_CANCELLED)

        def broken(*_):
            raise RuntimeError("enough")

        with self.assertRaises(RuntimeError):
            linnet.optimize(COLOURS, PLAIN, progress=broken)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
