"""L2_POOL_2D."""
from lib import case, tensor

F = "l2_pool"


def cases():
    for padding in ("SAME", "VALID"):
        for activation in ("NONE", "RELU6", "RELU_N1_TO_1"):
            case(F, f"{padding}_{activation}".lower(), "L2_POOL_2D",
                 {"padding": padding, "strideH": 2, "strideW": 1, "filterHeight": 3, "filterWidth": 2,
                  "fusedActivationFunction": activation}, [tensor([2, 5, 6, 19])], [tensor(None)])
    for name, shape, kernel, stride in (("line", [2, 1, 9, 3], (1, 4), (1, 2)), ("beyond", [1, 2, 2, 5], (5, 5), (1, 1)),
                                        ("one", [1, 3, 3, 1], (1, 1), (1, 1)), ("far", [1, 7, 8, 16], (2, 2), (4, 3))):
        case(F, name, "L2_POOL_2D", {"padding": "SAME", "strideH": stride[0], "strideW": stride[1], "filterHeight": kernel[0],
                                     "filterWidth": kernel[1], "fusedActivationFunction": "RELU"},
             [tensor(shape)], [tensor(None)])
