"""The package by itself, with whatever NumPy there is or none. usage: api.py MODELS_DIR [without-numpy]"""
import array
import os
import pickle
import sys
import threading
import unittest

models = sys.argv[1]
if sys.argv[2:3] == ["without-numpy"]:
    sys.modules["numpy"] = None  # importing it now fails
try:
    import numpy
except ImportError:
    numpy = None
import linnet
from linnet import _arrays, testing, tflite

MODEL = os.path.join(models, "fashion_mnist.tflite")
STATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "tflite_c", "models", "state.tflite")
CUSTOM = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "cli", "models", "unsupported-custom.tflite")


def pixels(value=0):
    """An input for the model, of the kind at hand."""
    if numpy is not None:
        return numpy.full((1, 28, 28, 1), value, dtype=DTYPE)
    data = array.array({"float32": "f", "uint8": "B", "int8": "b"}[DTYPE], [value]) * (28 * 28)
    return memoryview(data).cast("B").cast(data.typecode, (1, 28, 28, 1))


DTYPE = linnet.Model(MODEL).session().inputs[0].dtype


def plain(value):
    return value.tolist()


class PythonicApi(unittest.TestCase):
    def setUp(self):
        self.model = linnet.Model(MODEL)

    def test_path_and_bytes(self):
        with open(MODEL, "rb") as file:
            data = file.read()
        for given in (data, bytearray(data), memoryview(data)):
            other = linnet.Model(given).session().run([pixels(1)])
            self.assertEqual([plain(v) for v in other.values()],
                             [plain(v) for v in self.model.session().run([pixels(1)]).values()])

    def test_description_of_tensors(self):
        session = self.model.session(threads=2)
        given = session.inputs[0]
        self.assertEqual(given.shape, (1, 28, 28, 1))
        self.assertEqual(given.dtype, DTYPE)
        if len(given.scales) == 1:
            self.assertEqual((given.scale, given.zero_point), (given.scales[0], given.zero_points[0]))
        self.assertEqual(len(session.outputs[0].shape), 2)
        self.assertGreater(session.stats.weight_bytes, 0)
        self.assertGreater(session.stats.macs, 0)

    def test_forms_of_inputs(self):
        session = self.model.session()
        name = session.inputs[0].name
        want = plain(session.run({name: pixels(3)})[session.outputs[0].name])
        nested = [[[[3]] * 28] * 28]
        for given in ({name: nested}, [nested], [pixels(3)]):
            self.assertEqual(plain(session.run(given)[session.outputs[0].name]), want)

    def test_errors(self):
        session = self.model.session()
        name = session.inputs[0].name
        for status, action in (
                (linnet.Status.ERR_IO, lambda: linnet.Model("/nonexistent.tflite")),
                (linnet.Status.ERR_FORMAT, lambda: linnet.Model(b"not a model")),
                (linnet.Status.ERR_NOT_FOUND, lambda: self.model.session("absent")),
                (linnet.Status.ERR_NOT_FOUND, lambda: session.run({"absent": pixels()})),
                (linnet.Status.ERR_ARGUMENT, lambda: session.run([])),
                (linnet.Status.ERR_SHAPE, lambda: session.run({name: [1, 2, 3]})),
                (linnet.Status.ERR_TYPE, lambda: session.run({name: array.array("d", [1.0])})),
                (linnet.Status.ERR_ARGUMENT, lambda: self.model.session(threads=-1)),
                (linnet.Status.ERR_LIMIT, lambda: self.model.session(memory_limit=1)),
                (linnet.Status.ERR_NOT_FOUND, lambda: session.tensor(100000))):
            with self.assertRaises(linnet.Error) as caught:
                action()
            self.assertEqual(caught.exception.status, status)
            self.assertEqual(pickle.loads(pickle.dumps(caught.exception)).status, status)

    def test_resize(self):
        session = self.model.session()
        one = plain(session.run([pixels(7)])[session.outputs[0].name])[0]
        session.resize(session.inputs[0].name, (2, 28, 28, 1))
        both = plain(session.run([[[[[7]] * 28] * 28] * 2])[session.outputs[0].name])
        self.assertEqual(both, [one, one])

    def test_profile(self):
        session = self.model.session(profile=True)
        session.run([pixels()])
        self.assertTrue(all(entry.calls == 1 for entry in session.profile))
        self.assertGreater(len(session.profile), 0)

    def test_sessions_in_threads(self):
        want = plain(self.model.session().run([pixels(5)]).popitem()[1])
        seen = []

        def work():
            session = self.model.session()
            for _ in range(20):
                seen.append(plain(session.run([pixels(5)]).popitem()[1]) == want)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(seen, [True] * 80)

    def test_session_outlives_the_name_of_its_model(self):
        session = linnet.Model(MODEL).session()
        self.model = None
        self.assertEqual(len(session.run([pixels()])), 1)


