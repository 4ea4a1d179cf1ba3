#!/usr/bin/env python3
"""SavedModels that TensorFlow writes here and now, converted, run and compared with what TensorFlow computes.

usage: savedmodel_tf.py --linnet build/linnet [--only REGEX] [--keep DIR]
  --keep also leaves each case as tools for converters want it: model/, inputs, outputs and manifest.json.
Ends with 77 where TensorFlow is not installed. Prints a line for each case that fails and the numbers at the end.
"""
import argparse, json, os, re, shutil, subprocess, sys, tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
try:
    import numpy as np
    import tensorflow as tf
except ImportError:
    sys.exit(77)
tf.get_logger().setLevel("ERROR")

R = np.random.RandomState(7)
CASES = []


def f32(*shape):
    return R.standard_normal(shape).astype("float32")


def case(name, fn, *inputs, open_dims=False, refuse=None, tol=1e-5):
    """A function over these inputs; open_dims leaves the first dimension of each open."""
    CASES.append((name, fn, inputs, open_dims, refuse, tol))


# ---- element-wise ----
x, y, p = f32(2, 3, 4), f32(2, 3, 4), np.abs(f32(2, 3, 4)) + 0.1
u = np.tanh(f32(2, 3, 4)) * 0.95
for n in "abs ceil cos exp floor negative sigmoid sign sin square tanh round sinh cosh asinh atan tan erf".split():
    case(n, getattr(tf.math, n), x)
for n in "rsqrt sqrt log log1p reciprocal".split():
    case(n, getattr(tf.math, n), p)
for n in "asin acos atanh erfinv expm1".split():
    case(n, getattr(tf.math, n), u)
case("acosh", tf.math.acosh, p + 1)
case("erfc", tf.math.erfc, x)
case("rint", tf.math.rint, x * 3)
case("ndtri", tf.math.ndtri, (u + 1) / 2 * 0.98 + 0.01, tol=1e-4)
for n in "relu relu6 elu selu softplus softsign leaky_relu gelu silu log_softmax softmax".split():
    case(n, getattr(tf.nn, n), x * 2)
case("gelu_tanh", lambda a: tf.nn.gelu(a, approximate=True), x)
for n in "add subtract multiply divide maximum minimum squared_difference atan2 floordiv floormod pow".split():
    case(n, getattr(tf.math, n), p if n == "pow" else x, y)
case("broadcast_add", tf.add, x, f32(4))
case("broadcast_ranks", tf.multiply, f32(3, 1), f32(2, 1, 4))
i, j = R.randint(-9, 9, (3, 4)).astype("int32"), R.randint(1, 5, (3, 4)).astype("int32")
for n in "add subtract multiply floordiv floormod maximum minimum".split():
    case(n + "_i32", getattr(tf.math, n), i, j)
case("truncatediv", tf.truncatediv, i, j)
case("truncatemod", tf.truncatemod, i, j)
case("floordiv_i64", tf.math.floordiv, i.astype("int64"), j.astype("int64"))
case("div_no_nan", tf.math.divide_no_nan, x, np.where(y > 0, y, 0).astype("float32"))
case("mul_no_nan", tf.math.multiply_no_nan, x, np.where(y > 0, y, 0).astype("float32"))
case("xlogy", tf.math.xlogy, np.where(y > 0, y, 0).astype("float32"), p)
case("xdivy", tf.math.xdivy, np.where(y > 0, y, 0).astype("float32"), p)
case("xlog1py", tf.math.xlog1py, np.where(y > 0, y, 0).astype("float32"), p)
case("compare", lambda a, b: (tf.less(a, b), tf.less_equal(a, b), tf.greater(a, b), tf.greater_equal(a, b), tf.equal(a, b), tf.not_equal(a, b)), i, j)
case("logical", lambda a, b: (tf.logical_and(a > 0, b > 0), tf.logical_or(a > 0, b > 0), tf.logical_not(a > 0), tf.math.logical_xor(a > 0, b > 0)), x, y)
case("bits", lambda a, b: (tf.bitwise.bitwise_xor(a, b), tf.bitwise.right_shift(a, b), tf.bitwise.bitwise_and(a, b), tf.bitwise.bitwise_or(a, b), tf.bitwise.left_shift(a, b)), i, j)
case("invert", tf.bitwise.invert, i)
case("is_nan", lambda a: (tf.math.is_nan(a), tf.math.is_inf(a), tf.math.is_finite(a)), np.array([1, np.nan, np.inf, -np.inf], "float32"))
case("approximate_equal", lambda a: tf.raw_ops.ApproximateEqual(x=a, y=a + 1e-6, tolerance=1e-5), x)
case("add_n", lambda a, b: tf.add_n([a, b, a]), x, y)
case("clip", lambda a: tf.clip_by_value(a, -0.5, 0.5), x)
case("clip_norm", lambda a: tf.clip_by_norm(a, 1.0), x)
case("where", lambda a, b: tf.where(a > 0, a, b), x, y)
case("where_scalar", lambda a: tf.where(a > 0, a, 0.0), x)
case("select_rows", lambda c, a, b: tf.raw_ops.Select(condition=c, x=a, y=b), np.array([True, False]), x, y)
case("cast", lambda a: (tf.cast(a, tf.int32), tf.cast(a, tf.int64), tf.cast(a, tf.bool), tf.cast(a > 0, tf.float32)), x * 5)
case("cast_types", lambda a: (tf.cast(a, tf.uint8), tf.cast(a, tf.int8), tf.cast(a, tf.int16), tf.cast(a, tf.float64)), np.abs(i))
case("bitcast", lambda a: tf.bitcast(a, tf.int32), x)
case("bias_add", lambda a: tf.nn.bias_add(a, tf.constant(f32(4))), x)
case("l2_loss", tf.nn.l2_loss, x)
case("l2_normalize", lambda a: tf.nn.l2_normalize(a, axis=-1), x)
case("moments", lambda a: tf.nn.moments(a, [0, 1]), x)
case("identity_n", lambda a, b: tf.raw_ops.IdentityN(input=[a, b]), x, y)
case("stop_gradient", lambda a: tf.stop_gradient(a) + 1, x)
case("ensure_shape", lambda a: tf.ensure_shape(a, [2, 3, 4]) * 2, x)
case("check_numerics", lambda a: tf.debugging.check_numerics(a, "bad") * 2, x)
case("asserts", lambda a: [tf.debugging.assert_less(a, 100.0), a + 1][1], x)
case("prints", lambda a: [tf.print(a), a + 1][1], x)
case("float64", lambda a: tf.exp(a) * 2 + 1, x.astype("float64"))
case("logsumexp", lambda a: tf.reduce_logsumexp(a, axis=-1), x)
case("sigmoid_cross", lambda a, b: tf.nn.sigmoid_cross_entropy_with_logits(labels=b, logits=a), x, p)
case("softmax_axis", lambda a: tf.nn.softmax(a, axis=1), x)
case("lerp", lambda a, b: a + (b - a) * 0.3, x, y)
case("polyval", lambda a: tf.math.polyval([1.0, 2.0, 3.0], a), x)
case("cumulative", lambda a: (tf.cumsum(a, 1), tf.cumsum(a, -1, exclusive=True), tf.cumsum(a, 0, reverse=True)), x)
case("cumprod", lambda a: (tf.math.cumprod(a, 1), tf.math.cumprod(a, -1, exclusive=True), tf.math.cumprod(a, 0, reverse=True)), x)

