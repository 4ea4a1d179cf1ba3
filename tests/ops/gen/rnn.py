"""RNN, UNIDIRECTIONAL_SEQUENCE_RNN, BIDIRECTIONAL_SEQUENCE_RNN in floats, and in floats with int8 weights (hybrid)."""
from lib import case, graph, model_case, node, oracle_outputs, random_data, tensor

import numpy as np

F = "rnn"


def cell(batches, inputs, units):
    return [tensor([units, inputs], const=True, low=-0.7, high=0.7), tensor([units, units], const=True, low=-0.5, high=0.5),
            tensor([units], const=True), tensor([batches, units], variable=True)]


def data(time_major, batches, steps, inputs):
    return tensor([steps, batches, inputs] if time_major else [batches, steps, inputs])


def hybrid(name, op, options, batches, steps, inputs, units, type, runs=2, aux=None, low=None):
    """units: of each way. With time first LiteRT's hybrid BIDIRECTIONAL_SEQUENCE_RNN runs over the sequence as often as it
    has steps, and crashes when it merges: what to expect then is its result for batches first."""
    rng = np.random.default_rng(len(name) * 100 + inputs)

    def weights(shape):
        values = rng.integers(-127, 128, shape).astype(np.int8)
        return tensor(None, type, data=values.view(np.uint8) if type == "u8" else values, scale=0.7 / 127, const=True)

    def sequence():
        if op == "RNN":
            return tensor([batches, inputs], low=low)
        return tensor([steps, batches, inputs] if options.get("timeMajor") else [batches, steps, inputs], low=low)

    tensors, states = [sequence()], []
    for n in units:
        states.append(tensor([batches, n], variable=True))
        tensors += [weights([n, inputs]), weights([n, n]), tensor([n], const=True), states[-1]]
    if len(units) > 1:
        tensors += [sequence()] if aux else [None]
        tensors += [weights([n, inputs]) for n in units] if aux == "weights" else [None, None]
    for t in tensors:
        if t is not None and t.data is None and not t.variable:
            t.data = random_data(t, rng)
    outs = [tensor(None) for _ in range(1 if options.get("mergeOutputs") else len(units))]
    fed = [t for t in tensors if t is not None and not t.const and not t.variable]
    expected = None
    if len(units) > 1 and options["timeMajor"]:
        expected = batch_major(op, tensors, states, outs, options, runs)
    model_case(F, name, [graph([node(op, tensors, outs, options)], fed, outs + states)], invocations=runs, expected=expected,
               resolver="ref" if expected is None else None, tolerance={"abs": 1e-5, "rel": 1e-5})


def batch_major(op, tensors, states, outs, options, runs):
    """LiteRT's outputs for the same sequences with batches first, turned around again."""
    def turned(t):
        return t if t is None or t.const or t.variable else tensor(None, data=np.swapaxes(t.data, 0, 1).copy())

    inputs = [turned(t) for t in tensors]
    fed = [t for t in inputs if t is not None and not t.const and not t.variable]
    n = node(op, inputs, outs, {**options, "timeMajor": False})
    _, results = oracle_outputs([graph([n], fed, outs + states)], "ref", runs)
    return [np.swapaxes(r, 0, 1).copy() for r in results[:len(outs)]] + results[len(outs):]


def hybrid_cases():
    for type in ("i8", "u8"):
        for asymmetric in (False, True):
            s = f"hybrid_{type}{'_asymmetric' if asymmetric else ''}"
            form = {"fusedActivationFunction": "TANH", "asymmetricQuantizeInputs": asymmetric}
            hybrid(f"step_{s}", "RNN", form, 2, 1, 5, [7], type)
            hybrid(f"step_{s}_positive", "RNN", form, 1, 1, 33, [17], type, low=0.5)
            for time_major in (False, True):
                t = f"{s}_{'time' if time_major else 'batch'}"
                form = {**form, "timeMajor": time_major}
                hybrid(f"sequence_{t}", "UNIDIRECTIONAL_SEQUENCE_RNN", form, 3, 4, 9, [6], type)
                for merge in (False, True):
                    hybrid(f"both_{t}{'_merged' if merge else ''}", "BIDIRECTIONAL_SEQUENCE_RNN",
                           {**form, "mergeOutputs": merge}, 2, 3, 5, [4, 6], type)
                hybrid(f"both_{t}_auxiliary", "BIDIRECTIONAL_SEQUENCE_RNN", form, 2, 3, 5, [4, 6], type, aux="weights")


def cases():
    for activation in ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH"):
        for runs in (1, 3):
            case(F, f"step_{activation.lower()}_runs{runs}", "RNN", {"fusedActivationFunction": activation},
                 [tensor([2, 5])] + cell(2, 5, 7), [tensor(None)], invocations=runs)
    for time_major in (False, True):
        order = "time" if time_major else "batch"
        for batches, steps, inputs, units, runs in ((1, 4, 3, 5, 1), (3, 5, 9, 4, 2), (2, 1, 1, 1, 3)):
            size = f"{batches}x{steps}x{inputs}x{units}"
            case(F, f"sequence_{order}_{size}", "UNIDIRECTIONAL_SEQUENCE_RNN",
                 {"fusedActivationFunction": "TANH", "timeMajor": time_major},
                 [data(time_major, batches, steps, inputs)] + cell(batches, inputs, units), [tensor(None)], invocations=runs)
            for merge in (False, True):
                for aux in ("", "_aux", "_stacked"):
                    extra = [None, None, None]
                    if aux == "_aux":
                        # As wide as the input: LiteRT steps through other widths wrongly when time comes first.
                        extra = [data(time_major, batches, steps, inputs), tensor([units, inputs], const=True),
                                 tensor([units + 1, inputs], const=True)]
                    if aux == "_stacked":
                        if not time_major:
                            continue  # LiteRT's result is another than for the same data with time first
                        extra = [data(time_major, batches, steps, inputs), None, None]
                    case(F, f"both_{order}_{size}{'_merged' if merge else ''}{aux}", "BIDIRECTIONAL_SEQUENCE_RNN",
                         {"fusedActivationFunction": "RELU6", "timeMajor": time_major, "mergeOutputs": merge},
                         [data(time_major, batches, steps, inputs)] + cell(batches, inputs, units) +
                         cell(batches, inputs, units + 1) + extra,
                         [tensor(None)] if merge else [tensor(None), tensor(None)], invocations=runs)
    case(F, "step_sign_bit", "RNN", {"fusedActivationFunction": "SIGN_BIT"}, [tensor([2, 5])] + cell(2, 5, 7), [tensor(None)], invocations=2)
    hybrid_cases()
