"""Building and training from Python. usage: train.py SOURCE_DIR TOOL [without-numpy]"""
import array
import doctest
import gc
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

source, tool = sys.argv[1:3]
if sys.argv[3:4] == ["without-numpy"]:
    sys.modules["numpy"] = None  # importing it now fails
try:
    import numpy
except ImportError:
    numpy = None
import linnet

SPECS = os.path.join(source, "examples", "models")
SPEC = {"input": {"name": "point", "shape": [2]},
        "layers": [{"layer": "Dense", "units": 16, "activation": "tanh"}, {"layer": "Dense", "name": "logits", "units": 2}]}
OPTIONS = {"batch": 16, "epochs": 20, "learning_rate": 0.02}


def points(count, step):
    """Points of a square, and whether they lie within a circle: no line parts them."""
    xs = [((i * step) % 97 / 48.5 - 1, (i * step * 7) % 89 / 44.5 - 1) for i in range(count)]
    return [list(x) for x in xs], [int(x * x + y * y < 0.6) for x, y in xs]


X, Y = points(256, 5)
TEST = points(64, 11)


class Trainable(unittest.TestCase):
    @unittest.skipIf(numpy is None, "arrays go in as NumPy has them")
    def test_signatures(self):
        model = linnet.trainable(SPEC, optimizer="adam", learning_rate=0.02, checkpoints="arrays")
        self.assertEqual(set(model.signatures), {"eval", "infer", "restore", "save", "serving_default", "train"})
        x, y = numpy.float32(X), numpy.int32(Y)
        step = model.session("train")
        judge = model.session("eval", share=step)
        for session in (step, judge):
            session.resize("point", (256, 2))
            session.resize("labels", (256,))
        first = float(step.run({"point": x, "labels": y})["loss"])
        for _ in range(100):
            step.run({"point": x, "labels": y})
        last = float(judge.run({"point": x, "labels": y})["loss"])
        self.assertLess(last, 0.8 * first)
        saved = model.session("save", share=step).run({})
        other = model.session("restore")
        self.assertEqual(int(other.run(saved)["steps"]), 101)
        judge = model.session("eval", share=other)
        judge.resize("point", (256, 2))
        judge.resize("labels", (256,))
        self.assertEqual(float(judge.run({"point": x, "labels": y})["loss"]), last)
        with self.assertRaisesRegex(linnet.Error, "no weight"):
            linnet.trainable(SPEC, train="nowhere")

    def test_goes_on(self):
        trainer = linnet.Trainer(SPEC, X, Y, **OPTIONS)
        trainer.step(range(16))
        made = trainer.make_trainable(batch=16, checkpoints="none")
        self.assertNotIn("save", made.signatures)
        with self.assertRaisesRegex(linnet.Error, "schedule"):
            linnet.trainable(SPEC, schedule="cosine")
        self.assertIn("train", made.signatures)


class Build(unittest.TestCase):
    def test_as_the_tool_builds(self):
        with tempfile.TemporaryDirectory() as work:
            for name in sorted(os.listdir(SPECS)):
                path, out = os.path.join(SPECS, name), os.path.join(work, "out.tflite")
                done = subprocess.run([tool, "build", path, "-o", out, "--seed", "3", "--batch", "2"], stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT)
                if b"without libcjson" in done.stdout:
                    self.skipTest("this build reads no JSON")
                self.assertEqual(done.returncode, 0, done.stdout)
                with open(out, "rb") as file:
                    expected = file.read()
                model = linnet.build(path, seed=3, batch=2)
                model.save(out)
                with open(out, "rb") as file:
                    self.assertEqual(file.read(), expected, name)
                self.assertEqual(linnet.Model(model.bytes).signatures, model.signatures)

    def test_calls(self):
        builder = linnet.Builder(seed=1)
        builder.input([2], "point").layer("Dense", units=16, activation="tanh")
        self.assertTrue(builder.has("point") and not builder.has("line"))
        builder.layer("Dense", "logits", [builder.last], units=2).output("logits")
        self.assertEqual(builder.make().bytes, linnet.build(SPEC).bytes)

    def test_head(self):
        head = linnet.build({"layers": [{"layer": "Dense", "units": 3}]}, backbone=linnet.build(SPEC))
        self.assertEqual([(each.name, each.shape) for each in head.session().inputs], [("features", (1, 2))])
        with self.assertRaisesRegex(linnet.Error, "a head takes"):
            linnet.build(SPEC, backbone=linnet.build(SPEC))

    def test_mistakes_have_a_place(self):
        layers = SPEC["layers"]
        for change, place in [({"layers": layers + [{"layer": "Magic"}]}, r"layers\[2\]: .*Magic"),
                              ({"layers": [{"layer": "Dense", "magic": 1}]}, r"layers\[0\]: .*magic"),
                              ({"layers": [{"layer": "Dense", "units": "$wide"}]}, r'layers\[0\].units: .*"wide"'),
                              ({"layers": [{"block": "b"}]}, r"layers\[0\].block: "),
                              ({"layers": [{"layer": "Add", "from": ["a", "b"]}]}, r"layers\[0\]: "),
                              ({"layers": [{"block": "b"}], "blocks": {"b": {"parameters": {"n": None}, "layers": []}}},
                               r"layers\[0\].n: is wanted"),
                              ({"layers": []}, "layers: there is no layer"), ({"magic": 1}, "no key 'magic'"),
                              ({"outputs": ["nowhere"]}, r"outputs\[0\]: .*nowhere")]:
            with self.assertRaisesRegex(linnet.Error, place):
                linnet.build(dict(SPEC, **change))