# ---- reductions ----
for n in "sum mean max min prod".split():
    case("reduce_" + n, lambda a, n=n: (getattr(tf, "reduce_" + n)(a), getattr(tf, "reduce_" + n)(a, 1), getattr(tf, "reduce_" + n)(a, [0, -1], keepdims=True)), x)
case("reduce_bool", lambda a: (tf.reduce_any(a > 0, 1), tf.reduce_all(a > -1, 0)), x)
case("reduce_variance", lambda a: (tf.math.reduce_variance(a, 1), tf.math.reduce_std(a, 1)), x)
case("norms", lambda a: (tf.norm(a, axis=-1), tf.math.reduce_euclidean_norm(a, 1), tf.norm(a, ord=1, axis=0)), x)
case("argmax", lambda a: (tf.argmax(a, -1), tf.argmin(a, 1, output_type=tf.int32)), x)
case("reduce_i32", lambda a: (tf.reduce_sum(a), tf.reduce_max(a, 0), tf.reduce_mean(a, 1)), i)

# ---- shapes ----
case("shape", lambda a: (tf.shape(a), tf.size(a), tf.rank(a)), x, open_dims=True)
case("reshape", lambda a: tf.reshape(a, [-1, 6]), x, open_dims=True)
case("reshape_batch", lambda a: tf.reshape(a, [tf.shape(a)[0], -1]), x, open_dims=True)
case("squeeze", lambda a: (tf.squeeze(a), tf.squeeze(a, [1])), f32(2, 1, 3))
case("expand", lambda a: (a[:, tf.newaxis], tf.expand_dims(a, -1), tf.expand_dims(a, 0)), x)
case("transpose", lambda a: (tf.transpose(a), tf.transpose(a, [1, 0, 2])), x, open_dims=True)
case("concat", lambda a, b: (tf.concat([a, b], 1), tf.concat([a, b, a], -1)), x, y, open_dims=True)
case("stack", lambda a, b: (tf.stack([a, b]), tf.stack([a, b], -1)), x, y)
case("unstack", lambda a: tf.unstack(a, axis=1), x)
case("split", lambda a: tf.split(a, 2, -1), x, open_dims=True)
case("split_sizes", lambda a: tf.split(a, [1, 3], -1), x)
case("split_rest", lambda a: tf.split(a, [1, -1], -1), x)
case("slice", lambda a: tf.slice(a, [0, 1, 0], [-1, 2, 3]), x, open_dims=True)
case("strided", lambda a: (a[:, 1], a[..., ::2], a[:, ::-1], a[1:, ..., -1], a[:, tf.newaxis, 1:3], a[..., tf.newaxis, :2], a[0, :, 1]), x)
case("strided_open", lambda a: (a[:, 1], a[:-1], a[..., 1:]), x, open_dims=True)
case("strided_dynamic", lambda a, n: a[:, n], x, np.array(2, "int32"))
case("tile", lambda a: tf.tile(a, [1, 2, 1]), x, open_dims=True)
case("repeat", lambda a: tf.repeat(a, 3, axis=1), x)
case("fill", lambda a: tf.fill(tf.shape(a)[:2], 3.0) + tf.zeros_like(a)[..., 0] + tf.ones_like(a)[..., 0], x, open_dims=True)
case("broadcast_to", lambda a: tf.broadcast_to(a, [5, 2, 3, 4]), x)
case("range", lambda n: (tf.range(n), tf.range(0, 10, 3), tf.range(0.0, 1.0, 0.25)), np.array(5, "int32"))
case("linspace", lambda a: a[0, 0, 0] + tf.linspace(0.0, 1.0, 7), x)
case("pad", lambda a: (tf.pad(a, [[0, 0], [1, 2], [0, 1]]), tf.pad(a, [[0, 0], [1, 2], [0, 1]], constant_values=2.0), tf.pad(a, [[0, 0], [1, 1], [2, 2]], "REFLECT"), tf.pad(a, [[0, 0], [1, 1], [2, 2]], "SYMMETRIC")), x, open_dims=True)
case("reverse", lambda a: (tf.reverse(a, [1]), tf.reverse(a, [0, 2])), x)
case("reverse_sequence", lambda a: tf.reverse_sequence(a, [2, 3], seq_axis=1), x)
case("roll", lambda a: (tf.roll(a, 1, 1), tf.roll(a, [1, -2], [0, 2])), x)
case("meshgrid", lambda a: tf.meshgrid(a, a), f32(4))
case("space_depth", lambda a: (tf.nn.space_to_depth(a, 2), tf.nn.depth_to_space(a, 2)), f32(2, 4, 6, 8))
case("space_batch", lambda a: tf.batch_to_space(tf.space_to_batch(a, [2, 2], [[0, 0], [0, 0]]), [2, 2], [[0, 0], [1, 0]]), f32(2, 4, 6, 3))
case("sequence_mask", lambda n: tf.sequence_mask(n, 6), np.array([1, 3, 6], "int32"))
case("eye", lambda a: a @ tf.eye(4), f32(3, 4))

