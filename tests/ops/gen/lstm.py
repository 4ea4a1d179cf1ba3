"""LSTM and UNIDIRECTIONAL_SEQUENCE_LSTM in floats, in floats with int8 weights (hybrid), and in integers."""
from lib import encode_sparse, graph, model_case, multiply_quantized, node, oracle_outputs, random_data, stored_bytes, tensor

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
         asymmetric=False, diagonal=False, states=False, const=True, low=None, sparse=False):
    """Integer cells: data, output state and hidden value have the zero points `zeros`. hybrid: the weights' type beside
    floats; states: they are outputs of the graph too; sparse: the matrices are, half of their numbers being 0."""
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
    main, expected = graph([n], fed, [output, output_state, cell_state] if states else [output]), None
    matrices = [t for t in [*in_weights, *rec_weights, projection] if sparse and t is not None]
    for t in matrices:
        t.data = np.where(rng.random(t.data.shape) < 0.5, t.data, 0).astype(t.data.dtype)
    if sparse:  # what LiteRT gives for the same numbers stored densely
        data.data = random_data(data, rng)
        expected = oracle_outputs([main], "ref", invocations)[1]
    for t in matrices:
        t.sparsity, values = encode_sparse(t.data, [0, 1], [], [], "ds", "Uint8")
        t.raw = stored_bytes(values, t.type)
    model_case(FAMILY, name, [main], expected, tolerance={"abs": 1e-5, "rel": 1e-5}, resolver=None if sparse else "ref", invocations=invocations)


NARROW = {"sum": 0.002, "x": 0.03, "h": 0.02}  # scales of a gate's intermediates


def narrow(name, batches=2, inputs=5, cells=6, outputs=4, cell_clip=0.0, proj_clip=0.0, invocations=2, state_to_output=False,
           data_range=1.0):
    """The integer form with int8 products. LiteRT reads how the output gate's recurrent product is scaled from beyond an
    array: only where its weights are zero can LiteRT say what to expect; NumPy states the rest."""
    rng = np.random.default_rng(len(name) * 10 + cells)
    integers = lambda shape, low=-127, high=127: rng.integers(low, high + 1, shape)
    data, projection = integers([batches, inputs], -128), integers([outputs, cells])
    w, r = [integers([cells, inputs]) for _ in range(3)], [integers([cells, outputs]) for _ in range(3)]
    if not state_to_output:
        r[2] = np.zeros_like(r[2])
    bias, norm = [integers([cells], -3000, 3000) for _ in range(3)], [integers([cells], -32767, 32767) for _ in range(3)]
    projection_bias = integers([outputs], -50000, 50000)
    zeros = [(1 + g, 3, -2) for g in range(4)]  # of a gate's sum and products
    f = np.float32
    scales = {"data": f(data_range / 128), "state": f(0.9 / 128), "w": f(1 / 127), "norm": f(1.5 / 32767), "projection": f(1 / 127)}
    made = lambda values, type, scale=1.0, zero=0: tensor(None, type, data=values, scale=scale, zero_point=zero, const=True)
    intermediates = [tensor([0], "i8", scale=NARROW[k], zero_point=z) for g in range(4) for k, z in zip(("sum", "x", "h"), zeros[g])]
    state = tensor([batches, outputs], "i8", scale=scales["state"], zero_point=-5, variable=True)
    cell = tensor([batches, cells], "i16", scale=2.0**-15, variable=True)
    fed = tensor(None, "i8", data=data, scale=scales["data"], zero_point=7)
    gate = lambda values, type, scale: [None] + [made(v, type, scale) for v in values]
    out = tensor(None, "i8", scale=scales["state"], zero_point=-5)
    n = node("LSTM", [fed, *gate(w, "i8", scales["w"]), *gate(r, "i8", scales["w"]), None, None, None, *gate(bias, "i32", 1.0),
                      made(projection, "i8", scales["projection"]), made(projection_bias, "i32"), state, cell,
                      *gate(norm, "i16", scales["norm"])], [out],
             {"fusedActivationFunction": "TANH", "cellClip": cell_clip, "projClip": proj_clip}, intermediates=intermediates)
    expected = None
    if state_to_output:
        expected = narrow_cell(data, w, r, bias, norm, projection, projection_bias, zeros, scales, invocations)
    model_case(FAMILY, name, [graph([n], [fed], [out, state, cell])], invocations=invocations, expected=expected,
               resolver="ref" if expected is None else None)