class InterpreterApi(unittest.TestCase):
    def test_a_run(self):
        interpreter = tflite.Interpreter(model_path=MODEL, num_threads=2)
        given, made = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        interpreter.allocate_tensors()
        interpreter.set_tensor(given["index"], pixels(9))
        interpreter.invoke()
        session = linnet.Model(MODEL).session()
        self.assertEqual(plain(interpreter.get_tensor(made["index"])), plain(session.run([pixels(9)]).popitem()[1]))
        self.assertEqual(list(given["shape"]), [1, 28, 28, 1])
        self.assertEqual(set(given), {"name", "index", "shape", "shape_signature", "dtype", "quantization",
                                      "quantization_parameters", "sparsity_parameters"})

    def test_views(self):
        with open(MODEL, "rb") as file:
            interpreter = tflite.Interpreter(model_content=file.read())
        interpreter.allocate_tensors()
        index = interpreter.get_input_details()[0]["index"]
        view = interpreter.tensor(index)()
        view[0, 3, 4, 0] = 77
        self.assertEqual(plain(interpreter.get_tensor(index))[0][3][4][0], 77)
        for action in (interpreter.invoke, interpreter.allocate_tensors):
            self.assertRaises(RuntimeError, action)
        part = view[0:1]
        del view
        self.assertRaises(RuntimeError, interpreter.invoke)
        del part
        interpreter.invoke()

    def test_refused(self):
        self.assertRaises(ValueError, tflite.load_delegate, "delegate.so")
        self.assertRaises(ValueError, tflite.InterpreterWithCustomOps, custom_op_registerers=["Register"],
                          model_path=MODEL)
        tflite.InterpreterWithCustomOps(model_path=MODEL).allocate_tensors()


class SharedState(unittest.TestCase):
    """The signatures `add` (variable + x, kept) and `read` of state.tflite; an initialiser begins at 10."""

    @staticmethod
    def pair(value):
        return numpy.array([value, value], "float32") if numpy is not None else array.array("f", [value, value])

    def test_sessions(self):
        model = linnet.Model(STATE)
        add = model.session("add")
        read, apart = model.session("read", share=add), model.session("read")
        self.assertEqual(plain(add.run([self.pair(1)])["sum"]), [11, 11])
        self.assertEqual(plain(read.run()["value"]), [11, 11])
        self.assertEqual(plain(apart.run()["value"]), [10, 10])
        del add
        read.reset_variable_tensors()
        self.assertEqual(plain(read.run()["value"]), [11, 11])
        read.reset()
        self.assertEqual(plain(read.run()["value"]), [10, 10])
        with self.assertRaises(linnet.Error):
            linnet.Model(STATE).session("read", share=read)

    @unittest.skipIf(numpy is None, "signature runners take arrays")
    def test_runners(self):
        interpreter = tflite.Interpreter(STATE)
        add, read = interpreter.get_signature_runner("add"), interpreter.get_signature_runner("read")
        self.assertEqual(plain(read()["value"]), [10, 10])
        self.assertEqual(plain(add(x=self.pair(1))["sum"]), [11, 11])
        interpreter.allocate_tensors()
        interpreter.reset_all_variables()  # of tensors; variables with handles keep their values, as in LiteRT
        self.assertEqual(plain(add(x=self.pair(2))["sum"]), [13, 13])
        self.assertEqual(plain(read()["value"]), [13, 13])
        self.assertEqual(plain(tflite.Interpreter(STATE).get_signature_runner("read")()["value"]), [10, 10])


class OwnOperators(unittest.TestCase):
    """A model that squares its input and hands it to a custom operator, which is written here."""

    def session(self, infer, run):
        operators = [linnet.Operator("Mystery", infer, run)]
        return linnet.Model(CUSTOM).session(operators=operators)

    def test_run(self):
        def run(inputs, outputs, options):
            for i, value in enumerate(plain(inputs[0])):
                outputs[0][i] = 2 * value

        for later in (False, True):
            asked = []

            def infer(inputs, options, asked=asked, later=later):
                asked.append(inputs[0].shape)
                return None if later and len(asked) == 1 else [inputs[0].shape]

            session = self.session(infer, run)
            name = session.inputs[0].name
            shape = session.inputs[0].shape
            want = [2.0 * i * i for i in range(shape[0])]
            got = session.run({name: [float(i) for i in range(shape[0])]})
            self.assertEqual(plain(got.popitem()[1]), want)
            interpreter = tflite.InterpreterWithCustomOps(
                custom_op_registerers=[linnet.Operator("Mystery", lambda inputs, options: [inputs[0].shape], run)],
                model_path=CUSTOM)
            interpreter.allocate_tensors()
            view = interpreter.tensor(interpreter.get_input_details()[0]["index"])()
            for i in range(shape[0]):
                view[i] = float(i)
            del view
            interpreter.invoke()
            self.assertEqual(plain(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])), want)

    def test_failures(self):
        def run(inputs, outputs, options):
            raise KeyError("too deep")

        self.assertRaises(linnet.Error, lambda: linnet.Model(CUSTOM).session())
        for infer in (lambda inputs, options: [], lambda inputs, options: 1 / 0):
            self.assertRaises(linnet.Error, self.session, infer, run)
        session = self.session(lambda inputs, options: [inputs[0].shape], run)
        with self.assertRaises(linnet.Error) as caught:
            session.run([[0.0] * session.inputs[0].shape[0]])
        self.assertIn("too deep", str(caught.exception))
        self.assertEqual(caught.exception.status, linnet.Status.ERR_DATA)
        self.assertRaises(TypeError, linnet.Model(CUSTOM).session, operators=[1])