# ---- products ----
w = f32(4, 5)
case("matmul", lambda a: tf.matmul(a, w), f32(3, 4), open_dims=True)
case("matmul_t", lambda a, b: (tf.matmul(a, b, transpose_a=True), tf.matmul(a, b, transpose_b=True)), f32(4, 4), f32(4, 4))
case("batch_matmul", lambda a, b: (tf.matmul(a, b), tf.matmul(a, a, transpose_b=True)), x, f32(2, 4, 3), open_dims=True)
case("batch_matmul_broadcast", lambda a: tf.matmul(a, w), x)
case("tensordot", lambda a: tf.tensordot(a, w, [[2], [0]]), x, open_dims=True)
case("einsum", lambda a, b: (tf.einsum("bij,bkj->bik", a, b), tf.einsum("bij->bji", a), tf.einsum("bij,jk->bik", a, w), tf.einsum("bij,bij->b", a, b)), x, y)
case("einsum_ellipsis", lambda a: tf.einsum("...ij,jk->...ik", a, w), f32(2, 2, 3, 4))
case("cross", lambda a, b: tf.linalg.cross(a, b), f32(5, 3), f32(5, 3))
case("outer", lambda a, b: tf.tensordot(a, b, 0), f32(3), f32(4))
case("diag", lambda a: (tf.linalg.diag(a), tf.linalg.diag(a, k=1), tf.linalg.diag(a, k=-2)), f32(2, 3))
case("diag_part", lambda a: (tf.linalg.diag_part(a), tf.linalg.diag_part(a, k=1)), f32(2, 3, 4))
case("set_diag", lambda a, b: tf.linalg.set_diag(a, b), f32(2, 3, 4), f32(2, 3))
case("band_part", lambda a: (tf.linalg.band_part(a, 1, 0), tf.linalg.band_part(a, -1, 1), tf.linalg.band_part(a, 0, -1)), f32(2, 4, 4))
case("trace", tf.linalg.trace, f32(2, 4, 4))

# ---- gathering ----
ix = np.array([[0, 2], [1, 0]], "int32")
case("gather", lambda a, b: (tf.gather(a, b), tf.gather(a, b, axis=1), tf.gather(a, b, axis=-1)), f32(3, 4, 5), ix)
case("gather_batch", lambda a, b: tf.gather(a, b, axis=1, batch_dims=1), f32(2, 4, 5), ix)
case("gather_nd", lambda a, b: tf.gather_nd(a, b), f32(3, 4, 5), ix)
case("embedding", lambda b: tf.nn.embedding_lookup(tf.constant(f32(6, 3)), b), ix, open_dims=True)
case("one_hot", lambda b: (tf.one_hot(b, 4), tf.one_hot(b, 4, axis=0, on_value=2.0, off_value=-1.0)), ix)
case("scatter_nd", lambda u_: tf.scatter_nd([[1], [3]], u_, [5, 4]), f32(2, 4))
case("tensor_scatter", lambda a, u_: (tf.tensor_scatter_nd_update(a, [[1], [3]], u_), tf.tensor_scatter_nd_add(a, [[1], [3]], u_), tf.tensor_scatter_nd_sub(a, [[1], [1]], u_)), f32(5, 4), f32(2, 4))
case("tensor_scatter_max", lambda a, u_: (tf.tensor_scatter_nd_max(a, [[1], [3]], u_), tf.tensor_scatter_nd_min(a, [[1], [3]], u_)), f32(5, 4), f32(2, 4))
case("boolean_mask", lambda a: tf.boolean_mask(a, a > 0), f32(3, 4))
case("where_indices", lambda a: tf.where(a > 0), f32(3, 4))
case("unique", lambda a: tf.unique(a), np.array([3, 1, 3, 2, 1], "int32"))
case("top_k", lambda a: tf.math.top_k(a, 3), f32(3, 8))
case("sort", lambda a: (tf.sort(a), tf.sort(a, direction="DESCENDING"), tf.argsort(a)), f32(3, 8))
case("in_top_k", lambda a: tf.math.in_top_k(np.array([1, 2, 0], "int64"), a, 2), f32(3, 8))
case("invert_permutation", lambda a: tf.math.invert_permutation(a), np.array([2, 0, 3, 1], "int32"))
ids = np.array([0, 0, 1, 3], "int32")
for n in "sum mean max min prod".split():
    if n in ("sum", "mean", "prod", "max", "min"):
        case("unsorted_segment_" + n, lambda a, n=n: getattr(tf.math, "unsorted_segment_" + n)(a, ids, 4)[:2], f32(4, 3))
        case("segment_" + n, lambda a, n=n: getattr(tf.math, "segment_" + n)(a, np.array([0, 0, 1, 2], "int32")), f32(4, 3))
case("bincount", lambda a: (tf.math.bincount(a, minlength=6, maxlength=6), tf.math.bincount(a, minlength=6, maxlength=6, dtype=tf.float32)), np.array([1, 1, 3, 5, 0], "int32"))
case("bincount_rows", lambda a: tf.math.bincount(a, minlength=6, maxlength=6, axis=-1, binary_output=True), np.array([[1, 1, 3], [5, 0, 0]], "int32"))
case("searchsorted", lambda a: (tf.searchsorted([0.0, 1.0, 2.0], a), tf.searchsorted([0.0, 1.0, 2.0], a, side="right")), np.array([0.5, 2.0, -1, 5], "float32"))
case("bucketize", lambda a: tf.raw_ops.Bucketize(input=a, boundaries=[0.0, 1.0, 2.0]), np.array([0.5, 2.0, -1, 5], "float32"))
case("sparse_to_dense", lambda v: tf.raw_ops.SparseToDense(sparse_indices=[[0, 1], [2, 0]], output_shape=[3, 4], sparse_values=v, default_value=-1.0), f32(2))
boxes = np.array([[0, 0, 1, 1], [0, 0.1, 1, 1.1], [0, 2, 1, 3], [0, 2.01, 1, 3.01]], "float32")
case("non_max", lambda b, s: tf.image.non_max_suppression(b, s, 3, 0.5), boxes, np.array([0.9, 0.8, 0.7, 0.95], "float32"))
case("non_max_scores", lambda b, s: tf.image.non_max_suppression_with_scores(b, s, 3, 0.5, 0.01, 0.3), boxes, np.array([0.9, 0.8, 0.7, 0.95], "float32"))
case("non_max_padded", lambda b, s: tf.image.non_max_suppression_padded(b, s, 3, 0.5, pad_to_max_output_size=True), boxes, np.array([0.9, 0.8, 0.7, 0.95], "float32"), refuse="")

