"""Select-TF random operators: TensorFlow's own numbers for the same seeds, run after run."""
import numpy as np

from lib import flex_case, tensor, tensorflow

F = "flex_random"
FLOATS = {"f32": "float32", "f64": "float64", "f16": "float16", "bf16": "bfloat16"}
TOLERANCE = {"f32": {"abs": 1e-6, "rel": 1e-6}, "f64": {"abs": 1e-12, "rel": 1e-12}, "f16": {"abs": 1e-3, "rel": 1e-3},
             "bf16": {"abs": 8e-3, "rel": 8e-3}}


def const(values, type="i32"):
    return tensor(None, type, data=values, const=True)


def cases():
    tf, seed = tensorflow(), 100

    def seeds():  # of one case each: TensorFlow goes on where an operator with these attributes stopped
        nonlocal seed
        seed += 1
        return {"seed": seed, "seed2": 2 * seed}

    for op in ("RandomUniform", "RandomStandardNormal", "TruncatedNormal"):
        for type, name in FLOATS.items():
            for runs in (1, 3):
                flex_case(F, f"{op.lower()}_{type}_{runs}", op, {"shape": const([3, 7])}, {**seeds(), "dtype": tf.as_dtype(name)},
                          tolerance=TOLERANCE[type], invocations=runs)
    for type in ("i32", "i64"):
        for runs in (1, 2):
            flex_case(F, f"randomuniformint_{type}_{runs}", "RandomUniformInt",
                      {"shape": const([11]), "minval": const(-5, type), "maxval": const(1000, type)}, seeds(), invocations=runs)
    for type in ("f32", "i64"):
        for shape in ([7], [5, 2], [1]):
            for runs in (1, 2):
                flex_case(F, f"randomshuffle_{type}_{len(shape)}{shape[0]}_{runs}", "RandomShuffle", {"value": tensor(shape, type)}, seeds(), invocations=runs)
    flex_case(F, "multinomial", "Multinomial", {"logits": tensor([2, 5], "f32"), "num_samples": const(6)}, seeds())
    stateless(tf)


def stateless(tf):
    for seed_type in ("i32", "i64"):
        pair = tensor(None, seed_type, data=[12345, -7])
        flex_case(F, f"statelessrandomgetkeycounter_{seed_type}", "StatelessRandomGetKeyCounter", {"seed": pair})
        flex_case(F, f"statelessrandomgetkeycounteralg_{seed_type}", "StatelessRandomGetKeyCounterAlg", {"seed": pair},
                  expected=[*(t.numpy() for t in tf.raw_ops.StatelessRandomGetKeyCounter(seed=pair.data)), np.int32(1)], outputs=["u64", "u64", "i32"])
    flex_case(F, "statelessrandomgetalg", "StatelessRandomGetAlg", expected=[np.int32(1)], outputs=["i32"])
    pair = tensor(None, "i64", data=[99, 3])
    v2 = {"key": tensor(None, "u64", data=[2**63 + 5]), "counter": tensor(None, "u64", data=[2**64 - 2, 7]), "alg": const(1)}
    for op in ("StatelessRandomUniform", "StatelessRandomNormal", "StatelessTruncatedNormal"):
        for type, name in FLOATS.items():
            attrs = {"dtype": tf.as_dtype(name)}
            flex_case(F, f"{op.lower()}_{type}", op, {"shape": const([3, 7]), "seed": pair}, attrs, TOLERANCE[type])
            flex_case(F, f"{op.lower()}v2_{type}", op + "V2", {"shape": const([3, 7]), **v2}, attrs, TOLERANCE[type])
    for type in ("i32", "i64"):
        ends = {"minval": const(-9, type), "maxval": const(77, type)}
        flex_case(F, f"statelessrandomuniformint_{type}", "StatelessRandomUniformInt", {"shape": const([9]), "seed": pair, **ends})
        flex_case(F, f"statelessrandomuniformintv2_{type}", "StatelessRandomUniformIntV2", {"shape": const([9]), **v2, **ends})
    for name in ("int32", "int64", "uint32", "uint64"):
        flex_case(F, f"statelessrandomuniformfullint_{name}", "StatelessRandomUniformFullInt", {"shape": const([9]), "seed": pair},
                  {"dtype": tf.as_dtype(name)})
        flex_case(F, f"statelessrandomuniformfullintv2_{name}", "StatelessRandomUniformFullIntV2", {"shape": const([9]), **v2}, {"dtype": tf.as_dtype(name)})
