from lib import case, tensor

import numpy as np

FAMILY = "lstm"


def weights(rng, rows, columns, scale, type):
    if type == "float32":
        return tensor(data=rng.uniform(-scale, scale, [rows, columns]), shape=None, const=True)
    return tensor(data=rng.integers(-127, 128, [rows, columns]), shape=None, type=type, scale=scale / 127, const=True)


def vector(rng, count, scale, type="float32", steps=1.0):
    if type == "float32":
        return tensor(data=rng.uniform(-scale, scale, [count]), shape=None, const=True)
    limit = {"int16": 32767, "int32": 2**31 - 1}[type]
    values = np.clip(np.round(rng.uniform(-scale, scale, [count]) / steps), -limit, limit).astype(np.int64)
    return tensor(data=values, shape=None, type=type, scale=steps, const=True)


def lstm(name, type="float32", batches=1, steps=3, inputs=5, cells=4, outputs=None, coupled=False, peephole=False,
         norm=False, projection_bias=False, time_major=False, cell_clip=0.0, proj_clip=0.0, invocations=1,
         activation="TANH", rank=3, op="UNIDIRECTIONAL_SEQUENCE_LSTM", zeros=(3, -5, 2), data_range=1.0):
    """Integer cells: data, output state and hidden value have the zero points `zeros`."""
    rng = np.random.default_rng(len(name) * 1000 + batches * 100 + steps * 10 + cells)
    integer = type == "int8"
    width = outputs if outputs is not None else cells
    data_scale, state_scale, hidden_scale, cell_scale = data_range / 128, 1.2 / 128, 1.0 / 128, 2.0**-12
    gate_scale = 2.0**-12 if not norm else 0.004

    def gates(make, skip=()):
        return [None if g in skip else make(g) for g in range(4)]

    skip = (0,) if coupled else ()
    in_weights = gates(lambda g: weights(rng, cells, inputs, 1.0 + 0.2 * g, type), skip)
    rec_weights = gates(lambda g: weights(rng, cells, width, 0.8 + 0.1 * g, type), skip)
    peep = [None, None, None]
    if peephole:
        peep = [None if g in skip else vector(rng, cells, 0.5, "int16" if integer else "float32", 0.5 / 32767)
                for g in range(3)]
    coefficients = [None] * 4
    if norm:
        coefficients = gates(lambda g: vector(rng, cells, 1.0, "int16" if integer else "float32", 1.0 / 32767), skip)
    if integer and norm:
        biases = gates(lambda g: vector(rng, cells, 0.3, "int32", 2.0**-10 / 32767), skip)
    elif integer:
        biases = gates(lambda g: vector(rng, cells, 0.3, "int32", data_scale * (1.0 + 0.2 * g) / 127), skip)
    else:
        biases = gates(lambda g: vector(rng, cells, 0.3), skip)
    projection = weights(rng, width, cells, 0.9, type) if outputs is not None else None
    bias = None
    if projection_bias:
        bias = vector(rng, width, 0.2, "int32" if integer else "float32", hidden_scale * 0.9 / 127)
    shape = [batches, inputs] if rank == 2 else [steps, batches, inputs] if time_major else [batches, steps, inputs]
    quantized = {"scale": data_scale, "zero_point": zeros[0]} if integer else {}
    # Without a projection the hidden value is the output.
    state = {"scale": state_scale if outputs is not None else hidden_scale,
             "zero_point": zeros[1] if outputs is not None else zeros[2]} if integer else {}
    intermediates = []
    if integer:
        intermediates = [tensor([0], "int16", scale=gate_scale) if norm else tensor([0], "float32") for _ in range(4)]
        intermediates.append(tensor([0], "int8", scale=hidden_scale, zero_point=zeros[2]))
    options = {"fusedActivationFunction": activation, "cellClip": cell_clip, "projClip": proj_clip}
    if op != "LSTM":
        options["timeMajor"] = time_major
    case(FAMILY, name, op, options=options,
         inputs=[tensor(shape, type, **quantized), *in_weights, *rec_weights, *peep, *biases, projection, bias,
                 tensor([batches, width], type, variable=True, **state),
                 tensor([batches, cells], "int16" if integer else type, variable=True,
                        **({"scale": cell_scale} if integer else {})), *coefficients],
         outputs=[tensor(None, type, **state)], intermediates=intermediates, invocations=invocations,
         tolerance={"abs": 1e-5, "rel": 1e-5})


def cases():
    for type in ("float32", "int8"):
        s = "f32" if type == "float32" else "i8"
        lstm(f"{s}", type)
        lstm(f"{s}_batches", type, batches=3, steps=4, inputs=9, cells=6)
        lstm(f"{s}_time_major", type, batches=2, steps=3, time_major=True)
        lstm(f"{s}_state", type, invocations=3, cells=7)
        lstm(f"{s}_coupled", type, coupled=True, batches=2)
        lstm(f"{s}_peephole", type, peephole=True, steps=4)
        lstm(f"{s}_coupled_peephole", type, peephole=True, coupled=True, steps=4)
        lstm(f"{s}_projection", type, outputs=3, cells=6, batches=2)
        lstm(f"{s}_projection_bias", type, outputs=3, cells=6, projection_bias=True, proj_clip=0.3)
        lstm(f"{s}_norm", type, norm=True, cells=8, steps=4)
        lstm(f"{s}_norm_coupled", type, norm=True, coupled=True, cells=8, steps=4)
        lstm(f"{s}_everything", type, norm=True, peephole=True, outputs=5, cells=8, projection_bias=True, cell_clip=0.5,
             proj_clip=0.4, batches=2, invocations=2)
        lstm(f"{s}_peephole_projection", type, peephole=True, outputs=5, cells=8, batches=2)
        lstm(f"{s}_peephole_projection_time_major", type, peephole=True, outputs=3, cells=4, batches=3, time_major=True)
        lstm(f"{s}_hidden_zero_point", type, outputs=4, cells=10, steps=6, zeros=(3, -5, 90))
        lstm(f"{s}_cell_clip", type, cell_clip=0.2, steps=6)
        lstm(f"{s}_one_unit", type, cells=1, inputs=1, steps=2)
        lstm(f"{s}_saturating", type, data_range=20.0, steps=5, cells=5)
    for type in ("float32", "int8"):
        s = "one_step_f32" if type == "float32" else "one_step_i8"
        lstm(s, type, op="LSTM", rank=2, batches=2, invocations=3)
        lstm(f"{s}_everything", type, op="LSTM", rank=2, norm=True, peephole=True, outputs=5, cells=8,
             projection_bias=True, cell_clip=0.5, batches=2, invocations=2)
    lstm("f32_relu", activation="RELU", steps=2)
    lstm("f32_wide", inputs=35, cells=17, steps=2)
    lstm("i8_wide", "int8", inputs=70, cells=33, steps=2)
