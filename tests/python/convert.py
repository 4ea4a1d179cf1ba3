"""Converting from Python. usage: convert.py SOURCE_DIR SHARED [without-numpy]"""
import json
import os
import sys
import tempfile
import unittest

source, shared = sys.argv[1:3]
if sys.argv[3:4] == ["without-numpy"]:
    sys.modules["numpy"] = None
try:
    import numpy
except ImportError:
    numpy = None
import linnet
from linnet.tflite import Interpreter, OpsSet, Optimize, RepresentativeDataset, TFLiteConverter

MLP = os.path.join(source, "fuzz", "corpus", "import_keras", "mlp3.keras")
CASES = os.path.join(shared, "convert")
HAS_CASES = numpy is not None and os.path.isdir(CASES)


def case(name):
    folder = os.path.join(CASES, name)
    with open(os.path.join(folder, "manifest.json")) as file:
        manifest = json.load(file)
    run = manifest.get("runs", [manifest])[0]
    load = lambda each: numpy.load(os.path.join(folder, each["file"]))
    return (os.path.join(folder, manifest["files"][0]), {i["name"]: load(i) for i in run["inputs"]},
            {o["name"]: load(o) for o in run["outputs"]})


class Convert(unittest.TestCase):
    def test_file(self):
        done = linnet.convert(MLP)
        self.assertEqual(done.kind, "keras")
        self.assertEqual(done.bytes[4:8], b"TFL3")
        self.assertIn("keras", repr(done))
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "out.tflite")
            again = linnet.convert(MLP, path, kind="keras")
            with open(path, "rb") as file:
                self.assertEqual(file.read(), again.bytes)
        self.assertGreater(len(done.model.session().inputs), 0)

    def test_kinds(self):
        self.assertEqual(set(linnet.convert_kinds()), {"keras", "savedmodel", "torch", "stablehlo", "onnx"})

    def test_what_cannot_be(self):
        with self.assertRaises(linnet.Error) as caught:
            linnet.convert(os.path.join(source, "README.md"))
        self.assertIn("README.md", str(caught.exception))
        self.assertNotIn("\n", str(caught.exception))
        with self.assertRaises(linnet.Error):
            linnet.convert(MLP, kind="onnx")
        with self.assertRaises(linnet.Error):
            linnet.convert(MLP, kind="nothing")
        with self.assertRaises(linnet.Error):
            linnet.convert(os.path.join(source, "no such file"))
        with self.assertRaises(linnet.Error) as caught:
            linnet.convert(3)
        self.assertIn("int", str(caught.exception))

    def test_shapes(self):
        session = linnet.convert(MLP).model.session()
        name, shape = session.inputs[0].name, session.inputs[0].shape
        fixed = linnet.convert(MLP, shapes={name: [2, *shape[1:]]})
        self.assertEqual(tuple(fixed.model.session().inputs[0].shape), (2, *shape[1:]))
        with self.assertRaises(linnet.Error) as caught:
            linnet.convert(MLP, shapes={name: [2]})
        self.assertIn("--shape", str(caught.exception))

    @unittest.skipUnless(HAS_CASES, "NumPy and the shared cases are not there")
    def test_outputs(self):
        for name in ("k3_multi_io", "onnx_torch_cnn_13", "sm_keras3_cnn", "jax_mlp", "pt2_cnn"):
            path, inputs, outputs = case(name)
            session = linnet.convert(path).model.session()
            for key, value in inputs.items():
                session.resize(key, value.shape)
            found = session.run(inputs)
            for got, want in zip(found.values() if set(found) != set(outputs) else [found[k] for k in outputs],
                                 outputs.values()):
                numpy.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5, err_msg=name)

    @unittest.skipUnless(HAS_CASES, "NumPy and the shared cases are not there")
    def test_channels_last(self):
        path, inputs, outputs = case("onnx_torch_unet_13")
        session = linnet.convert(path, channels_last=True).model.session()
        picture = next(iter(inputs.values())).transpose(0, 2, 3, 1)
        got = next(iter(session.run({session.inputs[0].name: numpy.ascontiguousarray(picture)}).values()))
        want = next(iter(outputs.values())).transpose(0, 2, 3, 1)
        numpy.testing.assert_allclose(got.reshape(want.shape), want, rtol=1e-4, atol=1e-5)

    @unittest.skipUnless(HAS_CASES, "NumPy and the shared cases are not there")
    def test_signatures(self):
        path, _, _ = case("sm_two_signatures")
        keys = sorted(linnet.convert(path).model.signatures)
        self.assertEqual(len(keys), 2)
        self.assertEqual(sorted(linnet.convert(path, signatures=keys[0]).model.signatures), keys[:1])
        with self.assertRaises(linnet.Error):
            linnet.convert(path, signatures=["none of these"])


