#!/usr/bin/env python3
"""Converts functions of jax.numpy, jax.nn and jax.lax in each form that JAX writes, and compares what the results compute with JAX.

usage: stablehlo_jax_test.py LINNET [--only REGEX] [--module ai_edge_litert.interpreter] [--keep DIR]
needs: jax; ends with 77 where it is absent. Prints a line for each function that fails, then a count.
"""
import argparse, collections, importlib, json, os, re, subprocess, sys, tempfile

try:
    import jax, jax.numpy as jnp, numpy as np
    from jax import export, lax
except ImportError:
    sys.exit(77)

os.environ.setdefault("JAX_PLATFORMS", "cpu")
R = np.random.default_rng(7)


def f(*shape, low=-2.0, high=2.0, dtype="float32"):
    return R.uniform(low, high, shape).astype(dtype)


def i(*shape, low=-9, high=9, dtype="int32"):
    return R.integers(low, high, shape).astype(dtype)


def b(*shape):
    return R.integers(0, 2, shape).astype(bool)


CASES = []


def case(name, fn, *args):
    CASES.append((name, fn, args))


def elementwise():
    for n in ("abs ceil cos exp floor negative rint sign sin square tanh expm1 sinh cosh arctan arcsinh cbrt exp2 isfinite isinf isnan "
              "isposinf isneginf deg2rad rad2deg sinc trunc positive signbit conj real nan_to_num round").split():
        case(n, getattr(jnp, n), f(3, 5))
    for n in "sqrt log log1p log2 log10 reciprocal".split():
        case(n, getattr(jnp, n), f(3, 5, low=0.1, high=4))
    for n in "arcsin arccos arctanh".split():
        case(n, getattr(jnp, n), f(3, 5, low=-0.95, high=0.95))
    case("arccosh", jnp.arccosh, f(3, 5, low=1.05, high=8))
    case("tan", jnp.tan, f(3, 5, low=-1.3, high=1.3))
    case("rsqrt", lax.rsqrt, f(3, 5, low=0.1, high=4))
    case("i0", jnp.i0, f(3, 5))
    for n in ("add subtract multiply divide maximum minimum arctan2 hypot copysign fmax fmin floor_divide mod remainder fmod logaddexp logaddexp2 "
              "equal not_equal less less_equal greater greater_equal heaviside true_divide isclose divmod").split():
        case(n, getattr(jnp, n), f(3, 5), f(3, 5))
        case(n + "_broadcast", getattr(jnp, n), f(3, 5), f(5))
    case("power", jnp.power, f(3, 5, low=0.1), f(3, 5))
    case("float_power", jnp.float_power, f(3, 5, low=0.1), f(3, 5))
    for n in "add subtract multiply maximum minimum floor_divide mod remainder gcd lcm bitwise_and bitwise_or bitwise_xor".split():
        case(n + "_int", getattr(jnp, n), i(3, 5), i(3, 5, low=1))
    for t in ("int8", "uint8", "int16", "uint16", "uint32"):
        for n in "add subtract multiply maximum minimum bitwise_and bitwise_or bitwise_xor less greater_equal floor_divide mod".split():
            case(f"{n}_{t}", getattr(jnp, n), R.integers(0, 120, (3, 5)).astype(t), R.integers(1, 120, (3, 5)).astype(t))
        case(f"sum_{t}", lambda x: jnp.sum(x, 0), R.integers(0, 120, (3, 5)).astype(t))
        case(f"max_{t}", lambda x: jnp.max(x, 1), R.integers(0, 120, (3, 5)).astype(t))
        case(f"invert_{t}", jnp.invert, R.integers(0, 120, (3, 5)).astype(t))
        case(f"to_float_{t}", lambda x: x.astype("float32") * 0.5, R.integers(0, 120, (3, 5)).astype(t))
        case(f"from_float_{t}", lambda x: x.astype(t), f(3, 5, low=0, high=100))
        case(f"sort_{t}", lambda x: jnp.sort(x), R.integers(0, 120, (3, 5)).astype(t))
        case(f"shifts_{t}", lambda x: (x << 2, x >> 1, lax.shift_right_logical(x, jnp.full_like(x, 3))), R.integers(0, 120, (3, 5)).astype(t))
    u = R.integers(0, 2**32, (3, 5), dtype=np.uint32)
    v = R.integers(1, 2**32, (3, 5), dtype=np.uint32)
    for n in "add subtract multiply maximum minimum bitwise_and bitwise_or bitwise_xor less greater_equal floor_divide mod".split():
        case(f"{n}_wide", getattr(jnp, n), u, v)
    case("rotate", lambda x: (x << 13) | (x >> 19), u)
    case("shift_by", lambda x, y: (lax.shift_left(x, y), lax.shift_right_logical(x, y), lax.shift_right_arithmetic(x.astype("int32"), y.astype("int32"))), u, R.integers(0, 32, (3, 5)).astype("uint32"))
    case("uint_to_float", lambda x: x.astype("float32"), u)
    case("popcount", lax.population_count, u)
    case("clz", lax.clz, u)
    case("bitcast", lambda x: lax.bitcast_convert_type(x, jnp.int32), f(3, 5))
    case("bitcast_back", lambda x: lax.bitcast_convert_type(x | 0x3F800000, jnp.float32), i(3, 5, low=0, high=1 << 20))
    case("abs_int", jnp.abs, i(3, 5))
    case("sign_int", jnp.sign, i(3, 5))
    case("negative_int", jnp.negative, i(3, 5))
    case("invert", jnp.invert, i(3, 5))
    case("power_int", lambda x: x**3, i(3, 5))
    case("left_shift", lambda x: jnp.left_shift(x, 3), i(3, 5))
    case("right_shift", lambda x: jnp.right_shift(x, 2), i(3, 5))
    for n in "logical_and logical_or logical_xor".split():
        case(n, getattr(jnp, n), b(3, 5), b(3, 5))
    case("logical_not", jnp.logical_not, b(3, 5))
    case("where", lambda c, x, y: jnp.where(c, x, y), b(3, 5), f(3, 5), f(5))
    case("where_scalar", lambda x: jnp.where(x > 0, x, 0.1 * x), f(3, 5))
    case("clip", lambda x: jnp.clip(x, -1, 1), f(3, 5))
    case("clamp", lambda x, y: lax.clamp(0.0, x, y), f(3, 5), f(3, 5, low=1))
    case("select_n", lambda w, x, y: lax.select_n(w, x, y), b(3, 5), f(3, 5), f(3, 5))
    case("ldexp", lambda x: jnp.ldexp(x, 3), f(3, 5))
    case("nextafter_free", lambda x: x * 1.5 + 0.25, f(3, 5))
    case("square_root_sum", lambda x, y: jnp.sqrt(x * x + y * y), f(3, 5), f(3, 5))
    case("erf", jax.scipy.special.erf, f(3, 5))
    case("erfc", jax.scipy.special.erfc, f(3, 5))
    case("erfinv", jax.scipy.special.erfinv, f(3, 5, low=-0.98, high=0.98))
    case("gammaln", jax.scipy.special.gammaln, f(3, 5, low=0.2, high=9))
    case("digamma", jax.scipy.special.digamma, f(3, 5, low=0.5, high=9))
    case("xlogy", jax.scipy.special.xlogy, f(3, 5, low=0.1), f(3, 5, low=0.1))
    case("expit", jax.scipy.special.expit, f(3, 5))
    case("logit", jax.scipy.special.logit, f(3, 5, low=0.1, high=0.9))
    case("norm_cdf", jax.scipy.stats.norm.cdf, f(3, 5))
    case("norm_logpdf", jax.scipy.stats.norm.logpdf, f(3, 5))
    case("half", lambda x: (x.astype("float16") * 2).astype("float32"), f(3, 5))
    case("half_io", lambda x: x * 2, f(3, 5, dtype="float16"))
    case("round_decimals", lambda x: jnp.round(x, 2), f(3, 5))
    case("reduce_precision", lambda x: lax.reduce_precision(x, 5, 10), f(3, 5))
    case("round_away", lambda x: lax.round(x), f(3, 5))
    case("polyval", lambda x: jnp.polyval(jnp.array([1.0, -2.0, 3.0]), x), f(3, 5))
    case("interp", lambda x: jnp.interp(x, jnp.linspace(-2, 2, 7), jnp.arange(7.0)), f(3, 5))
    case("unwrap", jnp.unwrap, f(3, 9, low=-6, high=6))


