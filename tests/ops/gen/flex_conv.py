"""Select-TF convolutions and pools, and their gradients."""
import numpy as np

from lib import flex_case, random_data, tensor, tensorflow

F = "flex_conv"
TOLERANCE = {"f32": {"abs": 2e-6, "rel": 1e-5}, "f64": {"abs": 1e-12, "rel": 1e-12}}


def sizes(shape, const=True):
    return tensor(None, "i32", data=shape, const=const)


def out_shape(image, kernel, strides, dilations, padding, channels, pads=None):
    out = [image[0]]
    for i, k in enumerate(kernel):
        n, s, span = image[i + 1], strides[i], (k - 1) * dilations[i] + 1
        if padding == "EXPLICIT":
            n += sum(pads[i])
        out.append(-(-n // s) if padding == "SAME" else (n - span) // s + 1)
    return out + [channels]


def conv(name, image, filter, strides=None, dilations=None, padding="SAME", pads=None, type="f32", depthwise=False, late=False):
    dims = len(image) - 2
    strides, dilations = strides or [1] * dims, dilations or [1] * dims
    attrs = {"strides": [1] + strides + [1], "padding": padding, "dilations": [1] + dilations + [1]}
    if pads is not None:
        attrs["explicit_paddings"] = [0, 0] + sum(map(list, pads), []) + [0, 0]
    channels = filter[-1] * filter[-2] if depthwise else filter[-1]
    out = out_shape(image, filter[:dims], strides, dilations, padding, channels, pads)
    forward, back_input, back_filter = {
        (2, False): ("Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter"),
        (2, True): ("DepthwiseConv2dNative", "DepthwiseConv2dNativeBackpropInput", "DepthwiseConv2dNativeBackpropFilter"),
        (3, False): ("Conv3D", "Conv3DBackpropInputV2", "Conv3DBackpropFilterV2")}[dims, depthwise]
    name, tolerance = f"{forward.lower()}_{name}_{type}", TOLERANCE[type]
    flex_case(F, name, forward, {"input": tensor(image, type), "filter": tensor(filter, type)}, attrs, tolerance)
    unknown = (0,) if late else ()
    given = tensor(image, type), tensor(filter, type), tensor(out, type)
    want = dilated(given, attrs) if max(dilations) > 1 else (None, None)
    flex_case(F, name + "_input", back_input, {"input_sizes": sizes(image, not late), "filter": given[1], "out_backprop": given[2]},
              attrs, tolerance, unknown=unknown, expected=want[0])
    flex_case(F, name + "_filter", back_filter, {"input": given[0], "filter_sizes": sizes(filter, not late), "out_backprop": given[2]},
              attrs, tolerance, unknown=unknown, expected=want[1])


def dilated(given, attrs):
    """The gradients with dilations, which TensorFlow has none of on CPUs: those of a filter with zeros between."""
    tf, rng = tensorflow(), np.random.default_rng(7)
    for t in given:
        t.data = random_data(t, rng)
    (image, filter, out), (_, dy, dx, _) = given, attrs["dilations"]
    plain = {**attrs, "dilations": [1, 1, 1, 1]}
    spread = np.zeros([(filter.shape[0] - 1) * dy + 1, (filter.shape[1] - 1) * dx + 1] + filter.shape[2:], filter.data.dtype)
    spread[::dy, ::dx] = filter.data
    of_input = tf.raw_ops.Conv2DBackpropInput(input_sizes=image.shape, filter=spread, out_backprop=out.data, **plain).numpy()
    of_filter = tf.raw_ops.Conv2DBackpropFilter(input=image.data, filter_sizes=spread.shape, out_backprop=out.data, **plain).numpy()
    return [of_input], [of_filter[::dy, ::dx]]


def pool(name, image, ksize, strides, padding, type="f32"):
    dims = len(image) - 2
    attrs = {"ksize": [1] + ksize + [1], "strides": [1] + strides + [1], "padding": padding}
    out = out_shape(image, ksize, strides, [1] * dims, padding, image[-1])
    rng = np.random.default_rng(len(name))
    pixels = rng.permutation(int(np.prod(image))).reshape(image) / 7.0
    data = tensor(image, type, data=pixels)
    three = "3D" if dims == 3 else ""
    name = f"{name}_{type}"
    tf = tensorflow()
    best = getattr(tf.raw_ops, "MaxPool" + three)(input=tf.constant(data.data), **attrs).numpy()
    flex_case(F, f"maxpool{three.lower()}_{name}", "MaxPool" + three, {"input": data}, attrs)
    flex_case(F, f"avgpool{three.lower()}_{name}", "AvgPool" + three, {"value" if dims == 2 else "input": data}, attrs)
    flex_case(F, f"maxpool{three.lower()}grad_{name}", f"MaxPool{three}Grad",
              {"orig_input": data, "orig_output": tensor(None, type, data=best), "grad": tensor(out, type)}, attrs)
    flex_case(F, f"avgpool{three.lower()}grad_{name}", f"AvgPool{three}Grad",
              {"orig_input_shape": sizes(image), "grad": tensor(out, type)}, attrs)


def cases():
    for type in ("f32", "f64"):
        conv("same", [2, 5, 6, 3], [3, 3, 3, 4], type=type)
        conv("same", [2, 5, 6, 3], [3, 3, 3, 2], type=type, depthwise=True)
        conv("valid", [1, 4, 5, 4, 2], [2, 3, 2, 2, 3], padding="VALID", type=type)
    conv("strided", [2, 7, 6, 3], [3, 2, 3, 9], strides=[2, 3])
    conv("strided_late", [1, 7, 6, 3], [3, 2, 3, 2], strides=[2, 3], late=True)
    conv("explicit", [1, 5, 5, 2], [3, 3, 2, 3], padding="EXPLICIT", pads=[(1, 2), (0, 1)])
    conv("dilated", [1, 9, 8, 2], [3, 2, 2, 3], dilations=[2, 3], padding="VALID")
    conv("wide", [1, 3, 3, 20], [1, 1, 20, 17])
    conv("strided", [2, 7, 7, 4], [3, 3, 4, 1], strides=[2, 2], depthwise=True)
    conv("same_strided", [1, 5, 4, 6, 2], [3, 2, 3, 2, 2], strides=[2, 1, 2])
    grouped = {"strides": [1, 1, 1, 1], "padding": "SAME"}
    flex_case(F, "conv2d_grouped_f32", "Conv2D", {"input": tensor([1, 4, 4, 6], "f32"), "filter": tensor([3, 3, 3, 4], "f32")}, grouped)
    pool("same", [2, 5, 6, 3], [3, 2], [2, 2], "SAME")
    pool("valid", [1, 6, 6, 2], [2, 3], [2, 1], "VALID")
    pool("same", [1, 5, 4, 6, 2], [2, 3, 2], [2, 1, 2], "SAME")
    attrs = {"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1], "padding": "SAME"}
    for type in ("f32", "f64"):
        for targmax in ("int32", "int64"):
            for batch in (False, True):
                flex_case(F, f"maxpoolwithargmax_{type}_{targmax}{'_batch' if batch else ''}", "MaxPoolWithArgmax",
                          {"input": tensor([2, 5, 4, 3], type)}, {**attrs, "Targmax": tensorflow().as_dtype(targmax), "include_batch_in_index": batch})
