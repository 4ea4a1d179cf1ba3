#!/usr/bin/env python3
"""Asks LiteRT and Linnet alike: which element types does each builtin operator run with?

usage: audit.py [--json] [--all] RUN_CASES [OPERATOR...]
       audit.py --record FILE

For every form below and every element type that its letters T, U and I may stand for, a small model is built and given
to LiteRT's reference and optimized kernels, in a process of its own since some forms end it. What LiteRT runs becomes a
case in a scratch folder, and RUN_CASES (build/tests/tests/run_cases) says what Linnet makes of it. Printed are the forms
that LiteRT runs and Linnet refuses (quantized types without a scale apart: LiteRT takes it as 0), then those where the
values differ; --all prints those that agree too. --record
writes tests/ops/litert_types.txt, which litert_types_test.c holds against the rows. This is a tool, not a family of
cases: all.py leaves it out.
"""
import os
import sys

# Families beside this file are called as modules of Python's own: it is searched last.
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [p for p in sys.path if os.path.abspath(p) != HERE] + [HERE]
import itertools
import json
import pickle
import re
import select
import signal
import subprocess
import tempfile

import numpy as np

import lib
from lib import S, graph, node, tensor

EVERY = ("f32 f16 bf16 f64 i8 u8 i16 u16 i32 u32 i64 u64 bool c64 c128 str i4 i2 u4 res var").split()
lib.SHORT.setdefault("c128", "complex128")
lib.SHORT.setdefault("res", "resource")
lib.SHORT.setdefault("var", "variant")
QUANTIZED = ("i8", "u8", "i16", "i4", "i2", "u4")
INDEX = ("i16", "i32", "i64")