def shapes():
    x, m = f(2, 3, 4), f(4, 5)
    for name, fn in {
        "reshape": lambda x: x.reshape(6, 4), "ravel": jnp.ravel, "transpose": jnp.transpose, "transpose_axes": lambda x: jnp.transpose(x, (1, 2, 0)),
        "swapaxes": lambda x: jnp.swapaxes(x, 0, 2), "moveaxis": lambda x: jnp.moveaxis(x, 0, -1), "rollaxis": lambda x: jnp.rollaxis(x, 2),
        "flip": jnp.flip, "flip_axis": lambda x: jnp.flip(x, 1), "roll": lambda x: jnp.roll(x, 2), "roll_axis": lambda x: jnp.roll(x, 1, 2),
        "expand_dims": lambda x: jnp.expand_dims(x, (0, 2)), "squeeze": lambda x: jnp.squeeze(x[None]), "broadcast_to": lambda x: jnp.broadcast_to(x, (5, 2, 3, 4)),
        "tile": lambda x: jnp.tile(x, (2, 1, 3)), "repeat": lambda x: jnp.repeat(x, 3, axis=1), "concatenate": lambda x: jnp.concatenate([x, x * 2], 1),
        "stack": lambda x: jnp.stack([x, x], 1), "vstack": lambda x: jnp.vstack([x[0], x[1]]), "hstack": lambda x: jnp.hstack([x[0], x[1]]),
        "dstack": lambda x: jnp.dstack([x[0], x[1]]), "column_stack": lambda x: jnp.column_stack([x[0], x[1]]), "split": lambda x: jnp.split(x, 2, -1),
        "array_split": lambda x: jnp.array_split(x, 3, -1), "slice": lambda x: x[:, 1:, ::2], "negative_step": lambda x: x[:, ::-1], "index": lambda x: x[1, 2],
        "newaxis": lambda x: x[:, None, 0], "ellipsis": lambda x: x[..., -1], "pad": lambda x: jnp.pad(x, ((1, 0), (2, 1), (0, 3))),
        "pad_value": lambda x: jnp.pad(x, 1, constant_values=3), "pad_edge": lambda x: jnp.pad(x, 1, mode="edge"), "pad_reflect": lambda x: jnp.pad(x, ((1, 1), (2, 2), (1, 1)), mode="reflect"),
        "pad_wrap": lambda x: jnp.pad(x, 1, mode="wrap"), "pad_symmetric": lambda x: jnp.pad(x, 1, mode="symmetric"), "lax_pad": lambda x: lax.pad(x, 0.5, ((1, 2, 1), (0, 0, 2), (-1, 1, 0))),
        "lax_pad_negative": lambda x: lax.pad(x, 0.0, ((0, 0, 0), (-1, -1, 0), (0, 0, 0))), "rot90": lambda x: jnp.rot90(x, axes=(1, 2)), "diff": jnp.diff,
        "diff2": lambda x: jnp.diff(x, 2, axis=1), "ediff1d": jnp.ediff1d, "atleast_3d": lambda x: jnp.atleast_3d(x[0]), "full_like": lambda x: jnp.full_like(x, 2),
        "zeros_like": lambda x: jnp.zeros_like(x) + x, "ones_like": lambda x: x - jnp.ones_like(x), "insert": lambda x: jnp.insert(x[0], 1, 5.0, axis=0),
        "delete": lambda x: jnp.delete(x[0], 1, axis=0), "append": lambda x: jnp.append(x[0], x[1], axis=0), "meshgrid": lambda x: jnp.meshgrid(x[0, 0], x[0, 1]),
        "kron": lambda x: jnp.kron(x[0], x[1]), "dynamic_ones": lambda x: x + jnp.ones((4,)), "reverse_all": lambda x: lax.rev(x, (0, 2)), "resize": lambda x: jnp.resize(x, (3, 5)),
        "block": lambda x: jnp.block([[x[0], x[1]], [x[1], x[0]]]), "gradient": lambda x: jnp.gradient(x, axis=2), "trim": lambda x: x[:, -2:],
    }.items():
        case(name, fn, x)
    for name, fn in {"tril": jnp.tril, "triu": jnp.triu, "diag": lambda m: jnp.diag(m), "diagonal": lambda m: jnp.diagonal(m, 1), "trace": jnp.trace, "eye": lambda m: m @ jnp.eye(5), "fill_diagonal": lambda m: jnp.fill_diagonal(m, 1.0, inplace=False)}.items():
        case(name, fn, m)
    case("diag_make", jnp.diag, f(4))
    case("arange", lambda x: x + jnp.arange(5), f(3, 5))
    case("linspace", lambda x: x + jnp.linspace(0, 1, 5), f(3, 5))
    case("iota2", lambda x: x + lax.broadcasted_iota(jnp.float32, (3, 5), 0), f(3, 5))
    case("vander", lambda x: jnp.vander(x, 3), f(4))
    case("hamming", lambda x: x * jnp.hamming(5), f(3, 5))
    case("concat_bool", lambda x: jnp.concatenate([x, ~x]), b(3, 5))
    case("pad_bool", lambda x: jnp.pad(x, 1), b(3, 5))
    case("unravel", lambda x: jnp.unravel_index(x, (4, 5)), i(6, low=0, high=20))