# ---- layers ----
img = f32(2, 9, 8, 4)
for padding in ("SAME", "VALID"):
    for stride in (1, 2):
        k = "%s_%d" % (padding.lower(), stride)
        case("conv2d_" + k, lambda a, s=stride, p_=padding: tf.nn.conv2d(a, tf.constant(f32(3, 3, 4, 6)), s, p_), img, open_dims=True)
        case("depthwise_" + k, lambda a, s=stride, p_=padding: tf.nn.depthwise_conv2d(a, tf.constant(f32(3, 3, 4, 2)), [1, s, s, 1], p_), img, open_dims=True)
        case("max_pool_" + k, lambda a, s=stride, p_=padding: tf.nn.max_pool2d(a, 3, s, p_), img, open_dims=True)
        case("avg_pool_" + k, lambda a, s=stride, p_=padding: tf.nn.avg_pool2d(a, 3, s, p_), img, open_dims=True)
        case("conv1d_" + k, lambda a, s=stride, p_=padding: tf.nn.conv1d(a, tf.constant(f32(3, 4, 6)), s, p_), f32(2, 9, 4), open_dims=True)
        case("conv2d_transpose_" + k, lambda a, s=stride, p_=padding: tf.nn.conv2d_transpose(a, tf.constant(f32(3, 3, 5, 4)), [2, 9 * s + (2 if p_ == "VALID" and s == 1 else 1 if p_ == "VALID" else 0), 8 * s + (2 if p_ == "VALID" and s == 1 else 1 if p_ == "VALID" else 0), 5], s, p_), img)
case("conv2d_transpose_odd", lambda a: tf.nn.conv2d_transpose(a, tf.constant(f32(3, 3, 5, 4)), [2, 17, 15, 5], 2, "SAME"), img)
case("conv2d_dilated", lambda a: tf.nn.conv2d(a, tf.constant(f32(3, 3, 4, 6)), 1, "SAME", dilations=2), img)
case("atrous", lambda a: tf.nn.atrous_conv2d(a, tf.constant(f32(3, 3, 4, 6)), 2, "SAME"), img)
case("conv2d_explicit", lambda a: tf.nn.conv2d(a, tf.constant(f32(3, 3, 4, 6)), 2, [[0, 0], [1, 2], [0, 1], [0, 0]]), img)
case("conv2d_groups", lambda a: tf.nn.conv2d(a, tf.constant(f32(3, 3, 2, 6)), 1, "SAME"), img)
case("conv3d", lambda a: tf.nn.conv3d(a, tf.constant(f32(2, 3, 3, 2, 4)), [1, 1, 2, 1, 1], "SAME"), f32(1, 4, 6, 5, 2))
case("pool3d", lambda a: (tf.nn.max_pool3d(a, 2, 2, "VALID"), tf.nn.avg_pool3d(a, 2, 2, "SAME")), f32(1, 4, 6, 5, 2))
case("pool1d", lambda a: (tf.nn.max_pool1d(a, 2, 2, "VALID"), tf.nn.avg_pool1d(a, 2, 2, "SAME")), f32(2, 9, 4))
case("separable", lambda a: tf.nn.separable_conv2d(a, tf.constant(f32(3, 3, 4, 1)), tf.constant(f32(1, 1, 4, 6)), [1, 1, 1, 1], "SAME"), img)
case("batch_norm", lambda a: tf.compat.v1.nn.fused_batch_norm(a, f32(4), f32(4), mean=f32(4), variance=np.abs(f32(4)) + 1, is_training=False)[0], img)
case("batch_norm_training", lambda a: tf.compat.v1.nn.fused_batch_norm(a, f32(4), f32(4), is_training=True)[:3], img, tol=1e-4)
case("batch_normalization", lambda a: tf.nn.batch_normalization(a, f32(4), np.abs(f32(4)) + 1, f32(4), f32(4), 1e-3), img)
case("lrn", lambda a: tf.nn.local_response_normalization(a, 2, 1.0, 0.5, 0.75), img)
case("dilation2d", lambda a: tf.nn.dilation2d(a, tf.constant(f32(3, 3, 4)), [1, 1, 1, 1], "SAME", "NHWC", [1, 1, 1, 1]), img)
case("dropout", lambda a: tf.nn.dropout(a, 0.0), x)
case("resize_bilinear", lambda a: (tf.image.resize(a, [12, 20]), tf.compat.v1.image.resize_bilinear(a, [5, 5]), tf.compat.v1.image.resize_bilinear(a, [5, 5], align_corners=True)), img)
case("resize_nearest", lambda a: (tf.image.resize(a, [12, 20], "nearest"), tf.compat.v1.image.resize_nearest_neighbor(a, [5, 5]), tf.compat.v1.image.resize_nearest_neighbor(a, [5, 5], align_corners=True)), img)
case("resize_bicubic", lambda a: (tf.image.resize(a, [12, 20], "bicubic"), tf.compat.v1.image.resize_bicubic(a, [5, 5])), img, tol=1e-4)
case("resize_area", lambda a: tf.image.resize(a, [4, 5], "area"), img)
case("resize_antialias", lambda a: tf.image.resize(a, [4, 5], antialias=True), img, refuse="")
case("crop_pad", lambda a: (tf.image.resize_with_crop_or_pad(a, 6, 12), tf.image.central_crop(a, 0.5), tf.image.flip_left_right(a)), img)
rgb = np.abs(np.tanh(f32(2, 5, 4, 3)))
case("hsv", lambda a: (tf.image.rgb_to_hsv(a), tf.image.hsv_to_rgb(a)), rgb)
case("adjust", lambda a: (tf.image.adjust_brightness(a, 0.1), tf.image.adjust_contrast(a, 1.5), tf.image.rgb_to_grayscale(a)), rgb)
case("saturation", lambda a: (tf.image.adjust_saturation(a, 1.5), tf.image.adjust_hue(a, 0.1)), rgb)
case("standardize", lambda a: tf.image.per_image_standardization(a), rgb)
case("crop_resize", lambda a: tf.image.crop_and_resize(a, [[0.1, 0.1, 0.8, 0.9], [0.0, 0.2, 1.0, 1.0]], [0, 1], [4, 5]), rgb)
case("patches", lambda a: tf.image.extract_patches(a, [1, 3, 3, 1], [1, 2, 2, 1], [1, 1, 1, 1], "SAME"), img)
case("fake_quant", lambda a: (tf.quantization.fake_quant_with_min_max_args(a, -3, 3), tf.quantization.fake_quant_with_min_max_vars(a, -1.0, 2.0, num_bits=4)), x)
case("fake_quant_channels", lambda a: tf.quantization.fake_quant_with_min_max_vars_per_channel(a, [-1.0, -2.0, -0.5, -1.0], [1.0, 2.0, 0.5, 3.0]), x)
case("quantize_dequantize", lambda a: tf.quantization.quantize_and_dequantize_v2(a, -2.0, 2.0, range_given=True), x)
case("rfft", lambda a: (tf.abs(tf.signal.rfft(a)), tf.math.real(tf.signal.rfft(a)), tf.math.imag(tf.signal.rfft(a))), f32(3, 16))
case("rfft2d", lambda a: tf.abs(tf.signal.rfft2d(a)), f32(3, 8, 16))
case("stft", lambda a: tf.abs(tf.signal.stft(a, 16, 8)), f32(2, 64), tol=1e-4)
case("max_pool_nchw", lambda a: tf.nn.bias_add(a, tf.constant(f32(9)), "NCHW"), img)


