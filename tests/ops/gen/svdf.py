from lib import case, tensor

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