class Converter(unittest.TestCase):
    def shape(self):
        return [1, *linnet.convert(MLP).model.session().inputs[0].shape[1:]]

    def size(self, **attributes):
        converter = TFLiteConverter.from_keras_model(MLP)
        for name, value in attributes.items():
            setattr(converter, name, value)
        return len(converter.convert())

    def test_floats(self):
        interpreter = Interpreter(model_content=TFLiteConverter.from_keras_model(MLP).convert())
        interpreter.allocate_tensors()
        self.assertEqual(len(interpreter.get_input_details()), 1)

    def test_optimizations(self):
        plain = self.size()
        self.assertLess(self.size(optimizations=[Optimize.DEFAULT]), plain * 2)
        converter = TFLiteConverter.from_keras_model(MLP)
        converter.optimizations = [Optimize.DEFAULT]
        converter.target_spec.supported_types = ["float16"]
        self.assertEqual(converter.convert()[4:8], b"TFL3")

    @unittest.skipIf(numpy is None, "NumPy is not there")
    def test_integers(self):
        shape = self.shape()
        converter = TFLiteConverter.from_keras_model(MLP)
        converter.optimizations = [Optimize.DEFAULT]
        converter.representative_dataset = RepresentativeDataset(
            lambda: ([numpy.random.RandomState(i).uniform(-1, 1, shape).astype(numpy.float32)] for i in range(8)))
        converter.target_spec.supported_ops = [OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = numpy.int8
        interpreter = Interpreter(model_content=converter.convert())
        interpreter.allocate_tensors()
        self.assertEqual(interpreter.get_input_details()[0]["dtype"], numpy.int8)
        self.assertEqual(interpreter.get_output_details()[0]["dtype"], numpy.int8)

    def test_refusals(self):
        converter = TFLiteConverter.from_keras_model(MLP)
        converter.target_spec.supported_ops = [OpsSet.TFLITE_BUILTINS_INT8]
        with self.assertRaises(ValueError):
            converter.convert()
        with self.assertRaises(OSError):
            TFLiteConverter.from_saved_model(os.path.join(source, "no such folder"))

    @unittest.skipUnless(HAS_CASES, "NumPy and the shared cases are not there")
    def test_saved_model(self):
        path, inputs, outputs = case("sm_keras3_cnn")
        interpreter = Interpreter(model_content=TFLiteConverter.from_saved_model(path).convert())
        runner = interpreter.get_signature_runner("serving_default")
        got = next(iter(runner(**inputs).values()))
        numpy.testing.assert_allclose(got, next(iter(outputs.values())), rtol=1e-4, atol=1e-5)


class Live(unittest.TestCase):
    """Objects of frameworks that happen to be installed."""

    def agree(self, source_object, array, want, **options):
        session = linnet.convert(source_object, **options).model.session()
        got = next(iter(session.run({session.inputs[0].name: array}).values()))
        numpy.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)

    def framework(self, name):
        try:
            return __import__(name)
        except Exception as error:  # some fail in many ways where they do not fit the machine
            self.skipTest("%s is not there: %s" % (name, type(error).__name__))

    def test_keras(self):
        keras = self.framework("keras")
        model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3, activation="relu")])
        x = numpy.ones((1, 4), numpy.float32)
        self.agree(model, x, numpy.asarray(model(x)))
        converter = TFLiteConverter.from_keras_model(model)
        self.assertEqual(converter.convert()[4:8], b"TFL3")

    def test_jax(self):
        jax = self.framework("jax")
        x = numpy.arange(6, dtype=numpy.float32).reshape(2, 3)
        self.agree(lambda a: jax.numpy.tanh(a) @ a.T, x, numpy.tanh(x) @ x.T, args=(x,))

    def test_onnx(self):
        onnx = self.framework("onnx")
        tensor = onnx.helper.make_tensor_value_info
        graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "g", [tensor("x", 1, [2])],
                                       [tensor("y", 1, [2])])
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
        self.agree(model, numpy.array([-1, 2], numpy.float32), [0, 2])

    def test_torch(self):
        torch = self.framework("torch")
        module, x = torch.nn.Linear(3, 2), torch.ones(1, 3)
        self.agree(module, x.numpy(), module(x).detach().numpy(), args=(x,))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