# ---- control flow ----
def collatz(n):
    steps = 0
    while n != 1:
        n = tf.where(n % 2 == 0, n // 2, 3 * n + 1)
        steps += 1
    return steps


case("while", collatz, np.array(27, "int32"))
case("for_range", lambda a: tf.foldl(lambda s, b: s * 0.5 + b, a, initializer=tf.zeros([3, 4])), f32(5, 3, 4))
case("scan", lambda a: tf.scan(lambda s, b: s * 0.5 + b, a), f32(5, 3, 4))
case("map_fn", lambda a: tf.map_fn(lambda r: tf.reduce_sum(r) * r, a), f32(5, 3))
case("map_fn_open", lambda a: tf.map_fn(lambda r: tf.reduce_sum(r) * r, a), f32(5, 3), open_dims=True)
case("cond", lambda c, a: tf.cond(c, lambda: a + 1, lambda: a * 2), np.array(True), x)
case("cond_nested", lambda a: tf.cond(tf.reduce_sum(a) > 0, lambda: tf.cond(a[0, 0, 0] > 0, lambda: a, lambda: -a), lambda: a * 3), x)
case("case", lambda n, a: tf.switch_case(n, [lambda: a, lambda: a * 2, lambda: a + 5]), np.array(1, "int32"), x)
case("case_outside", lambda n, a: tf.switch_case(n, [lambda: a, lambda: a * 2, lambda: a + 5]), np.array(7, "int32"), x)


def tensor_array(a):
    out = tf.TensorArray(tf.float32, 4)
    for k in tf.range(4):
        out = out.write(k, a[k] * tf.cast(k, tf.float32))
    return out.stack()


case("tensor_array", tensor_array, f32(4, 3))


def growing(a):
    out = tf.TensorArray(tf.float32, 0, dynamic_size=True)
    for k in range(3):
        out = out.write(k, a[k])
    return out.concat()


case("tensor_array_static", growing, f32(3, 2))


def nested_loops(a):
    total = tf.zeros([])
    for r in tf.range(3):
        for s in tf.range(4):
            if a[r, s] > 0:
                total += a[r, s]
            else:
                total -= 0.5 * a[r, s]
    return total


case("nested_loops", nested_loops, f32(3, 4))
case("while_captured", lambda a: tf.while_loop(lambda k, b: k < 4, lambda k, b: (k + 1, tf.tanh(b @ w_sq)), [0, a])[1], f32(2, 4))
w_sq = f32(4, 4)
case("recursion_free", lambda a: tf.function(lambda b: b * 2)(tf.function(lambda b: b + 1)(a)), x)
case("numpy", lambda a: tf.experimental.numpy.sum(tf.experimental.numpy.square(a), axis=1) + tf.experimental.numpy.mean(a), f32(3, 4))
case("numpy_more", lambda a: tf.experimental.numpy.moveaxis(tf.experimental.numpy.clip(a, -1, 1), 0, 1), f32(3, 4))
case("random_refused", lambda a: a + tf.random.stateless_uniform([2, 3, 4], [1, 2]), x, refuse="stateless")

# ---- strings ----
s = np.array(["ab", "c", ""], object)
case("string_equal", lambda a: tf.equal(a, "c"), s)
case("string_gather", lambda b: tf.gather(tf.constant(["x", "yy", "z"]), b), np.array([2, 0], "int32"))
case("string_length", lambda a: tf.strings.length(a), s, refuse="StringLength")


# ---- modules with state ----
class Tables(tf.Module):
    def __init__(self, keys, values, default):
        super().__init__()
        self.t = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), default)

    def __call__(self, a):
        return self.t.lookup(a)


def table(name, keys, values, default, looked_up):
    CASES.append((name, Tables(tf.constant(keys), tf.constant(values), default), (looked_up,), False, None, 1e-6))


table("table_str_i64", ["a", "b", "c"], np.array([5, 6, 7], "int64"), -1, np.array(["b", "x"], object))
table("table_i64_str", np.array([5, 6, 7], "int64"), ["a", "b", "c"], "?", np.array([6, 1], "int64"))
table("table_i64_i64", np.array([5, 6, 7], "int64"), np.array([1, 2, 3], "int64"), -1, np.array([6, 1], "int64"))
table("table_str_f32", ["a", "b", "c"], np.array([5, 6, 7], "float32"), -1.0, np.array(["b", "x"], object))
table("table_str_str", ["a", "b", "c"], ["x", "yy", "zzz"], "?", np.array(["b", "x"], object))
table("table_i32_f32", np.array([5, 6, 7], "int32"), np.array([1, 2, 3], "float32"), -1.0, np.array([6, 1], "int32"))


class FileTable(tf.Module):
    def __init__(self, folder):
        super().__init__()
        path = os.path.join(folder, "words.txt")
        open(path, "w").write("red\ngreen\nblue\n")
        self.asset = tf.saved_model.Asset(path)
        init = tf.lookup.TextFileInitializer(self.asset, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER)
        self.t = tf.lookup.StaticVocabularyTable(init, 1) if False else tf.lookup.StaticHashTable(init, -1)

    def __call__(self, a):
        return self.t.lookup(a)