# What stands before the bar are the inputs, then the outputs; options after them. TYPE[dims] is an input of the graph,
# TYPE=value a constant. T and U take every type, I the index types, W bool, i32 and i64.
UNARY = "T[2,3] > T"
BINARY = "T[2,3] T[2,3] > T"
COMPARE = "T[2,3] T[2,3] > bool"
REDUCE = "T[2,3] i32=[1] > T"
FORMS = {
    **{op: [UNARY] for op in (
        "FLOOR LOGISTIC RELU RELU_N1_TO_1 RELU6 TANH EXP NEG SIN LOG SQRT RSQRT SQUARE ABS CEIL COS ELU ROUND HARD_SWISH "
        "LEAKY_RELU GELU RELU_0_TO_1 SIGN LOGICAL_NOT ZEROS_LIKE LOG_SOFTMAX").split()},
    **{op: [BINARY] for op in (
        "ADD SUB MUL DIV MAXIMUM MINIMUM POW FLOOR_DIV FLOOR_MOD SQUARED_DIFFERENCE LOGICAL_OR LOGICAL_AND PRELU ATAN2 "
        "BITWISE_XOR RIGHT_SHIFT").split()},
    **{op: [COMPARE] for op in "LESS GREATER GREATER_EQUAL LESS_EQUAL EQUAL NOT_EQUAL".split()},
    **{op: [REDUCE] for op in "MEAN SUM REDUCE_PROD REDUCE_MAX REDUCE_MIN REDUCE_ANY REDUCE_ALL".split()},
    "FAKE_QUANT": ["T[2,3] > T | min=-1.0 max=4.0 numBits=8"], "SOFTMAX": ["T[2,3] > T | beta=1.0"],
    "ADD_N": ["T[2,3] T[2,3] T[2,3] > T"],
    "ARG_MAX": ["T[2,3] i32=1 > W"], "ARG_MIN": ["T[2,3] i32=1 > W"],
    "AVERAGE_POOL_2D": ["T[1,4,4,2] > T | strideW=2 strideH=2 filterWidth=2 filterHeight=2"],
    "MAX_POOL_2D": ["T[1,4,4,2] > T | strideW=2 strideH=2 filterWidth=2 filterHeight=2"],
    "L2_POOL_2D": ["T[1,4,4,2] > T | strideW=2 strideH=2 filterWidth=2 filterHeight=2"],
    "L2_NORMALIZATION": [UNARY], "LOCAL_RESPONSE_NORMALIZATION": ["T[1,2,2,3] > T | radius=1 bias=1.0 alpha=1.0 beta=0.5"],
    "BATCH_TO_SPACE_ND": ["T[4,1,1,2] I=[2,2] I=[[0,0],[0,0]] > T"],
    "SPACE_TO_BATCH_ND": ["T[1,2,2,2] I=[2,2] I=[[0,0],[0,0]] > T"],
    "SPACE_TO_DEPTH": ["T[1,2,2,1] > T | blockSize=2"], "DEPTH_TO_SPACE": ["T[1,1,1,4] > T | blockSize=2"],
    "BITCAST": ["T[2,4] > U"], "BROADCAST_ARGS": ["T[2] T[2] > T"], "BROADCAST_TO": ["T[1,3] I=[2,3] > T"],
    "BUCKETIZE": ["T[2,3] > i32 | boundaries=[1.0,2.0]"],
    "CAST": ["T[2,3] > U"], "COMPLEX_ABS": ["T[2,3] > U"], "REAL": ["T[2,3] > U"], "IMAG": ["T[2,3] > U"],
    "CONCATENATION": ["T[2,3] T[2,2] > T | axis=1"],
    "CONV_2D": ["T[1,3,3,2] U[2,2,2,2] > T | strideW=1 strideH=1"],
    "DEPTHWISE_CONV_2D": ["T[1,3,3,2] U[1,2,2,2] > T | strideW=1 strideH=1 depthMultiplier=1"],
    "CONV_3D": ["T[1,3,3,3,2] T[2,2,2,2,2] > T | strideW=1 strideH=1 strideD=1"],
    "FULLY_CONNECTED": ["T[2,4] U[3,4] > T", "T[2,4] U=[[1,0,1,1],[1,1,0,1]] > T"],
    "BATCH_MATMUL": ["T[2,3] U[3,2] > T"], "CUMSUM": ["T[2,3] i32=1 > T"],
    "DENSIFY": [], "DEQUANTIZE": ["T[2,3] > U"], "QUANTIZE": ["T[2,3] > U"],
    "DILATE": ["T[2,3] I=[2,1] T=0 > T"],
    "DYNAMIC_UPDATE_SLICE": ["T[3,3] T[2,2] I=[1,1] > T"],
    "EMBEDDING_LOOKUP": ["i32=[1,0] T[2,4] > T", "i32=[1,0] T=[[1,1,1,1],[1,1,1,1]] > U"],
    "EXPAND_DIMS": ["T[2,3] I=1 > T"], "FILL": ["I=[2,2] T[] > T"],
    "GATHER": ["T[3,2] I=[2,0] > T", "T[3] I=[2,0] > T"], "GATHER_ND": ["T[3,2] I=[[2],[0]] > T"],
    "HASHTABLE_LOOKUP": ["i32=[1,2] i32=[1,2,3] T[3,2] > T u8"],
    "MATRIX_DIAG": [UNARY], "MATRIX_SET_DIAG": ["T[2,3] T[2] > T"], "MIRROR_PAD": ["T[2,3] I=[[1,0],[0,1]] > T"],
    "MULTINOMIAL": ["T[2,3] i32=4 > U | seed=1 seed2=2"],
    "ONE_HOT": ["W=[0,1,2] i32=3 T[] T[] > T | axis=-1"],
    "PACK": ["T[2] T[2] > T | valuesCount=2"], "UNPACK": ["T[2,3] > T T | num=2"],
    "PAD": ["T[2,3] I=[[1,0],[0,1]] > T"], "PADV2": ["T[2,3] I=[[1,0],[0,1]] T[] > T"],
    "RANDOM_UNIFORM": ["I=[2,2] > U | seed=1 seed2=2"], "RANDOM_STANDARD_NORMAL": ["I=[2,2] > U | seed=1 seed2=2"],
    "RANGE": ["T=1 T=7 T=2 > T"], "RANK": ["T[2,3] > W"], "SHAPE": ["T[2,3] > W"],
    "RESHAPE": ["T[2,3] I=[3,2] > T"], "RESIZE_BILINEAR": ["T[1,2,2,2] i32=[4,4] > T"],
    "RESIZE_NEAREST_NEIGHBOR": ["T[1,2,2,2] i32=[4,4] > T"],
    "REVERSE_SEQUENCE": ["T[2,3] I=[1,2] > T | seqDim=1 batchDim=0"], "REVERSE_V2": ["T[2,3] I=[0] > T"],
    "RFFT2D": ["T[4,4] i32=[4,4] > c64"], "SCATTER_ND": ["W=[[2],[0]] T[2,2] W=[3,2] > T"],
    "SEGMENT_SUM": ["T[3,2] W=[0,0,1] > T"],
    **{f"UNSORTED_SEGMENT_{op}": ["T[3,2] W=[1,0,1] W=2 > T"] for op in ("SUM", "PROD", "MIN", "MAX")},
    "SELECT": ["bool=[[1,0,1],[0,1,0]] T[2,3] T[2,3] > T"], "SELECT_V2": ["bool=[1,0,1] T[2,3] T[1,3] > T"],
    "SLICE": ["T[2,3] I=[0,1] I=[2,2] > T"], "STRIDED_SLICE": ["T[2,3] I=[0,1] I=[2,3] I=[1,1] > T"],
    "SPARSE_TO_DENSE": ["W=[0,2] W=[4] T[2] T[] > T"], "SPLIT": ["I=1 T[2,4] > T T | numSplits=2"],
    "SPLIT_V": ["T[2,4] I=[1,3] i32=1 > T T | numSplits=2"], "SQUEEZE": ["T[1,3] > T"], "TILE": ["T[2,3] I=[1,2] > T"],
    "TOPK_V2": ["T[2,4] I=2 > T I"], "TRANSPOSE": ["T[2,3] I=[1,0] > T"], "UNIQUE": ["T[5] > T W | idxOutType=@W"],
    "WHERE": ["T[2,3] > i64"], "REDUCE_WINDOW": [],
}
FORMS["PRELU"] = [BINARY, "i16[2,3] i8[2,3] > i16"]
# Kernels that read these types as another one, without a look at what they are: (operator, input 0's, input 1's and the
# output's type as `T`, `U` and so on) for which it says so.
FLOATS = ("f32", "f16", "bf16", "f64")
BITS_OF = {"i2": 2, "i4": 4, "u4": 4}
UNCHECKED = {
    "FAKE_QUANT": lambda t: t["T"] != "f32",
    "EMBEDDING_LOOKUP": lambda t: "U" in t and t["U"] != t["T"] and
        (t["T"], t["U"]) not in [(a, b) for a in ("i8", "u8", "i4", "i2") for b in ("f32", "f16")],
    "BITCAST": lambda t: BITS_OF.get(t["T"], 8) != BITS_OF.get(t["U"], 8),
    "DEPTHWISE_CONV_2D": lambda t: t["T"] in ("i16", "u8") and t["U"] not in ("i8", "i4") + (t["T"],) or (t["T"], t["U"]) in
        (("i16", "i16"), ("u8", "i4"), ("u8", "i8")),
    "FULLY_CONNECTED": lambda t: (t["T"], t["U"]) in [("i16", "i16"), ("i16", "u8"), ("i8", "u8")] + [("u8", w) for w in ("i8", "i4", "i2")],
}
LETTERS = {"T": EVERY, "U": EVERY, "I": INDEX, "W": ("bool", "i32", "i64")}
TERM = re.compile(r"(\w+)(?:\[([\d,]*)\])?(?:=(\S+))?$")


