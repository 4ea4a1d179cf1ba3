"""Select-TF operators that take steps of optimizers on variables, whole and by rows, several in one graph."""
from lib import FlexModel, tensorflow

F = "flex_optimizer"
TOLERANCE = {"f32": {"abs": 2e-6, "rel": 1e-5}, "f64": {"abs": 1e-12, "rel": 1e-12}, "f16": {"abs": 1e-2, "rel": 1e-2},
             "bf16": {"abs": 8e-2, "rel": 8e-2}}
# The slots beside the variable, the numbers, and the attribute that is a switch.
RULES = {
    "GradientDescent": ([], {"alpha": 0.1}, None),
    "ProximalGradientDescent": ([], {"alpha": 0.1, "l1": 0.25, "l2": 0.5}, None),
    "Momentum": (["accum"], {"lr": 0.1, "momentum": 0.75}, "use_nesterov"),
    "KerasMomentum": (["accum"], {"lr": 0.1, "momentum": 0.75}, "use_nesterov"),
    "Adam": (["m", "v"], {"beta1_power": 0.81, "beta2_power": 0.95, "lr": 0.1, "beta1": 0.875, "beta2": 0.96, "epsilon": 0.01}, "use_nesterov"),
    "AdamWithAmsgrad": (["m", "v", "vhat"], {"beta1_power": 0.81, "beta2_power": 0.95, "lr": 0.1, "beta1": 0.875, "beta2": 0.96,
                                             "epsilon": 0.01}, None),
    "AdaMax": (["m", "v"], {"beta1_power": 0.81, "lr": 0.1, "beta1": 0.875, "beta2": 0.96, "epsilon": 0.01}, None),
    "Adagrad": (["accum"], {"lr": 0.1}, "update_slots"),
    "AdagradV2": (["accum"], {"lr": 0.1, "epsilon": 0.02}, "update_slots"),
    "AdagradDA": (["gradient_accumulator", "gradient_squared_accumulator"], {"lr": 0.1, "l1": 0.25, "l2": 0.5, "global_step": 3}, None),
    "ProximalAdagrad": (["accum"], {"lr": 0.1, "l1": 0.25, "l2": 0.5}, None),
    "Adadelta": (["accum", "accum_update"], {"lr": 0.1, "rho": 0.75, "epsilon": 0.02}, None),
    "RMSProp": (["ms", "mom"], {"lr": 0.1, "rho": 0.75, "momentum": 0.5, "epsilon": 0.02}, None),
    "CenteredRMSProp": (["mg", "ms", "mom"], {"lr": 0.1, "rho": 0.75, "momentum": 0.5, "epsilon": 4}, None),
    "Ftrl": (["accum", "linear"], {"lr": 0.1, "l1": 0.25, "l2": 0.5, "lr_power": -0.5}, "multiply_linear_by_lr"),
    "FtrlV2": (["accum", "linear"], {"lr": 0.1, "l1": 0.25, "l2": 0.5, "l2_shrinkage": 0.125, "lr_power": -0.5}, "multiply_linear_by_lr"),
    "AddSign": (["m"], {"lr": 0.1, "alpha": 1.5, "sign_decay": 0.75, "beta": 0.875}, None),
    "PowerSign": (["m"], {"lr": 0.1, "logbase": 1.25, "sign_decay": 0.75, "beta": 0.875}, None),
}
WHOLE_ONLY = ("GradientDescent", "Adam", "AdamWithAmsgrad", "AdaMax", "AddSign", "PowerSign")
GRADIENT = {"GradientDescent": "delta", "ProximalGradientDescent": "delta"}


