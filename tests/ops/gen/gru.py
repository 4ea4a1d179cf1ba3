"""UNIDIRECTIONAL_SEQUENCE_GRU, which LiteRT's Python package does not register: NumPy states the cell."""
from lib import case, tensor

import numpy as np

F = "gru"


def gru(data, state, gate_weights, gate_bias, weights, bias):
    units, states = state.shape[1], []
    for row in data:
        gates = 1 / (1 + np.exp(-(np.concatenate([row, state], axis=1) @ gate_weights.T + gate_bias)))
        reset, update = gates[:, :units], gates[:, units:]
        candidate = np.tanh(np.concatenate([row, state * reset], axis=1) @ weights.T + bias)
        state = (1 - update) * candidate + update * state
        states.append(state)
    return np.stack(states) if states else np.zeros((0,) + state.shape), state


def cases():
    for steps, batches, inputs, units in ((1, 1, 1, 1), (1, 2, 3, 4), (5, 1, 7, 6), (3, 4, 17, 19), (0, 2, 3, 4)):
        rng = np.random.default_rng(steps + inputs)
        shapes = ([steps, batches, inputs], [batches, units], [2 * units, inputs + units], [2 * units],
                  [units, inputs + units], [units])
        values = [rng.uniform(-1, 1, shape).astype(np.float32) for shape in shapes]
        case(F, f"{steps}x{batches}x{inputs}x{units}", "UNIDIRECTIONAL_SEQUENCE_GRU", None,
             [tensor(None, data=v, const=i > 1) for i, v in enumerate(values)], [tensor(None), tensor(None)], custom=b"",
             expected=[e.astype(np.float32) for e in gru(*(v.astype(np.float64) for v in values))], resolver=None)
