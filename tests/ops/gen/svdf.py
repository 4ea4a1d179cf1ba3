"""SVDF in floats, in floats with int8 weights (hybrid), and in integers."""
from lib import case, graph, model_case, multiply_quantized, node, tensor

import numpy as np

FAMILY = "svdf"


def svdf(name, type="float32", batches=1, inputs=6, units=4, rank=1, memory=5, bias=True, activation="RELU",
         invocations=1, range=1.0):
    filters = units * rank
    rng = np.random.default_rng(len(name) * 100 + filters + memory)
    options = {"rank": rank, "fusedActivationFunction": activation}
    if type == "float32":
        case(FAMILY, name, "SVDF", options=options, invocations=invocations, inputs=[
            tensor([batches, inputs]), tensor([filters, inputs], const=True), tensor([filters, memory], const=True),
            tensor([units], const=True) if bias else None, tensor([batches, filters * memory], variable=True)],
            outputs=[tensor(None)])
        return
    in_scale, feature_scale, state_scale, time_scale = range / 128, 1.0 / 127, 4.0 / 32767, 1.0 / 32767
    bias_values = rng.integers(-2**20, 2**20, [units])
    case(FAMILY, name, "SVDF", options=options, invocations=invocations, inputs=[
        tensor([batches, inputs], "int8", scale=in_scale, zero_point=-7),
        tensor([filters, inputs], "int8", scale=feature_scale, const=True),
        tensor([filters, memory], "int16", scale=time_scale, const=True),
        tensor(data=bias_values, shape=None, type="int32", scale=state_scale * time_scale, const=True) if bias else None,
        tensor([batches, filters * memory], "int16", scale=state_scale, variable=True)],
        outputs=[tensor(None, "int8", scale=2.0 / 128, zero_point=-128)])


def hybrid(name, type, batches=2, inputs=6, units=4, rank=1, memory=5, bias=True, activation="RELU", asymmetric=False,
           invocations=3, low=None):
    filters = units * rank
    state = tensor([batches, filters * memory], variable=True)
    rng = np.random.default_rng(len(name) * 100 + inputs)
    # LiteRT takes the bytes of uint8 weights for int8, and its optimized product has -128 wrong.
    values = [rng.integers(-127, 128, [filters, n]).astype(np.int8) for n in (inputs, memory)]
    weights = [tensor(None, type, data=v.view(np.uint8) if type == "u8" else v, scale=0.01, const=True) for v in values]
    data, out = tensor([batches, inputs], low=low), tensor(None)
    options = {"rank": rank, "fusedActivationFunction": activation, "asymmetricQuantizeInputs": asymmetric}
    n = node("SVDF", [data, *weights, tensor([units], const=True) if bias else None, state], [out], options)
    model_case(FAMILY, name, [graph([n], [data], [out, state])], invocations=invocations, tolerance={"abs": 1e-5, "rel": 1e-5})


def int8_state(name, batches=1, inputs=6, units=4, rank=1, memory=5, bias=True, invocations=3, data_range=1.0):
    """The form of TFLite for micro-controllers with an int8 state, which LiteRT does not have."""
    filters = units * rank
    rng = np.random.default_rng(len(name) * 10 + filters)
    scales = {"in": np.float32(data_range / 128), "feature": np.float32(1 / 127), "state": np.float32(4 / 127),
              "time": np.float32(1 / 127), "out": np.float32(2 / 128)}
    feature, time = rng.integers(-127, 128, [filters, inputs]), rng.integers(-127, 128, [filters, memory])
    biases = rng.integers(-2000, 2000, [units]) if bias else np.zeros(units, np.int64)
    data = rng.integers(-128, 128, [batches, inputs])
    to_state = float(scales["in"] * scales["feature"] / scales["state"])
    to_out = float(scales["state"] * scales["time"] / scales["out"])
    state = np.zeros([batches, filters, memory], np.int64)
    for _ in range(invocations):
        state[:, :, :-1] = state[:, :, 1:]
        state[:, :, -1] = np.clip(multiply_quantized((data + 7) @ feature.T, to_state), -128, 127)
        sums = (state * time).sum(2).reshape(batches, units, rank).sum(2) + biases
        out = np.clip(multiply_quantized(sums, to_out) - 128, -128, 127)
    variable = tensor([batches, filters * memory], "i8", scale=scales["state"], variable=True)
    n = node("SVDF", [tensor(None, "i8", data=data, scale=scales["in"], zero_point=-7),
                      tensor(None, "i8", data=feature, scale=scales["feature"], const=True),
                      tensor(None, "i8", data=time, scale=scales["time"], const=True),
                      tensor(None, "i32", data=biases, scale=scales["state"] * scales["time"], const=True) if bias else None, variable],
             [tensor(None, "i8", scale=scales["out"], zero_point=-128)], {"rank": rank, "fusedActivationFunction": "RELU"})
    model_case(FAMILY, name, [graph([n], n.inputs[:1], n.outputs + [variable])], resolver=None, invocations=invocations,
               expected=[out.astype(np.int8), state.reshape(batches, -1).astype(np.int8)])


def hybrid_cases():
    for type in ("i8", "u8"):
        for asymmetric in (False, True):
            s = f"hybrid_{type}{'_asymmetric' if asymmetric else ''}"
            hybrid(f"{s}", type, asymmetric=asymmetric)
            hybrid(f"{s}_rank2", type, rank=2, asymmetric=asymmetric)
            hybrid(f"{s}_no_bias", type, bias=False, activation="NONE", asymmetric=asymmetric)
            hybrid(f"{s}_wide", type, batches=1, inputs=37, units=19, memory=10, asymmetric=asymmetric, invocations=5)
            hybrid(f"{s}_positive", type, batches=1, low=0.5, memory=1, activation="TANH", asymmetric=asymmetric)


def cases():
    for type in ("float32", "int8"):
        s = "f32" if type == "float32" else "i8"
        svdf(f"{s}", type)
        svdf(f"{s}_rank2", type, rank=2, invocations=2)
        svdf(f"{s}_batches", type, batches=3, rank=2, units=3, invocations=3)
        svdf(f"{s}_no_bias", type, bias=False, invocations=4)
        svdf(f"{s}_memory1", type, memory=1, invocations=2)
        svdf(f"{s}_state", type, memory=8, inputs=33, units=5, invocations=10)
        svdf(f"{s}_one", type, inputs=1, units=1, memory=2, invocations=3)
    svdf("f32_linear", activation="NONE", invocations=2)
    svdf("i8_saturating", "int8", range=40.0, invocations=3)
    for activation in ("RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT"):
        svdf(f"f32_{activation.lower()}", activation=activation, invocations=2)
    hybrid_cases()
    int8_state("i8_state_i8")
    int8_state("i8_state_i8_rank2", rank=2, batches=3, invocations=7)
    int8_state("i8_state_i8_no_bias", bias=False, memory=1)
    int8_state("i8_state_i8_saturating", data_range=60.0, inputs=20)
