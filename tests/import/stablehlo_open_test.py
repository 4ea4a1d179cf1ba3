#!/usr/bin/env python3
"""Converts functions of JAX with open dimensions and runs each at several sizes: stablehlo_open_test.py LINNET [--only REGEX].

needs: jax; ends with 77 where it is absent. Prints a line for each function that fails, then a count.
"""
import argparse, os, re, subprocess, sys, tempfile

os.environ.setdefault("JAX_PLATFORMS", "cpu")
import stablehlo_jax_test as common
import jax, jax.numpy as jnp
from jax import export, lax

f, i = common.f, common.i
w, k = f(6, 4), f(3, 3, 2, 4)
CASES = []


def case(name, fn, specs, sizes):
    CASES.append((name, fn, specs, sizes))


S = [{"b":3,"t":4}, {"b":1,"t":7}]
case("dense", lambda x: jnp.tanh(x@w), ["b, 6"], S)
case("softmax", lambda x: jax.nn.softmax(x@w), ["b, 6"], S)
case("two", lambda x, y: x+y, ["b, 6","b, 6"], S)
case("two_bcast", lambda x, y: x+y, ["b, 6","b, 1"], S)
case("matmul_two", lambda x, y: x@y, ["b, t","t, 5"], S)
case("attention", lambda q, kk, v: jax.nn.softmax(jnp.einsum("bqd,bkd->bqk", q, kk)/2)@v, ["b, t, 4"]*3, S)
case("reshape", lambda x: x.reshape(x.shape[0], -1), ["b, 3, 2"], S)
case("flatten", lambda x: x.reshape(-1), ["b, t"], S)
case("merge", lambda x: x.reshape(-1, 4), ["b, t, 4"], S)
case("split_heads", lambda x: x.reshape(x.shape[0], x.shape[1], 2, 3).transpose(0, 2, 1, 3), ["b, t, 6"], S)
case("concat", lambda x, y: jnp.concatenate([x, y]), ["b, 6","b, 6"], S)
case("concat2", lambda x: jnp.concatenate([x, x*2], 1), ["b, t"], S)
case("mean", lambda x: jnp.mean(x, 0), ["b, 6"], S)
case("var", lambda x: (x-x.mean(0))/jnp.sqrt(x.var(0)+1e-5), ["b, 6"], S)
case("arange", lambda x: x+jnp.arange(x.shape[0], dtype="float32")[:, None], ["b, 6"], S)
case("iota_t", lambda x: x*jnp.arange(x.shape[1]), ["b, t"], S)
case("slice", lambda x: x[1:], ["t, 6"], S)
case("slice_end", lambda x: x[:-1], ["t, 6"], [{"t":4}, {"t":7}])
case("reverse", lambda x: x[::-1], ["b, 6"], S)
case("stride", lambda x: x[::2], ["t, 6"], [{"t":4}, {"t":7}])
case("pad", lambda x: jnp.pad(x, ((1, 2), (0, 1))), ["b, 6"], S)
case("pad_edge", lambda x: jnp.pad(x, ((1, 2), (0, 1)), mode="edge"), ["b, 6"], S)
case("take", lambda x, n: jnp.take(x, n, axis=0), ["b, 6","t"], S)
case("getitem", lambda x, n: x[:, n], ["b, 6","t"], S)
case("onehot", lambda n: jax.nn.one_hot(n, 5), ["b"], S)
case("cumsum", lambda x: jnp.cumsum(x, 1), ["b, 6"], S)
case("argmax", lambda x: jnp.argmax(x, 1), ["b, 6"], S)
case("argmax0", lambda x: jnp.argmax(x, 0), ["b, 6"], S)
case("tril", lambda x: jnp.tril(x), ["t, t"], S)
case("causal", lambda x: jnp.where(jnp.tril(jnp.ones((x.shape[1], x.shape[1]), bool)), x, -1e9), ["b, t, t"], S)
case("conv", lambda x: lax.conv_general_dilated(x, k, (1, 1),"SAME", dimension_numbers=("NHWC","HWIO","NHWC")), ["b, 8, 8, 2"], S)
case("conv_hw", lambda x: lax.conv_general_dilated(x, k, (1, 1),"VALID", dimension_numbers=("NHWC","HWIO","NHWC")), ["b, h, w, 2"], [{"b":1,"h":8,"w":9}, {"b":2,"h":6,"w":6}])
case("maxpool", lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1),"VALID"), ["b, 8, 8, 2"], S)
case("scan", lambda x: lax.scan(lambda h, v:(jnp.tanh(v@w+h), h), jnp.zeros((x.shape[1], 4)), x), ["5, b, 6"], S)
case("scan_t", lambda x: lax.scan(lambda h, v:(h+v, h), jnp.zeros((6, )), x), ["t, 6"], S)
case("double", lambda x, y: x.reshape(-1, 2)+y[:, None]*1.0, ["2*b","b"], [{"b":3}, {"b":5}])
case("sort", lambda x: jnp.sort(x), ["b, t"], S)
case("topk", lambda x: lax.top_k(x, 2), ["b, 6"], S)
case("norm", lambda x: x/jnp.linalg.norm(x, axis=-1, keepdims=True), ["b, 6"], S)
case("tile", lambda x: jnp.tile(x, (1, 2)), ["b, 6"], S)
case("broadcast", lambda x: jnp.broadcast_to(x[:, None], (x.shape[0], 3, 6)), ["b, 6"], S)
case("zeros", lambda x: jnp.zeros_like(x)+1, ["b, 6"], S)
case("size", lambda x: x/x.shape[0], ["b, 6"], S)
case("stack", lambda x: jnp.stack([x, x]), ["b, 6"], S)
case("dyn_update", lambda x: jnp.asarray(x).at[0].set(0.0), ["b, 6"], S)
case("add_at", lambda x, n: jnp.asarray(x).at[n].add(1.0), ["b, 6","t"], [{"b":4,"t":3}, {"b":6,"t":2}])
case("resize", lambda x: jax.image.resize(x, (x.shape[0], 8, 8, 2),"bilinear"), ["b, 4, 4, 2"], S)
case("vmap", jax.vmap(lambda x: jnp.dot(x, x)), ["b, 6"], S)