class OperatorTrials(unittest.TestCase):
    """linnet.testing: an operator alone, written here, compiled (kernel.c), or the library's."""

    @staticmethod
    def floats(*values):
        return numpy.array(values, "float32") if numpy is not None else array.array("f", values)

    @staticmethod
    def triple(inputs, outputs, options):
        for i, value in enumerate(plain(inputs[0])):
            outputs[0][i] = value * int(options or b"3")

    @staticmethod
    def zero(inputs, outputs, options):
        for i in range(len(outputs[0])):
            outputs[0][i] = 0.0

    def operator(self, run=None, infer=None):
        return linnet.Operator("Triple", infer or (lambda inputs, options: [inputs[0].shape]), run or self.triple)

    def refused(self, status, pattern, *arguments, **keywords):
        with self.assertRaises(linnet.Error) as caught:
            testing.try_operator(*arguments, **keywords)
        self.assertEqual(caught.exception.status, status)
        self.assertRegex(str(caught.exception), pattern)

    def test_one_written_in_python(self):
        given, want, runs = self.floats(1, -2), self.floats(3, -6), []

        def run(inputs, outputs, options):
            runs.append(1)
            self.triple(inputs, outputs, options)

        got = testing.try_operator(self.operator(run), [given], [want])
        self.assertEqual([plain(value) for value in got], [[3, -6]])
        self.assertEqual(len(runs), 6)
        got = testing.try_operator(self.operator(), [given], [linnet.Type.FLOAT32], options=b"5")
        self.assertEqual(plain(got[0]), [5, -10])
        testing.try_operator(self.operator(), [given], [testing.Tensor(type="float32", shape=(2,))])
        testing.try_operator(self.operator(), [given], [self.floats(3, -6.5)], absolute=0.5)
        testing.try_operator(self.operator(), [given], [self.floats(3, -6.5)], relative=0.1)

    def test_what_goes_wrong(self):
        given, want = self.floats(1, -2), self.floats(3, -6)
        Status, Tensor = linnet.Status, testing.Tensor
        self.refused(Status.ERR_DATA, "on 1 thread: output 0: element 1 is -6, want -7", self.operator(), [given],
                     [self.floats(3, -7)])
        self.refused(Status.ERR_DATA, r"shape \[2\], want \[3\]", self.operator(), [given],
                     [Tensor(type="float32", shape=(3,))])
        self.refused(Status.ERR_DATA, "KeyError: 'deep'", self.operator(lambda *a: {}["deep"]), [given], [want])
        self.refused(Status.ERR_SHAPE, "2 shapes for 1 output", self.operator(infer=lambda i, o: [(2,), (2,)]), [given],
                     [want])
        self.refused(Status.ERR_TYPE, "input 0: say its type", self.operator(), [[1.0]], [want])
        self.refused(Status.ERR_TYPE, "input 0: takes float32", self.operator(), [Tensor(array.array("d", [1]), "float32")],
                     [want])
        self.refused(Status.ERR_ARGUMENT, "output 0 needs a type", self.operator(), [given], [None])
        self.refused(Status.ERR_ARGUMENT, "input 0: has no value", self.operator(), [linnet.Type.INT8], [want])
        self.refused(Status.ERR_UNSUPPORTED, "Triple", "Triple", [given], [want])
        self.refused(Status.ERR_TYPE, "RELU", "RELU", [Tensor(["a"], "string")], [Tensor(["a"], "string")])
        self.assertRaises(TypeError, testing.try_operator, 3, [given], [want])

    def test_state_kept_where_none_may_be(self):
        count = []

        def run(inputs, outputs, options):
            count.append(1)
            outputs[0][0] = float(len(count))

        self.refused(linnet.Status.ERR_DATA, "after a reset: output 0: another run gives other values",
                     self.operator(run), [self.floats(1)], [linnet.Type.FLOAT32])

    def test_shapes_known_in_the_run(self):
        asked = []

        def infer(inputs, options):
            asked.append(1)
            return None if len(asked) == 1 else [inputs[0].shape]

        testing.try_operator(self.operator(infer=infer), [self.floats(1)], [self.floats(3)])
        told = len(asked)
        asked.clear()

        def wrong_at_last(inputs, options):
            asked.append(1)
            return [(1,)] if len(asked) >= told - 1 else [inputs[0].shape]

        self.refused(linnet.Status.ERR_DATA, r"with shapes known only in the run: .*output 0 has the shape \[1\], want",
                     self.operator(self.zero, wrong_at_last), [self.floats(1, 2)],
                     [testing.Tensor(type="float32", shape=(2,))])

    def test_one_compiled(self):
        kernel = os.environ.get("LINNET_TEST_KERNEL")
        if not kernel:
            self.skipTest("no compiled operator")
        doubled = linnet.Operator.from_library(kernel, "doubled")
        self.assertEqual(doubled.name, "Mystery")
        got = testing.try_operator(doubled, [self.floats(1, -2)], [self.floats(2, -4)])
        self.assertEqual(plain(got[0]), [2, -4])
        self.refused(linnet.Status.ERR_TYPE, "Mystery.*takes float32", doubled, [array.array("i", [1])],
                     [linnet.Type.INT32])
        session = linnet.Model(CUSTOM).session(operators=[doubled])
        shape = session.inputs[0].shape
        self.assertEqual(plain(session.run([[float(i) for i in range(shape[0])]]).popitem()[1]),
                         [2.0 * i * i for i in range(shape[0])])
        self.assertRaises(ValueError, linnet.Operator.from_library, kernel, "absent")

    def test_the_librarys_own(self):
        Tensor = testing.Tensor
        testing.try_operator("RELU", [self.floats(1, -2)], [self.floats(1, 0)])
        testing.try_operator("ADD", [self.floats(1, -2), Tensor(self.floats(1, 1), constant=True)], [self.floats(2, -1)])
        got = testing.try_operator("QUANTIZE", [self.floats(1, -2)],
                                   [Tensor([2, -4], linnet.Type.INT8, scale=0.5)])
        self.assertEqual(plain(got[0]), [2, -4])
        testing.try_operator("EQUAL", [Tensor(["a", "b"], "string")] * 2, [Tensor([True, True], "bool")])