def steps(name, rule, type, sparse=False, numbers=None, **attrs):
    m = FlexModel(F, name)
    slots, given, _ = RULES[rule]
    handles, reads = {}, []
    for slot in ["var"] + slots:
        positive = {} if slot in ("var", "linear", "gradient_accumulator") else {"low": 0.25, "high": 1}
        value = m.feed([4, 3], type, **positive)
        dtype = m.tf.as_dtype(value.type)
        handles[slot] = m.op("VarHandleOp", shared_name=slot, dtype=dtype, shape=[4, 3])
        m.op("AssignVariableOp", {"resource": handles[slot], "value": value})
        reads.append((handles[slot], dtype))
    inputs = dict(handles)
    for key, number in (given | (numbers or {})).items():
        inputs[key] = m.const(number, "i64" if key == "global_step" else type)
    for step in range(3):
        if sparse:
            inputs["grad"] = m.feed([3, 3], type)
            inputs["indices"] = m.feed(None, "i64" if type == "f64" else "i32", data=[3, step, 3])
        else:
            inputs[GRADIENT.get(rule, "grad")] = m.feed([4, 3], type)
        m.op("Resource" + ("Sparse" if sparse else "") + "Apply" + rule, inputs, **attrs)
    m.case([m.op("ReadVariableOp", {"resource": h}, dtype=d) for h, d in reads], tolerance=TOLERANCE[type])


def refusals():
    def model(name, shape=(4, 3)):
        m = FlexModel(F, "refused_" + name)
        handle = m.op("VarHandleOp", shared_name=name, dtype=m.tf.float32, shape=None)
        m.op("AssignVariableOp", {"resource": handle, "value": m.feed(list(shape), "f32")})
        return m, handle

    m, handle = model("gradient_shape")
    m.refused("another shape than the variable", "ResourceApplyGradientDescent",
              {"var": handle, "alpha": m.const(0.1, "f32"), "delta": m.feed([3, 4], "f32")})
    m, handle = model("numbers")
    m.refused("is not one number", "ResourceApplyGradientDescent",
              {"var": handle, "alpha": m.const([0.1, 0.2], "f32"), "delta": m.feed([4, 3], "f32")})
    m, handle = model("type")
    m.refused("is float32, float64 is wanted", "ResourceApplyGradientDescent",
              {"var": handle, "alpha": m.const(0.1, "f64"), "delta": m.feed([4, 3], "f64")}, asked=False)
    for name, accum, indices, text in (("unassigned", None, [1], "before it is assigned"), ("slot_shape", [3, 4], [1], "another shape than the one"),
                                       ("below", [4, 3], [-1], "index -1 is outside 0..3"), ("above", [4, 3], [4], "index 4 is outside 0..3"),
                                       ("rows", [4, 3], [1, 2], "do not fit together")):
        m, handle = model("sparse_" + name)
        slot = m.op("VarHandleOp", shared_name=name + "_slot", dtype=m.tf.float32, shape=None)
        if accum:
            m.op("AssignVariableOp", {"resource": slot, "value": m.feed(accum, "f32")})
        m.refused(text, "ResourceSparseApplyAdagrad", {"var": handle, "accum": slot, "lr": m.const(0.1, "f32"), "grad": m.feed([1, 3], "f32"),
                                                       "indices": m.feed(None, "i32", data=indices)})


def cases():
    tensorflow()
    refusals()
    for rule, (_, _, flag) in RULES.items():
        for sparse in (False, True):
            if sparse and rule in WHOLE_ONLY:
                continue
            stem = ("sparse_" if sparse else "") + rule.lower()
            taken = ("f32", "f64") if rule.startswith("Proximal") or rule == "AdagradDA" else ("f32", "f64", "f16", "bf16")
            for type in taken[:3] if rule == "AdaMax" or (sparse and rule.endswith("RMSProp")) else taken:
                steps(f"{stem}_{type}", rule, type, sparse)
            if flag is not None:
                steps(f"{stem}_{flag}", rule, "f32", sparse, **{flag: flag != "update_slots"})
            if rule.startswith("Ftrl"):
                steps(f"{stem}_power", rule, "f32", sparse, {"lr_power": -0.25})
            if rule.startswith("Proximal") or rule in ("AdagradDA", "Ftrl", "FtrlV2"):
                steps(f"{stem}_no_l1", rule, "f32", sparse, {"l1": 0})
