"""BIDIRECTIONAL_SEQUENCE_LSTM in floats."""
from lib import case, tensor

F = "lstm_both_ways"


def weights(shape):
    return tensor(shape, const=True, low=-0.6, high=0.6)


def way(inputs, cells, outputs, coupled, peephole, projection):
    gates = 3 if coupled else 4
    absent = [None] * (4 - gates)
    return (absent + [weights([cells, inputs]) for _ in range(gates)] + absent +
            [weights([cells, outputs]) for _ in range(gates)] +
            ([None if coupled else weights([cells]), weights([cells]), weights([cells])] if peephole else [None] * 3) +
            absent + [weights([cells]) for _ in range(gates)] +
            ([weights([outputs, cells]), weights([outputs])] if projection else [None, None]))


def both(name, steps=4, batches=2, inputs=3, cells=5, outputs=None, time_major=True, merge=False, coupled=False,
         peephole=False, aux=None, runs=1, activation="TANH", cell_clip=0.0, proj_clip=0.0):
    projection = outputs is not None
    outputs = outputs or cells
    shape = [steps, batches, inputs] if time_major else [batches, steps, inputs]
    tensors = [tensor(shape)]
    for _ in range(2):
        tensors += way(inputs, cells, outputs, coupled, peephole, projection)
    for _ in range(2):
        tensors += [tensor([batches, outputs], variable=True), tensor([batches, cells], variable=True)]
    tensors += [tensor(shape) if aux else None]
    tensors += [None if coupled and i % 4 == 0 else weights([cells, inputs]) for i in range(8)] if aux == "weights" else [None] * 8
    case(F, name, "BIDIRECTIONAL_SEQUENCE_LSTM",
         {"timeMajor": time_major, "mergeOutputs": merge, "fusedActivationFunction": activation, "cellClip": cell_clip,
          "projClip": proj_clip}, tensors, [tensor(None)] if merge else [tensor(None), tensor(None)], invocations=runs,
         tolerance={"abs": 1e-5, "rel": 1e-5})


def cases():
    for coupled in (False, True):
        c = "coupled_" if coupled else ""
        both(f"{c}plain", coupled=coupled)
        both(f"{c}runs", coupled=coupled, runs=3, steps=2)
        both(f"{c}batch_major", coupled=coupled, time_major=False)
        both(f"{c}merged", coupled=coupled, merge=True)
        both(f"{c}peephole", coupled=coupled, peephole=True)
        both(f"{c}projection", coupled=coupled, outputs=3, proj_clip=0.2)
        both(f"{c}peephole_projection_merged", coupled=coupled, peephole=True, outputs=4, merge=True, runs=2)
        both(f"{c}auxiliary", coupled=coupled, aux="weights")
        both(f"{c}auxiliary_merged", coupled=coupled, aux="weights", merge=True, runs=2)
    both("stacked", aux="data")
    both("cell_clip", cell_clip=0.3, activation="RELU6")
    both("one", steps=1, batches=1, inputs=1, cells=1)
    both("larger", steps=6, batches=3, inputs=17, cells=19, runs=2)
