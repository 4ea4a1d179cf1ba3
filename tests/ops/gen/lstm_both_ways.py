"""BIDIRECTIONAL_SEQUENCE_LSTM in floats, and in floats with int8 weights (hybrid)."""
from lib import graph, model_case, node, oracle_outputs, random_data, tensor

import numpy as np

F = "lstm_both_ways"


def floats(shape):
    return tensor(shape, const=True, low=-0.6, high=0.6)


def way(inputs, cells, outputs, coupled, peephole, projection, weights):
    gates = 3 if coupled else 4
    absent = [None] * (4 - gates)
    return (absent + [weights([cells, inputs]) for _ in range(gates)] + absent +
            [weights([cells, outputs]) for _ in range(gates)] +
            ([None if coupled else weights([cells]), weights([cells]), weights([cells])] if peephole else [None] * 3) +
            absent + [floats([cells]) for _ in range(gates)] +
            ([weights([outputs, cells]), floats([outputs])] if projection else [None, None]))


def both(name, steps=4, batches=2, inputs=3, cells=5, outputs=None, time_major=True, merge=False, coupled=False,
         peephole=False, aux=None, runs=1, activation="TANH", cell_clip=0.0, proj_clip=0.0, hybrid=None, asymmetric=False, aux_width=None):
    projection = outputs is not None
    outputs = outputs or cells
    shape = [steps, batches, inputs] if time_major else [batches, steps, inputs]

    rng = np.random.default_rng(len(name) * 100 + inputs)

    def weights(shape):
        if not hybrid:
            return floats(shape)
        # LiteRT takes the bytes of uint8 weights for int8, and its optimized product has -128 wrong.
        values = rng.integers(-127, 128, shape).astype(np.int8)
        return tensor(None, hybrid, data=values.view(np.uint8) if hybrid == "u8" else values, scale=0.6 / 127, const=True)

    tensors = [tensor(shape)]
    for _ in range(2):
        tensors += way(inputs, cells, outputs, coupled, peephole, projection, weights)
    states = []
    for _ in range(2):
        states += [tensor([batches, outputs], variable=True), tensor([batches, cells], variable=True)]
    tensors += states
    tensors += [tensor(shape[:2] + [aux_width or inputs]) if aux else None]
    tensors += [None if coupled and i % 4 == 0 else weights([cells, aux_width or inputs]) for i in range(8)] if aux == "weights" else [None] * 8
    options = {"timeMajor": time_major, "mergeOutputs": merge, "fusedActivationFunction": activation, "cellClip": cell_clip,
               "projClip": proj_clip}
    if asymmetric:
        options["asymmetricQuantizeInputs"] = True
    outs = [tensor(None)] if merge else [tensor(None), tensor(None)]
    n = node("BIDIRECTIONAL_SEQUENCE_LSTM", tensors, outs, options)
    fed = [t for t in tensors if t is not None and not t.const and not t.variable]
    expected = None
    if merge and not time_major:
        for t in tensors:
            if t is not None and not t.variable and t.data is None:
                t.data = random_data(t, rng)
        expected = time_first(tensors, states, outs, {**options, "timeMajor": True}, runs)
    model_case(F, name, [graph([n], fed, outs + states if hybrid or expected else outs)], expected=expected,
               resolver="ref" if expected is None else None, invocations=runs, tolerance={"abs": 1e-5, "rel": 1e-5})


def time_first(tensors, states, outs, options, runs):
    """With batches first and outputs merged LiteRT reads memory that nobody wrote: what to expect then is its result for the
    same sequences with time first, turned around again."""
    def turned(t):
        return t if t is None or t.const or t.variable else tensor(None, data=np.swapaxes(t.data, 0, 1).copy())

    inputs = [turned(t) for t in tensors]
    fed = [t for t in inputs if t is not None and not t.const and not t.variable]
    _, results = oracle_outputs([graph([node("BIDIRECTIONAL_SEQUENCE_LSTM", inputs, outs, options)], fed, outs + states)], "ref", runs)
    return [np.swapaxes(r, 0, 1).copy() for r in results[:len(outs)]] + results[len(outs):]


def hybrid_cases():
    for type in ("i8", "u8"):
        for asymmetric in (False, True):
            s = f"hybrid_{type}{'_asymmetric' if asymmetric else ''}"
            form = {"hybrid": type, "asymmetric": asymmetric}
            both(f"{s}", **form)
            both(f"{s}_batch_major", time_major=False, **form)
            both(f"{s}_merged", merge=True, runs=2, **form)
            both(f"{s}_merged_batch_major", merge=True, time_major=False, runs=2, **form)
            if type == "u8":
                continue
            both(f"{s}_coupled_peephole", coupled=True, peephole=True, **form)
            both(f"{s}_projection", outputs=3, proj_clip=0.2, **form)
            both(f"{s}_peephole_projection_merged", peephole=True, outputs=4, merge=True, runs=2, **form)
            both(f"{s}_auxiliary", aux="weights", **form)
            both(f"{s}_auxiliary_coupled_merged", aux="weights", coupled=True, merge=True, runs=2, **form)
            both(f"{s}_stacked", aux="data", **form)
            both(f"{s}_larger", steps=6, batches=3, inputs=17, cells=19, runs=2, **form)


def cases():
    for coupled in (False, True):
        c = "coupled_" if coupled else ""
        both(f"{c}plain", coupled=coupled)
        both(f"{c}runs", coupled=coupled, runs=3, steps=2)
        both(f"{c}batch_major", coupled=coupled, time_major=False)
        both(f"{c}merged", coupled=coupled, merge=True)
        both(f"{c}merged_batch_major", coupled=coupled, merge=True, time_major=False, outputs=3, runs=2)
        both(f"{c}merged_batch_major_auxiliary", coupled=coupled, merge=True, time_major=False, aux="weights", aux_width=7)
        both(f"{c}peephole", coupled=coupled, peephole=True)
        both(f"{c}projection", coupled=coupled, outputs=3, proj_clip=0.2)
        both(f"{c}peephole_projection_merged", coupled=coupled, peephole=True, outputs=4, merge=True, runs=2)
        both(f"{c}auxiliary", coupled=coupled, aux="weights")
        both(f"{c}auxiliary_merged", coupled=coupled, aux="weights", merge=True, runs=2)
    both("stacked", aux="data")
    both("cell_clip", cell_clip=0.3, activation="RELU6")
    both("one", steps=1, batches=1, inputs=1, cells=1)
    both("larger", steps=6, batches=3, inputs=17, cells=19, runs=2)
    hybrid_cases()