class Train(unittest.TestCase):
    def test_learns(self):
        told = []
        done = linnet.train(SPEC, X, Y, TEST, callback=told.append, seed=2, **OPTIONS)
        self.assertEqual([row["epoch"] for row in done.history], list(range(1, 21)))
        self.assertLess(done.history[-1]["loss"], 0.7 * done.history[0]["loss"])
        self.assertGreater(done.history[-1]["validation_accuracy"], 0.8)
        self.assertEqual([event.step for event in told], list(range(1, 321)))
        self.assertEqual([event.step for event in told if event.epoch_ended], [row["step"] for row in done.history])
        self.assertIsNone(told[0].validation_loss)
        json.dumps(done.history)
        found = linnet.evaluate(done.model, *TEST)
        self.assertAlmostEqual(found.accuracy, done.history[-1]["validation_accuracy"])
        with tempfile.TemporaryDirectory() as work:
            path = os.path.join(work, "out.tflite")
            done.save(path)
            self.assertEqual(linnet.Model(path).bytes, done.bytes)
            spec = os.path.join(work, "spec.json")
            with open(spec, "w") as file:
                json.dump(SPEC, file)
            self.assertEqual(linnet.train(spec, X, Y, seed=2, threads=2, **OPTIONS).bytes, done.bytes)
        more = linnet.train(done.model, X, Y, epochs=1, train="logits")
        self.assertNotEqual(more.bytes, done.bytes)

    def test_confusion(self):
        told = []
        linnet.train(SPEC, X, Y, TEST, callback=told.append, seed=2, metrics="accuracy,confusion-matrix", **{**OPTIONS, "epochs": 2})
        last = told[-1]
        self.assertEqual(sum(map(sum, last.confusion)), len(TEST[1]))
        right = sum(last.confusion[i][i] for i in range(len(last.confusion)))
        self.assertAlmostEqual(right / len(TEST[1]), last.metrics["validation_accuracy"])
        self.assertIsNone(told[0].confusion)

    def test_forms_of_data(self):
        flat = [array.array("f", x) for x in X]
        forms = [(X, Y), (flat, array.array("i", Y)), ({"point": X}, tuple(Y)), (lambda: iter(X), Y)]
        if numpy is not None:
            x, y = numpy.array(X, numpy.float32), numpy.array(Y)
            forms += [(x, y), (x.astype(numpy.float64), y.astype(numpy.uint8)), (numpy.asfortranarray(x), y.astype(bool)),
                      ({"point": x}, y[:, None])]
        options = dict(OPTIONS, epochs=2)
        expected = linnet.train(SPEC, X, Y, **options).bytes
        for form in forms:
            self.assertEqual(linnet.train(SPEC, *form, **options).bytes, expected)

    def test_values(self):
        values = [[x + y, x - y] for x, y in X]
        done = linnet.train(SPEC, X, values, loss="mse", metrics=["mse", "mae"], **OPTIONS)
        self.assertLess(done.history[-1]["mse"], 0.05)
        self.assertIn("mae", done.history[-1])
        heavy = linnet.train(SPEC, X, values, loss="mse", weights=[1.0] * 128 + [0.0] * 128, **OPTIONS)
        self.assertNotEqual(heavy.bytes, done.bytes)
        taught = linnet.train(SPEC, X, Y, teacher=linnet.train(SPEC, X, Y, **OPTIONS).model, teacher_weight=0.5, epochs=1)
        self.assertNotEqual(taught.bytes, linnet.train(SPEC, X, Y, epochs=1).bytes)

    def test_quantizes(self):
        done = linnet.train(SPEC, X, Y, TEST, qat="int8", qat_io="int8", **OPTIONS)
        self.assertEqual(done.model.session().inputs[0].type, linnet.Type.INT8)
        real = [array.array("f", x) for x in TEST[0]]  # lists would be taken for stored numbers
        self.assertAlmostEqual(linnet.evaluate(done.model, real, TEST[1]).accuracy, done.history[-1]["validation_accuracy"],
                               delta=0.05)

    def test_steps_and_checkpoints(self):
        whole = linnet.Trainer(SPEC, X, Y, **OPTIONS)
        whole.run()
        with tempfile.TemporaryDirectory() as work:
            path = os.path.join(work, "checkpoint")
            first = linnet.Trainer(SPEC, X, Y, **OPTIONS)
            rows = first.run(lambda event: event.step < 40)
            self.assertEqual(len(rows), 2)
            first.save(path)
            second = linnet.Trainer(SPEC, X, Y, **OPTIONS)
            second.restore(path)
            second.run()
            self.assertEqual(second.make().bytes, whole.make().bytes)
            with self.assertRaises(linnet.Error) as caught:
                linnet.Trainer(SPEC, X, Y, optimizer="sgd", **OPTIONS).restore(path)
            self.assertEqual(caught.exception.status, linnet.Status.ERR_DATA)
        trainer = linnet.Trainer(SPEC, X, Y).set(learning_rate=0.05, optimizer="sgd")
        losses = [trainer.step(range(0, 64)) for _ in range(30)]
        self.assertLess(losses[-1], losses[0])
        found = trainer.evaluate(*TEST)
        self.assertEqual(sorted(found), ["accuracy", "loss"])
        model = trainer.make()
        del trainer
        gc.collect()
        self.assertAlmostEqual(linnet.evaluate(model, *TEST).accuracy, found["accuracy"])

    @unittest.skipIf(numpy is None, "the examples use NumPy")
    def test_readme(self):
        """What the package's README shows: one conversation after the other."""
        with open(os.path.join(source, "bindings", "python", "README.md"), encoding="utf-8") as file:
            shown = re.findall(r"^```python\n(>>> .*?)^```", file.read(), re.S | re.M)
        self.assertGreater(len(shown), 2)
        test = doctest.DocTestParser().get_doctest("\n".join(shown), {}, "README.md", None, 0)
        before, said = os.getcwd(), []
        os.chdir(source)
        try:
            self.assertEqual(doctest.DocTestRunner().run(test, out=said.append).failed, 0, "".join(said))
        finally:
            os.chdir(before)

    def test_choices(self):
        options = linnet.train_options()
        self.assertEqual((options["batch"].kind, options["batch"].default), ("integer", "128"))
        self.assertIn("int8", options["qat"].choices)
        self.assertIn("adam", linnet.train_choices("optimizer"))
        self.assertEqual(linnet.train_choices("magic"), {})

    def test_refusals(self):
        for words, message in [({"magic": 1}, "magic"), ({"batch": 0}, "batch"), ({"optimizer": "magic"}, "magic"),
                               ({"train": "nothing"}, "nothing")]:
            with self.assertRaisesRegex(linnet.Error, message):
                linnet.train(SPEC, X, Y, **words)
        with self.assertRaisesRegex(linnet.Error, "255 labels for 256 samples"):
            linnet.train(SPEC, X, Y[1:])
        with self.assertRaisesRegex(linnet.Error, "sample 3: its label is 2"):
            linnet.train(SPEC, X, Y[:3] + [2] + Y[4:])
        with self.assertRaisesRegex(linnet.Error, "neither labels nor values"):
            linnet.train(SPEC, X)
        with self.assertRaisesRegex(linnet.Error, "sample 7: .*takes"):
            linnet.train(SPEC, X[:7] + [[1.0, 2.0, 3.0]] + X[8:], Y, shuffle=False)
        with self.assertRaisesRegex(linnet.Error, "begun"):
            trainer = linnet.Trainer(SPEC, X, Y)
            trainer.step([0])
            trainer.set(batch=3)
        if numpy is not None:
            with self.assertRaisesRegex(linnet.Error, "sample 1: .*finite|sample 1: .*NaN"):
                linnet.train(SPEC, numpy.array([[0, 0], [0, numpy.nan]], numpy.float32), [0, 1])
            with self.assertRaisesRegex(linnet.Error, "labels are classes"):
                linnet.train(SPEC, X[:2], numpy.array([0, 1 << 40]))

    def test_what_callbacks_raise(self):
        class Broken:
            def __len__(self):
                return 2

            def __getitem__(self, index):
                raise KeyError("nothing here")

        with self.assertRaises(KeyError):
            linnet.train(SPEC, Broken(), [0, 0])

        def broken(event):
            raise RuntimeError("enough")

        with self.assertRaises(RuntimeError):
            linnet.train(SPEC, X, Y, callback=broken)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
