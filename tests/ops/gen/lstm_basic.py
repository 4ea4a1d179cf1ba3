"""The basic form of LSTM in floats and in uint8."""
from lib import case, tensor

F = "lstm_basic"


def cases():
    for batches, inputs, units in ((1, 3, 2), (3, 5, 7), (2, 1, 1), (1, 20, 16)):
        case(F, f"{batches}x{inputs}x{units}", "LSTM", {"kernelType": "BASIC", "fusedActivationFunction": "TANH"},
             [tensor([batches, inputs]), tensor([batches, units]), tensor([4 * units, inputs + units], const=True),
              tensor([4 * units], const=True), tensor([batches, units])], [tensor(None) for _ in range(4)])
    for batches, inputs, units in ((1, 3, 2), (3, 5, 7), (2, 1, 1), (1, 20, 16), (1, 40, 33)):
        for variable in (False, True):
            half = {"scale": 1 / 128, "zero_point": 128}
            state = {"scale": 2.0**-11, "zero_point": 0}
            case(F, f"u8_{batches}x{inputs}x{units}{'_variable' if variable else ''}", "LSTM",
                 {"kernelType": "BASIC", "fusedActivationFunction": "TANH"},
                 [tensor([batches, inputs], "u8", **half), tensor([batches, units], "u8", variable=variable, **half),
                  tensor([4 * units, inputs + units], "u8", scale=1 / 100, zero_point=117, const=True),
                  tensor([4 * units], "i32", scale=1 / 12800, const=True, low=-20000, high=20000),
                  tensor([batches, units], "i16", variable=variable, **state)],
                 [tensor(None, "u8", **half), tensor(None, "i16", **state), tensor(None, "u8", **half),
                  tensor(None, "i16", scale=2.0**-12)], invocations=2 if variable else 1)
    case(F, "f32_variable", "LSTM", {"kernelType": "BASIC", "fusedActivationFunction": "TANH"},
         [tensor([2, 3]), tensor([2, 4], variable=True), tensor([16, 7], const=True), tensor([16], const=True),
          tensor([2, 4], variable=True)], [tensor(None) for _ in range(4)], invocations=3)