def reductions():
    x, z = f(2, 3, 4), f(2, 3, 4, low=0.5)
    for n in "sum mean max min var std ptp any all argmax argmin cumsum median nansum nanmean nanmax nanmin nanargmax count_nonzero".split():
        fn = getattr(jnp, n)
        case(n, fn, x)
        case(n + "_axis", lambda x, fn=fn: fn(x, axis=1), x)
    case("prod", lambda x: jnp.prod(x, 2), x)
    case("cumprod", lambda x: jnp.cumprod(x, 1), z)
    case("cummax", lambda x: lax.cummax(x, 1), x)
    case("cummin", lambda x: lax.cummin(x, 2), x)
    case("cumsum_reverse", lambda x: lax.cumsum(x, 1, reverse=True), x)
    case("cumlogsumexp", lambda x: lax.cumlogsumexp(x, 1), x)
    case("sum_keep", lambda x: jnp.sum(x, (0, 2), keepdims=True), x)
    case("mean_two", lambda x: jnp.mean(x, (0, 1)), x)
    case("average", lambda x: jnp.average(x, 1, weights=jnp.array([1.0, 2.0, 3.0])), x)
    case("norm", lambda x: jnp.linalg.norm(x, axis=-1), x)
    case("norm1", lambda x: jnp.linalg.norm(x, 1, axis=-1), x)
    case("logsumexp", lambda x: jax.scipy.special.logsumexp(x, 1), x)
    case("any_bool", lambda x: jnp.any(x, 1), b(3, 5))
    case("all_bool", lambda x: jnp.all(x, 0), b(3, 5))
    case("argmax_keep", lambda x: jnp.argmax(x, -1, keepdims=True), x)
    case("argmax_int", lambda x: jnp.argmax(x, 0), i(4, 5, low=-99, high=99))
    case("sum_int", lambda x: jnp.sum(x, 0), i(4, 5))
    case("prod_int", lambda x: jnp.prod(x, 0), i(4, 5))
    case("percentile", lambda x: jnp.percentile(x, 30, axis=1), x)
    case("quantile", lambda x: jnp.quantile(x, 0.7), x)
    case("histogram", lambda x: jnp.histogram(x, bins=4, range=(-2, 2))[0], f(20))
    case("bincount", lambda x: jnp.bincount(x, length=9), i(20, low=0, high=9))
    case("cov", jnp.cov, f(3, 7))
    case("corrcoef", jnp.corrcoef, f(3, 7))
    case("trapezoid", jnp.trapezoid, x)
    case("reduce_and", lambda x: lax.reduce_and(x, (1,)), i(3, 5))
    case("reduce_or", lambda x: lax.reduce_or(x, (0,)), i(3, 5))
    case("reduce_xor", lambda x: lax.reduce_xor(x, (1,)), i(3, 5))
    case("reduce_sum_two", lambda x, y: lax.reduce((x, y), (0.0, 0.0), lambda p, q: (p[0] + q[0], p[1] + q[1]), (1,)), f(3, 5), f(3, 5))
    case("max_pool", lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID"), f(1, 6, 6, 2))
    case("max_pool_same", lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "SAME"), f(1, 7, 6, 2))
    case("sum_pool_nchw", lambda x: lax.reduce_window(x, 0.0, lax.add, (1, 1, 2, 3), (1, 1, 1, 2), "SAME"), f(1, 2, 6, 7))
    case("min_pool", lambda x: lax.reduce_window(x, jnp.inf, lax.min, (2, 2), (1, 1), "VALID"), f(5, 6))
    case("sum_pool_dilated", lambda x: lax.reduce_window(x, 0.0, lax.add, (2, 2), (1, 1), "VALID", window_dilation=(2, 1)), f(5, 6))
    case("sum_pool_base", lambda x: lax.reduce_window(x, 0.0, lax.add, (2, 2), (1, 1), "VALID", base_dilation=(2, 1)), f(5, 6))