def make(term, types, plain):
    name, dims, value = TERM.match(term).groups()
    type = types.get(name, name)
    scaled = {} if plain or name not in ("T", "U", "i8", "i16") or type not in QUANTIZED else {"scale": 0.5}
    if value is not None:
        data = np.asarray(json.loads(value))
        if type == "str":
            data = np.vectorize(lambda v: b"%d" % v, otypes=[object])(data)
        return tensor(list(data.shape), type, data=data, const=True, **scaled)
    shape = None if dims is None else [int(d) for d in dims.split(",") if d]
    ones = {"i2": (1, 1)}.get(type, (1, 3))
    return tensor(shape, type, low=ones[0], high=ones[1], **scaled)


def build(op, form, types, plain):
    form, _, options = form.partition(" | ")
    left, _, right = form.partition(">")
    inputs = [make(t, types, plain) for t in left.split()]
    outputs = [make(t, types, plain) for t in right.split()]
    values = {}
    for item in options.split():
        key, _, value = item.partition("=")
        values[key] = types[value[1:]] if value[0] == "@" else json.loads(value)
    fed = [t for t in inputs if not t.const]
    g = graph([node(op, inputs, outputs, values)], fed, outputs)
    rng = np.random.default_rng(7)
    for t in fed:
        t.data = lib.random_data(t, rng)
    return g


