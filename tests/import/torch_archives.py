"""Archives of torch.export in every layout, written here by hand: LINNET [--keep FOLDER].

What they hold is checked against NumPy; what is damaged or hostile must end with one line and status 1. Needs NumPy.
"""
import argparse
import io
import json
import os
import pickle
import random
import struct
import subprocess
import sys
import tempfile
import types
import zipfile

try:
    import numpy as np
except ImportError:
    sys.exit(77)

DTYPES = {"float32": 7, "int64": 5, "bool": 12}
WEIGHT = np.arange(12, dtype=np.float32).reshape(3, 4) / 7 - 0.5
BIAS = np.array([0.5, -1, 0.25], np.float32)
X = np.linspace(-2, 2, 8, dtype=np.float32).reshape(2, 4)


def meta(array, strides=None):
    strides = strides or [s // array.itemsize for s in array.strides]
    return {"dtype": DTYPES[str(array.dtype)], "sizes": [{"as_int": n} for n in array.shape], "requires_grad": False,
            "device": {"type": "cpu", "index": None}, "strides": [{"as_int": n} for n in strides],
            "storage_offset": {"as_int": 0}, "layout": 7}


def tensor(name):
    return {"as_tensor": {"name": name}}


def node(target, outputs, **inputs):
    return {"target": "torch.ops." + target, "inputs": [{"name": k, "arg": v, "kind": 1} for k, v in inputs.items()],
            "outputs": [tensor(o) for o in outputs], "metadata": {}, "name": outputs[0]}


def program(nodes=None, result="clamp"):
    """clamp(linear(x)) with a limit that JSON has no word for."""
    nodes = nodes or [node("aten.linear.default", ["linear"], input=tensor("x"), weight=tensor("p_w"), bias=tensor("p_b")),
                      node("aten.clamp.default", ["clamp"], self=tensor("linear"), min={"as_float": 0.1}, max={"as_float": float("inf")})]
    graph = {"inputs": [tensor("p_w"), tensor("p_b"), tensor("x")], "outputs": [tensor(result)], "nodes": nodes,
             "tensor_values": {"p_w": meta(WEIGHT), "p_b": meta(BIAS), "x": meta(X)}, "sym_int_values": {},
             "sym_bool_values": {}, "is_single_tensor_return": False}
    signature = {"input_specs": [{"parameter": {"arg": {"name": "p_w"}, "parameter_name": "w"}},
                                 {"parameter": {"arg": {"name": "p_b"}, "parameter_name": "b"}},
                                 {"user_input": {"arg": tensor("x")}}],
                 "output_specs": [{"user_output": {"arg": tensor(result)}}]}
    return {"graph_module": {"graph": graph, "signature": signature, "module_call_graph": []}, "opset_version": {"aten": 10},
            "range_constraints": {}, "schema_version": {"major": 8, "minor": 1}}


WANT = np.maximum(X @ WEIGHT.T + BIAS, np.float32(0.1))


def zipped(members, compress=False):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(name, data if isinstance(data, bytes) else json.dumps(data))
    return out.getvalue()


class Storage:
    pass


class Place:
    def __init__(self, key, kind):
        self.key, self.kind = key, kind


class Rebuilt:
    def __init__(self, key, array):
        self.key, self.array = key, array

    def __reduce__(self):
        strides = tuple(s // 4 for s in self.array.strides)
        return sys.modules["torch._utils"]._rebuild_tensor_v2, (Place(self.key, "torch.FloatStorage"), 0, self.array.shape,
                                                               strides, False, {})


def torch_modules():
    """Modules of PyTorch's names, so that a pickle can name what is in them."""
    for name in ("torch", "torch._utils"):
        sys.modules[name] = types.ModuleType(name)

    def _rebuild_tensor_v2():
        pass

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    sys.modules["torch._utils"]._rebuild_tensor_v2 = _rebuild_tensor_v2
    kind = type("FloatStorage", (), {"__module__": "torch"})
    sys.modules["torch"].FloatStorage = kind
    return kind


def saved(tensors, evil=None):
    """What torch.save writes of a dictionary."""
    kind = torch_modules()

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            return ("storage", kind, value.key, "cpu", 12) if isinstance(value, Place) else None

    out = io.BytesIO()
    Pickler(out, 2).dump({k: Rebuilt(str(i), v) for i, (k, v) in enumerate(tensors.items())})
    for name in ("torch", "torch._utils"):
        del sys.modules[name]
    members = {"archive/data.pkl": evil or out.getvalue(), "archive/version": b"3\n"}
    for i, array in enumerate(tensors.values()):
        members[f"archive/data/{i}"] = array.tobytes()
    return zipped(members)


def newer(compress=False, transposed=False, **more):
    stored = np.ascontiguousarray(WEIGHT.T) if transposed else WEIGHT
    entries = {"w": {"path_name": "weight_0", "is_param": True, "use_pickle": False,
                     "tensor_meta": meta(WEIGHT, [1, 3] if transposed else None)},
               "b": {"path_name": "weight_1", "is_param": True, "use_pickle": False, "tensor_meta": meta(BIAS)}}
    return zipped({"m/archive_format": b"pt2", "m/models/model.json": program(**more), "m/data/weights/weight_0": stored.tobytes(),
                   "m/data/weights/weight_1": BIAS.tobytes(), "m/data/weights/model_weights_config.json": {"config": entries},
                   "m/data/constants/model_constants_config.json": {"config": {}}}, compress)


def older(state):
    return zipped({"serialized_exported_program.json": program(), "serialized_state_dict.pt": state,
                   "serialized_constants.pt": saved({}), "version": b"8.1"})


def middle():
    return zipped({"m/archive_format": b"pt2", "m/models/model.json": program(),
                   "m/data/weights/model.pt": saved({"w": WEIGHT, "b": BIAS}), "m/data/constants/model.pt": saved({})})


def safetensors():
    header = json.dumps({"w": {"dtype": "F32", "shape": [3, 4], "data_offsets": [0, 48]}}).encode()
    return struct.pack("<Q", len(header)) + header + WEIGHT.tobytes()


EVIL = b"\x80\x02cposix\nsystem\nq\x00X\x04\x00\x00\x00trueq\x01\x85q\x02Rq\x03."
GOOD = {"newer": newer(), "compressed": newer(True), "transposed": newer(transposed=True), "middle": middle(),
        "older": older(saved({"w": WEIGHT, "b": BIAS}))}
BAD = {"evil": (older(saved({"w": WEIGHT}, EVIL)), "nothing is run"), "weights_alone": (saved({"w": WEIGHT}), "torch.export.save"),
       "safetensors": (safetensors(), "no architecture"), "no_weight": (older(saved({"w": WEIGHT})), "\"b\""),
       "unknown": (newer(nodes=[node("aten.frobnicate.default", ["clamp"], self=tensor("x"))]), "aten.frobnicate"),
       "loose_end": (newer(nodes=[node("aten.relu.default", ["clamp"], self=tensor("nobody"))]), "nobody"),
       "random": (newer(nodes=[node("aten.rand_like.default", ["clamp"], self=tensor("x"))]), "random"),
       "training": (newer(nodes=[node("aten.dropout.default", ["clamp"], input=tensor("x"), p={"as_float": 0.5},
                                      train={"as_bool": True})]), "eval()")}


def convert(linnet, room, name, data):
    path, made = os.path.join(room, name + ".pt2"), os.path.join(room, name + ".tflite")
    with open(path, "wb") as file:
        file.write(data)
    if os.path.exists(made):
        os.remove(made)
    return made, subprocess.run([linnet, "convert", path, "-o", made], capture_output=True, text=True, timeout=60)


def check_good(linnet, room, name, data):
    made, told = convert(linnet, room, name, data)
    if told.returncode != 0:
        return f"{name}: {told.stderr}"
    np.save(os.path.join(room, "x.npy"), X)
    out = os.path.join(room, "out")
    subprocess.run([linnet, "run", made, "--input", "x=" + os.path.join(room, "x.npy"), "--output-dir", out], check=True,
                   capture_output=True)
    with open(os.path.join(out, "outputs.json")) as file:
        got = np.load(os.path.join(out, json.load(file)[0]["file"]))
    return None if np.allclose(got, WANT, rtol=1e-6, atol=1e-6) else f"{name}: other numbers"


def check_bad(linnet, room, name, data, word=""):
    made, told = convert(linnet, room, name, data)
    if told.returncode == 0 and word == "":
        return None
    if told.returncode != 1 or told.stderr.count("\n") != 1 or os.path.exists(made) or word not in told.stderr:
        return f"{name}: status {told.returncode}: {told.stderr!r}"
    return None


def damaged():
    seed = random.Random(1)
    for name, data in GOOD.items():
        for i in range(12):
            yield f"{name}_cut{i}", data[: len(data) * i // 12]
        for i in range(40):
            changed = bytearray(data)
            for _ in range(seed.randint(1, 3)):
                changed[seed.randrange(len(changed))] ^= 1 << seed.randrange(8)
            yield f"{name}_flip{i}", bytes(changed)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("linnet")
    parser.add_argument("--keep")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as room:
        told = [check_good(options.linnet, room, name, data) for name, data in GOOD.items()]
        told += [check_bad(options.linnet, room, name, data, word) for name, (data, word) in BAD.items()]
        told += [check_bad(options.linnet, room, name, data) for name, data in damaged()]
    if options.keep:
        for name, data in list(GOOD.items()) + [(name, data) for name, (data, _) in BAD.items()]:
            with open(os.path.join(options.keep, name), "wb") as file:
                file.write(data)
    wrong = [line for line in told if line]
    print("\n".join(wrong + [f"{len(told)} archives, {len(wrong)} wrong"]))
    return len(wrong) > 0


if __name__ == "__main__":
    sys.exit(main())