def indexing():
    x = jnp.asarray(f(6, 4, 5))
    n = jnp.asarray(i(3, low=0, high=6))
    table = f(9, 4)
    for name, fn in {
        "take": lambda x, n: jnp.take(x, n, axis=0), "take_axis": lambda x, n: jnp.take(x, n % 4, axis=1), "take_clip": lambda x, n: jnp.take(x, n + 3, axis=0, mode="clip"),
        "take_wrap": lambda x, n: jnp.take(x, n + 3, axis=0, mode="wrap"), "take_fill": lambda x, n: jnp.take(x, n + 3, axis=0, mode="fill", fill_value=7.0), "take_flat": lambda x, n: jnp.take(x, n),
        "getitem": lambda x, n: x[n], "getitem_two": lambda x, n: x[n, n % 4], "getitem_middle": lambda x, n: x[:, n % 4], "getitem_split": lambda x, n: x[n, :, n % 5], "getitem_scalar": lambda x, n: x[n[0]],
        "getitem_row": lambda x, n: x[n[0], :, n[1] % 5], "getitem_grid": lambda x, n: x[n[:, None], n[None] % 4], "getitem_negative": lambda x, n: x[-n - 1],
        "set": lambda x, n: x.at[n[0]].set(1.0), "set_rows": lambda x, n: x.at[jnp.array([0, 2, 5])].set(n[0] * 1.0), "set_slice": lambda x, n: x.at[1:3, ::2].set(0.5), "set_dynamic": lambda x, n: x.at[n[0], n[1] % 4].set(2.0),
        "add_at": lambda x, n: x.at[n].add(1.0), "add_at_two": lambda x, n: x.at[n, n % 4].add(x[0, :3]), "mul_at": lambda x, n: x.at[n[0]].multiply(2.0), "max_at": lambda x, n: x.at[n].max(0.5), "min_at": lambda x, n: x.at[n].min(0.5),
        "drop_at": lambda x, n: x.at[n + 4].add(1.0), "set_drop": lambda x, n: x.at[jnp.arange(3) + 4].set(n[0] * 1.0, mode="drop"), "dynamic_slice": lambda x, n: lax.dynamic_slice(x, (n[0], 1, 0), (2, 2, 5)),
        "dynamic_slice_edge": lambda x, n: lax.dynamic_slice(x, (n[0] + 3, n[1], 0), (3, 2, 5)), "dynamic_index": lambda x, n: lax.dynamic_index_in_dim(x, n[1] % 4, 1), "dynamic_update": lambda x, n: lax.dynamic_update_slice(x, x[:2, :2] * 0, (n[0], n[1], 0)),
        "dynamic_update_index": lambda x, n: lax.dynamic_update_index_in_dim(x, x[0] * 0, n[0], 0), "slice_in_dim": lambda x, n: lax.slice_in_dim(x, 1, 5, 2, 0), "compress_like": lambda x, n: jnp.where(n[0] > 2, x, -x),
    }.items():
        case(name, fn, x, n)
    case("take_along", lambda x, n: jnp.take_along_axis(x, n, axis=1), f(3, 5), i(3, 4, low=0, high=5))
    case("take_along0", lambda x, n: jnp.take_along_axis(x, n, axis=0), f(3, 5), i(2, 5, low=0, high=3))
    case("put_along", lambda x, n: jnp.put_along_axis(x, n, 9.0, axis=1, inplace=False), f(3, 5), np.array([[0, 2], [1, 4], [3, 0]], "int32"))
    case("one_hot", lambda n: jax.nn.one_hot(n, 6), i(7, low=0, high=6))
    case("segment_sum", lambda x, n: jax.ops.segment_sum(x, n, 4), f(8, 3), i(8, low=0, high=4))
    case("segment_max", lambda x, n: jax.ops.segment_max(x, n, 4), f(8, 3), np.array([0, 1, 2, 3, 0, 1, 2, 3], "int32"))
    case("choose", lambda n: jnp.choose(n, [jnp.arange(4), jnp.arange(4) * 10], mode="clip"), i(4, low=0, high=2))
    case("select", lambda x: jnp.select([x < -1, x > 1], [x * 2, x * 3], 0.0), f(3, 5))
    case("piecewise", lambda x: jnp.piecewise(x, [x < 0, x >= 0], [lambda x: -x, lambda x: x * 2]), f(3, 5))
    case("searchsorted", lambda x: jnp.searchsorted(jnp.linspace(-2, 2, 9), x), f(5))
    case("digitize", lambda x: jnp.digitize(x, jnp.linspace(-2, 2, 9)), f(5))
    case("embedding", lambda n: jnp.array(table)[n], i(2, 3, low=0, high=9))
    case("vmap_slice", jax.vmap(lambda x, n: lax.dynamic_slice(x, (n,), (3,))), f(4, 8), i(4, low=0, high=5))
    case("vmap_index", jax.vmap(lambda x, n: x[n]), f(4, 8), i(4, low=0, high=8))
    case("vmap_update", jax.vmap(lambda x, n: lax.dynamic_update_slice(x, jnp.ones(2), (n,))), f(4, 8), i(4, low=0, high=6))
    case("sort", lambda x: jnp.sort(x), f(3, 7))
    case("sort_axis", lambda x: jnp.sort(x, axis=0), f(3, 7))
    case("sort_descending", lambda x: jnp.sort(x, descending=True), f(3, 7))
    case("argsort", lambda x: jnp.argsort(x), f(3, 7))
    case("argsort_int", lambda x: jnp.argsort(x, axis=0), i(6, 4, low=0, high=3))
    case("lexsort", lambda x, y: jnp.lexsort((x, y)), i(9, low=0, high=3), i(9, low=0, high=3))
    case("sort_pair", lambda x, y: lax.sort((x, y), num_keys=1), i(4, 6), f(4, 6))
    case("sort_two_keys", lambda x, y: lax.sort((x, y), num_keys=2), i(4, 6, low=0, high=3), f(4, 6))
    case("top_k", lambda x: lax.top_k(x, 3), f(3, 7))
    case("approx_like", lambda x: jnp.partition(x, 3), f(3, 7))
    case("argpartition", lambda x: jnp.sort(jnp.argpartition(x, 3)[..., :3]), f(3, 7))
    case("nonzero", lambda x: jnp.nonzero(x > 0, size=4, fill_value=0), f(7))
    case("unique", lambda x: jnp.unique(x, size=5, fill_value=0), i(9, low=0, high=5))
    case("isin", lambda x: jnp.isin(x, jnp.array([1, 3, 5])), i(9, low=0, high=7))
    case("flatnonzero", lambda x: jnp.flatnonzero(x, size=6, fill_value=-1), b(9))