def guarded(work, seconds=20):
    """The result of work() in a child; an exception's text or the signal's name where there is none."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            result = (True, work())
        except BaseException as e:
            result = (False, str(e)[:300])
        with os.fdopen(write, "wb") as out:
            out.write(pickle.dumps(result))
        os._exit(0)
    os.close(write)
    chunks = []
    while select.select([read], [], [], seconds)[0]:
        chunk = os.read(read, 1 << 16)
        if not chunk:
            break
        chunks.append(chunk)
    else:
        os.kill(child, signal.SIGKILL)
    os.close(read)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return False, signal.Signals(os.WTERMSIG(status)).name
    return pickle.loads(b"".join(chunks))


def label(types, plain):
    quantized = any(t in QUANTIZED for k, t in types.items() if k in "TU")
    return "_".join(types.values()) + ("" if not quantized else "_plain" if plain else "_scaled")


def audit(op, scratch):
    """Writes a case for each form that LiteRT runs; returns their names."""
    ran = {}
    for number, form in enumerate(FORMS[op]):
        letters = [k for k in LETTERS if re.search(rf"(^|[ @]){k}([\[= ]|$)", form)]
        wide = [k for k in letters if k in "TU"]
        for choice in itertools.product(*(LETTERS[k] for k in letters)):
            types = dict(zip(letters, choice))
            if op in UNCHECKED and types and UNCHECKED[op](types):
                continue
            for plain in (False, True):
                if plain and not any(types[k] in QUANTIZED for k in wide):
                    continue
                for resolver in ("ref", "opt"):
                    name = f"{op}/{number}_{label(types, plain)}_{resolver}"
                    def work():
                        g = build(op, form, types, plain)
                        return lib.oracle_outputs([g], resolver, 1)
                    ok, result = guarded(work)
                    if not ok:
                        if result.startswith("SIG"):
                            print(f"LiteRT ends with {result}: {name}", file=sys.stderr)
                        continue
                    version, expected = result
                    g = build(op, form, types, plain)
                    if any(np.asarray(e).dtype != lib.DTYPES[t.type] for e, t in zip(expected, g.outputs)):
                        continue  # the kernel gave its output another type than the model says
                    write_case(g, version, expected, os.path.join(scratch, name + ".tflite"))
                    ran[name] = None
    return ran


def write_case(g, version, expected, path):
    metadata = {"case.info": lib.info_text({"abs": 1e-3, "rel": 2e-2}, 1, "audit", 7).encode()}
    for i, t in enumerate(g.inputs):
        metadata[f"case.in.{i}"] = lib.stored_bytes(t.data, t.type)
    for i, (t, e) in enumerate(zip(g.outputs, expected)):
        e = np.asarray(e)
        metadata[f"case.out.{i}"] = lib.stored_bytes(e, t.type)
        metadata[f"case.out.{i}.shape"] = np.array(e.shape, "<i4").tobytes()
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(lib.build([g], metadata, version))


def record(path):
    """Lines of "OPERATOR TYPE... > TYPE... : TYPE...", where T stands for each of the types after the colon."""
    lines = {}
    for op in sorted(FORMS):
        for form in FORMS[op]:
            letters = [k for k in LETTERS if re.search(rf"(^|[ @]){k}([\[= ]|$)", form)]
            for choice in itertools.product(*(LETTERS[k] for k in letters)):
                types = dict(zip(letters, choice))
                if op in UNCHECKED and types and UNCHECKED[op](types):
                    continue
                takes = lambda resolver: guarded(lambda: lib.oracle_outputs([build(op, form, types, False)], resolver, 1))
                if not any(gives_its_types(build(op, form, types, False), *takes(r)) for r in ("ref", "opt")):
                    continue
                names = [("T" if m[1] == "T" else lib.SHORT.get(types.get(m[1], m[1]), types.get(m[1], m[1])))
                         for m in (TERM.match(t) or re.match("(>)", t) for t in form.partition(" | ")[0].split())]
                lines.setdefault(" ".join([op] + names), []).append(lib.SHORT.get(types.get("T"), types.get("T") or ""))
    with open(path, "w") as f:
        f.write("# What LiteRT runs: audit.py --record writes this list, of its operators and their inputs' and outputs' types. T\n"
                "# is each type after the colon.\n")
        for key, types in sorted(lines.items()):
            f.write(key + (" : " + " ".join(dict.fromkeys(types)) if "T" in key.split()[1:] else "") + "\n")


def gives_its_types(g, ok, result):
    """Whether a run's outputs are of the types that the model says."""
    return ok and all(np.asarray(e).dtype == lib.DTYPES[t.type] for e, t in zip(result[1], g.nodes[0].outputs))


