"""The basic form of LSTM in floats."""
from lib import case, tensor

F = "lstm_basic"


def cases():
    for batches, inputs, units in ((1, 3, 2), (3, 5, 7), (2, 1, 1), (1, 20, 16)):
        case(F, f"{batches}x{inputs}x{units}", "LSTM", {"kernelType": "BASIC", "fusedActivationFunction": "TANH"},
             [tensor([batches, inputs]), tensor([batches, units]), tensor([4 * units, inputs + units], const=True),
              tensor([4 * units], const=True), tensor([batches, units])], [tensor(None) for _ in range(4)])