class Counter(tf.Module):
    def __init__(self):
        super().__init__()
        self.n = tf.Variable(3.0)
        self.rows = tf.Variable(f32(4, 3))

    def __call__(self, a):
        self.n.assign_add(1.0)
        self.rows.scatter_nd_update([[1]], a)
        return self.rows * self.n


class Trainer(tf.Module):
    """A step of a small net: the loss; the variables change."""

    def __init__(self, optimizer):
        super().__init__()
        self.k = tf.Variable(f32(3, 3, 2, 4))
        self.w = tf.Variable(f32(4 * 9, 5) * 0.1)
        self.b = tf.Variable(f32(5))
        self.optimizer = optimizer
        self.slots = [[tf.Variable(tf.zeros(v.shape)) for v in (self.k, self.w, self.b)] for _ in range(2)]

    def __call__(self, a, labels):
        with tf.GradientTape() as tape:
            h = tf.nn.leaky_relu(tf.nn.conv2d(a, self.k, 2, "SAME"))
            h = tf.nn.relu(tf.matmul(tf.reshape(h, [-1, 36]), self.w) + self.b)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, h)) + tf.reduce_sum(tf.sigmoid(h) * tf.tanh(h))
        for k, (v, g) in enumerate(zip((self.k, self.w, self.b), tape.gradient(loss, (self.k, self.w, self.b)))):
            if self.optimizer == "descent":
                tf.raw_ops.ResourceApplyGradientDescent(var=v.handle, alpha=0.1, delta=g)
            elif self.optimizer == "momentum":
                tf.raw_ops.ResourceApplyKerasMomentum(var=v.handle, accum=self.slots[0][k].handle, lr=0.1, grad=g, momentum=0.9)
            else:
                tf.raw_ops.ResourceApplyAdam(var=v.handle, m=self.slots[0][k].handle, v=self.slots[1][k].handle, beta1_power=0.9, beta2_power=0.999, lr=0.1, beta1=0.9, beta2=0.999, epsilon=1e-7, grad=g)
        return loss, tf.reduce_sum(self.k), tf.reduce_sum(self.w, 0), self.b


for n in "descent momentum adam".split():
    CASES.append(("train_" + n, Trainer(n), (f32(4, 6, 6, 2), np.array([1, 0, 4, 2], "int32")), False, None, 1e-4))


class Ring(tf.Module):
    """Parts of a variable are set, at a place that is kept in another."""

    def __init__(self):
        super().__init__()
        self.rows = tf.Variable(f32(5, 3))
        self.at = tf.Variable(1)

    def __call__(self, a):
        self.rows[self.at].assign(a[0])
        self.rows[3:, 1].assign(a[0, :2])
        self.rows[:1].assign(a[1:])
        self.at.assign((self.at + 1) % 5)
        return self.rows + 0.0, self.at + 0


class Inside(tf.Module):
    """Variables that change within loops, branches and functions."""

    def __init__(self):
        super().__init__()
        self.n = tf.Variable(1.0)
        self.m = tf.Variable([1.0, 2.0])

    def __call__(self, a):
        for k in tf.range(3):
            self.n.assign_add(tf.cast(k, tf.float32))
            if a[k] > 0:
                self.m.assign(self.m * 2.0)
            else:
                self.m.assign_sub([1.0, 1.0])
        tf.function(lambda: self.n.assign(self.n * 10.0))()
        return self.n + 0.0, self.m + 0.0, a


CASES.append(("inside", Inside(), (np.array([1, -1, 2], "float32"),), False, None, 1e-6))
CASES.append(("ring", Ring(), (f32(2, 3),), False, None, 1e-6))
case("slice_update", lambda a, b: tf.raw_ops.TensorStridedSliceUpdate(input=a, begin=[0, 1], end=[0, 3], strides=[1, 1], value=b, begin_mask=1, end_mask=1), x, f32(2, 2, 4))


def grads(f):
    def g(a):
        with tf.GradientTape() as tape:
            tape.watch(a)
            out = tf.reduce_sum(f(a))
        return tape.gradient(out, a)
    return g


for n in "relu relu6 elu softplus softsign sigmoid tanh leaky_relu".split():
    case("grad_" + n, grads(getattr(tf.nn, n)), x * 3)
for n in "sqrt rsqrt reciprocal".split():
    case("grad_" + n, grads(getattr(tf.math, n)), p)
case("cross_entropy", lambda a: tf.nn.softmax_cross_entropy_with_logits(tf.one_hot([1, 0, 3], 4), a), f32(3, 4))


def make_keras(name, build, *inputs, tol=1e-5):
    CASES.append((name, ("keras", build), inputs, False, None, tol))


def keras2(name, build, *inputs, tol=1e-5):
    CASES.append((name, ("keras2", build), inputs, False, None, tol))


def layers_of(k):
    L = k.layers
    seq, image = f32(2, 7, 5), f32(2, 12, 12, 3)

    def model(shape, *layers):
        def build():
            a = out = k.Input(shape)
            for layer in layers:
                out = layer()(out)
            return k.Model(a, out)
        return build
    return [
        ("dense", model((5,), lambda: L.Dense(4, "relu"), lambda: L.Dense(3, "softmax")), f32(2, 5)),
        ("cnn", model((12, 12, 3), lambda: L.Conv2D(4, 3, 2, "same"), L.BatchNormalization, L.ReLU, lambda: L.DepthwiseConv2D(3), L.GlobalAveragePooling2D, lambda: L.Dense(2)), image),
        ("transpose", model((12, 12, 3), lambda: L.Conv2DTranspose(4, 3, 2, "same"), lambda: L.Conv2DTranspose(2, 3, 2, "valid"), lambda: L.UpSampling2D(2)), image),
        ("lstm", model((7, 5), lambda: L.LSTM(6, return_sequences=True), lambda: L.LSTM(4)), seq),
        ("gru", model((7, 5), lambda: L.GRU(6, return_sequences=True), lambda: L.GRU(4)), seq),
        ("gru_before", model((7, 5), lambda: L.GRU(6, reset_after=False)), seq),
        ("rnn", model((7, 5), lambda: L.SimpleRNN(6)), seq),
        ("bidirectional", model((7, 5), lambda: L.Bidirectional(L.LSTM(6, return_sequences=True)), lambda: L.Bidirectional(L.GRU(3))), seq),
        ("masked_lstm", model((7, 5), lambda: L.Masking(), lambda: L.LSTM(6)), seq * (R.rand(2, 7, 1) > 0.3).astype("float32")),
        ("time_distributed", model((7, 5), lambda: L.TimeDistributed(L.Dense(3))), seq),
        ("attention", lambda: (lambda a: k.Model(a, L.MultiHeadAttention(2, 4)(a, a)))(k.Input((7, 5))), seq),
        ("norms", model((7, 5), L.LayerNormalization), seq),
        ("embedding", model((7,), lambda: L.Embedding(10, 4), L.Flatten), R.randint(0, 9, (2, 7)).astype("float32")),
        ("convlstm", model((4, 6, 6, 2), lambda: L.ConvLSTM2D(3, 3)), f32(2, 4, 6, 6, 2)),
        ("pools", model((12, 12, 3), lambda: L.AveragePooling2D(3, 2, "same"), lambda: L.MaxPooling2D(2), L.Flatten), image),
        ("conv1d", model((7, 5), lambda: L.Conv1D(4, 3, padding="causal"), lambda: L.SeparableConv1D(3, 3)), seq),
        ("conv3d", model((4, 6, 6, 2), lambda: L.Conv3D(3, 3), L.GlobalMaxPooling3D), f32(2, 4, 6, 6, 2)),
    ]


