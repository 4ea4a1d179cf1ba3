"""linnet.tflite has the names, parameters and defaults of ai_edge_litert.interpreter: what programs may call, by inspection.

Annotations are left out of account. Parameters that are Linnet's own stand after all others, by name only.
"""
import enum
import inspect
import os
import sys

SKIP = 77
try:
    from ai_edge_litert import interpreter as litert
except ImportError as problem:
    print("skipped: %s" % problem)
    sys.exit(SKIP)
from linnet import tflite

# What the module keeps for itself, and what Python calls.
INNER = {"_get_op_resolver_id", "_tf_export", "_interpreter_wrapper", "_IS_LITERT_PACKAGE", "_INTERPRETER_DELETION_WARNING",
         "__del__"}
counts = {"names": 0, "parameters": 0}
failures = 0


def check(holds, what):
    global failures
    if not holds:
        failures += 1
        print("FAIL %s" % what)


def default_of(value):
    """An enumeration's member stands for itself in either module."""
    return (value.name, value.value) if isinstance(value, enum.Enum) else value


def parameters_of(function):
    return [(p.name, p.kind, default_of(p.default)) for p in inspect.signature(function).parameters.values()]


def compare_functions(name, ours, theirs):
    mine = [p for p in parameters_of(ours) if not (p[0].startswith("linnet_") and p[1] == inspect.Parameter.KEYWORD_ONLY)]
    check(mine == parameters_of(theirs), "%s%s, theirs is %s" % (name, inspect.signature(ours), inspect.signature(theirs)))
    counts["parameters"] += len(mine)


def kind_of(owner, name):
    value = inspect.getattr_static(owner, name)
    for kind in (staticmethod, classmethod, property):
        if isinstance(value, kind):
            return kind.__name__
    return "class" if inspect.isclass(value) else "function" if callable(value) else type(value).__name__


def compare(owner, theirs_owner, name, path):
    counts["names"] += 1
    check(hasattr(owner, name), "%s is missing" % path)
    if not hasattr(owner, name):
        return
    kinds = kind_of(owner, name), kind_of(theirs_owner, name)
    check(kinds[0] == kinds[1], "%s is a %s, theirs a %s" % (path, *kinds))
    ours, theirs = getattr(owner, name), getattr(theirs_owner, name)
    if kinds == ("class", "class"):
        compare_classes(path, ours, theirs)
    elif kinds[1] in ("function", "staticmethod", "classmethod"):
        compare_functions(path, ours, theirs)


def compare_classes(path, ours, theirs):
    bases = [[base.__name__ for base in cls.__mro__ if base.__module__ == cls.__module__] for cls in (ours, theirs)]
    check(bases[0] == bases[1], "%s: bases %s, theirs %s" % (path, *bases))
    if issubclass(theirs, enum.Enum):
        members = [[(m.name, m.value) for m in cls] for cls in (ours, theirs)]
        check(issubclass(ours, enum.Enum) and members[0] == members[1], "%s: %s, theirs %s" % (path, *members))
        return
    for name in vars(theirs):
        special = name.startswith("__") and name not in ("__init__", "__call__")
        if name not in INNER and not special:
            compare(ours, theirs, name, "%s.%s" % (path, name))


def shown_by(module):
    """What the module defines, not what it imports."""
    return sorted(name for name, value in vars(module).items() if not name.startswith("__") and name not in INNER
                  and not inspect.ismodule(value) and getattr(value, "__module__", module.__name__) == module.__name__)


def compare_instances(path):
    """What an interpreter and a runner show once made."""
    pair = [module.Interpreter(path) for module in (tflite, litert)]
    shown = [{name for name in dir(one) if not name.startswith("_")} for one in pair]
    check(shown[0] == shown[1], "an interpreter shows %s" % (shown[0] ^ shown[1]))
    ops = [[one._get_op_details(i)["op_name"] for i in range(2)] for one in pair]
    check(ops[0] == ops[1], "operators %s, theirs %s" % (ops[0], ops[1]))
    names = [one._get_tensor_details(0, 0)["name"] for one in pair]
    check(names[0] == names[1], "tensors %s, theirs %s" % (names[0], names[1]))
    for one in pair:
        one.allocate_tensors()
        held = one.tensor(0)()
        check(not one._safe_to_run(), "safe to run while memory is seen")
        del held
        check(one._safe_to_run(), "not safe to run")
    try:
        pair[0]._native_handle()
        check(False, "_native_handle gives something")
    except NotImplementedError:
        pass


for name in shown_by(litert):
    compare(tflite, litert, name, name)
CONVERTER = {"OpsSet", "Optimize", "RepresentativeDataset", "TFLiteConverter", "TargetSpec"}  # of tf.lite, not the interpreter's
extra = (set(tflite.__all__) - CONVERTER) ^ {name for name in shown_by(litert) if not name.startswith("_")}
check(not extra, "__all__ differs in %s" % extra)
compare_instances(os.path.join(sys.argv[1], "fashion_mnist.tflite"))
print("%d names, %d parameters, %d failures" % (counts["names"], counts["parameters"], failures))
sys.exit(1 if failures else 0)
