"""L2_POOL_2D."""
from lib import case, tensor

F = "l2_pool"


def cases():
    for padding in ("SAME", "VALID"):
        for activation in ("NONE", "RELU6", "RELU_N1_TO_1"):
            case(F, f"{padding}_{activation}".lower(), "L2_POOL_2D",
                 {"padding": padding, "strideH": 2, "strideW": 1, "filterHeight": 3, "filterWidth": 2,
                  "fusedActivationFunction": activation}, [tensor([2, 5, 6, 19])], [tensor(None)])