# ---- graphs of TensorFlow 1 ----
v1 = tf.compat.v1


def graph(name, build, *inputs, tol=1e-5, open_dims=False):
    """A graph with its session's variables, saved as TensorFlow 1 saves it."""
    CASES.append((name, ("v1", build), inputs, open_dims, None, tol))


def v1_variables(a):
    k = v1.get_variable("k", initializer=f32(3, 4), use_resource=False)
    b = v1.get_variable("b", initializer=f32(4), use_resource=True)
    return tf.nn.relu(tf.matmul(a, k) + b)


def v1_partitioned(a):
    k = v1.get_variable("p", shape=[6, 4], partitioner=v1.fixed_size_partitioner(3), use_resource=False)
    return tf.matmul(a, tf.convert_to_tensor(k))


def v1_rnn(cell):
    def build(a):
        out, state = v1.nn.dynamic_rnn(cell(), a, dtype=tf.float32)
        return out, tf.convert_to_tensor(state[-1] if isinstance(state, tuple) else state)
    return build


def v1_table(a):
    t = v1.lookup.StaticHashTable(v1.lookup.KeyValueTensorInitializer(["a", "b"], np.array([4, 5], "int64")), -1)
    v1.add_to_collection(v1.GraphKeys.TABLE_INITIALIZERS, t.initializer)
    return t.lookup(a)


def v1_training_flag(a):
    training = v1.placeholder_with_default(False, [])
    return v1.layers.dropout(v1.layers.batch_normalization(a, training=training), training=training)


def v1_cond_twice(a):
    b = tf.cond(tf.reduce_sum(a) > 0, lambda: (a + 1, a * 2), lambda: (a - 1, a * 3))
    return tf.cond(tf.reduce_sum(b[0]) > 100, lambda: b[0], lambda: tf.cond(a[0, 0] > 0, lambda: b[1], lambda: b[0] * b[1]))


def v1_loop_in_cond(a):
    def loop():
        return tf.while_loop(lambda k, s: k < 3, lambda k, s: (k + 1, s + tf.cond(k > 1, lambda: a, lambda: a * 0.5)), [0, a])[1]
    return tf.cond(tf.reduce_sum(a) > -1000, loop, lambda: a)


def v1_nested_loops(a):
    def outer(k, s):
        return k + 1, tf.while_loop(lambda m, t: m < k, lambda m, t: (m + 1, t * 0.9 + a), [0, s])[1]
    return tf.while_loop(lambda k, s: k < 4, outer, [0, a])[1]


graph("v1_variables", v1_variables, f32(2, 3), open_dims=True)
graph("v1_partitioned", v1_partitioned, f32(2, 6))
graph("v1_cond", lambda a: tf.cond(tf.reduce_sum(a) > 0, lambda: a + 1, lambda: a * 2), f32(2, 3))
graph("v1_cond_twice", v1_cond_twice, f32(2, 3))
graph("v1_while", lambda a: tf.while_loop(lambda k, s: k < 5, lambda k, s: (k + 1, s * 0.5 + a), [0, a]), f32(2, 3))
graph("v1_loop_in_cond", v1_loop_in_cond, f32(2, 3))
graph("v1_nested_loops", v1_nested_loops, f32(2, 3))
graph("v1_dynamic_rnn", v1_rnn(lambda: v1.nn.rnn_cell.BasicRNNCell(4)), f32(2, 5, 3))
graph("v1_dynamic_lstm", v1_rnn(lambda: v1.nn.rnn_cell.LSTMCell(4)), f32(2, 5, 3))
graph("v1_dynamic_gru", v1_rnn(lambda: v1.nn.rnn_cell.GRUCell(4)), f32(2, 5, 3))
graph("v1_dynamic_open", v1_rnn(lambda: v1.nn.rnn_cell.GRUCell(4)), f32(2, 5, 3), open_dims=True)
graph("v1_map_fn", lambda a: tf.map_fn(lambda r: r * tf.reduce_sum(r), a), f32(4, 3))
graph("v1_table", v1_table, np.array(["b", "z"], object))
graph("v1_training_flag", v1_training_flag, f32(2, 5, 5, 3), open_dims=True)
graph("v1_layers", lambda a: v1.layers.dense(v1.layers.flatten(v1.layers.max_pooling2d(v1.layers.conv2d(a, 4, 3, activation=tf.nn.relu), 2, 2)), 3), f32(2, 8, 8, 3), open_dims=True)


def save_v1(build, inputs, open_dims, folder):
    with tf.Graph().as_default(), v1.Session() as session:
        v1.disable_control_flow_v2()
        feeds = {f"in{k}": v1.placeholder(tf.as_dtype(v.dtype) if v.dtype != object else tf.string, [None, *v.shape[1:]] if open_dims else v.shape) for k, v in enumerate(inputs)}
        out = build(*feeds.values())
        out = list(out) if isinstance(out, (tuple, list)) else [out]
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        signature = v1.saved_model.predict_signature_def(feeds, {f"out{k}": tf.identity(v) for k, v in enumerate(out)})
        builder = v1.saved_model.Builder(folder)
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature}, main_op=v1.tables_initializer())
        builder.save()
        v1.enable_control_flow_v2()
    return tf.saved_model.load(folder).signatures["serving_default"]