def narrow_cell(data, w, r, bias, norm, projection, projection_bias, zeros, scales, invocations):
    f = np.float32
    cell = np.zeros([len(data), w[0].shape[0]], np.int64)
    state = np.full([len(data), projection.shape[0]], -5)  # its zero point is what an int8 variable begins with

    def part(vector, zero, matrix, scale, kind, product_zero):
        cut = np.clip(multiply_quantized((vector - zero) @ matrix.T, float(scale * scales["w"] / f(NARROW[kind]))) + product_zero, -128, 127)
        return multiply_quantized(cut - product_zero, float(f(NARROW[kind]) / f(NARROW["sum"])))

    def normed(values, g):
        x = values.astype(f)
        n = f(x.shape[1])
        mean = np.cumsum(x, axis=1, dtype=f)[:, -1] / n  # one after the other
        variance = np.cumsum(x * x, axis=1, dtype=f)[:, -1] / n - mean * mean
        x = (x - mean[:, None]) * (f(1) / np.sqrt(variance))[:, None]
        weighted = x * norm[g].astype(f) * scales["norm"] + bias[g].astype(f) * (f(2.0**-10) * scales["norm"])
        rounded = weighted * f(4096)
        return np.clip(np.trunc(rounded + np.copysign(f(0.5), rounded)), -32768, 32767).astype(f) * f(2.0**-12)

    q15 = lambda x: np.clip(np.trunc(x.astype(f) * f(32768)), -32768, 32767).astype(np.int64)
    halve = lambda x: np.where(x >= 0, (x + 2**14) >> 15, -((-x + 2**14) >> 15))
    for _ in range(invocations):
        gates = []
        for g in range(3):
            total = part(data, 7, w[g], scales["data"], "x", zeros[g + 1][1]) + part(state, -5, r[g], scales["state"], "h", zeros[g + 1][2])
            x = normed(np.clip(total, -32768, 32767), g).astype(np.float64)
            gates.append(q15(np.tanh(x) if g == 1 else 1 / (1 + np.exp(-x))))
        forget, candidate, output = gates
        cell = np.clip(halve(forget * cell) + halve((32767 - forget) * candidate), -32768, 32767)
        hidden = halve(output * q15(np.tanh(cell / 32768)))
        real = float(f(float(scales["projection"]) * 2.0**-15 / float(scales["state"])))
        state = np.clip(multiply_quantized(hidden @ projection.T + projection_bias, real) - 5, -128, 127)
    return [state.astype(np.int8), state.astype(np.int8), cell.astype(np.int16)]


def narrow_cases():
    narrow("narrow")
    narrow("narrow_wide", inputs=40, cells=33, outputs=20)
    narrow("narrow_clips", cell_clip=0.2, proj_clip=0.3, invocations=3)
    narrow("narrow_one", batches=1, inputs=1, cells=2, outputs=1)
    narrow("narrow_saturating", data_range=40.0)
    narrow("narrow_state_to_output", state_to_output=True, invocations=3)
    narrow("narrow_state_to_output_wide", state_to_output=True, inputs=20, cells=17, outputs=9, batches=3)


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
    for tag, options in (("f32", {}), ("hybrid", {"hybrid": "int8", "asymmetric": True}), ("i8", {"type": "int8"})):
        lstm(f"sparse_{tag}", batches=2, steps=3, inputs=8, cells=6, sparse=True, **options)
        lstm(f"sparse_{tag}_projection", batches=2, inputs=8, cells=6, outputs=4, sparse=True, invocations=2, **options)
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
    narrow_cases()