class Forms(unittest.TestCase):
    """Values into bytes and back."""

    def back(self, kind, value, shape):
        given = _arrays.take_in(kind, value)
        self.assertEqual(given.shape, shape)
        return _arrays.copy_out(kind, given.shape, given.pointer, given.size)

    def test_round_trips(self):
        Type = linnet.Type
        for kind, value, shape in ((Type.FLOAT32, [[1.5, -2.0]], (1, 2)), (Type.INT64, [1, -(2 ** 40)], (2,)),
                                   (Type.BOOL, [True, False, True], (3,)), (Type.FLOAT16, [0.5, 2.0], (2,)),
                                   (Type.INT4, [-8, 7, 3], (3,)), (Type.UINT4, [15, 0, 9], (3,)),
                                   (Type.INT2, [-2, 1, 0, -1, 1], (5,)), (Type.UINT16, [65535], (1,)),
                                   (Type.FLOAT64, [[0.1], [0.2]], (2, 1)), (Type.INT8, [], (0,))):
            self.assertEqual(plain(self.back(kind, value, shape)), value, kind)
        self.assertEqual(self.back(Type.FLOAT32, 2.5, ())[()], 2.5)

    def test_copies_go_back_in(self):
        for kind, value, shape in ((linnet.Type.FLOAT16, [[0.5], [2.0]], (2, 1)), (linnet.Type.INT4, [1, -1], (2,)),
                                   (linnet.Type.COMPLEX64, [1 + 2j, 3j], (2,)), (linnet.Type.INT64, [5], (1,))):
            copy = self.back(kind, value, shape)
            self.assertEqual(plain(self.back(kind, copy, shape)), plain(copy))

    def test_strings(self):
        got = self.back(linnet.Type.STRING, [["a", b"b\0c"], ["", "\u00fc"]], (2, 2))
        self.assertEqual(got if numpy is None else got.tolist(), [[b"a", b"b\0c"], [b"", "\u00fc".encode()]])
        self.assertRaises(linnet.Error, _arrays.take_in, linnet.Type.STRING, [1])

    def test_ragged(self):
        self.assertRaises((linnet.Error, ValueError), _arrays.take_in, linnet.Type.FLOAT32, [[1.0], [1.0, 2.0]])


if __name__ == "__main__":
    print("linnet %s, NumPy %s" % (linnet.__version__, numpy.__version__ if numpy is not None else "absent"))
    unittest.main(argv=sys.argv[:1])