# ---- writing and comparing ----
def save(name, what, inputs, open_dims, folder):
    if isinstance(what, tuple):
        kind, build = what
        if kind == "v1":
            return save_v1(build, inputs, open_dims, folder)
        model = build()
        if kind == "keras":
            model.export(folder, verbose=False)
            loaded = tf.saved_model.load(folder)
            return loaded.signatures["serving_default" if "serving_default" in loaded.signatures else list(loaded.signatures)[0]]
        tf.saved_model.save(model, folder)
        return tf.saved_model.load(folder).signatures["serving_default"]
    module = what if isinstance(what, tf.Module) else tf.Module()
    specs = [tf.TensorSpec([None, *v.shape[1:]] if open_dims and v.ndim else v.shape, tf.as_dtype(v.dtype) if v.dtype != object else tf.string, f"in{k}") for k, v in enumerate(inputs)]

    def run(*a):
        out = what(*a)
        out = list(out) if isinstance(out, (tuple, list)) else [out]
        return {f"out{k}": tf.convert_to_tensor(v) for k, v in enumerate(out)}
    module.run = tf.function(run, input_signature=specs)
    tf.saved_model.save(module, folder, signatures=module.run.get_concrete_function())
    return tf.saved_model.load(folder).signatures["serving_default"]


def compare(got, want, tol):
    if got.dtype.kind in "OSU":
        got = np.array([v if isinstance(v, bytes) else str(v).encode() for v in got.ravel()], "S").reshape(got.shape)
        want = np.array([v if isinstance(v, bytes) else str(v).encode() for v in want.ravel()], "S").reshape(want.shape)
    if got.shape != want.shape or got.dtype.kind != want.dtype.kind or (got.dtype != want.dtype and got.dtype.kind != "S"):
        return f"is {got.dtype}{list(got.shape)}, want {want.dtype}{list(want.shape)}"
    if want.dtype.kind != "f":
        return None if np.array_equal(got, want) else f"{int((got != want).sum())} of {want.size} differ"
    ok = np.isclose(got, want, atol=tol + 10 * tol * np.abs(want[np.isfinite(want)]).max(initial=0), rtol=0, equal_nan=True)
    return None if ok.all() else f"largest difference {np.nanmax(np.abs(got - want)):.3g}"


def npy(v):
    return np.array([t if isinstance(t, bytes) else str(t).encode() for t in v.ravel()], "S").reshape(v.shape) if v.dtype == object else v


def check(a, name, what, inputs, open_dims, refuse, tol, tmp):
    folder = os.path.join(tmp, name)
    shutil.rmtree(folder, ignore_errors=True)
    signature = save(name, what, inputs, open_dims, os.path.join(folder, "model"))
    keys = sorted(signature.structured_input_signature[1])
    feeds = dict(zip(keys, inputs))
    wants = {k: v.numpy() for k, v in signature(**{k: tf.constant(v) for k, v in feeds.items()}).items()}
    for k, v in feeds.items():
        np.save(os.path.join(folder, k + ".npy"), npy(np.asarray(v)))
    for k, v in wants.items():
        np.save(os.path.join(folder, "want_" + k + ".npy"), npy(np.asarray(v)))
    manifest = dict(source="savedmodel", files=["model"], features=[], tolerance={"abs": tol, "rel": 10 * tol},
                    inputs=[{"name": k, "file": k + ".npy"} for k in feeds], outputs=[{"name": k, "file": "want_" + k + ".npy"} for k in wants])
    if refuse is not None:
        manifest["optional"] = True
    json.dump(manifest, open(os.path.join(folder, "manifest.json"), "w"))
    out = os.path.join(folder, "out.tflite")
    done = subprocess.run([a.linnet, "convert", os.path.join(folder, "model"), "-o", out], capture_output=True, text=True, timeout=120)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        if refuse is not None and len(lines) == 1 and refuse.lower() in lines[0].lower():
            return "refused"
        return f"convert ends with {done.returncode}: {done.stderr.strip()[-300:]}"
    results = os.path.join(folder, "results")
    command = [a.linnet, "run", out, "--output-dir", results] + sum((["--input", f"{k}={os.path.join(folder, k)}.npy"] for k in feeds), [])
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode:
        return "run: " + done.stderr.strip()[-300:]
    listed = {o["name"]: np.load(os.path.join(results, o["file"])) for o in json.load(open(os.path.join(results, "outputs.json")))}
    for k, want in wants.items():
        why = compare(listed[k], np.asarray(want), tol)
        if why:
            return f"{k}: {why}"
    return None


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--linnet", required=True)
    p.add_argument("--only", default="")
    p.add_argument("--keep")
    a = p.parse_args()
    tmp = a.keep or tempfile.mkdtemp()
    os.makedirs(tmp, exist_ok=True)
    import keras
    for n, build, *inputs in layers_of(keras):
        make_keras("k3_" + n, build, *inputs)
    try:
        import tf_keras
        for n, build, *inputs in layers_of(tf_keras):
            keras2("k2_" + n, build, *inputs)
    except ImportError:
        pass
    CASES.append(("table_file", FileTable(tmp), (np.array(["blue", "pink"], object),), False, None, 1e-6))
    CASES.append(("counter", Counter(), (f32(1, 3),), False, None, 1e-6))
    good = refused = 0
    bad = []
    for name, what, inputs, open_dims, refuse, tol in CASES:
        if not re.search(a.only, name):
            continue
        try:
            why = check(a, name, what, inputs, open_dims, refuse, tol, tmp)
        except Exception as error:
            why = f"{type(error).__name__}: {str(error)[:300]}"
        if why is None:
            good += 1
        elif why == "refused":
            refused += 1
        else:
            bad.append(name)
            print(f"{name}: {why}", flush=True)
    print(f"right {good}, refused as they should be {refused}, wrong {len(bad)}")
    if not a.keep:
        shutil.rmtree(tmp, ignore_errors=True)
    sys.exit(len(bad) > 0)


if __name__ == "__main__":
    main()