def products():
    for name, fn in {"dot": jnp.dot, "matmul": jnp.matmul, "inner_t": lambda x, y: jnp.inner(x, y.T)}.items():
        case(name, fn, f(3, 4), f(4, 5))
    w = f(4, 5)
    case("dense", lambda x: x @ w + 1, f(3, 4))
    case("dense3", lambda x: x @ w, f(2, 3, 4))
    case("weights_first", lambda x: w.T @ x, f(4, 3))
    case("vector", lambda x: x @ w, f(4))
    case("matvec", lambda x: w.T @ x, f(4))
    case("vdot", jnp.vdot, f(6), f(6))
    case("outer", jnp.outer, f(3), f(4))
    case("batched", jnp.matmul, f(2, 3, 4), f(2, 4, 5))
    case("tensordot", lambda x, y: jnp.tensordot(x, y, ((1, 2), (0, 1))), f(2, 3, 4), f(3, 4, 5))
    case("cross", jnp.cross, f(4, 3), f(4, 3))
    for e, s in {"ij,jk->ik": ((3, 4), (4, 5)), "bij,bjk->bik": ((2, 3, 4), (2, 4, 5)), "bhqd,bhkd->bhqk": ((2, 2, 3, 4), (2, 2, 5, 4)), "ijk,k->ij": ((2, 3, 4), (4,)), "ij,ij->": ((3, 4), (3, 4)), "bqhd,bkhd->bhqk": ((2, 3, 2, 4), (2, 5, 2, 4)), "i,j->ij": ((3,), (4,)), "abc,bd->adc": ((2, 3, 4), (3, 5))}.items():
        case("einsum_" + e, lambda x, y, e=e: jnp.einsum(e, x, y), f(*s[0]), f(*s[1]))
    case("einsum_one", lambda x: jnp.einsum("iij->j", x), f(3, 3, 4))
    case("int_dot", lambda x, y: x @ y, i(3, 4), i(4, 5))
    case("int8_dot", lambda x, y: lax.dot_general(x, y, (((1,), (0,)), ((), ())), preferred_element_type=jnp.int32), i(3, 4, dtype="int8"), i(4, 5, dtype="int8"))
    case("matrix_power", lambda x: jnp.linalg.matrix_power(x, 3), f(3, 3))
    case("multi_dot", lambda x, y: jnp.linalg.multi_dot([x, y, x]), f(3, 4), f(4, 3))
    case("convolve", lambda x: jnp.convolve(x, jnp.array([1.0, 2.0, 3.0])), f(9))
    case("correlate", lambda x: jnp.correlate(x, jnp.array([1.0, 2.0, 3.0]), mode="same"), f(9))
    k = f(3, 3, 4, 6)

    def conv(name, *shape, kernel=k, **o):
        o.setdefault("window_strides", (1, 1))
        o.setdefault("padding", "SAME")
        o.setdefault("dimension_numbers", ("NHWC", "HWIO", "NHWC"))
        case(name, lambda x: lax.conv_general_dilated(x, kernel, **o), f(*shape))

    conv("conv", 1, 8, 8, 4)
    conv("conv_stride", 2, 8, 7, 4, window_strides=(2, 2))
    conv("conv_valid", 1, 8, 8, 4, padding="VALID")
    conv("conv_explicit", 1, 8, 8, 4, padding=((2, 1), (0, 3)))
    conv("conv_dilated", 1, 9, 9, 4, rhs_dilation=(2, 2))
    conv("conv_nchw", 1, 4, 8, 8, kernel=f(6, 4, 3, 3), dimension_numbers=("NCHW", "OIHW", "NCHW"))
    conv("conv_mixed", 4, 8, 1, 8, kernel=f(3, 6, 4, 3), dimension_numbers=("CHNW", "HOIW", "NHWC"))
    conv("conv_depthwise", 1, 8, 8, 4, kernel=f(3, 3, 1, 4), feature_group_count=4)
    conv("conv_depthwise2", 1, 8, 8, 4, kernel=f(3, 3, 1, 8), feature_group_count=4)
    conv("conv_groups", 1, 8, 8, 4, kernel=f(3, 3, 2, 6), feature_group_count=2)
    conv("conv_1d", 2, 9, 4, kernel=f(3, 4, 6), window_strides=(2,), dimension_numbers=("NWC", "WIO", "NWC"))
    conv("conv_3d", 1, 5, 6, 5, 2, kernel=f(2, 2, 2, 2, 3), window_strides=(1, 1, 1), dimension_numbers=("NDHWC", "DHWIO", "NDHWC"))
    conv("conv_transposed", 1, 5, 5, 4, padding=((2, 1), (2, 1)), lhs_dilation=(2, 2))
    conv("conv_transposed3", 1, 5, 5, 4, padding=((1, 1), (2, 2)), lhs_dilation=(2, 3))
    conv("conv_both", 1, 5, 5, 4, padding=((2, 2), (2, 2)), lhs_dilation=(2, 2), window_strides=(2, 1))
    conv("conv_batch_groups", 4, 6, 6, 4, kernel=f(3, 3, 4, 6), batch_group_count=2)
    case("conv_transpose", lambda x: lax.conv_transpose(x, k, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")), f(1, 5, 6, 4))
    case("conv_kernel", lambda x, k: lax.conv_general_dilated(x, k, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")), f(1, 6, 6, 4), k)
    case("patches", lambda x: lax.conv_general_dilated_patches(x, (2, 2), (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")), f(1, 5, 5, 2))
    case("fft", lambda x: jnp.abs(jnp.fft.fft(x)), f(3, 8))
    case("rfft", lambda x: jnp.abs(jnp.fft.rfft(x)), f(3, 8))
    case("irfft", lambda x: jnp.fft.irfft(jnp.fft.rfft(x) * 0.5, 8), f(3, 8))
    case("ifft", lambda x: jnp.fft.ifft(jnp.fft.fft(x)).real, f(3, 6))
    case("fft2", lambda x: jnp.real(jnp.fft.fft2(x)), f(4, 6))
    case("rfft2", lambda x: jnp.imag(jnp.fft.rfft2(x)), f(4, 6))
    case("complex", lambda x, y: jnp.abs((x + 1j * y) * jnp.exp(1j * x) / (2 + 1j)), f(3, 5), f(3, 5))
    case("angle", lambda x, y: jnp.angle(x + 1j * y), f(3, 5), f(3, 5))


def networks():
    for n in "relu relu6 sigmoid softplus soft_sign silu swish log_sigmoid leaky_relu hard_sigmoid hard_silu hard_swish hard_tanh elu celu selu gelu mish squareplus sparse_plus identity".split():
        fn = getattr(jax.nn, n, None)
        if fn is not None:
            case("nn_" + n, fn, f(3, 6))
    case("nn_gelu_exact", lambda x: jax.nn.gelu(x, approximate=False), f(3, 6))
    case("nn_glu", jax.nn.glu, f(3, 6))
    case("nn_softmax", jax.nn.softmax, f(3, 6))
    case("nn_softmax_axis", lambda x: jax.nn.softmax(x, axis=0), f(3, 6))
    case("nn_log_softmax", jax.nn.log_softmax, f(3, 6))
    case("nn_logsumexp", jax.nn.logsumexp, f(3, 6))
    case("nn_standardize", jax.nn.standardize, f(3, 6))
    case("nn_attention", lambda q, k, v: jax.nn.dot_product_attention(q, k, v), f(2, 5, 2, 4), f(2, 5, 2, 4), f(2, 5, 2, 4))
    case("nn_attention_causal", lambda q, k, v: jax.nn.dot_product_attention(q, k, v, is_causal=True), f(2, 5, 2, 4), f(2, 5, 2, 4), f(2, 5, 2, 4))
    case("resize", lambda x: jax.image.resize(x, (1, 8, 10, 2), "bilinear"), f(1, 4, 5, 2))
    case("resize_nearest", lambda x: jax.image.resize(x, (1, 8, 10, 2), "nearest"), f(1, 4, 5, 2))
    case("resize_cubic", lambda x: jax.image.resize(x, (1, 7, 9, 2), "cubic"), f(1, 4, 5, 2))
    w, u = f(4, 6), f(6, 6)

    def step(h, x):
        h = jnp.tanh(x @ w + h @ u)
        return h, h

    case("scan", lambda x: lax.scan(step, jnp.zeros((2, 6)), x), f(5, 2, 4))
    case("scan_reverse", lambda x: lax.scan(step, jnp.zeros((2, 6)), x, reverse=True)[1], f(5, 2, 4))
    case("scan_unroll", lambda x: lax.scan(step, jnp.zeros((2, 6)), x, unroll=2)[0], f(4, 2, 4))
    case("scan_two", lambda x, y: lax.scan(lambda c, p: (c + p[0], c * p[1]), jnp.zeros(3), (x, y)), f(5, 3), f(5, 3))
    case("scan_nested", lambda x: lax.scan(lambda c, r: (lax.scan(lambda d, v: (d + v, None), c, r)[0], c), 0.0, x), f(3, 4))
    case("fori", lambda x: lax.fori_loop(0, 5, lambda k, v: v * 1.1 + k, x), f(3))
    case("fori_dynamic", lambda x, n: lax.fori_loop(0, n, lambda k, v: v * 1.1 + k, x), f(3), np.int32(4))
    case("while", lambda x: lax.while_loop(lambda v: jnp.sum(v) < 100, lambda v: v * 2, x), f(3, low=1))
    case("while_pair", lambda x: lax.while_loop(lambda s: s[0] < 5, lambda s: (s[0] + 1, s[1] + jnp.sin(s[1])), (0, x)), f(3))
    case("map", lambda x: lax.map(lambda v: jnp.dot(v, v), x), f(4, 3))
    case("cond", lambda c, x: lax.cond(c, lambda v: v * 2, lambda v: v - 1, x), np.bool_(True), f(3))
    case("cond_false", lambda c, x: lax.cond(c, lambda v: jnp.sin(v), lambda v: v - 1, x), np.bool_(False), f(3))
    case("switch", lambda n, x: lax.switch(n, [lambda v: v, lambda v: v * 2, lambda v: v * v, jnp.cos], x), np.int32(2), f(3))
    case("switch_high", lambda n, x: lax.switch(n, [lambda v: v, lambda v: v * 2, lambda v: v * v], x), np.int32(9), f(3))
    case("associative", lambda x: lax.associative_scan(jnp.add, x), f(9, 2))
    case("associative_max", lambda x: lax.associative_scan(jnp.maximum, x, axis=1), f(3, 8))
    case("vmap_dot", jax.vmap(jnp.dot), f(4, 3), f(4, 3))
    case("vmap_cond", jax.vmap(lambda x: lax.cond(x > 0, lambda v: v * 2, lambda v: v - 1, x)), f(5))
    case("vmap_while", jax.vmap(lambda x: lax.while_loop(lambda v: v < 10, lambda v: v * 2, x)), f(5, low=0.5))
    case("grad", jax.grad(lambda x: jnp.sum(jnp.tanh(x @ w) ** 2)), f(3, 4))
    case("value_and_grad", jax.value_and_grad(lambda x: jnp.mean(jax.nn.log_softmax(x @ w)[:, 0])), f(3, 4))
    case("grad_scan", jax.grad(lambda x: jnp.sum(lax.scan(step, jnp.zeros((2, 6)), x)[0])), f(4, 2, 4))
    case("grad_conv", jax.grad(lambda x: jnp.sum(lax.conv_general_dilated(x, k3, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")) ** 2)), f(1, 6, 6, 4))
    case("grad_conv_kernel", jax.grad(lambda k: jnp.sum(lax.conv_general_dilated(x4, k, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")) ** 2)), f(3, 3, 4, 2))
    case("grad_take", jax.grad(lambda x: jnp.sum(x[jnp.array([0, 2, 2])] ** 2)), f(4, 3))
    case("grad_sort", jax.grad(lambda x: jnp.sum(jnp.sort(x)[:2])), f(5))
    case("hessian", jax.hessian(lambda x: jnp.sum(jnp.sin(x) * x)), f(3))
    case("jacobian", jax.jacfwd(lambda x: jnp.tanh(x @ w)), f(4))
    case("checkpoint", jax.checkpoint(lambda x: jnp.sin(x) * 2), f(3))
    case("custom_jvp", jax.nn.relu, f(3))
    key = jax.random.key(3)
    case("random_uniform", lambda x: x + jax.random.uniform(key, (3, 4)), f(3, 4))
    case("random_normal", lambda x: x + jax.random.normal(key, (3, 4)), f(3, 4))
    case("random_bits", lambda x: x + jax.random.bits(key, (3, 4)), R.integers(0, 9, (3, 4)).astype("uint32"))
    case("random_randint", lambda x: x + jax.random.randint(key, (3, 4), 0, 99), i(3, 4))
    case("random_permutation", lambda x: jax.random.permutation(key, x), f(7))
    case("random_bernoulli", lambda x: jnp.where(jax.random.bernoulli(key, 0.4, (3, 4)), x, 0), f(3, 4))
    case("random_categorical", lambda x: jax.random.categorical(key, x), f(3, 4))
    case("random_gumbel", lambda x: x + jax.random.gumbel(key, (3, 4)), f(3, 4))
    case("random_exponential", lambda x: x + jax.random.exponential(key, (3, 4)), f(3, 4))
    case("random_truncated", lambda x: x + jax.random.truncated_normal(key, -1, 1, (3, 4)), f(3, 4))
    case("random_given_key", lambda k: jax.random.normal(jax.random.wrap_key_data(k), (3, 4)), np.array([1, 2], "uint32"))
    case("random_split", lambda k: jax.random.key_data(jax.random.split(jax.random.wrap_key_data(k), 3)), np.array([1, 2], "uint32"))
    case("random_dropout", lambda x: jnp.where(jax.random.bernoulli(key, 0.5, x.shape), x / 0.5, 0), f(3, 4))
    case("dict", lambda x: {"sum": jnp.sum(x), "double": x * 2}, f(3))
    case("constant_output", lambda x: (jnp.arange(3), x), f(3))
    case("same_output", lambda x: (x, x), f(3))


k3, x4 = f(3, 3, 4, 2), f(1, 6, 6, 4)


def flatten(out):
    return [np.asarray(o) for o in jax.tree_util.tree_leaves(out)]


def forms(fn, args, directory):
    """The files in which JAX writes the function."""
    exported = export.export(jax.jit(fn), platforms=["cpu"])(*args)
    files = {"mlirbc": bytes(exported.mlir_module_serialized), "jax": bytes(exported.serialize()), "mlir": exported.mlir_module().encode()}
    lowered = jax.jit(fn).lower(*args)
    files["lowered.mlir"] = lowered.as_text(debug_info=True).encode()
    files["generic.mlir"] = lowered.compiler_ir("stablehlo").operation.get_asm(print_generic_op_form=True).encode()
    for name, data in files.items():
        with open(os.path.join(directory, "model." + name), "wb") as h:
            h.write(data)
    return [os.path.join(directory, "model." + n) for n in files]


def differ(got, want):
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"is {got.dtype}{list(got.shape)}, want {want.dtype}{list(want.shape)}"
    if want.dtype.kind in "biu":
        n = int(np.count_nonzero(got != want))
        return f"{n} of {want.size} differ" if n else None
    g, w = got.astype("float64"), want.astype("float64")
    if not np.array_equal(np.isnan(g), np.isnan(w)):
        return "NaNs differ"
    keep = np.isfinite(w)
    if not np.array_equal(g[~keep & ~np.isnan(w)], w[~keep & ~np.isnan(w)]):
        return "infinities differ"
    d = np.abs(g[keep] - w[keep]).max() if keep.any() else 0
    limit = 1e-5 + (2e-3 if want.dtype == np.float16 else 1e-4) * (np.abs(w[keep]).max() if keep.any() else 0)
    return None if d <= limit else f"largest difference {d:.3g}, allowed {limit:.3g}"


def run_cli(linnet, model, args, names, directory):
    cmd = [linnet, "run", model, "--output-dir", directory]
    for k, (n, a) in enumerate(zip(names, args)):
        np.save(os.path.join(directory, f"in{k}.npy"), np.asarray(a))
        cmd += ["--input", f"{n}={directory}/in{k}.npy"]
    p = subprocess.run(cmd, capture_output=True, text=True)
    if p.returncode:
        raise RuntimeError(p.stderr.strip()[:200])
    return {o["name"]: np.load(os.path.join(directory, o["file"])) for o in json.load(open(os.path.join(directory, "outputs.json")))}


def run_module(module, model, args, names):
    it = importlib.import_module(module).Interpreter(model)
    return it.get_signature_runner()(**{n: np.asarray(a) for n, a in zip(names, args)})


def inspect(linnet, model):
    s = json.loads(subprocess.run([linnet, "inspect", model, "--json"], capture_output=True, text=True).stdout)
    return s


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("linnet")
    p.add_argument("--only", default="")
    p.add_argument("--module")
    p.add_argument("--forms", default="all")
    p.add_argument("--keep")
    a = p.parse_args()
    for group in (elementwise, shapes, reductions, indexing, products, networks):
        group()
    count = collections.Counter()
    for name, fn, args in CASES:
        if not re.search(a.only, name):
            continue
        with tempfile.TemporaryDirectory() as d:
            if a.keep:
                d = os.path.join(a.keep, name.replace(">", "").replace("-", "_").replace(",", "_"))
                os.makedirs(d, exist_ok=True)
            try:
                want = flatten(fn(*args))
                files = forms(fn, args, d)
            except Exception as e:
                print(f"{name}: JAX cannot: {type(e).__name__} {str(e)[:100]}", flush=True)
                count["not in JAX"] += 1
                continue
            bad = None
            for file in files if a.forms == "all" else files[:1]:
                out = os.path.join(d, "model.tflite")
                q = subprocess.run([a.linnet, "convert", file, "-o", out], capture_output=True, text=True)
                if q.returncode:
                    bad = f"{os.path.basename(file)}: {q.stderr.strip().replace(d, '')[:230]}"
                    if q.returncode != 1:
                        bad = f"CRASH {q.returncode} " + bad
                    break
                try:
                    sig = sorted(got_names(a.linnet, out), key=lambda n: order(n, fn, args))
                    got = run_module(a.module, out, args, sig) if a.module else run_cli(a.linnet, out, args, sig, d)
                except Exception as e:
                    bad = f"{os.path.basename(file)}: run: {str(e)[:200]}"
                    break
                outs = outputs_in_order(got, len(want))
                why = [w for w in (differ(g, t) for g, t in zip(outs, want)) if w] if len(outs) == len(want) else [f"{len(outs)} outputs, want {len(want)}"]
                if why:
                    bad = f"{os.path.basename(file)}: {why[0]}"
                    break
            count["failed" if bad else "right"] += 1
            if bad:
                print(f"{name}: {bad}", flush=True)
    print(", ".join(f"{v} {k}" for k, v in sorted(count.items())))
    sys.exit(count["failed"] > 0)


def got_names(linnet, model):
    text = subprocess.run([linnet, "inspect", model, "--json"], capture_output=True, text=True).stdout
    m = json.loads(text)
    return [x["name"] if isinstance(x, dict) else x for x in m["signatures"][0]["inputs"]]


def order(name, fn, args):
    """Inputs by the order of the function's parameters, or of the numbers in their names."""
    import inspect as py
    try:
        names = list(py.signature(fn).parameters)
    except (TypeError, ValueError):
        names = []
    if name in names:
        return names.index(name)
    digits = re.findall(r"\d+", name)
    return int(digits[0]) if digits else 0


def outputs_in_order(got, count):
    names = sorted(got, key=lambda n: [int(x) for x in re.findall(r"\d+", n)] or [0])
    if all(re.fullmatch(r"output(_\d+)*", n) for n in names):
        return [np.asarray(got[n]) for n in names]
    return [np.asarray(got[n]) for n in sorted(got)]


if __name__ == "__main__":
    main()