def argument(name, spec, index, size=None, scope=None):
    whole = name == "onehot" or (index == 1 and name in ("take", "getitem", "add_at"))
    if size is None:
        return jax.ShapeDtypeStruct(export.symbolic_shape(spec, scope=scope), "int32" if whole else "float32")
    shape = tuple(eval(part, {}, size) for part in spec.split(","))
    return i(*shape, low=0, high=3) if whole else f(*shape)


def check(linnet, name, fn, specs, sizes, d):
    scope = export.SymbolicScope()
    exported = export.export(jax.jit(fn))(*[argument(name, s, j, scope=scope) for j, s in enumerate(specs)])
    source, model = os.path.join(d, "m.mlirbc"), os.path.join(d, "m.tflite")
    with open(source, "wb") as h:
        h.write(bytes(exported.mlir_module_serialized))
    p = subprocess.run([linnet, "convert", source, "-o", model], capture_output=True, text=True)
    if p.returncode:
        return p.stderr.strip()[:200]
    for size in sizes:
        args = [argument(name, s, j, size) for j, s in enumerate(specs)]
        want = common.flatten(fn(*args))
        names = sorted(common.got_names(linnet, model), key=lambda n: common.order(n, fn, args))
        outs = common.outputs_in_order(common.run_cli(linnet, model, args, names, d), len(want))
        why = [x for x in (common.differ(g, t) for g, t in zip(outs, want)) if x]
        if why:
            return f"{size}: {why[0]}"
    return None


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("linnet")
    p.add_argument("--only", default="")
    a = p.parse_args()
    right = failed = 0
    for c in CASES:
        if not re.search(a.only, c[0]):
            continue
        with tempfile.TemporaryDirectory() as d:
            try:
                why = check(a.linnet, *c, d)
            except Exception as e:
                why = f"{type(e).__name__}: {str(e)[:200]}"
        right, failed = right + (why is None), failed + (why is not None)
        if why:
            print(f"{c[0]}: {why}", flush=True)
    print(f"{right} right, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
