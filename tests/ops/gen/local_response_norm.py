from lib import case, tensor

FAMILY = "local_response_norm"


def norm(name, shape, radius, bias, alpha, beta):
    case(FAMILY, name, "LOCAL_RESPONSE_NORMALIZATION", inputs=[tensor(shape)], outputs=[tensor(None)], resolver="opt",
         options={"radius": radius, "bias": bias, "alpha": alpha, "beta": beta}, tolerance={"abs": 1e-6, "rel": 1e-5})


def cases():
    norm("narrow", [1, 2, 3, 8], 2, 1.0, 0.5, 0.5)
    norm("wide", [2, 2, 2, 6], 20, 9.0, 4.0, 0.5)
    norm("power", [1, 1, 3, 9], 1, 2.0, 0.1, 0.75)
    norm("zero_radius", [1, 1, 1, 4], 0, 1.0, 1.0, 1.0)
    norm("tiles", [1, 1, 2, 33], 5, 1.0, 1e-4, 0.75)
    norm("one_channel", [2, 3, 1, 1], 1, 0.5, 2.0, 0.5)
    norm("batch", [3, 2, 2, 5], 2, 1.0, -0.01, 1.0)
