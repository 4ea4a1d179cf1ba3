"""linnet.tflite beside ai_edge_litert: details key by key, outputs, classes of errors. usage: beside_litert.py SHARED"""
import os
import sys
import warnings

SKIP = 77
try:
    import numpy as np
    from ai_edge_litert import interpreter as litert
except ImportError as problem:
    print("skipped: %s" % problem)
    sys.exit(SKIP)
from linnet import tflite

shared = sys.argv[1]
if not os.path.isdir(os.path.join(shared, "models")):
    print("skipped: no models in %s" % shared)
    sys.exit(SKIP)
warnings.simplefilter("ignore")

MODELS = ["tiny_kws_int8", "tiny_kws_float", "litert_multi_signature", "mp_face_detection_full_range_sparse",
          "mp_face_detection_short_range", "coral_mobilenet_v1_0.5_160_quant", "litert_qwen_fc_blockwise",
          "ssd_mobilenet_v1_quant", "regex_one_embedding_with_metadata", "tflm_trained_lstm_int8", "deeplabv3_float",
          "litert_conformer", "movie_review", "automl_labeler", "coral_keras_lstm_mnist_ptq", "tflm_dtln_noise_suppression",
          "mp_hand_landmark_lite", "coral_tf2_mobilenet_v2_1.0_224_ptq", "tiny_strww", "yamnet"]
# LiteRT's reference kernel does not know blockwise scales; its other one rounds activations to 8 bits.
NO_REFERENCE = {"litert_qwen_fc_blockwise": 1e-2}
failures = []


def check(holds, what):
    if not holds:
        failures.append(what)
        print("FAIL %s" % what)


def same(ours, theirs, where):
    """Equal in value, type and form."""
    if isinstance(theirs, dict):
        check(isinstance(ours, dict) and list(ours) == list(theirs), "%s: keys %s, %s" % (where, list(ours), list(theirs)))
        for key in theirs:
            if key in ours:
                same(ours[key], theirs[key], "%s.%s" % (where, key))
    elif isinstance(theirs, (list, tuple)):
        check(type(ours) is type(theirs) and len(ours) == len(theirs), "%s: %r, %r" % (where, ours, theirs))
        for i, (a, b) in enumerate(zip(ours, theirs)):
            same(a, b, "%s[%d]" % (where, i))
    elif isinstance(theirs, np.ndarray):
        check(isinstance(ours, np.ndarray) and ours.dtype == theirs.dtype and ours.shape == theirs.shape and
              np.array_equal(ours, theirs), "%s: %r, %r" % (where, ours, theirs))
    else:
        check(type(ours) is type(theirs) and ours == theirs, "%s: %r, %r" % (where, ours, theirs))


def outcome(action):
    try:
        action()
        return None
    except Exception as error:  # noqa: BLE001: the class is what is compared
        return type(error)


def compare_details(name, ours, theirs, when):
    same(ours.get_input_details(), theirs.get_input_details(), "%s %s inputs" % (name, when))
    same(ours.get_output_details(), theirs.get_output_details(), "%s %s outputs" % (name, when))


def random_input(rng, detail):
    dtype, shape = np.dtype(detail["dtype"]), tuple(detail["shape"])
    if dtype.kind == "f":
        return rng.random(shape).astype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)
    if dtype.itemsize == 1:
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max + 1, shape).astype(dtype)
    return rng.integers(0, 2, shape).astype(dtype)


def compare_outputs(name, ours, theirs):
    for mine, other in zip(ours.get_output_details(), theirs.get_output_details()):
        a, b = ours.get_tensor(mine["index"]), theirs.get_tensor(other["index"])
        where = "%s output %s" % (name, mine["name"])
        check(type(a) is type(b) and a.dtype == b.dtype and np.shape(a) == np.shape(b),
              "%s: %s %s, %s %s" % (where, type(a), np.shape(a), type(b), np.shape(b)))
        if a.dtype.kind == "f":
            worst = float(np.max(np.abs(a - b), initial=0))
            allowed = NO_REFERENCE.get(name, 1e-4) * float(np.max(np.abs(b), initial=0)) + 1e-5
            check(worst <= allowed, "%s: differs by %g, allowed %g" % (where, worst, allowed))
        else:
            check(np.array_equal(a, b), "%s: differs" % where)