REFUSED = re.compile(r"(open|session|prepare|resize|set_input|run): ")


def main():
    flags = [a for a in sys.argv[1:] if a.startswith("--")]
    names = [a for a in sys.argv[1:] if not a.startswith("--")]
    if "--record" in flags and len(names) == 1:
        return record(names[0])
    if not names:
        print(__doc__, file=sys.stderr)
        return 2
    run_cases, wanted = names[0], names[1:] or sorted(FORMS)
    found = {"refused": {}, "unscaled": {}, "differs": {}, "agrees": []}
    with tempfile.TemporaryDirectory() as scratch:
        ran = {}
        for op in wanted:
            ran |= audit(op, scratch)
        done = subprocess.run([run_cases, "-v", scratch], capture_output=True, text=True)
        for line in done.stdout.splitlines():
            match = re.match(r"(FAIL|ok  ) (.*)\.tflite(?:: (.*))?$", line)
            if not match:
                continue
            name = os.path.relpath(match[2], scratch)
            if match[1] == "ok  ":
                found["agrees"].append(name)
            else:
                unscaled = "_plain_" in name or "without quantization" in match[3]
                found[("unscaled" if unscaled else "refused") if REFUSED.match(match[3]) else "differs"][name] = match[3]
        lost = set(ran) - set(found["agrees"]) - set(found["refused"]) - set(found["unscaled"]) - set(found["differs"])
        for name in sorted(lost):
            found["refused"][name] = "run_cases ended before it"
    if "--json" in flags:
        json.dump(found, sys.stdout, indent=1)
        return 0
    for kind in ("refused", "unscaled", "differs"):
        print(f"{kind}: {len(found[kind])}")
        for name, reason in sorted(found[kind].items()):
            print(f"  {name}: {reason}")
    print(f"agrees: {len(found['agrees'])}")
    for name in found["agrees"] if "--all" in flags else []:
        print(f"  {name}")
    return 1 if found["refused"] else 0


if __name__ == "__main__":
    sys.exit(main())
