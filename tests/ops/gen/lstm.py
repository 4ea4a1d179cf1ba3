"""LSTM and UNIDIRECTIONAL_SEQUENCE_LSTM in floats, in floats with int8 weights (hybrid), and in integers."""
from lib import graph, model_case, node, tensor

import numpy as np

FAMILY = "lstm"


def weights(rng, shape, scale, type, const=True):
    if type == "float32":
        return tensor(data=rng.uniform(-scale, scale, shape), shape=None, const=const)
    # LiteRT takes the bytes of uint8 weights for int8.
    values = rng.integers(-127, 128, shape).astype(np.int8)
    return tensor(data=values.view(np.uint8) if type == "uint8" else values, shape=None, type=type, scale=scale / 127, const=const)


def vector(rng, count, scale, type="float32", steps=1.0):
    if type == "float32":
        return tensor(data=rng.uniform(-scale, scale, [count]), shape=None, const=True)
    limit = {"int16": 32767, "int32": 2**31 - 1}[type]
    values = np.clip(np.round(rng.uniform(-scale, scale, [count]) / steps), -limit, limit).astype(np.int64)
    return tensor(data=values, shape=None, type=type, scale=steps, const=True)


def lstm(name, type="float32", batches=1, steps=3, inputs=5, cells=4, outputs=None, coupled=False, peephole=False,
         norm=False, projection_bias=False, time_major=False, cell_clip=0.0, proj_clip=0.0, invocations=1,
         activation="TANH", rank=3, op="UNIDIRECTIONAL_SEQUENCE_LSTM", zeros=(3, -5, 2), data_range=1.0, hybrid=None,
         asymmetric=False, diagonal=False, states=False, const=True, low=None):
    """Integer cells: data, output state and hidden value have the zero points `zeros`. hybrid: the weights' type beside
    floats; states: they are outputs of the graph too."""
    rng = np.random.default_rng(len(name) * 1000 + batches * 100 + steps * 10 + cells)
    integer = type == "int8"
    width = outputs if outputs is not None else cells
    data_scale, state_scale, hidden_scale, cell_scale = data_range / 128, 1.2 / 128, 1.0 / 128, 2.0**-12
    gate_scale = 2.0**-12 if not norm else 0.004

    def gates(make, skip=()):
        return [None if g in skip else make(g) for g in range(4)]

    skip = (0,) if coupled else ()
    matrix = hybrid or type
    in_weights = gates(lambda g: weights(rng, [cells, inputs], 1.0 + 0.2 * g, matrix, const), skip)
    if diagonal:
        rec_weights = gates(lambda g: weights(rng, [cells], 0.8 + 0.1 * g, "float32"), skip)
    else:
        rec_weights = gates(lambda g: weights(rng, [cells, width], 0.8 + 0.1 * g, matrix), skip)
    peep = [None, None, None]
    if peephole:
        peep = [None if g in skip else weights(rng, [cells], 0.5, hybrid) if hybrid else
                vector(rng, cells, 0.5, "int16" if integer else "float32", 0.5 / 32767) for g in range(3)]
    coefficients = [None] * 4
    if norm:
        coefficients = gates(lambda g: vector(rng, cells, 1.0, "int16" if integer else "float32", 1.0 / 32767), skip)
    if integer and norm:
        biases = gates(lambda g: vector(rng, cells, 0.3, "int32", 2.0**-10 / 32767), skip)
    elif integer:
        biases = gates(lambda g: vector(rng, cells, 0.3, "int32", data_scale * (1.0 + 0.2 * g) / 127), skip)
    else:
        biases = gates(lambda g: vector(rng, cells, 0.3), skip)
    projection = weights(rng, [width, cells], 0.9, matrix) if outputs is not None else None
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
    if asymmetric:
        options["asymmetricQuantizeInputs"] = True
    if diagonal:
        options["diagonalRecurrentTensors"] = True
    data = tensor(shape, type, low=low, **quantized)
    output_state = tensor([batches, width], type, variable=True, **state)
    cell_state = tensor([batches, cells], "int16" if integer else type, variable=True, **({"scale": cell_scale} if integer else {}))
    output = tensor(None, type, **state)
    n = node(op, [data, *in_weights, *rec_weights, *peep, *biases, projection, bias, output_state, cell_state, *coefficients],
             [output], options, intermediates=intermediates)
    fed = [t for t in [data, *in_weights] if t is not None and not t.const]
    model_case(FAMILY, name, [graph([n], fed, [output, output_state, cell_state] if states else [output])],
               tolerance={"abs": 1e-5, "rel": 1e-5}, invocations=invocations)


def hybrid_cases():
    for type in ("int8", "uint8"):
        for asymmetric in (False, True):
            s = f"hybrid_{'i8' if type == 'int8' else 'u8'}{'_asymmetric' if asymmetric else ''}"
            form = {"hybrid": type, "asymmetric": asymmetric}
            lstm(f"{s}", **form)
            lstm(f"{s}_everything", norm=True, peephole=True, outputs=5, cells=8, projection_bias=True, cell_clip=0.5,
                 proj_clip=0.4, batches=2, invocations=2, states=True, **form)
            lstm(f"{s}_one_step", op="LSTM", rank=2, batches=2, invocations=3, states=True, **form)
            lstm(f"{s}_one_step_coupled", op="LSTM", rank=2, batches=2, coupled=True, peephole=True, invocations=2, **form)
            if type == "uint8":
                continue
            lstm(f"{s}_batches", batches=3, steps=4, inputs=9, cells=6, **form)
            lstm(f"{s}_time_major", batches=2, steps=3, time_major=True, states=True, **form)
            lstm(f"{s}_coupled", coupled=True, batches=2, **form)
            lstm(f"{s}_peephole", peephole=True, steps=4, **form)
            lstm(f"{s}_coupled_peephole", peephole=True, coupled=True, steps=4, **form)
            lstm(f"{s}_projection", outputs=3, cells=6, batches=2, **form)
            lstm(f"{s}_wide_projection", outputs=11, cells=6, batches=2, time_major=True, **form)
            lstm(f"{s}_projection_bias", outputs=3, cells=6, projection_bias=True, proj_clip=0.3, **form)
            lstm(f"{s}_norm", norm=True, cells=8, steps=4, **form)
            lstm(f"{s}_norm_coupled", norm=True, coupled=True, cells=8, steps=4, **form)
            lstm(f"{s}_relu6", activation="RELU6", steps=4, **form)
            lstm(f"{s}_wide", inputs=70, cells=33, steps=2, **form)
            lstm(f"{s}_positive", inputs=12, low=1.0, steps=3, **form)
            lstm(f"{s}_given_weights", const=False, steps=2, **form)
    lstm("diagonal_f32", diagonal=True, batches=2, steps=4, states=True)
    lstm("diagonal_f32_time_major", diagonal=True, batches=2, steps=4, time_major=True, coupled=True)
    lstm("diagonal_hybrid", diagonal=True, batches=2, steps=4, hybrid="int8", states=True)
    lstm("diagonal_hybrid_asymmetric", diagonal=True, batches=2, steps=4, hybrid="int8", asymmetric=True, peephole=True)


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
    lstm("f32_states", steps=3, batches=2, states=True, invocations=2)
    lstm("f32_sign_bit", activation="SIGN_BIT", steps=2)
    hybrid_cases()