def compare_model(name):
    path = os.path.join(shared, "models", name + ".tflite")
    ours = tflite.Interpreter(path, num_threads=2)
    resolver = litert.OpResolverType.AUTO if name in NO_REFERENCE else litert.OpResolverType.BUILTIN_REF
    theirs = litert.Interpreter(path, num_threads=2, experimental_op_resolver_type=resolver)
    compare_details(name, ours, theirs, "before allocation")
    mine = {d["index"]: d for d in ours.get_tensor_details()}
    for detail in theirs.get_tensor_details():  # which lists temporaries of its kernels too
        if detail["index"] in mine:
            same(mine[detail["index"]], detail, "%s tensor %d" % (name, detail["index"]))
    same(ours.get_signature_list(), theirs.get_signature_list(), "%s signatures" % name)
    check(ours.num_subgraphs() == theirs.num_subgraphs(), "%s: num_subgraphs" % name)
    ours.allocate_tensors()
    theirs.allocate_tensors()
    compare_details(name, ours, theirs, "allocated")
    rng = np.random.default_rng(7)
    for detail in ours.get_input_details():
        value = random_input(rng, detail)
        ours.set_tensor(detail["index"], value)
        theirs.set_tensor(detail["index"], value)
        same(ours.get_tensor(detail["index"]), value, "%s what was set" % name)
    ours.invoke()
    theirs.invoke()
    compare_outputs(name, ours, theirs)
    if name not in NO_REFERENCE:  # whose delegate adds an operator of its own
        same(ours._get_ops_details(), theirs._get_ops_details(), "%s operators" % name)


def compare_resized():
    path = os.path.join(shared, "models", "tiny_kws_int8.tflite")
    pair = tflite.Interpreter(path), litert.Interpreter(path)
    rng = np.random.default_rng(3)
    value = rng.integers(-128, 128, (3, 49, 10, 1)).astype(np.int8)
    for interpreter in pair:
        interpreter.allocate_tensors()
        index = interpreter.get_input_details()[0]["index"]
        interpreter.resize_tensor_input(index, [3, 49, 10, 1], strict=True)
        interpreter.allocate_tensors()
        interpreter.set_tensor(index, value)
        interpreter.invoke()
    compare_details("resized", pair[0], pair[1], "")
    ours = pair[0].get_tensor(pair[0].get_output_details()[0]["index"])
    check(ours.shape == (3, 12), "resized output %s" % (ours.shape,))


