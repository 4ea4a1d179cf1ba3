"""RNN, UNIDIRECTIONAL_SEQUENCE_RNN, BIDIRECTIONAL_SEQUENCE_RNN."""
from lib import case, tensor

F = "rnn"


def cell(batches, inputs, units):
    return [tensor([units, inputs], const=True, low=-0.7, high=0.7), tensor([units, units], const=True, low=-0.5, high=0.5),
            tensor([units], const=True), tensor([batches, units], variable=True)]


def data(time_major, batches, steps, inputs):
    return tensor([steps, batches, inputs] if time_major else [batches, steps, inputs])


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
