"""CONV_3D and CONV_3D_TRANSPOSE."""
from lib import case, tensor

F = "conv3d"


def options(stride, dilation, padding, activation):
    d, h, w = stride
    return {"strideD": d, "strideH": h, "strideW": w, "dilationDFactor": dilation[0], "dilationHFactor": dilation[1],
            "dilationWFactor": dilation[2], "padding": padding, "fusedActivationFunction": activation}


def conv(name, shape, filter, stride=(1, 1, 1), dilation=(1, 1, 1), padding="SAME", activation="NONE", bias=True, const=True):
    case(F, "conv_" + name, "CONV_3D", options(stride, dilation, padding, activation),
         [tensor(shape), tensor(filter, const=const)] + ([tensor([filter[4]], const=const)] if bias else []), [tensor(None)],
         tolerance={"abs": 1e-5, "rel": 1e-5}, options_table="Conv3DOptions")


def transpose(name, shape, filter, out, stride=(1, 1, 1), dilation=(1, 1, 1), padding="SAME", activation="NONE", bias=True,
              const=True):
    case(F, "transpose_" + name, "CONV_3D_TRANSPOSE", options(stride, dilation, padding, activation),
         [tensor(None, "i32", data=out, const=const), tensor(filter), tensor(shape)] +
         ([tensor([filter[3]])] if bias else []), [tensor(out, signature=None if const else [-1] * 5)],
         tolerance={"abs": 1e-5, "rel": 1e-5}, options_table="Conv3DOptions")


def cases():
    conv("plain", [1, 4, 5, 6, 3], [2, 3, 3, 3, 5])
    conv("no_bias", [2, 3, 4, 4, 2], [3, 3, 3, 2, 4], bias=False)
    conv("valid", [2, 4, 5, 6, 3], [2, 3, 3, 3, 5], padding="VALID")
    conv("strides", [1, 5, 6, 7, 2], [3, 2, 3, 2, 3], (2, 3, 2), activation="RELU")
    conv("strides_valid", [1, 5, 6, 7, 2], [3, 2, 3, 2, 3], (1, 2, 3), padding="VALID", activation="RELU6")
    conv("dilated", [1, 6, 7, 8, 2], [2, 2, 3, 2, 3], dilation=(2, 3, 2), activation="RELU_N1_TO_1")
    conv("one", [2, 3, 3, 3, 4], [1, 1, 1, 4, 6])
    conv("filter_in_run", [1, 4, 4, 4, 2], [2, 2, 2, 2, 9], const=False)
    conv("wide", [1, 3, 4, 5, 8], [2, 2, 2, 8, 17])
    transpose("plain", [1, 2, 3, 4, 3], [2, 2, 3, 4, 3], [1, 2, 3, 4, 4])
    transpose("strides", [1, 2, 3, 2, 2], [2, 3, 2, 3, 2], [1, 4, 6, 4, 3], (2, 2, 2))
    transpose("strides_valid", [2, 2, 3, 2, 2], [2, 3, 2, 3, 2], [2, 4, 7, 4, 3], (2, 2, 2), padding="VALID", activation="RELU")
    transpose("no_bias", [1, 2, 2, 2, 2], [3, 3, 3, 1, 2], [1, 4, 4, 4, 1], (2, 2, 2), bias=False)
    transpose("late", [1, 2, 2, 2, 2], [2, 2, 2, 3, 2], [1, 4, 4, 4, 3], (2, 2, 2), activation="RELU6", const=False)
    conv("dilated_valid", [1, 7, 8, 9, 2], [2, 3, 2, 2, 3], dilation=(3, 2, 4), padding="VALID")
    conv("beyond_input", [1, 2, 2, 2, 3], [4, 5, 3, 3, 2])
    conv("far_strides", [2, 5, 5, 5, 1], [1, 2, 1, 1, 4], (3, 4, 2))
    conv("flat", [1, 1, 6, 7, 3], [1, 3, 3, 3, 4], activation="RELU_N1_TO_1")
    conv("column", [3, 9, 1, 1, 2], [3, 1, 1, 2, 33])
    for activation in ("RELU", "RELU6", "RELU_N1_TO_1"):
        transpose(activation.lower(), [1, 2, 2, 3, 2], [2, 2, 2, 3, 2], [1, 4, 4, 6, 3], (2, 2, 2), activation=activation)
    transpose("dilated", [1, 2, 3, 2, 2], [2, 2, 2, 3, 2], [1, 2, 3, 2, 3], dilation=(2, 2, 2))
    transpose("batch", [3, 2, 2, 2, 2], [1, 2, 3, 2, 2], [3, 2, 4, 2, 2], (1, 2, 1))
    transpose("odd_extent", [1, 2, 2, 2, 1], [3, 3, 3, 2, 1], [1, 3, 3, 3, 2], (2, 2, 2))
    conv("no_window_fits", [1, 2, 3, 3, 2], [3, 1, 1, 2, 4], (2, 1, 1), padding="VALID")