def compare_errors():
    path = os.path.join(shared, "models", "tiny_kws_int8.tflite")
    outcomes = []
    for module in (tflite, litert):
        make, seen = module.Interpreter, []
        interpreter = make(path)
        index = interpreter.get_input_details()[0]["index"]
        good = np.zeros((1, 49, 10, 1), np.int8)

        def tell(action, seen=seen):
            seen.append(outcome(action))

        for action in (interpreter.invoke, lambda: interpreter.get_tensor(index), interpreter.reset_all_variables,
                       lambda: interpreter.set_tensor(index, good), lambda: interpreter.tensor(index)(),
                       interpreter.allocate_tensors,
                       lambda: interpreter.set_tensor(index, good.astype(np.float32)),
                       lambda: interpreter.set_tensor(index, good[0]),
                       lambda: interpreter.set_tensor(index, np.zeros((1, 49, 11, 1), np.int8)),
                       lambda: interpreter.set_tensor(1000, good), lambda: interpreter.get_tensor(1000),
                       lambda: interpreter.get_tensor(-1), lambda: interpreter.get_tensor(index, 3),
                       lambda: interpreter.tensor(1000)(), lambda: interpreter.get_tensor_details(4),
                       lambda: interpreter.resize_tensor_input(1000, [1]),
                       lambda: interpreter.resize_tensor_input(index, [1, 48, 10, 1], strict=True),
                       lambda: interpreter.resize_tensor_input(index, [2, 49, 10, 1], strict=True),
                       interpreter.invoke, lambda: interpreter.get_tensor(index), interpreter.allocate_tensors):
            tell(action)
        held = interpreter.tensor(index)()
        held[...] = 5
        for action in (interpreter.invoke, interpreter.allocate_tensors,
                       lambda: interpreter.resize_tensor_input(index, [1, 49, 10, 1])):
            tell(action)
        seen.append(bool(np.all(interpreter.get_tensor(index) == 5)))
        del held
        for action in (interpreter.invoke, interpreter.get_signature_runner,
                       lambda: interpreter.get_signature_runner("absent"), make,
                       lambda: make("/nonexistent"), lambda: make(model_content=b"abc"),
                       lambda: make(path, model_content=b"x"), lambda: make(path, num_threads=0),
                       lambda: make(path, num_threads="2"), lambda: make(path, experimental_op_resolver_type=1),
                       lambda: make(model_content="text")):
            tell(action)
        outcomes.append(seen)
    for i, (a, b) in enumerate(zip(*outcomes)):
        check(a == b, "error %d: %s, %s" % (i, a, b))


    check(outcome(lambda: tflite.load_delegate("delegate.so")) is ValueError, "load_delegate")
    check(outcome(lambda: tflite.Interpreter(path, experimental_delegates=[object()])) is ValueError, "delegates")


def compare_signatures():
    path = os.path.join(shared, "models", "litert_multi_signature.tflite")
    rng = np.random.default_rng(5)
    values = [rng.random((10, 10)).astype(np.float32) for _ in range(2)]
    pair = tflite.Interpreter(path), litert.Interpreter(path)
    for key in ("add", "mul", "sub"):
        runners = [interpreter.get_signature_runner(key) for interpreter in pair]
        same(runners[0].get_input_details(), runners[1].get_input_details(), key)
        same(runners[0].get_output_details(), runners[1].get_output_details(), key)
        results = [runner(a=values[0], b=values[1]) for runner in runners]
        same(results[0], results[1], "%s results" % key)
        results = [runner(a=values[0][:3], b=values[1][:3]) for runner in runners]
        same(results[0], results[1], "%s resized" % key)
        for arguments in ({}, {"a": values[0]}, {"a": values[0], "c": values[1]}, {"a": [1.0], "b": [1.0]},
                          {"a": values[0], "b": values[1].astype(np.float64)}):
            seen = [outcome(lambda: runner(**arguments)) for runner in runners]
            check(seen[0] == seen[1] is not None, "%s(%s): %s" % (key, list(arguments), seen))


def compare_preserved():
    """Every tensor between input and output."""
    path = os.path.join(shared, "models", "tiny_kws_int8.tflite")
    pair = (tflite.Interpreter(path, experimental_preserve_all_tensors=True),
            litert.Interpreter(path, experimental_preserve_all_tensors=True,
                               experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF))
    value = np.random.default_rng(1).integers(-128, 128, (1, 49, 10, 1)).astype(np.int8)
    for interpreter in pair:
        interpreter.allocate_tensors()
        interpreter.set_tensor(0, value)
        interpreter.invoke()
    details = pair[0].get_tensor_details()
    for detail in details:
        same(pair[0].get_tensor(detail["index"]), pair[1].get_tensor(detail["index"]), "tensor %d" % detail["index"])
    check(len(details) > 30, "%d tensors" % len(details))


for model in MODELS:
    compare_model(model)
compare_resized()
compare_errors()
compare_signatures()
compare_preserved()
print("%d models, %d failures" % (len(MODELS), len(failures)))
sys.exit(1 if failures else 0)
